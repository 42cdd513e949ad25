//! Counts that add up over the layers, for those who ask for them.

use crate::lanes::Tallies;
use crate::sync::const_fn;

/// What a guard did so far: plain numbers, read as sums over the lanes.
///
/// Once all calls have ended, `calls` is `succeeded + failed + timed_out + rejected + limited + shed + cancelled + cached +
/// defaulted + shared`; before, the rest is in flight. Each call is counted once, by how it ended: one that timed out and was then served
/// from the cache is `cached`. While other threads are at work the sums may lag behind each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Calls that were begun.
    pub calls: u64,
    /// Calls that ended with a live value.
    pub succeeded: u64,
    /// Calls that ended with their own error.
    pub failed: u64,
    /// Calls that had not ended at their limit or deadline.
    pub timed_out: u64,
    /// Calls that the breaker refused.
    pub rejected: u64,
    /// Calls that the rate limiter refused.
    pub limited: u64,
    /// Calls that the load shedder refused.
    pub shed: u64,
    /// Calls that were dropped before they ended, or panicked.
    pub cancelled: u64,
    /// Calls that were served from the cache.
    pub cached: u64,
    /// Calls that were served by the default.
    pub defaulted: u64,
    /// Calls that another caller made in vain for all who wanted the same key.
    pub shared: u64,
    /// Attempts that reached the dependency: retries, and those that were cut off, included.
    pub attempts: u64,
    /// Waits for a further attempt.
    pub retries: u64,
    /// Panics of the observer that were caught.
    pub hook_panics: u64,
}

impl Counts {
    /// Calls that have ended, however they did.
    #[must_use]
    pub fn ended(&self) -> u64 {
        [
            self.succeeded,
            self.failed,
            self.timed_out,
            self.rejected,
            self.limited,
            self.shed,
            self.cancelled,
            self.cached,
            self.defaulted,
            self.shared,
        ]
        .iter()
        .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Calls that are under way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.calls.saturating_sub(self.ended())
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Calls,
    Succeeded,
    Failed,
    TimedOut,
    Rejected,
    Limited,
    Shed,
    Cancelled,
    Cached,
    Defaulted,
    Shared,
    Attempts,
    Retries,
    HookPanics,
}

const KINDS: usize = Kind::HookPanics as usize + 1;

/// Counters on lanes, inside the guard: `LANES` cache-padded rows, of which threads own one half and share the other.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::guard::Guard;
/// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
///
/// # futures::executor::block_on(async {
/// let guard = Guard::builder("orders").sleep(sleep).counted().build().unwrap();
/// let _ = guard.call(|| async { Ok::<_, ()>(1) }).await;
/// let _ = guard.call(|| async { Err::<(), _>("down") }).await;
/// let counts = guard.counts();
/// assert_eq!((counts.calls, counts.succeeded, counts.failed, counts.in_flight()), (2, 1, 1, 0));
/// # });
/// ```
#[derive(Debug)]
pub struct Counters<const LANES: usize = 8>(Tallies<KINDS, LANES>);

impl<const LANES: usize> Counters<LANES> {
    const_fn! {
        /// All at zero. `LANES` of zero does not compile.
        #[must_use]
        pub const fn new() -> Self {
            Self(Tallies::zero())
        }
    }

    pub(super) fn read(&self) -> Counts {
        let sum = |kind: Kind| self.0.sum(kind as usize);
        Counts {
            calls: sum(Kind::Calls),
            succeeded: sum(Kind::Succeeded),
            failed: sum(Kind::Failed),
            timed_out: sum(Kind::TimedOut),
            rejected: sum(Kind::Rejected),
            limited: sum(Kind::Limited),
            shed: sum(Kind::Shed),
            cancelled: sum(Kind::Cancelled),
            cached: sum(Kind::Cached),
            defaulted: sum(Kind::Defaulted),
            shared: sum(Kind::Shared),
            attempts: sum(Kind::Attempts),
            retries: sum(Kind::Retries),
            hook_panics: sum(Kind::HookPanics),
        }
    }
}

impl<const LANES: usize> Default for Counters<LANES> {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a guard counts: `()` does not, [`Counters`] do. Sealed.
pub trait Counting: sealed::Tell {}
impl Counting for () {}
impl<const LANES: usize> Counting for Counters<LANES> {}

pub(super) mod sealed {
    use super::{Counters, Kind};

    /// How counts are kept.
    pub trait Tell {
        fn add(&self, kind: Kind);
    }

    impl Tell for () {
        #[inline]
        fn add(&self, _: Kind) {}
    }

    impl<const LANES: usize> Tell for Counters<LANES> {
        #[inline]
        fn add(&self, kind: Kind) {
            self.0.add(kind as usize, 1);
        }
    }
}
