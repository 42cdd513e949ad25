//! What a limiter remembers: the theoretical arrival time, one number.
//!
//! ```text
//! ┌──────────────────────────────────────────────────────────────────┐
//! │ TAT: the unit at which the quota is full again, if nobody asks 64│
//! └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The zero word is fresh: full since the clock began. A word means something only together with the quota it was
//! written under, whose units it counts.

use crate::cell::Meaning;

/// The theoretical arrival time, in units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tat(pub(super) u64);

impl Meaning for Tat {
    #[inline]
    fn encode(self) -> u64 {
        self.0
    }

    #[inline]
    fn decode(word: u64) -> Self {
        Self(word)
    }
}
