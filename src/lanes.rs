//! Lanes: which cache line a thread writes, so that threads do not write each other's.
//!
//! A thread that lives is given the lowest free number, for as long as it lives; a number below the *owned* half of
//! an array of lanes owns the lane of that number, so that one load and one store count there, and nobody else's
//! write can be lost. All other threads share the other half by read-modify-write.
//!
//! 1. A number has one living thread. (`Numbers::take` wins its bit by one `fetch_or`.)
//! 2. A thread stops using its number before it gives it back: later destructors of that thread count in shared lanes.
//! 3. The next thread of that number sees all that the last one wrote (Release in `give_back`, Acquire in `take`).
//!
//! Without `std` nobody knows the thread, and all share.

pub(crate) use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, Ordering, const_fn};

/// What a thread may do in an array of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// It alone writes this lane.
    Owned(usize),
    /// Others write this lane too.
    Shared(usize),
}

/// The calling thread's lane among `lanes` of them (a power of two, or one).
#[inline]
pub(crate) fn mine(lanes: usize) -> Lane {
    let number = number();
    let owned = lanes / 2;
    if number < owned { Lane::Owned(number) } else { Lane::Shared(owned + number % (lanes - owned).max(1)) }
}

/// A number that threads at work at the same time seldom share: for spreading them, with no promise.
#[cfg(feature = "alloc")]
#[inline]
pub(crate) fn thread_number() -> usize {
    number()
}

/// Those of an array's lanes that any thread can have written so far: the rest need not be read.
#[inline]
pub(crate) fn in_use<T>(lanes: &[T]) -> impl Iterator<Item = &T> {
    let (owned, highest) = (lanes.len() / 2, highest());
    let shared = if highest > owned { lanes.len() } else { owned };
    lanes.iter().take(highest.min(owned)).chain(lanes.iter().take(shared).skip(owned))
}

/// A lane that anybody may write by read-modify-write, and that is read from now on.
#[cfg(feature = "alloc")]
pub(crate) fn anybodys<T>(lanes: &[T]) -> Option<&T> {
    #[cfg(all(feature = "std", not(fusebox_loom)))]
    living::somebody_shares();
    lanes.last()
}

/// How many lanes suit this machine: as many owned ones as it runs threads at once, and as many shared ones.
#[cfg(feature = "alloc")]
pub(crate) fn for_this_machine() -> usize {
    crate::sync::parallelism().next_power_of_two().clamp(1, 64) * 2
}

/// A word in a lane, written by `add` alone.
#[derive(Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    const_fn! {
        pub(crate) const fn zero() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    #[inline]
    pub(crate) fn add(&self, lane: Lane, n: u64) {
        // Relaxed: a count publishes nothing; whoever needs the exact sum has met the counting threads elsewhere
        // (joined them, say), and that orders these writes before the sum.
        match lane {
            Lane::Owned(_) => self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed),
            Lane::Shared(_) => {
                self.0.fetch_add(n, Ordering::Relaxed);
            }
        }
    }

    /// Adds one, where anybody may; tells what it is then.
    pub(crate) fn add_shared(&self) -> u64 {
        // Relaxed: as in `add`.
        self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: as in `add`.
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the count, where one thread at a time does (the winner of a transition).
    pub(crate) fn set(&self, n: u64) {
        // Relaxed: as in `add`.
        self.0.store(n, Ordering::Relaxed);
    }
}

/// A row of counts for each of `LANES` lanes, read as sums.
#[derive(Debug)]
pub(crate) struct Tallies<const KINDS: usize, const LANES: usize>([CachePadded<[Count; KINDS]>; LANES]);

impl<const KINDS: usize, const LANES: usize> Tallies<KINDS, LANES> {
    const SOME_LANES: () = assert!(LANES >= 1, "counters need at least one lane");

    #[cfg(not(fusebox_loom))]
    pub(crate) const fn zero() -> Self {
        let () = Self::SOME_LANES;
        Self([const { CachePadded::new([const { Count::zero() }; KINDS]) }; LANES])
    }

    #[cfg(fusebox_loom)]
    pub(crate) fn zero() -> Self {
        let () = Self::SOME_LANES;
        Self(core::array::from_fn(|_| CachePadded::new(core::array::from_fn(|_| Count::zero()))))
    }

    #[inline]
    pub(crate) fn add(&self, kind: usize, n: u64) {
        let lane = mine(LANES);
        let (Lane::Owned(index) | Lane::Shared(index)) = lane;
        if let Some(count) = self.0.get(index).and_then(|row| row.get(kind)) {
            count.add(lane, n);
        }
    }

    /// The sum over all lanes; exact once the counting threads have been met, otherwise it may lag.
    #[inline]
    pub(crate) fn sum(&self, kind: usize) -> u64 {
        self.fold(|row| row.get(kind).map_or(0, Count::get))
    }

    /// The sums of two kinds together, in one walk.
    #[inline]
    pub(crate) fn sum_of_both(&self, one: usize, other: usize) -> u64 {
        let count = |row: &[Count; KINDS], kind: usize| row.get(kind).map_or(0, Count::get);
        self.fold(|row| count(row, one).wrapping_add(count(row, other)))
    }

    #[inline]
    fn fold(&self, count: impl Fn(&[Count; KINDS]) -> u64) -> u64 {
        in_use(&self.0).fold(0, |sum, row| sum.wrapping_add(count(row)))
    }
}

#[cfg(all(feature = "std", not(fusebox_loom)))]
use living::{highest, number};

/// The numbers of the threads that live.
#[cfg(all(feature = "std", not(fusebox_loom)))]
mod living {
    use core::cell::Cell;

    use super::Numbers;
    use crate::sync::{AtomicU64, Ordering};

    static NUMBERS: Numbers = Numbers::none_taken();
    /// One more than the highest number that ever counted, for those who sum.
    static HIGHEST: AtomicU64 = AtomicU64::new(0);

    const NOT_YET: usize = usize::MAX;
    /// The thread is ending, and has given its number back.
    const ENDING: usize = usize::MAX - 1;
    /// Above every owned lane: from here on are the numbers of those who own nothing, and need not be different.
    const OWNS_NOTHING: usize = Numbers::MOST;
    /// How many came when all numbers were taken.
    static STRANGERS: AtomicU64 = AtomicU64::new(0);

    std::thread_local! {
        // No destructor, so that a reading is one load and works while the thread ends.
        static NUMBER: Cell<usize> = const { Cell::new(NOT_YET) };
        static HELD: Held = const { Held(Cell::new(None)) };
    }

    struct Held(Cell<Option<u32>>);

    impl Drop for Held {
        fn drop(&mut self) {
            NUMBER.set(ENDING);
            if let Some(number) = self.0.take() {
                NUMBERS.give_back(number);
            }
        }
    }

    #[inline]
    pub(super) fn number() -> usize {
        let number = NUMBER.get();
        if number >= ENDING { first_use() } else { number }
    }

    #[cold]
    fn first_use() -> usize {
        let taken = if NUMBER.get() == NOT_YET { NUMBERS.take() } else { None };
        // Without a destructor to give it back (the thread is ending), the number is not for this thread.
        let held = taken.filter(|number| HELD.try_with(|held| held.0.set(Some(*number))).is_ok());
        if let (Some(number), None) = (taken, held) {
            NUMBERS.give_back(number);
        }
        let number = held.map_or_else(stranger, |number| number as usize);
        // Release: pairs with the Acquire in `highest`.
        HIGHEST.fetch_max(number as u64 + 1, Ordering::Release);
        NUMBER.set(number);
        number
    }

    /// A number of its own no more, but spread over the shared lanes.
    #[expect(clippy::cast_possible_truncation, reason = "less than 64")]
    fn stranger() -> usize {
        // Relaxed: any number does.
        OWNS_NOTHING + (STRANGERS.fetch_add(1, Ordering::Relaxed) % OWNS_NOTHING as u64) as usize
    }

    /// Shared lanes are written from now on.
    pub(super) fn somebody_shares() {
        // Release: pairs with the Acquire in `highest`.
        HIGHEST.fetch_max(OWNS_NOTHING as u64 + 1, Ordering::Release);
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "at most 128")]
    pub(super) fn highest() -> usize {
        // Acquire: pairs with the Release in `first_use`; a thread whose counts must be seen was met, and so was this.
        HIGHEST.load(Ordering::Acquire) as usize
    }
}

/// Loom's threads have numbers already, the same ones in every run of a model.
#[cfg(fusebox_loom)]
fn number() -> usize {
    let id = std::format!("{:?}", loom::thread::current().id());
    id.chars()
        .filter(char::is_ascii_digit)
        .fold(0, |n, digit| n * 10 + digit.to_digit(10).unwrap_or(0) as usize)
}

#[cfg(fusebox_loom)]
fn highest() -> usize {
    usize::MAX
}

#[cfg(not(any(feature = "std", fusebox_loom)))]
fn number() -> usize {
    usize::MAX
}

#[cfg(not(any(feature = "std", fusebox_loom)))]
fn highest() -> usize {
    usize::MAX
}

/// The numbers 0 to 63, each held by at most one.
#[cfg(any(test, feature = "std", fusebox_loom, fusebox_fuzz))]
#[derive(Debug)]
pub struct Numbers(AtomicU64);

#[cfg(any(test, feature = "std", fusebox_loom, fusebox_fuzz))]
impl Numbers {
    #[cfg(not(fusebox_loom))]
    const MOST: usize = u64::BITS as usize;

    const_fn! {
        /// All are free.
        pub const fn none_taken() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Takes the lowest free number; nothing if none is free.
    pub fn take(&self) -> Option<u32> {
        // Relaxed: only a hint where to try.
        let mut seen = self.0.load(Ordering::Relaxed);
        while seen != u64::MAX {
            let number = seen.trailing_ones();
            // Acquire: pairs with the Release in `give_back`: the next holder sees what the last one wrote.
            seen = self.0.fetch_or(1 << number, Ordering::Acquire);
            if seen & (1 << number) == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Gives a number back. Its holder has stopped using it.
    pub fn give_back(&self, number: u32) {
        // Release: pairs with the Acquire in `take`.
        self.0.fetch_and(!(1 << number), Ordering::Release);
    }
}

#[cfg(all(test, not(fusebox_loom)))]
mod tests {
    use super::{Lane, Numbers, Tallies, mine};

    #[test]
    fn numbers_are_given_lowest_first_and_once() {
        let numbers = Numbers::none_taken();
        assert_eq!(
            (0..64).map(|_| numbers.take()).collect::<Vec<_>>(),
            (0..64).map(Some).collect::<Vec<_>>()
        );
        assert_eq!(numbers.take(), None);
        numbers.give_back(17);
        assert_eq!(numbers.take(), Some(17));
    }

    #[test]
    fn sums_over_many_short_threads_lose_nothing() {
        let tallies = Tallies::<2, 8>::zero();
        for _ in 0..20 {
            std::thread::scope(|scope| {
                for _ in 0..12 {
                    scope.spawn(|| (0..100).for_each(|_| tallies.add(1, 1)));
                }
            });
        }
        assert_eq!((tallies.sum(0), tallies.sum(1)), (0, 24_000));
    }

    #[test]
    fn one_lane_is_shared_by_all() {
        assert_eq!(mine(1), Lane::Shared(0));
    }
}
