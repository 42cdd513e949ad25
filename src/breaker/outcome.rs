//! What a breaker hands out and takes back: states, rejections with their facts, verdicts.

use core::fmt;
use core::time::Duration;

use crate::breaker::refusal;
use crate::refusal::{By, MayRefuse, Refusal};

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Calls pass; their outcomes are watched.
    Closed,
    /// Calls are rejected until the open duration has passed.
    Open,
    /// A few probes pass, to see whether the dependency is back.
    HalfOpen,
    /// The recovery ramp: a growing percentage of calls pass.
    Recovering,
    /// Rejects by hand, until released.
    ForcedOpen,
    /// Permits all by hand, and records nothing but that it did.
    Disabled,
}

impl State {
    /// The state's name in lower case: `half_open`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Recovering => "recovering",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The call gave an error.
    Error,
    /// The call succeeded after its slow limit, under `slow_call_as_failure`.
    Slow,
    /// The caller's own limit ended the call.
    Timeout,
    /// The call panicked.
    Panic,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Slow => "slow",
            Self::Timeout => "timeout",
            Self::Panic => "panic",
        })
    }
}

/// What a call's result means to the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The dependency did its work. "Not found" is a success of the dependency.
    Success,
    /// The dependency failed.
    Failure(FailureKind),
    /// It says nothing about the dependency: the slot is given back, nothing is judged.
    Ignored,
}

/// Says what of the `Ok`s and `Err`s is a success, a failure, or neither.
///
/// Implemented for closures, and by [`ErrorsFail`], which everything without a classifier uses.
///
/// # Examples
/// ```
/// use fusebox::breaker::{CircuitBreaker, FailureKind, Policy, Verdict};
///
/// let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).constant());
/// let by_status = |answer: &Result<u16, &str>| match answer {
///     Ok(500..) => Verdict::Failure(FailureKind::Error),
///     Ok(429) => Verdict::Ignored,
///     Ok(_) => Verdict::Success,
///     Err(_) => Verdict::Failure(FailureKind::Error),
/// };
/// assert_eq!(breaker.call_with(by_status, || Ok(404)).unwrap(), 404);
/// assert_eq!(breaker.call_with(by_status, || Ok(503)).unwrap(), 503);
/// assert!(breaker.call_with(by_status, || Ok(200)).unwrap_err().is_rejected());
/// ```
pub trait Classify<T, E> {
    /// What this result means.
    fn classify(&self, result: &Result<T, E>) -> Verdict;
}

impl<T, E, F: Fn(&Result<T, E>) -> Verdict> Classify<T, E> for F {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Verdict {
        self(result)
    }
}

/// Every `Ok` is a success, every `Err` a failure of kind `Error`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorsFail;

impl<T, E> Classify<T, E> for ErrorsFail {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Verdict {
        match result {
            Ok(_) => Verdict::Success,
            Err(_) => Verdict::Failure(FailureKind::Error),
        }
    }
}

/// The breaker did not let the call through, and what it knows of that.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::breaker::{CircuitBreaker, Policy, State};
/// use fusebox::time::ManualClock;
///
/// let clock = ManualClock::new();
/// let policy = Policy::consecutive_failures(1).open_duration(Duration::from_secs(10)).build()?;
/// let breaker = CircuitBreaker::new(policy).with_clock(&clock).counted();
/// let _ = breaker.call(|| Err::<(), _>("down"));
/// clock.advance(Duration::from_secs(4));
///
/// let rejected = breaker.acquire().unwrap_err();
/// assert_eq!(rejected.state(), State::Open);
/// assert_eq!(rejected.retry_after(), Some(Duration::from_secs(6)));
/// assert_eq!(rejected.open_for(), Some(Duration::from_secs(4)));
/// assert_eq!(rejected.rejections(), Some(1));
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy)]
pub struct Rejected {
    pub(super) refusal: refusal::Refusal,
    pub(super) rejections: u64,
}

/// Stands for rejections that nobody counted.
pub(super) const UNCOUNTED: u64 = u64::MAX;

impl Rejected {
    /// The state that rejected.
    #[must_use]
    pub const fn state(&self) -> State {
        self.refusal.state
    }

    /// How long to wait before it is worth asking again; nothing where that cannot be known (half-open, the ramp,
    /// forced open).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.refusal.retry_after().map(Duration::from_nanos)
    }

    /// The time since the latest opening. Up to 1 ms long.
    #[must_use]
    pub fn open_for(&self) -> Option<Duration> {
        self.refusal.open_for().map(Duration::from_nanos)
    }

    /// How many calls were rejected since the latest opening, this one included: for breakers that count
    /// ([`counted`](crate::CircuitBreaker::counted)). Exact on one thread; it may lag behind other threads.
    #[must_use]
    pub const fn rejections(&self) -> Option<u64> {
        if self.rejections == UNCOUNTED { None } else { Some(self.rejections) }
    }
}

/// By the facts they tell.
impl PartialEq for Rejected {
    fn eq(&self, other: &Self) -> bool {
        let facts = |of: &Self| (of.state(), of.retry_after(), of.open_for(), of.rejections());
        facts(self) == facts(other)
    }
}

impl Eq for Rejected {}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("state", &self.state())
            .field("retry_after", &self.retry_after())
            .field("open_for", &self.open_for())
            .field("rejections", &self.rejections())
            .finish()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rejected by the circuit breaker ({})", self.state())?;
        match self.retry_after() {
            Some(wait) => write!(f, ", retry after {wait:?}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Rejected {}

impl MayRefuse for Rejected {
    fn refusal(&self) -> Option<Refusal> {
        Some(Refusal { by: By::Breaker, retry_after: self.retry_after() })
    }
}

impl<E> MayRefuse for Error<E> {
    fn refusal(&self) -> Option<Refusal> {
        self.rejected().and_then(MayRefuse::refusal)
    }
}

/// Why a guarded call gave no value: the breaker rejected it, or the call itself failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The call was not made.
    Rejected(Rejected),
    /// The call was made, and gave this error.
    Inner(E),
}

impl<E> Error<E> {
    /// Whether the call was not made.
    #[must_use]
    pub const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// The facts of the rejection, if it is one.
    #[must_use]
    pub const fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(_) => None,
        }
    }

    /// The call's own error, if it was made.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(inner) => Some(inner),
        }
    }
}

impl<E> From<Rejected> for Error<E> {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Inner(inner) => inner.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(inner) => inner.source(),
        }
    }
}
