//! The last good value of each key in fixed memory: no allocation, no lock, nobody waits.
//!
//! A slot is a version, a key, an instant and the words of the value (`Versioned` of `cell.rs`). A key has its place in one of
//! a few neighbouring slots:
//!
//! | who | finds | does |
//! |---|---|---|
//! | reader | its key | takes the youngest, if it is not beyond stale |
//! | reader | a slot that is being written | passes it by: a miss, never half a value |
//! | writer | its key; else an empty slot, or one beyond stale; else the oldest | writes there |
//! | writer | that somebody else has begun to write there | gives up |
//!
//! Two who put one key at the same time may find different places. The youngest is read, and of equals the first, which is
//! also where the next one is put; the other grows old.

use core::fmt;
use core::time::Duration;

use crate::cell::{Version, Versioned};
use crate::fallback::policy::{Age, Freshness};
use crate::fallback::served::Held;
use crate::random;
use crate::sync::Shown;
use crate::time::{Clock, DEFAULT_CLOCK, DefaultClock, Instant};

/// In how many slots a key may stand.
const PROBES: usize = 4;

/// The last good values of some keys, of `WORDS` words each, in `SLOTS` slots: for targets without an allocator, and for
/// interrupts and signals, where nobody may wait.
///
/// It stores what it is given, and never asks anybody: put in what succeeded, and look it up when the call fails. The capacity
/// of its [`Freshness`] is `SLOTS`, whatever that says. Each key may stand in four slots; a new one takes the place of the
/// oldest there. Keys are spread by a fixed function: who lets strangers choose them lets them choose what is driven out.
///
/// A look costs up to four slots' versions and keys, and the words of one value; a put the same and one swap.
///
/// # Consistency
/// A look beside a put may miss, and never gets half of a value. A put beside a put into the same slot may be given up. A
/// writer that stops in the middle, and never goes on, loses its slot for ever, and no other.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::fallback::{Freshness, LastGoodTable};
///
/// const TOLD: Freshness = Freshness::of(32).stale(Duration::from_secs(600)).constant();
/// static READINGS: LastGoodTable<32, 2> = LastGoodTable::new(TOLD);
///
/// assert!(READINGS.put(7, [21, 40]));
/// assert_eq!(READINGS.get(7).unwrap().value, [21, 40]);
/// assert!(READINGS.get(8).is_none());
/// ```
pub struct LastGoodTable<const SLOTS: usize, const WORDS: usize, C = DefaultClock> {
    slots: [Slot<WORDS>; SLOTS],
    /// The latest instant: a clock that steps back stands still here.
    latest: Shown,
    told: Freshness,
    clock: C,
}

/// Key and instant, and the value.
type Slot<const WORDS: usize> = Versioned<2, WORDS>;

/// What a writer found in a slot.
#[derive(Clone, Copy)]
struct Place<'a, const WORDS: usize> {
    slot: &'a Slot<WORDS>,
    version: Version,
    /// How long ago it was written; for ever, where nothing is of use.
    age: u64,
}

impl<const SLOTS: usize, const WORDS: usize> LastGoodTable<SLOTS, WORDS> {
    crate::sync::const_fn! {
        /// An empty one, with the default clock. `SLOTS` of zero does not compile.
        #[must_use]
        pub const fn new(freshness: Freshness) -> Self {
            Self::with_parts(freshness, DEFAULT_CLOCK)
        }
    }
}

impl<const SLOTS: usize, const WORDS: usize, C> LastGoodTable<SLOTS, WORDS, C> {
    const SOME_SLOTS: () = assert!(SLOTS >= 1, "a table needs at least one slot");

    /// An empty one, with this clock.
    #[cfg(not(fusebox_loom))]
    pub const fn with_parts(freshness: Freshness, clock: C) -> Self {
        let () = Self::SOME_SLOTS;
        Self { slots: [const { Slot::fresh() }; SLOTS], latest: Shown::zero(), told: freshness, clock }
    }

    /// An empty one, with this clock.
    #[cfg(fusebox_loom)]
    pub fn with_parts(freshness: Freshness, clock: C) -> Self {
        let () = Self::SOME_SLOTS;
        let slots = core::array::from_fn(|_| Slot::fresh());
        Self { slots, latest: Shown::zero(), told: freshness, clock }
    }

    /// As [`get`](Self::get), at this instant.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::{Freshness, LastGoodTable};
    /// use fusebox::time::{Instant, NoClock};
    ///
    /// let told = Freshness::of(4).stale(Duration::from_nanos(10)).constant();
    /// let table = LastGoodTable::<4, 1, NoClock>::with_parts(told, NoClock);
    /// let at = Instant::from_nanos;
    /// table.put_at(1, [5], at(100));
    /// assert_eq!(table.get_at(1, at(110)).unwrap().age, Duration::from_nanos(10));
    /// assert!(table.get_at(1, at(111)).is_none(), "beyond the stale limit");
    /// assert!(table.get_at(1, at(100)).is_none(), "for good");
    /// ```
    #[must_use]
    pub fn get_at(&self, key: u64, now: Instant) -> Option<Held<[u64; WORDS]>> {
        let now = self.settled(now);
        let mut youngest = None;
        for slot in self.probed(key) {
            let Some((_, [held, since], value)) = slot.read() else { continue };
            let Some(age) = age(since, now).filter(|_| held == key) else { continue };
            if youngest.is_none_or(|(than, _)| age < than) {
                youngest = Some((age, value));
            }
        }
        let (age, value) = youngest?;
        let is_fresh = match self.told.judge(age) {
            Age::Fresh => true,
            Age::Stale => false,
            Age::Beyond => return None,
        };
        Some(Held { value, age: Duration::from_nanos(age), is_fresh })
    }

    /// As [`put`](Self::put), at this instant.
    pub fn put_at(&self, key: u64, value: [u64; WORDS], now: Instant) -> bool {
        let now = self.settled(now);
        let Some(place) = self.place(key, now) else { return false };
        place.slot.write(place.version, [key, since(now)], value)
    }

    /// Forgets a key; whether it is gone for sure: not while somebody else writes where it may stand.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::fallback::{Freshness, LastGoodTable};
    ///
    /// let table = LastGoodTable::<4, 1>::new(Freshness::of(4).stale(Duration::from_secs(9)).constant());
    /// table.put(3, [1]);
    /// assert!(table.forget(3) && table.get(3).is_none());
    /// ```
    pub fn forget(&self, key: u64) -> bool {
        let mut gone = true;
        for slot in self.probed(key) {
            gone &= match slot.read_head() {
                Some((version, [held, since])) if held == key && since > 0 => {
                    slot.write(version, [0, 0], [0; WORDS])
                }
                Some(_) => true,
                None => false,
            };
        }
        gone
    }

    /// Where to put a key: where it stands; else where nothing is, or nothing that is of use; else where the oldest is.
    fn place(&self, key: u64, now: u64) -> Option<Place<'_, WORDS>> {
        let mut best: Option<Place<'_, WORDS>> = None;
        for slot in self.probed(key) {
            let Some((version, [held, since])) = slot.read_head() else { continue };
            let age = age(since, now);
            if held == key && age.is_some() {
                return Some(Place { slot, version, age: u64::MAX });
            }
            // What is too old is as good as nothing: the first of those.
            let age = age.filter(|age| self.told.judge(*age) != Age::Beyond).unwrap_or(u64::MAX);
            if best.is_none_or(|best| age > best.age) {
                best = Some(Place { slot, version, age });
            }
        }
        best
    }

    /// The slots in which a key may stand, each once.
    fn probed(&self, key: u64) -> impl Iterator<Item = &Slot<WORDS>> {
        #[expect(clippy::cast_possible_truncation, reason = "a remainder by the number of slots")]
        let first = (random::number(0, key) % SLOTS.max(1) as u64) as usize;
        let (before, after) = self.slots.split_at_checked(first).unwrap_or((&[], &self.slots));
        after.iter().chain(before).take(PROBES)
    }

    /// The instant, or the latest that was seen.
    fn settled(&self, now: Instant) -> u64 {
        let (now, latest) = (now.as_nanos(), self.latest.get());
        if now > latest {
            self.latest.raise(now);
        }
        now.max(latest)
    }

    /// Its clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }
}

/// An instant as a slot remembers it: zero is none. The last one is remembered as the one before it.
const fn since(now: u64) -> u64 {
    now.saturating_add(1)
}

/// How long ago that was; nothing for none.
fn age(since: u64, now: u64) -> Option<u64> {
    since.checked_sub(1).map(|at| now.saturating_sub(at))
}

impl<const SLOTS: usize, const WORDS: usize, C: Clock> LastGoodTable<SLOTS, WORDS, C> {
    /// The value that is held, and how old it is, unless it is beyond its stale limit.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<Held<[u64; WORDS]>> {
        self.get_at(key, self.clock.now())
    }

    /// Stores a good value; whether it did: not while somebody else writes there.
    pub fn put(&self, key: u64, value: [u64; WORDS]) -> bool {
        self.put_at(key, value, self.clock.now())
    }
}

impl<const SLOTS: usize, const WORDS: usize, C> fmt::Debug for LastGoodTable<SLOTS, WORDS, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastGoodTable").field("told", &self.told).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use core::time::Duration;

    use super::LastGoodTable;
    use crate::fallback::policy::Freshness;
    use crate::time::{Instant, NoClock};

    const TOLD: Freshness = Freshness::of(4).stale(Duration::from_secs(60)).constant();

    fn at(seconds: u64) -> Instant {
        Instant::ORIGIN.saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn a_table_holds_what_was_put_last_and_drives_the_oldest_out() {
        let table = LastGoodTable::<4, 2, NoClock>::with_parts(TOLD, NoClock);
        for key in 0..4 {
            assert!(table.put_at(key, [key, key], at(key)));
        }
        assert!(table.put_at(2, [9, 9], at(4)), "its own place");
        assert!(table.put_at(7, [7, 7], at(5)));
        let held = [0, 1, 2, 3, 7].map(|key| table.get_at(key, at(5)).map(|held| held.value[0]));
        assert_eq!(held, [None, Some(1), Some(9), Some(3), Some(7)]);
        assert!(table.put_at(8, [8, 8], at(63)), "over one that is beyond stale");
        assert!(table.get_at(1, at(63)).is_none());
        assert_eq!(table.get_at(2, at(63)).unwrap().value, [9, 9]);
        assert!(table.forget(2) && table.get_at(2, at(63)).is_none());
        assert!(table.forget(99), "what is not there is gone");
    }

    #[test]
    fn a_clock_that_steps_back_stands_still() {
        let table = LastGoodTable::<4, 1, NoClock>::with_parts(TOLD, NoClock);
        assert!(table.put_at(1, [1], at(100)));
        assert!(table.get_at(1, at(161)).is_none() && table.get_at(1, at(120)).is_none());
    }

    #[test]
    fn the_ends_of_the_clock_are_instants_like_others() {
        let table = LastGoodTable::<1, 0, NoClock>::with_parts(TOLD, NoClock);
        assert!(table.get_at(0, Instant::ORIGIN).is_none(), "a key of zero is none while nothing was put");
        assert!(table.put_at(0, [], Instant::from_nanos(u64::MAX)));
        assert!(table.get_at(0, Instant::ORIGIN).unwrap().age <= Duration::from_nanos(1));
    }
}
