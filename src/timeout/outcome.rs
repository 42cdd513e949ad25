//! What comes of a call with a limit, and what an observer is told.

use core::fmt;
use core::time::Duration;

use crate::deadline::Deadline;
use crate::refusal::{MayRefuse, Refusal};
use crate::time::Instant;

/// A call had not ended at its limit, and was cancelled.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::TimedOut;
///
/// let late = TimedOut::new("fetch", Duration::from_secs(2));
/// assert_eq!(late.to_string(), "`fetch` timed out after 2s");
/// assert!(!late.by_deadline);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TimedOut {
    /// What was called; empty where it has no name.
    pub operation: &'static str,
    /// How long it was allowed to take. Zero where its deadline had passed: then it was not called at all.
    pub limit: Duration,
    /// Whether it was the deadline outside that made the limit so short: this says nothing against the operation.
    pub by_deadline: bool,
}

/// Why a call with a limit gave no value: its time was over, or it failed by itself.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::{Error, TimedOut};
///
/// let error: Error<&str> = TimedOut::new("fetch", Duration::from_secs(2)).into();
/// assert!(error.timed_out().is_some());
/// assert_eq!(Error::Inner("not found").into_inner(), Some("not found"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// It had not ended at its limit.
    TimedOut(TimedOut),
    /// It ended in time, with this error.
    Inner(E),
}

/// Something that limits told, after it happened.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::Event;
///
/// let slow = Event::Slow { operation: "fetch", took: Duration::from_millis(700), threshold: Duration::from_millis(500) };
/// assert_eq!(slow.to_string(), "`fetch` took 700ms, over 500ms");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A call was cancelled at its limit, or not made for want of time.
    TimedOut(TimedOut),
    /// A call ended, and took longer than its threshold. That is no error.
    Slow {
        /// What was called.
        operation: &'static str,
        /// How long it took.
        took: Duration,
        /// More than this is slow.
        threshold: Duration,
    },
    /// An adaptive limit has moved.
    Moved {
        /// Of what.
        operation: &'static str,
        /// The limit before.
        from: Duration,
        /// The limit now.
        to: Duration,
    },
}

impl TimedOut {
    /// Of this operation, at this limit of its own.
    #[must_use]
    pub const fn new(operation: &'static str, limit: Duration) -> Self {
        Self { operation, limit, by_deadline: false }
    }

    /// The same, where a deadline outside had set the limit.
    #[must_use]
    pub const fn at_deadline(mut self) -> Self {
        self.by_deadline = true;
        self
    }

    /// The same, or with what this deadline leaves of it.
    pub(super) fn within(self, deadline: Deadline, now: Instant) -> Self {
        match deadline.left_at(now) {
            Some(left) if left < self.limit => Self { limit: left, ..self }.at_deadline(),
            _ => self,
        }
    }
}

impl<E> Error<E> {
    /// Whether, and how, its time was over.
    #[must_use]
    pub const fn timed_out(&self) -> Option<&TimedOut> {
        match self {
            Self::TimedOut(late) => Some(late),
            Self::Inner(_) => None,
        }
    }

    /// The call's own error, if it ended in time.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::TimedOut(_) => None,
            Self::Inner(inner) => Some(inner),
        }
    }

    /// One flat result of a call that gives a result itself.
    pub(super) fn flat<T>(ended: Result<Result<T, E>, TimedOut>) -> Result<T, Self> {
        ended.map_err(Self::TimedOut)?.map_err(Self::Inner)
    }
}

impl<E> From<TimedOut> for Error<E> {
    fn from(late: TimedOut) -> Self {
        Self::TimedOut(late)
    }
}

/// A call that timed out was made: it is no refusal.
impl MayRefuse for TimedOut {
    fn refusal(&self) -> Option<Refusal> {
        None
    }
}

impl<E: MayRefuse> MayRefuse for Error<E> {
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::TimedOut(late) => late.refusal(),
            Self::Inner(inner) => inner.refusal(),
        }
    }
}

/// The name of a call that may have none.
struct Called(&'static str);

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("the call") } else { write!(f, "`{}`", self.0) }
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let called = Called(self.operation);
        if self.by_deadline && self.limit.is_zero() {
            return write!(f, "{called} was not made: its deadline had passed");
        }
        write!(f, "{called} timed out after {:?}", self.limit)?;
        if self.by_deadline { f.write_str(", all that its deadline left") } else { Ok(()) }
    }
}

impl core::error::Error for TimedOut {}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(late) => late.fmt(f),
            Self::Inner(inner) => inner.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::TimedOut(late) => Some(late),
            Self::Inner(inner) => inner.source(),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(late) => late.fmt(f),
            Self::Slow { operation, took, threshold } => {
                write!(f, "{} took {took:?}, over {threshold:?}", Called(operation))
            }
            Self::Moved { operation, from, to } => {
                write!(f, "the limit of {} moved from {from:?} to {to:?}", Called(operation))
            }
        }
    }
}
