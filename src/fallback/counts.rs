//! Counts that add up, for those who ask for them.

use crate::lanes::Tallies;
use crate::sync::const_fn;

/// What a cache did so far: plain numbers, read as sums over the lanes.
///
/// Everybody who asked is one of `live`, `cached`, `missed`, `shared` and `cancelled`, once its call has ended. Every refresh in
/// the background that was begun is one of `refreshes`, `refresh_failures` and `refreshes_cancelled`, once it has ended.
/// While other threads are at work the sums may lag behind each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Asked, and served by the primary.
    pub live: u64,
    /// Asked, and served by a value that was held.
    pub cached: u64,
    /// Asked, and got the error of the own call.
    pub missed: u64,
    /// Asked, and got the failure of another's call.
    pub shared: u64,
    /// Asked, and given up before there was an answer; or the call panicked.
    pub cancelled: u64,
    /// Refreshes in the background that brought a value.
    pub refreshes: u64,
    /// Refreshes in the background that failed.
    pub refresh_failures: u64,
    /// Refreshes in the background that were dropped before they ended.
    pub refreshes_cancelled: u64,
    /// Panics of the observer that were caught.
    pub hook_panics: u64,
}

impl Counts {
    /// How many asked.
    #[must_use]
    pub fn asked(&self) -> u64 {
        let ended = [self.live, self.cached, self.missed, self.shared, self.cancelled];
        ended.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Counters on lanes, inside the cache: `LANES` cache-padded rows, of which threads own one half and share the other.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::fallback::{Freshness, LastGood};
///
/// let prices = LastGood::<String, u32>::new(Freshness::of(10).stale(Duration::from_secs(60)).build()?).counted();
/// let price = futures::executor::block_on(prices.serve("tea", || async { Ok::<_, &str>(3) }));
/// let again = futures::executor::block_on(prices.serve("tea", || async { Err("down") }));
/// let counts = prices.counts();
/// assert_eq!((counts.live, counts.cached, counts.asked()), (1, 1, 2));
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Debug)]
pub struct Counters<const LANES: usize = 8>(Tallies<KINDS, LANES>);

const KINDS: usize = 9;

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
            live: sum(Kind::Live),
            cached: sum(Kind::Cached),
            missed: sum(Kind::Missed),
            shared: sum(Kind::Shared),
            cancelled: sum(Kind::Cancelled),
            refreshes: sum(Kind::Refreshed),
            refresh_failures: sum(Kind::RefreshFailed),
            refreshes_cancelled: sum(Kind::RefreshCancelled),
            hook_panics: sum(Kind::HookPanicked),
        }
    }
}

impl<const LANES: usize> Default for Counters<LANES> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Live,
    Cached,
    Missed,
    Shared,
    Cancelled,
    Refreshed,
    RefreshFailed,
    RefreshCancelled,
    HookPanicked,
}

/// Whether a cache counts: `()` does not, [`Counters`] do. Sealed.
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
