//! The word: every one of them decodes, what it decoded to is a fixed point, and every view comes back.

use arbitrary::Arbitrary;
use fusebox::breaker::proof::{Mode, View, decode, encode, generation};

/// A word, and a view with its fields as they come: in range, or as large as their types allow.
#[derive(Arbitrary, Debug)]
pub struct Words {
    word: u64,
    generation: u16,
    shadow: bool,
    mode: AnyMode,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum AnyMode {
    Closed { failures: u16 },
    Open { streak: u16 },
    HalfOpen { in_flight: u8, successes: u8, streak: u16, slack: u32 },
    Recovering { position: u8, step: u8, streak: u16, slack: u32 },
    ForcedOpen,
    Disabled,
}

impl Words {
    pub fn check(&self) {
        let seen = decode(self.word);
        assert_eq!(decode(encode(seen)), seen, "what {:#018x} decoded to is no fixed point", self.word);
        assert_eq!(encode(decode(encode(seen))), encode(seen), "{:#018x} has two encodings", self.word);

        let view = |mode| View { generation: generation(self.generation), shadow: self.shadow, mode };
        let fits = view(self.mode.fitting());
        assert_eq!(decode(encode(fits)), fits, "a view with its fields in range does not come back");
        // A field that is too large stops at its maximum and spills into no neighbour.
        assert_eq!(decode(encode(view(self.mode.plain()))), fits, "of {:?}", self.mode);
    }
}

impl AnyMode {
    /// As it came.
    fn plain(self) -> Mode {
        match self {
            Self::Closed { failures } => Mode::Closed { failures },
            Self::Open { streak } => Mode::Open { streak },
            Self::HalfOpen { in_flight, successes, streak, slack } => {
                Mode::HalfOpen { in_flight, successes, streak, slack }
            }
            Self::Recovering { position, step, streak, slack } => {
                Mode::Recovering { position, step, streak, slack }
            }
            Self::ForcedOpen => Mode::ForcedOpen,
            Self::Disabled => Mode::Disabled,
        }
    }

    /// With each field at most at the maximum that the drawing in `word.rs` gives it.
    fn fitting(self) -> Mode {
        const STREAK: u16 = (1 << 12) - 1;
        const SLACK: u32 = (1 << 20) - 1;
        match self {
            Self::Closed { failures } => Mode::Closed { failures },
            Self::Open { streak } => Mode::Open { streak: streak.min(STREAK) },
            Self::HalfOpen { in_flight, successes, streak, slack } => Mode::HalfOpen {
                in_flight: in_flight.min(63),
                successes: successes.min(63),
                streak: streak.min(STREAK),
                slack: slack.min(SLACK),
            },
            Self::Recovering { position, step, streak, slack } => Mode::Recovering {
                position: position.min(127),
                step: step.min(31),
                streak: streak.min(STREAK),
                slack: slack.min(SLACK),
            },
            Self::ForcedOpen => Mode::ForcedOpen,
            Self::Disabled => Mode::Disabled,
        }
    }
}
