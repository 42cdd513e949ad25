//! What a guard tells its observer.

use core::fmt;
use core::time::Duration;

use crate::fallback::Why;
use crate::retry::Stopped;
use crate::timeout::TimedOut;

/// What an observer of a guard is told, after it happened. A breaker, a budget, a shedder or a limiter inside tells its own observer, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An attempt had not ended at its limit, and was given up.
    TimedOut(TimedOut),
    /// An attempt failed, and there will be another one.
    Retrying {
        /// Of which guard.
        operation: &'static str,
        /// How many attempts failed so far.
        attempt: u32,
        /// How the last one failed.
        why: Why,
        /// How long until the next.
        delay: Duration,
    },
    /// A call ended without a value.
    GaveUp {
        /// Of which guard.
        operation: &'static str,
        /// How many attempts were made, rejected ones included.
        attempts: u32,
        /// How the last one failed.
        why: Why,
        /// Why there was no further one.
        stopped: Stopped,
    },
    /// A call ended, but took longer than the slow threshold.
    Slow {
        /// Of which guard.
        operation: &'static str,
        /// How long it took.
        took: Duration,
        /// From where on it is slow.
        threshold: Duration,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(late) => late.fmt(f),
            Self::Retrying { operation, attempt, why, delay } => {
                write!(f, "`{operation}`: attempt {attempt} failed ({why}), again in {delay:?}")
            }
            Self::GaveUp { operation, attempts, why, stopped } => {
                write!(f, "`{operation}`: given up after {attempts} attempts ({why}), stopped by: {stopped}")
            }
            Self::Slow { operation, took, threshold } => {
                write!(f, "`{operation}` took {took:?}, over {threshold:?}")
            }
        }
    }
}
