//! Counts that add up, for those who ask for them.

use crate::lanes::Tallies;
use crate::sync::const_fn;

/// What a limiter did so far: plain numbers, read as sums over the lanes.
///
/// Every check and every reservation is one of `admitted`, `denied` and `never_fits`. While other threads are at work the
/// sums may lag behind each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that got their cells, or were let through in shadow.
    pub admitted: u64,
    /// The cells they took.
    pub cells: u64,
    /// Requests that were denied.
    pub denied: u64,
    /// Requests for more cells than there ever are at once.
    pub never_fits: u64,
    /// Requests of those admitted that would have been refused, had the limiter not been in shadow.
    pub shadowed: u64,
    /// Whole cells given back by refunds.
    pub refunded: u64,
    /// Panics of the observer that were caught.
    pub hook_panics: u64,
}

/// Counters on lanes, inside the limiter: `LANES` cache-padded rows, of which threads own one half and share the other.
///
/// # Examples
/// ```
/// use fusebox::limiter::{Quota, RateLimiter};
///
/// let limiter = RateLimiter::new(Quota::per_hour(1).constant()).counted();
/// assert!(limiter.check().is_allowed());
/// assert!(!limiter.check().is_allowed());
/// let counts = limiter.counts();
/// assert_eq!((counts.admitted, counts.cells, counts.denied), (1, 1, 1));
/// ```
#[derive(Debug)]
pub struct Counters<const LANES: usize = 8>(Tallies<KINDS, LANES>);

const KINDS: usize = Kind::HookPanicked as usize + 1;

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
            admitted: sum(Kind::Admitted),
            cells: sum(Kind::Cells),
            denied: sum(Kind::Denied),
            never_fits: sum(Kind::NeverFits),
            shadowed: sum(Kind::Shadowed),
            refunded: sum(Kind::Refunded),
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
    Admitted,
    Cells,
    Denied,
    NeverFits,
    Shadowed,
    Refunded,
    HookPanicked,
}

/// Whether a limiter counts: `()` does not, [`Counters`] do. Sealed.
pub trait Counting: sealed::Tell {}
impl Counting for () {}
impl<const LANES: usize> Counting for Counters<LANES> {}

pub(super) mod sealed {
    use super::{Counters, Kind};

    /// How counts are kept.
    pub trait Tell {
        fn add(&self, kind: Kind, n: u64);
    }

    impl Tell for () {
        #[inline]
        fn add(&self, _: Kind, _: u64) {}
    }

    impl<const LANES: usize> Tell for Counters<LANES> {
        #[inline]
        fn add(&self, kind: Kind, n: u64) {
            self.0.add(kind as usize, n);
        }
    }
}
