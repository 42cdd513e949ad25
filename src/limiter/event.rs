//! What an observer is told: every refusal and every change of the quota. Admissions are counted, not told.

use core::fmt;

use crate::limiter::outcome::Refused;
use crate::limiter::policy::Quota;

/// Something a limiter did, told after it took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Cells were refused.
    Refused {
        /// How many were asked for.
        cells: u32,
        /// Why, and until when.
        why: Refused,
    },
    /// In shadow: cells that would have been refused were let through.
    WouldRefuse {
        /// How many were asked for.
        cells: u32,
        /// Why, and until when.
        why: Refused,
    },
    /// The quota was changed.
    Changed {
        /// The quota before.
        from: Quota,
        /// The quota now.
        to: Quota,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { why, .. } => why.fmt(f),
            Self::WouldRefuse { why, .. } => write!(f, "in shadow: {why}"),
            Self::Changed { from, to } => write!(f, "quota changed from {from} to {to}"),
        }
    }
}
