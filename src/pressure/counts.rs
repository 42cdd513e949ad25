//! Counts that add up, for those who ask for them.

use crate::lanes::Tallies;
use crate::pressure::priority::Priority;
use crate::sync::const_fn;

/// What a shedder did so far: plain numbers, read as sums over the lanes.
///
/// Every request is one of `admitted`, `shed`, `late`, `left` and `closed`. Once all calls have ended, `admitted` over all priorities is `succeeded + overloaded + ignored + shadowed`; before, the
/// rest is in flight. While other threads are at work the sums may lag behind each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that got a slot, or were let through in shadow, by priority from `Background` to `Critical`.
    pub admitted: [u64; 5],
    /// Requests that were shed, by priority.
    pub shed: [u64; 5],
    /// Requests that waited in vain, by priority.
    pub late: [u64; 5],
    /// Requests that were given up while they waited, by priority.
    pub left: [u64; 5],
    /// Requests that met a closed shedder, by priority.
    pub closed: [u64; 5],
    /// Requests of those admitted that would have been refused, had the shedder not been in shadow.
    pub shadowed: u64,
    /// Calls that ended well.
    pub succeeded: u64,
    /// Calls that ended in overload.
    pub overloaded: u64,
    /// Calls whose permit was dropped without an outcome, or that said nothing.
    pub ignored: u64,
    /// Panics of the observer that were caught.
    pub hook_panics: u64,
}

impl Counts {
    /// How many of this priority were admitted.
    #[must_use]
    pub const fn admitted_of(&self, priority: Priority) -> u64 {
        of(&self.admitted, priority)
    }

    /// How many of this priority were shed.
    #[must_use]
    pub const fn shed_of(&self, priority: Priority) -> u64 {
        of(&self.shed, priority)
    }

    /// How many of this priority waited in vain.
    #[must_use]
    pub const fn late_of(&self, priority: Priority) -> u64 {
        of(&self.late, priority)
    }

    /// How many were admitted in all.
    #[must_use]
    pub fn admitted_in_all(&self) -> u64 {
        self.admitted.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many calls are in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        let ended = [self.succeeded, self.overloaded, self.ignored, self.shadowed];
        ended.iter().fold(self.admitted_in_all(), |left, count| left.saturating_sub(*count))
    }
}

const fn of(counts: &[u64; 5], priority: Priority) -> u64 {
    let [background, low, normal, high, critical] = *counts;
    match priority {
        Priority::Background => background,
        Priority::Low => low,
        Priority::Normal => normal,
        Priority::High => high,
        Priority::Critical => critical,
    }
}

/// Counters on lanes, inside the shedder: `LANES` cache-padded rows, of which threads own one half and share the other.
///
/// # Examples
/// ```
/// use fusebox::pressure::{Capacity, LoadShedder, Priority};
///
/// let shedder = LoadShedder::new(Capacity::of(1).constant()).counted();
/// let permit = shedder.admit(Priority::Critical).unwrap();
/// assert!(shedder.admit(Priority::Low).is_err());
/// permit.success();
/// let counts = shedder.counts();
/// assert_eq!((counts.admitted_of(Priority::Critical), counts.shed_of(Priority::Low), counts.succeeded), (1, 1, 1));
/// ```
#[derive(Debug)]
pub struct Counters<const LANES: usize = 8>(Tallies<KINDS, LANES>);

const EACH: usize = 5;
const SHED: usize = EACH;
const LATE: usize = SHED + EACH;
const LEFT: usize = LATE + EACH;
const CLOSED: usize = LEFT + EACH;
const OTHERS: usize = CLOSED + EACH;
const KINDS: usize = OTHERS + 5;

impl<const LANES: usize> Counters<LANES> {
    const_fn! {
        /// All at zero. `LANES` of zero does not compile.
        #[must_use]
        pub const fn new() -> Self {
            Self(Tallies::zero())
        }
    }

    pub(super) fn read(&self) -> Counts {
        let each = |first: usize| core::array::from_fn(|priority| self.0.sum(first + priority));
        let sum = |kind: Kind| self.0.sum(kind.place());
        Counts {
            admitted: each(0),
            shed: each(SHED),
            late: each(LATE),
            left: each(LEFT),
            closed: each(CLOSED),
            shadowed: sum(Kind::Shadowed),
            succeeded: sum(Kind::Succeeded),
            overloaded: sum(Kind::Overloaded),
            ignored: sum(Kind::Ignored),
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
    Admitted(Priority),
    Shed(Priority),
    Late(Priority),
    Left(Priority),
    Closed(Priority),
    Shadowed,
    Succeeded,
    Overloaded,
    Ignored,
    HookPanicked,
}

impl Kind {
    #[inline]
    const fn place(self) -> usize {
        match self {
            Self::Admitted(priority) => priority as usize,
            Self::Shed(priority) => SHED + priority as usize,
            Self::Late(priority) => LATE + priority as usize,
            Self::Left(priority) => LEFT + priority as usize,
            Self::Closed(priority) => CLOSED + priority as usize,
            Self::Shadowed => OTHERS,
            Self::Succeeded => OTHERS + 1,
            Self::Overloaded => OTHERS + 2,
            Self::Ignored => OTHERS + 3,
            Self::HookPanicked => OTHERS + 4,
        }
    }
}

/// Whether a shedder counts: `()` does not, [`Counters`] do. Sealed.
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
            self.0.add(kind.place(), 1);
        }
    }
}
