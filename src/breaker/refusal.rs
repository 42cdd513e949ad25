//! Why there was no permit: the instants as they were read, from which the facts are told when somebody asks.

use crate::breaker::instants::{Known, Millis};
use crate::breaker::outcome::State;

/// A refusal by the rules, at `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) state: State,
    now: u64,
    /// When the state ends; unknown but for `Open`.
    ends: Millis,
    opened: Millis,
}

impl Refusal {
    /// A refusal that cannot know its wait.
    pub(super) const fn without_wait(state: State, now: u64, known: Option<Known>) -> Self {
        let opened = match known {
            Some(known) => known.opened,
            None => Millis::UNKNOWN,
        };
        Self { state, now, ends: Millis::UNKNOWN, opened }
    }

    /// A refusal while open.
    #[inline]
    pub(super) const fn while_open(now: u64, ends: Millis, opened: Millis) -> Self {
        Self { state: State::Open, now, ends, opened }
    }

    /// Nanoseconds until the next call may be a probe. While the clock stands before the opening, time stands still.
    pub(super) fn retry_after(self) -> Option<u64> {
        if self.ends == Millis::UNKNOWN {
            return None;
        }
        let stood = i128::from(self.now).max(self.opened.nanos());
        Some(u64::try_from((self.ends.nanos() - stood).max(0)).unwrap_or(u64::MAX))
    }

    /// Nanoseconds since the latest opening.
    pub(super) fn open_for(self) -> Option<u64> {
        (self.opened != Millis::UNKNOWN).then(|| self.opened.elapsed(self.now))
    }
}
