//! What happens: which layers there are, who calls when, how attempts end, who is dropped, what the clock does. Small numbers, so that
//! things meet.

use core::time::Duration;

/// A guard, and the calls that are made through it.
#[cfg_attr(fusebox_fuzz, derive(arbitrary::Arbitrary))]
#[derive(Clone, Debug)]
pub struct Script {
    pub layers: Layers,
    pub asks: Vec<Ask>,
}

#[cfg_attr(fusebox_fuzz, derive(arbitrary::Arbitrary))]
#[derive(Clone, Debug)]
pub struct Layers {
    /// Its slots.
    pub shedder: Option<u8>,
    /// Its cells, which come back one in ten milliseconds.
    pub limiter: Option<u8>,
    pub deadline: Option<u8>,
    pub retry: Retry,
    pub breaker: Option<Breaking>,
    pub limit: Limit,
    /// For how long a value is fresh.
    pub cache: Option<u8>,
    pub patient: bool,
}

#[cfg_attr(fusebox_fuzz, derive(arbitrary::Arbitrary))]
#[derive(Clone, Debug)]
pub struct Retry {
    pub attempts: u8,
    pub delay: u8,
    pub jitter: bool,
    pub seed: u8,
    /// Tenths of a token a call, and tokens to begin with.
    pub budget: Option<(u8, u8)>,
}

#[cfg_attr(fusebox_fuzz, derive(arbitrary::Arbitrary))]
#[derive(Clone, Debug)]
pub struct Breaking {
    pub failures: u8,
    pub open: u8,
    pub probes: u8,
    pub successes: u8,
}

#[cfg_attr(fusebox_fuzz, derive(arbitrary::Arbitrary))]
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    None,
    Fixed(u8),
    Adaptive(u8),
}

/// A call.
#[cfg_attr(fusebox_fuzz, derive(arbitrary::Arbitrary))]
#[derive(Clone, Debug)]
pub struct Ask {
    /// Milliseconds after the one before.
    pub after: u8,
    pub clock: Shift,
    /// Where each round of polls begins from now on.
    pub order: u8,
    pub way: Way,
    /// After so many polls it is dropped.
    pub polls: Option<u8>,
    /// How its attempts go, the last one over and over.
    pub attempts: Vec<(u8, End)>,
}

/// By which method.
#[cfg_attr(fusebox_fuzz, derive(arbitrary::Arbitrary))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Call,
    Detailed,
    /// Until so many milliseconds from when it was made.
    Until(u8),
    OrElse,
    /// For this key.
    Backed(u8),
}

#[cfg_attr(fusebox_fuzz, derive(arbitrary::Arbitrary))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Good,
    Transient,
    Permanent,
    After(u8),
    Panic,
    /// Before there is a future.
    PanicAtOnce,
    /// Only a limit ends it.
    Never,
}

/// What befalls the clock beside the passing of time.
#[cfg_attr(fusebox_fuzz, derive(arbitrary::Arbitrary))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    None,
    /// Nobody was polled for so long.
    Jump(u8),
    Back(u8),
}

pub const fn millis(millis: u8) -> Duration {
    Duration::from_millis(millis as u64)
}

/// More calls meet no more than these do.
const MOST: usize = 40;

impl Script {
    pub fn asks(&self) -> &[Ask] {
        &self.asks[..self.asks.len().min(MOST)]
    }

    /// Whether everybody is polled each millisecond: else nothing can be said of when things happen.
    pub fn is_steady(&self) -> bool {
        self.asks().iter().all(|ask| ask.clock == Shift::None)
    }
}

impl Script {
    /// Whether the clock never steps back.
    pub fn goes_on(&self) -> bool {
        !self.asks().iter().any(|ask| matches!(ask.clock, Shift::Back(_)))
    }
}

impl Layers {
    /// Whether every attempt ends some time.
    pub const fn cuts_off(&self) -> bool {
        self.deadline.is_some() || !matches!(self.limit, Limit::None)
    }

    /// Never longer than the deadline: that is refused.
    pub fn limit(&self, told: u8) -> Duration {
        millis(told.max(1).min(self.deadline.map_or(u8::MAX, |deadline| deadline.max(1))))
    }

    pub fn attempts(&self) -> u32 {
        u32::from(self.retry.attempts % 6).max(1)
    }
}

impl Ask {
    /// How this attempt goes, counted from zero.
    pub fn attempt(&self, number: usize) -> (Duration, End) {
        let (took, end) =
            self.attempts.get(number).or(self.attempts.last()).copied().unwrap_or((0, End::Good));
        (millis(took), end)
    }
}
