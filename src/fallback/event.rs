//! What an observer of a cache is told.

use core::fmt;
use core::time::Duration;

use crate::fallback::served::Why;

/// What an observer of a `LastGood` is told, after it has taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A good value was stored, by a call, a refresh or by hand.
    Stored,
    /// A value that is held was served.
    Cached {
        /// How long it has been held.
        age: Duration,
        /// Why the primary did not serve.
        why: Why,
    },
    /// Nobody served: there was no value to stand in, or the error is one that none stands in for.
    Missed {
        /// Why the primary did not serve.
        why: Why,
    },
    /// A refresh in the background failed.
    RefreshFailed {
        /// Why.
        why: Why,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored => f.write_str("a value was stored"),
            Self::Cached { age, why } => write!(f, "served what was held for {age:?}: {why}"),
            Self::Missed { why } => write!(f, "nobody served: {why}"),
            Self::RefreshFailed { why } => write!(f, "a refresh failed: {why}"),
        }
    }
}
