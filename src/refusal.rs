//! What every refusal of fusebox has in common, so that one part can answer to another's without knowing it.

use core::fmt;
use core::time::Duration;

/// A refusal by a part of fusebox: the call was not made.
///
/// # Examples
/// ```
/// use fusebox::refusal::{By, MayRefuse};
/// use fusebox::breaker::{CircuitBreaker, Policy};
///
/// let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant());
/// let failed = breaker.call(|| Err::<(), _>("down")).unwrap_err();
/// assert!(failed.refusal().is_none(), "it was asked, and failed");
/// let refused = breaker.call(|| Ok::<_, &str>(())).unwrap_err();
/// assert_eq!(refused.refusal().map(|refusal| refusal.by), Some(By::Breaker));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who refused.
    pub by: By,
    /// How long to wait before it is worth asking again; nothing where that cannot be known, or where it never is.
    pub retry_after: Option<Duration>,
}

/// Who refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum By {
    /// A circuit breaker.
    Breaker,
    /// A rate limiter.
    Limiter,
    /// A load shedder.
    Shedder,
    /// A client's throttle.
    Throttle,
    /// The helper threads for calls that block: all are out.
    Helpers,
}

/// An error that may be a refusal by fusebox.
pub trait MayRefuse {
    /// The refusal; nothing where the call was made, and this is its own error.
    fn refusal(&self) -> Option<Refusal>;
}

impl By {
    /// The name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::Limiter => "limiter",
            Self::Shedder => "shedder",
            Self::Throttle => "throttle",
            Self::Helpers => "helpers",
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused by the {}", self.by)?;
        match self.retry_after {
            Some(wait) => write!(f, ", retry after {wait:?}"),
            None => Ok(()),
        }
    }
}
