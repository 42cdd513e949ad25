//! What is handed out: an answer, who served it, and why the primary did not.

use core::fmt;
use core::time::Duration;

use crate::refusal::{MayRefuse, Refusal};

/// An answer, and who served it.
///
/// # Examples
/// ```
/// use fusebox::fallback::{self, By, Why};
///
/// let primary: Result<u32, &str> = Err("down");
/// let served = fallback::or_value(primary, Why::always, 7)?;
/// assert_eq!((served.by, served.why), (By::Default, Some(Why::Failed)));
/// assert_eq!(served.into_value(), 7);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served<T> {
    /// The answer.
    pub value: T,
    /// Who served it.
    pub by: By,
    /// Why the primary did not; nothing where it did.
    pub why: Option<Why>,
}

/// Who served an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// The primary, just now.
    Live,
    /// The primary, so long ago.
    Cached {
        /// How long the answer has been held.
        age: Duration,
    },
    /// What the caller gave to be used instead.
    Default,
}

/// Why the primary did not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// A part of fusebox refused the call: it was not made.
    Refused(Refusal),
    /// The call took too long.
    TimedOut,
    /// The call failed.
    Failed,
    /// Nobody asked it: the answer that is held is fresh.
    Fresh,
    /// Somebody else is asking it: the answer that is held serves meanwhile.
    Refreshing,
}

/// No answer: the primary gave none, and none was held that might stand in.
///
/// # Examples
/// ```
/// use fusebox::fallback::{Missed, Why};
///
/// let asked_itself: Missed<&str> = Missed::Failed("no such host");
/// let asked_by_another: Missed<&str> = Missed::Shared(Why::Failed);
/// assert_eq!(asked_itself.to_string(), "no such host");
/// assert_eq!(asked_by_another.to_string(), "the call that was shared failed");
/// assert_eq!(asked_itself.why(), asked_by_another.why());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed<E> {
    /// This caller's own call failed so.
    Failed(E),
    /// The call of another, which this caller had waited for, failed; or lasted longer than this caller would wait.
    Shared(Why),
}

/// A value that is held, for who looks without asking the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held<T> {
    /// The value.
    pub value: T,
    /// How long it has been held.
    pub age: Duration,
    /// Whether it is fresh: no call would be made for it.
    pub is_fresh: bool,
}

impl<T> Served<T> {
    /// An answer by the primary.
    #[must_use]
    pub const fn live(value: T) -> Self {
        Self { value, by: By::Live, why: None }
    }

    /// An answer that the caller gave.
    pub(super) const fn default(value: T, why: Why) -> Self {
        Self { value, by: By::Default, why: Some(why) }
    }

    /// Whether the primary served it.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.by, By::Live)
    }

    /// The answer.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }

    /// How long the answer has been held; nothing where it was not.
    #[must_use]
    pub const fn age(&self) -> Option<Duration> {
        match self.by {
            By::Cached { age } => Some(age),
            By::Live | By::Default => None,
        }
    }
}

impl<T> Held<T> {
    /// This value as an answer, and why the primary did not serve.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::{Freshness, LastGoodTable, Why};
    ///
    /// let table = LastGoodTable::<8, 1>::new(Freshness::of(8).stale(Duration::from_secs(60)).constant());
    /// table.put(1, [20]);
    /// // … and then the sensor is down:
    /// let served = table.get(1).map(|held| held.served(Why::Failed)).unwrap();
    /// assert_eq!((served.value, served.is_live()), ([20], false));
    /// ```
    #[must_use]
    pub fn served(self, why: Why) -> Served<T> {
        Served { value: self.value, by: By::Cached { age: self.age }, why: Some(why) }
    }
}

impl Why {
    /// Chooses every error, as [`Why::Failed`].
    ///
    /// # Examples
    /// ```
    /// use fusebox::fallback::Why;
    ///
    /// assert_eq!(Why::always(&"whatever"), Some(Why::Failed));
    /// ```
    #[must_use]
    pub const fn always<E>(_: &E) -> Option<Self> {
        Some(Self::Failed)
    }

    /// Chooses every error, and tells refusals by fusebox from failures of the call.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy};
    /// use fusebox::fallback::{self, Why};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant());
    /// let failed = breaker.call(|| Err::<u8, _>("down"));
    /// assert_eq!(fallback::or_value(failed, Why::of, 0).unwrap().why, Some(Why::Failed));
    /// let refused = breaker.call(|| Ok::<u8, &str>(1));
    /// assert!(matches!(fallback::or_value(refused, Why::of, 0).unwrap().why, Some(Why::Refused(_))));
    /// ```
    #[must_use]
    pub fn of<E: MayRefuse>(error: &E) -> Option<Self> {
        Some(error.refusal().map_or(Self::Failed, Self::Refused))
    }

    /// Chooses refusals by fusebox alone: what the primary itself answered goes to the caller.
    ///
    /// # Examples
    /// ```
    /// use fusebox::breaker::{CircuitBreaker, Policy};
    /// use fusebox::fallback::{self, Why};
    ///
    /// let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant());
    /// let failed = breaker.call(|| Err::<u8, _>("down"));
    /// assert!(fallback::or_value(failed, Why::if_refused, 0).is_err());
    /// let refused = breaker.call(|| Ok::<u8, &str>(1));
    /// assert!(fallback::or_value(refused, Why::if_refused, 0).is_ok());
    /// ```
    #[must_use]
    pub fn if_refused<E: MayRefuse>(error: &E) -> Option<Self> {
        error.refusal().map(Self::Refused)
    }
}

impl<E> Missed<E> {
    /// Why, in a word: chooses every miss, for [`or_value`](crate::fallback::or_value) and its like.
    #[must_use]
    pub const fn why(&self) -> Option<Why> {
        match self {
            Self::Failed(_) => Some(Why::Failed),
            Self::Shared(why) => Some(*why),
        }
    }

    /// The caller's own error, if its own call was made.
    #[must_use]
    pub fn into_error(self) -> Option<E> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Shared(_) => None,
        }
    }
}

impl<E: MayRefuse> MayRefuse for Missed<E> {
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Failed(error) => error.refusal(),
            Self::Shared(Why::Refused(refusal)) => Some(*refusal),
            Self::Shared(_) => None,
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::Cached { age } => write!(f, "held for {age:?}"),
            Self::Default => f.write_str("the default"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::TimedOut => f.write_str("timed out"),
            Self::Failed => f.write_str("failed"),
            Self::Fresh => f.write_str("fresh"),
            Self::Refreshing => f.write_str("being refreshed"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Missed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Shared(why) => write!(f, "the call that was shared {why}"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Missed<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            // It is shown as the error itself is.
            Self::Failed(error) => error.source(),
            Self::Shared(_) => None,
        }
    }
}
