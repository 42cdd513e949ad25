//! Counts that add up, for those who ask for them.

use crate::lanes::{Count, Tallies};
use crate::sync::const_fn;

/// What a breaker did so far: plain numbers, read as sums over the lanes.
///
/// At every quiet moment `admitted = succeeded + failed() + ignored + cancelled + late + bypassed + shadowed +
/// in flight`; while other threads are at work the sums may lag behind each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Calls let through: every permit there was.
    pub admitted: u64,
    /// Outcomes: successes.
    pub succeeded: u64,
    /// Failures of kind `Error`.
    pub errors: u64,
    /// Failures of kind `Slow`.
    pub slow: u64,
    /// Failures of kind `Timeout`.
    pub timeouts: u64,
    /// Failures of kind `Panic`.
    pub panics: u64,
    /// Outcomes that say nothing about the dependency.
    pub ignored: u64,
    /// Permits dropped without an outcome.
    pub cancelled: u64,
    /// Outcomes that came after their generation had ended; they changed nothing.
    pub late: u64,
    /// Calls let through while disabled.
    pub bypassed: u64,
    /// Calls let through in shadow that would have been rejected.
    pub shadowed: u64,
    /// Calls rejected.
    pub rejected: u64,
    /// Calls that would have been rejected, had the breaker not been in shadow.
    pub would_reject: u64,
    /// Rejections since the latest opening, those of a shadow included. Exact on one thread; it may lag behind other threads.
    pub rejected_since_open: u64,
    /// Errors in the middle of a stream whose first item had been recorded. They are failures beside the calls.
    pub late_stream_failures: u64,
    /// Panics of the observer that were caught.
    pub hook_panics: u64,
}

impl Counts {
    /// Failures of all kinds.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.errors + self.slow + self.timeouts + self.panics
    }

    /// Permits that are out.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        let ended = self.succeeded
            + self.failed()
            + self.ignored
            + self.cancelled
            + self.late
            + self.bypassed
            + self.shadowed;
        self.admitted.saturating_sub(ended)
    }
}

/// Counters on lanes, inside the breaker: `LANES` cache-padded rows, of which threads own one half and share the other.
///
/// # Examples
/// ```
/// use fusebox::breaker::{CircuitBreaker, Counters, Policy};
/// use fusebox::time::StdClock;
///
/// static COUNTED: CircuitBreaker<Policy, StdClock, (), Counters> = CircuitBreaker::with_parts(
///     Policy::consecutive_failures(5).constant(), StdClock, (), Counters::new());
///
/// let _ = COUNTED.call(|| Ok::<_, ()>(1));
/// let _ = COUNTED.call(|| Err::<(), _>("down"));
/// let counts = COUNTED.counts();
/// assert_eq!((counts.admitted, counts.succeeded, counts.errors), (2, 1, 1));
/// ```
#[derive(Debug)]
pub struct Counters<const LANES: usize = 8> {
    tallies: Tallies<KINDS, LANES>,
    /// All rejections there were at the latest opening.
    rejected_at_opening: Count,
}

const KINDS: usize = Kind::HookPanicked as usize + 1;

impl<const LANES: usize> Counters<LANES> {
    const_fn! {
        /// All at zero. `LANES` of zero does not compile.
        #[must_use]
        pub const fn new() -> Self {
            Self { tallies: Tallies::zero(), rejected_at_opening: Count::zero() }
        }
    }

    fn rejected_since_open(&self) -> u64 {
        self.all_rejections().saturating_sub(self.rejected_at_opening.get())
    }

    #[inline]
    fn all_rejections(&self) -> u64 {
        self.tallies.sum_of_both(Kind::Rejected as usize, Kind::WouldReject as usize)
    }

    pub(super) fn read(&self) -> Counts {
        let sum = |kind: Kind| self.tallies.sum(kind as usize);
        Counts {
            succeeded: sum(Kind::Succeeded),
            errors: sum(Kind::Error),
            slow: sum(Kind::Slow),
            timeouts: sum(Kind::Timeout),
            panics: sum(Kind::Panic),
            ignored: sum(Kind::Ignored),
            cancelled: sum(Kind::Cancelled),
            late: sum(Kind::Late),
            bypassed: sum(Kind::Bypassed),
            shadowed: sum(Kind::Shadowed),
            rejected: sum(Kind::Rejected),
            would_reject: sum(Kind::WouldReject),
            rejected_since_open: self.rejected_since_open(),
            late_stream_failures: sum(Kind::LateStreamFailure),
            hook_panics: sum(Kind::HookPanicked),
            // Last, so that no outcome is seen without its admission.
            admitted: sum(Kind::Admitted),
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
    Rejected,
    WouldReject,
    Succeeded,
    Error,
    Slow,
    Timeout,
    Panic,
    Ignored,
    Cancelled,
    Late,
    Bypassed,
    Shadowed,
    LateStreamFailure,
    HookPanicked,
}

/// Whether a breaker counts: `()` does not, [`Counters`] do. Sealed.
pub trait Counting: sealed::Tell {}
impl Counting for () {}
impl<const LANES: usize> Counting for Counters<LANES> {}

pub(super) mod sealed {
    use super::{Counters, Kind};

    /// How counts are kept.
    pub trait Tell {
        fn add(&self, kind: Kind);

        /// Counts a rejection, of a shadow or not; tells how many there were since the latest opening, this one included.
        fn reject(&self, kind: Kind) -> Option<u64>;

        /// The breaker has opened: rejections are counted from here.
        fn opened(&self);

        /// Rejections since the latest opening, if they are counted.
        fn rejected_since_open(&self) -> Option<u64>;
    }

    impl Tell for () {
        #[inline]
        fn add(&self, _: Kind) {}
        #[inline]
        fn reject(&self, _: Kind) -> Option<u64> {
            None
        }
        #[inline]
        fn opened(&self) {}
        fn rejected_since_open(&self) -> Option<u64> {
            None
        }
    }

    impl<const LANES: usize> Tell for Counters<LANES> {
        #[inline]
        fn add(&self, kind: Kind) {
            self.tallies.add(kind as usize, 1);
        }

        #[inline]
        fn reject(&self, kind: Kind) -> Option<u64> {
            self.add(kind);
            Some(Counters::rejected_since_open(self))
        }

        fn opened(&self) {
            self.rejected_at_opening.set(self.all_rejections());
        }

        fn rejected_since_open(&self) -> Option<u64> {
            Some(Counters::rejected_since_open(self))
        }
    }
}
