//! The one error of a guarded call: who ended it, flat, with the call's own error as it is.

use core::fmt;
use core::time::Duration;

use crate::breaker::{Rejected, State};
use crate::fallback::Why;
use crate::refusal::{By, MayRefuse, Refusal};
use crate::timeout::TimedOut;
use crate::{limiter, pressure};

/// Why a guarded call gave no value.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::guard::{Error, Guard};
/// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
///
/// # futures::executor::block_on(async {
/// let guard = Guard::builder("orders").limit(Duration::from_millis(1)).sleep(sleep).build().unwrap();
/// let error = guard.call(|| core::future::pending::<Result<(), &str>>()).await.unwrap_err();
/// assert!(error.is_timed_out() && !error.is_rejected());
/// match error {
///     Error::Inner(own) => println!("asked, and failed: {own}"),
///     Error::TimedOut(late) => assert_eq!(late.to_string(), "`orders` timed out after 1ms"),
///     other => println!("{other}"),
/// }
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The load shedder had no slot for it. Nobody was asked.
    Shed(pressure::Refused),
    /// The rate limiter had no cell for it. Nobody was asked.
    Limited(limiter::Refused),
    /// The circuit breaker did not let it through. Nobody was asked.
    Rejected(Rejected),
    /// It had not ended at its limit, or at the deadline, and was given up.
    TimedOut(TimedOut),
    /// It was asked, and gave this error.
    Inner(E),
    /// Another caller asked for all who wanted the same key, and got no answer for this reason.
    Shared(Why),
}

impl<E> Error<E> {
    /// Whether fusebox refused it: breaker, limiter or shedder. Nobody was asked.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.refusal().is_some()
    }

    /// Whether an open breaker refused it (or one that is half open, forced open, recovering).
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_by(By::Breaker)
    }

    /// Whether a rate limiter refused it.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.is_by(By::Limiter)
    }

    /// Whether a load shedder refused it.
    #[must_use]
    pub fn is_shed(&self) -> bool {
        self.is_by(By::Shedder)
    }

    /// Whether it had not ended at its limit or deadline.
    #[must_use]
    pub const fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::Shared(Why::TimedOut))
    }

    /// Whether it was asked, and failed by itself.
    #[must_use]
    pub const fn is_inner(&self) -> bool {
        matches!(self, Self::Inner(_))
    }

    /// The call's own error, if it was asked and failed.
    #[must_use]
    pub const fn inner(&self) -> Option<&E> {
        match self {
            Self::Inner(inner) => Some(inner),
            _ => None,
        }
    }

    /// The call's own error, if it was asked and failed.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(inner) => Some(inner),
            _ => None,
        }
    }

    /// How long to wait before it is worth asking again; nothing where that cannot be known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.refusal().and_then(|refusal| refusal.retry_after)
    }

    /// The state of the breaker that refused it.
    #[must_use]
    pub const fn breaker_state(&self) -> Option<State> {
        match self {
            Self::Rejected(rejected) => Some(rejected.state()),
            _ => None,
        }
    }

    /// The same in a word, as data that can be copied and counted.
    #[must_use]
    pub fn why(&self) -> Why {
        match self {
            Self::TimedOut(_) => Why::TimedOut,
            Self::Inner(_) => Why::Failed,
            Self::Shared(why) => *why,
            Self::Shed(_) | Self::Limited(_) | Self::Rejected(_) => {
                self.refusal().map_or(Why::Failed, Why::Refused)
            }
        }
    }

    fn is_by(&self, by: By) -> bool {
        self.refusal().is_some_and(|refusal| refusal.by == by)
    }
}

impl<E> MayRefuse for Error<E> {
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Shed(refused) => refused.refusal(),
            Self::Limited(refused) => refused.refusal(),
            Self::Rejected(rejected) => rejected.refusal(),
            Self::Shared(Why::Refused(refusal)) => Some(*refusal),
            Self::TimedOut(_) | Self::Inner(_) | Self::Shared(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shed(refused) => refused.fmt(f),
            Self::Limited(refused) => refused.fmt(f),
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::TimedOut(late) => late.fmt(f),
            Self::Inner(inner) => inner.fmt(f),
            Self::Shared(why) => write!(f, "another caller asked for all, in vain: {why}"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Shed(refused) => Some(refused),
            Self::Limited(refused) => Some(refused),
            Self::Rejected(rejected) => Some(rejected),
            Self::TimedOut(late) => Some(late),
            Self::Inner(inner) => inner.source(),
            Self::Shared(_) => None,
        }
    }
}
