//! What a limiter hands out: decisions with their facts, which are worked out when somebody asks.

use core::fmt;
use core::time::Duration;

use crate::limiter::policy::Quota;
use crate::limiter::rules;
use crate::limiter::scale::Span;
use crate::limiter::word::Tat;
use crate::refusal::{By, MayRefuse, Refusal};
use crate::time::Instant;

/// What became of the cells asked for.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::limiter::{Decision, Quota, RateLimiter};
/// use fusebox::time::ManualClock;
///
/// let clock = ManualClock::new();
/// let limiter = RateLimiter::new(Quota::per_second(10).burst(2).build()?).with_clock(&clock);
/// match limiter.check_n(2) {
///     Decision::Allowed(allowed) => assert_eq!(allowed.remaining(), 0),
///     Decision::Denied(denied) => println!("try again in {:?}", denied.retry_after()),
///     Decision::NeverFits(never) => println!("more than {} at once", never.burst()),
/// }
/// assert!(!limiter.check().is_allowed());
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a decision that nobody looks at limits nothing"]
pub enum Decision {
    /// The cells were taken.
    Allowed(Allowed),
    /// There are not enough of them now; nothing was taken.
    Denied(Denied),
    /// There never are so many at once; nothing was taken.
    NeverFits(NeverFits),
}

/// The cells were taken, and what is left.
#[derive(Clone, Copy)]
pub struct Allowed {
    pub(super) left: Left,
    pub(super) shadowed: bool,
}

/// How what is left is known.
#[derive(Clone, Copy)]
pub(super) enum Left {
    /// From the word.
    Word(Level),
    /// From the cells that a lease still holds, which knows no time.
    #[cfg(feature = "alloc")]
    Lease(u32),
}

/// How full a quota is at an instant.
#[derive(Clone, Copy)]
pub struct Level {
    pub(super) tat: Tat,
    pub(super) now: u64,
    pub(super) quota: Quota,
    /// Cells that are lent out already, and free.
    pub(super) lent: u32,
}

/// There are not enough cells now, and when there will be.
#[derive(Clone, Copy)]
pub struct Denied {
    /// In units of the quota.
    pub(super) at: u64,
    pub(super) now: u64,
    pub(super) quota: Quota,
}

/// There never are so many cells at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeverFits {
    pub(super) asked: u32,
    pub(super) burst: u32,
}

/// Why no cells were taken; the error of those who want a `Result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not now.
    Denied(Denied),
    /// Not ever.
    NeverFits(NeverFits),
}

/// Cells that are taken, to be used after a wait.
///
/// Dropping it keeps the cells; [`refund`](crate::limiter::RateLimiter::refund) gives back what is not used up.
#[derive(PartialEq, Eq)]
#[must_use = "the cells are taken; wait, use them, or refund them"]
pub struct Reservation {
    pub(super) cells: u32,
    pub(super) made: Instant,
    pub(super) due: Instant,
    /// The word after it, in the units of its quota; nothing where it holds no part of a word.
    pub(super) after: Option<(Tat, Quota)>,
    /// Of a quota that can change: which one it was.
    pub(super) regime: u64,
    /// How many units had been given back by others.
    pub(super) refunded: u64,
}

impl Decision {
    /// Whether the cells were taken.
    #[must_use]
    #[inline]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// How long to wait before it is worth asking again; nothing where the cells were taken, or never fit.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Denied(denied) => Some(denied.retry_after()),
            Self::Allowed(_) | Self::NeverFits(_) => None,
        }
    }

    /// The same as a `Result`, for `?`.
    ///
    /// # Errors
    /// The facts of the refusal.
    #[inline]
    pub fn into_result(self) -> Result<Allowed, Refused> {
        match self {
            Self::Allowed(allowed) => Ok(allowed),
            Self::Denied(denied) => Err(Refused::Denied(denied)),
            Self::NeverFits(never) => Err(Refused::NeverFits(never)),
        }
    }
}

impl Allowed {
    /// The whole cells that are still admissible now. Of a leased limiter a lower bound.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        match self.left {
            Left::Word(level) => level.remaining(),
            #[cfg(feature = "alloc")]
            Left::Lease(cells) => cells,
        }
    }

    /// How long until the quota is full again, if nobody asks. Nothing where the cells came out of a lease, which knows
    /// no time: a leased limiter's `peek` tells.
    #[must_use]
    pub fn full_in(&self) -> Option<Duration> {
        match self.left {
            Left::Word(level) => Some(level.full_in()),
            #[cfg(feature = "alloc")]
            Left::Lease(_) => None,
        }
    }

    /// Whether it was let through only because the limiter is in shadow: it holds no cells.
    #[must_use]
    pub const fn is_shadowed(&self) -> bool {
        self.shadowed
    }
}

impl Level {
    /// The whole cells that are admissible now. Of a leased limiter a lower bound, while others are at work.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        let free = rules::room(self.tat, self.span(), &self.quota);
        self.quota.cells_in(free).saturating_add(self.lent)
    }

    /// How long until it is full again, if nobody asks.
    #[must_use]
    pub fn full_in(&self) -> Duration {
        self.quota.scale.until(self.tat.0, self.now)
    }

    fn span(&self) -> Span {
        self.quota.scale.units(self.now)
    }
}

impl Denied {
    /// The least wait after which the same cells would be admitted, if nobody else asked. Never zero.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.quota.scale.until(self.at, self.now).max(Duration::from_nanos(1))
    }

    /// The same in whole seconds, rounded up, as HTTP's `Retry-After` wants it. Never zero.
    ///
    /// # Examples
    /// ```
    /// use fusebox::limiter::{Decision, Quota, RateLimiter};
    ///
    /// let limiter = RateLimiter::new(Quota::per_second(10).burst(1).build()?);
    /// assert!(limiter.check().is_allowed());
    /// if let Decision::Denied(denied) = limiter.check() {
    ///     assert_eq!(denied.retry_after_seconds(), 1);
    /// }
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub fn retry_after_seconds(&self) -> u64 {
        let wait = self.retry_after();
        wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
    }
}

impl NeverFits {
    /// How many cells were asked for.
    #[must_use]
    pub const fn asked(&self) -> u32 {
        self.asked
    }

    /// The most there are at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }
}

impl Refused {
    /// How long to wait before it is worth asking again; nothing where it never is.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Denied(denied) => Some(denied.retry_after()),
            Self::NeverFits(_) => None,
        }
    }
}

impl Reservation {
    /// How many cells it holds.
    #[must_use]
    pub const fn cells(&self) -> u32 {
        self.cells
    }

    /// How long to wait before the cells may be used, from when they were reserved.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        self.due.saturating_since(self.made)
    }

    /// The instant from which the cells may be used.
    #[must_use]
    pub const fn due(&self) -> Instant {
        self.due
    }
}

/// By the facts they tell.
impl PartialEq for Level {
    fn eq(&self, other: &Self) -> bool {
        (self.remaining(), self.full_in()) == (other.remaining(), other.full_in())
    }
}

impl Eq for Level {}

/// By the facts they tell.
impl PartialEq for Denied {
    fn eq(&self, other: &Self) -> bool {
        self.retry_after() == other.retry_after()
    }
}

impl Eq for Denied {}

/// By the facts they tell.
impl PartialEq for Allowed {
    fn eq(&self, other: &Self) -> bool {
        let facts = |of: &Self| (of.remaining(), of.full_in(), of.shadowed);
        facts(self) == facts(other)
    }
}

impl Eq for Allowed {}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowed")
            .field("remaining", &self.remaining())
            .field("full_in", &self.full_in())
            .field("shadowed", &self.shadowed)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Level")
            .field("remaining", &self.remaining())
            .field("full_in", &self.full_in())
            .finish()
    }
}

impl fmt::Debug for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denied").field("retry_after", &self.retry_after()).finish()
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("cells", &self.cells)
            .field("wait", &self.wait())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "denied by the rate limiter, retry after {:?}", self.retry_after())
    }
}

impl fmt::Display for NeverFits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cells never fit the rate limiter's burst of {}", self.asked, self.burst)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denied) => denied.fmt(f),
            Self::NeverFits(never) => never.fmt(f),
        }
    }
}

impl core::error::Error for Denied {}
impl core::error::Error for NeverFits {}
impl core::error::Error for Refused {}

impl MayRefuse for Denied {
    fn refusal(&self) -> Option<Refusal> {
        Some(Refusal { by: By::Limiter, retry_after: Some(self.retry_after()) })
    }
}

impl MayRefuse for NeverFits {
    fn refusal(&self) -> Option<Refusal> {
        Some(Refusal { by: By::Limiter, retry_after: None })
    }
}

impl MayRefuse for Refused {
    fn refusal(&self) -> Option<Refusal> {
        Some(Refusal { by: By::Limiter, retry_after: self.retry_after() })
    }
}
