//! What a breaker remembers in its one word.
//!
//! ```text
//!  63          48 47                                              4   3    2  0
//! ┌──────────────┬──────────────────────────────────────────────────┬────┬─────┐
//! │ generation 16│ payload, read by tag                          44 │ sh │ tag │
//! └──────────────┼─────────┬───────────┬───────────┬────────┬───────┼────┼─────┤
//!        Closed  │       0 │           │           │  failures  16  │    │ 000 │
//!        Open    │       0 │           │           │  streak    12  │    │ 001 │
//!        HalfOpen│ slack 20│ streak 12 │ successes 6│ in_flight   6 │    │ 010 │
//!      Recovering│ slack 20│ streak 12 │      step 5│ position    7 │    │ 011 │
//!      ForcedOpen│       0 │           │            │             0 │    │ 100 │
//!        Disabled│       0 │           │            │             0 │    │ 101 │
//!                └─────────┴───────────┴────────────┴───────────────┴────┴─────┘
//! ```
//!
//! 1. Every word decodes. A tag without a meaning (only memory gone bad has one) is read as `ForcedOpen`: rejected
//!    until somebody looks.
//! 2. The generation moves by one exactly when the state changes; a permit carries the one it was given in. It wraps
//!    after 65 536 changes: a permit held for exactly as many is taken for a fresh one.
//! 3. Counters stop at their maximum; only the generation wraps, and it is topmost.
//! 4. The zero word is a fresh, closed breaker.
//! 5. `slack` is how many nanoseconds rounding has added to the deadline in the companion word, so that the next
//!    deadline of a chain is computed from the exact instant.

use crate::bits::Field;
use crate::cell::Meaning;

const TAG: Field = Field::lowest(3);
const SHADOW: Field = TAG.above(1);
/// The tag and the shadow bit at once.
const STATE: Field = Field::lowest(SHADOW.end());
const FAILURES: Field = SHADOW.above(16);
const IN_FLIGHT: Field = SHADOW.above(6);
const SUCCESSES: Field = IN_FLIGHT.above(6);
const POSITION: Field = SHADOW.above(7);
const STEP: Field = POSITION.above(5);
const STREAK: Field = SUCCESSES.above(12);
const SLACK: Field = STREAK.above(20);
const GENERATION: Field = SLACK.above(16);

const CLOSED: u64 = 0;
const OPEN: u64 = 1;
const HALF_OPEN: u64 = 2;
const RECOVERING: u64 = 3;
const FORCED_OPEN: u64 = 4;
const DISABLED: u64 = 5;

const _: () = assert!(GENERATION.end() == u64::BITS, "the fields tile the word");
const _: () = assert!(STEP.end() == SUCCESSES.end(), "both payloads end below the streak");
const _: () = assert!(FAILURES.end() <= SLACK.end(), "the row fits the payload");
const _: () = assert!(SLACK.max() >= 999_999, "less than a millisecond of slack fits");

/// The times in a row it has opened, and once more; it stops where its field does.
#[expect(clippy::cast_possible_truncation, reason = "12 bits")]
pub(super) const fn once_more(streak: u16) -> u16 {
    if (streak as u64) < STREAK.max() { streak + 1 } else { STREAK.max() as u16 }
}

/// Which state it is: every change of state begins a new one. Wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(pub(super) u16);

impl Generation {
    #[inline]
    pub(super) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// Whether this is later than `other`, half the wrap being the horizon.
    #[inline]
    pub(super) const fn is_after(self, other: Self) -> bool {
        self.0 != other.0 && self.0.wrapping_sub(other.0) < 1 << 15
    }
}

/// What the word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    pub generation: Generation,
    pub shadow: bool,
    pub mode: Mode,
}

/// The state, and what is counted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Closed {
        failures: u16,
    },
    /// `streak`: how many times in a row it has opened, this one included.
    Open {
        streak: u16,
    },
    HalfOpen {
        in_flight: u8,
        successes: u8,
        streak: u16,
        slack: u32,
    },
    /// `position`: how many calls of the step's current hundred were decided.
    Recovering {
        position: u8,
        step: u8,
        streak: u16,
        slack: u32,
    },
    ForcedOpen,
    Disabled,
}

impl Mode {
    /// How many times in a row it has opened.
    pub(super) const fn streak(self) -> u16 {
        match self {
            Self::Open { streak } | Self::HalfOpen { streak, .. } | Self::Recovering { streak, .. } => streak,
            Self::Closed { .. } | Self::ForcedOpen | Self::Disabled => 0,
        }
    }
}

impl View {
    /// Same state, other counts: permits stay valid.
    #[inline]
    pub(super) const fn with(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The next state: permits of this one go stale.
    #[inline]
    pub(super) const fn enter(self, mode: Mode) -> Self {
        Self { generation: self.generation.next(), mode, ..self }
    }
}

/// Whether a word says closed, whatever its row of failures, in shadow or not.
#[inline]
pub(super) const fn is_closed(word: u64) -> bool {
    TAG.get(word) == CLOSED
}

/// The word of a closed breaker without a row of failures, in a given generation: the one word that a success need not
/// change.
#[inline]
pub(super) const fn healthy(generation: Generation) -> u64 {
    GENERATION.put_wrapping(generation.0 as u64)
}

/// The generation of a word that says open and not in shadow, and nothing of any other.
#[inline]
pub(super) const fn plainly_open(word: u64) -> Option<Generation> {
    if STATE.get(word) == OPEN { Some(generation(word)) } else { None }
}

/// The generation of a word.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the field is 16 bits wide")]
pub(super) const fn generation(word: u64) -> Generation {
    Generation(GENERATION.get(word) as u16)
}

impl Meaning for View {
    #[inline]
    fn encode(self) -> u64 {
        // A row of failures is what is written most: it takes no jump by table.
        let state = match self.mode {
            Mode::Closed { failures } => FAILURES.put(failures.into()) | TAG.put(CLOSED),
            other => encode_other(other),
        };
        GENERATION.put_wrapping(self.generation.0.into()) | state | SHADOW.put(self.shadow.into())
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the field is 16 bits wide")]
    fn decode(word: u64) -> Self {
        let mode = match TAG.get(word) {
            CLOSED => Mode::Closed { failures: FAILURES.get(word) as u16 },
            tag => decode_other(tag, word),
        };
        Self { generation: generation(word), shadow: SHADOW.get(word) == 1, mode }
    }
}

#[inline(never)]
fn encode_other(mode: Mode) -> u64 {
    let (tag, payload) = match mode {
        Mode::Closed { failures } => (CLOSED, FAILURES.put(failures.into())),
        Mode::Open { streak } => (OPEN, STREAK.put(streak.into())),
        Mode::HalfOpen { in_flight, successes, streak, slack } => (
            HALF_OPEN,
            IN_FLIGHT.put(in_flight.into())
                | SUCCESSES.put(successes.into())
                | STREAK.put(streak.into())
                | SLACK.put(slack.into()),
        ),
        Mode::Recovering { position, step, streak, slack } => (
            RECOVERING,
            POSITION.put(position.into())
                | STEP.put(step.into())
                | STREAK.put(streak.into())
                | SLACK.put(slack.into()),
        ),
        Mode::ForcedOpen => (FORCED_OPEN, 0),
        Mode::Disabled => (DISABLED, 0),
    };
    payload | TAG.put(tag)
}

#[inline(never)]
#[expect(clippy::cast_possible_truncation, reason = "each field is narrower than the type it is read as")]
fn decode_other(tag: u64, word: u64) -> Mode {
    let (streak, slack) = (STREAK.get(word) as u16, SLACK.get(word) as u32);
    match tag {
        OPEN => Mode::Open { streak },
        HALF_OPEN => Mode::HalfOpen {
            in_flight: IN_FLIGHT.get(word) as u8,
            successes: SUCCESSES.get(word) as u8,
            streak,
            slack,
        },
        RECOVERING => {
            Mode::Recovering { position: POSITION.get(word) as u8, step: STEP.get(word) as u8, streak, slack }
        }
        DISABLED => Mode::Disabled,
        _ => Mode::ForcedOpen,
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use super::{Generation, Mode, View, healthy};
    use crate::cell::Meaning;
    use proptest::prelude::*;

    fn modes() -> impl Strategy<Value = Mode> {
        let streak = 0..1_u16 << 12;
        prop_oneof![
            any::<u16>().prop_map(|failures| Mode::Closed { failures }),
            streak.clone().prop_map(|streak| Mode::Open { streak }),
            (0..64_u8, 0..64_u8, streak.clone(), 0..1_u32 << 20).prop_map(
                |(in_flight, successes, streak, slack)| Mode::HalfOpen {
                    in_flight,
                    successes,
                    streak,
                    slack
                }
            ),
            (0..128_u8, 0..32_u8, streak, 0..1_u32 << 20).prop_map(|(position, step, streak, slack)| {
                Mode::Recovering { position, step, streak, slack }
            }),
            Just(Mode::ForcedOpen),
            Just(Mode::Disabled),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn properties_every_view_comes_back(generation: u16, shadow: bool, mode in modes()) {
            let view = View { generation: Generation(generation), shadow, mode };
            prop_assert_eq!(View::decode(view.encode()), view);
        }

        #[test]
        fn properties_every_word_decodes_and_what_it_decoded_to_is_a_fixed_point(word: u64) {
            let view = View::decode(word);
            prop_assert_eq!(View::decode(view.encode()), view);
        }
    }

    #[test]
    fn the_zero_word_is_fresh() {
        let fresh = View { generation: Generation(0), shadow: false, mode: Mode::Closed { failures: 0 } };
        assert_eq!(View::decode(0), fresh);
    }

    #[test]
    fn only_a_closed_word_without_failures_is_healthy() {
        let view = |mode, shadow| View { generation: Generation(9), shadow, mode };
        assert_eq!(view(Mode::Closed { failures: 0 }, false).encode(), healthy(Generation(9)));
        for other in [
            view(Mode::Closed { failures: 1 }, false),
            view(Mode::Closed { failures: 0 }, true),
            view(Mode::Open { streak: 0 }, false),
            view(Mode::Disabled, false),
        ] {
            assert_ne!(other.encode(), healthy(Generation(9)), "{other:?}");
        }
    }

    #[test]
    fn a_streak_stops_where_its_field_does() {
        assert_eq!(
            (super::once_more(1), super::once_more(4_095), super::once_more(u16::MAX)),
            (2, 4_095, 4_095)
        );
    }

    #[test]
    fn a_generation_is_after_another_across_its_wrap() {
        assert!(Generation(1).is_after(Generation(u16::MAX)));
        assert!(!Generation(u16::MAX).is_after(Generation(1)));
        assert!(!Generation(5).is_after(Generation(5)));
    }
}
