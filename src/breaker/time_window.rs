//! The calls of the last while, counted in slices of time on lanes.
//!
//! A slice is 2^s nanoseconds, s the largest with 32 slices or more in the window. A slot of the ring belongs to one
//! slice at a time:
//!
//! ```text
//! ┌──────────────┬──────────────┬──────────────────────────┐
//! │ generation 16│ slice     12 │ count                 36 │   64 slots a lane, for all calls;
//! └──────────────┴──────────────┴──────────────────────────┘   64 shared ones for failed, 64 for slow calls
//! ```
//!
//! 1. `head` is the newest slice anybody was in. It never goes back: while a clock steps back, time stands still.
//! 2. Who moves `head` on first clears the slots of the slices it passes, so a slot's twelve bits are never a lap old,
//!    and nothing that was counted is cleared: nobody counts in a slice before `head` is there.
//! 3. A call counts itself before it marks itself, and sums read marks first: no rate is ever taken for too high.
//! 4. Two failures at once: both mark before a fence and sum after it, up to the `head` that then stands, so one at
//!    least sees both.
//! 5. With n slices in the window, a slice leaves when the n-th after it begins: up to a sixteenth of the window early,
//!    never late.

use alloc::boxed::Box;

use crate::bits::Field;
use crate::breaker::window::{Mark, Of, Sums};
use crate::breaker::word::Generation;
use crate::cell::{self, Cell, Meaning};
use crate::lanes::{self, CachePadded, Lane};

const COUNT: Field = Field::lowest(36);
const SLICE: Field = COUNT.above(12);
const STAMP: Field = SLICE.above(16);
const _: () = assert!(STAMP.end() == u64::BITS, "the fields tile the word");

// Loom reads every slot, and each is a schedule point: a small ring for it.
const RING: usize = if cfg!(fusebox_loom) { 4 } else { 64 };
const SLOTS: u64 = RING as u64;
/// The fewest slices a window is kept in.
const FEWEST: u64 = if cfg!(fusebox_loom) { 2 } else { 32 };

type Ring = [Cell; RING];

/// The memory of a window by time.
#[derive(Debug)]
pub(super) struct TimeWindow {
    head: CachePadded<Cell>,
    lanes: Box<[CachePadded<Ring>]>,
    failed: Box<Ring>,
    slow: Box<Ring>,
    /// A slice is `1 << shift` nanoseconds.
    shift: u32,
    /// How many slices the window holds, the current one included.
    slices: u64,
}

impl TimeWindow {
    pub(super) fn of(nanos: u64) -> Self {
        let shift = (nanos / FEWEST).checked_ilog2().unwrap_or(0);
        Self {
            head: CachePadded::new(Cell::fresh()),
            lanes: (0..lanes::for_this_machine()).map(|_| CachePadded::new(ring())).collect(),
            failed: Box::new(ring()),
            slow: Box::new(ring()),
            shift,
            slices: (nanos >> shift).max(1),
        }
    }

    #[inline]
    pub(super) fn success(&self, of: Of<'_>, now: u64) {
        self.count(of, self.slice(now));
    }

    pub(super) fn marked(&self, of: Of<'_>, now: u64, mark: Mark) -> Sums {
        let slice = self.slice(now);
        self.count(of, slice);
        for (ring, marked) in [(&self.failed, mark.failed), (&self.slow, mark.slow)] {
            if let (true, Some(slot)) = (marked, slot(ring, slice)) {
                slot.apply(|slot: Slot| (self.counted(slot, of, slice, 1), ()));
            }
        }
        // Pairs with the same fence of another failing thread. Whichever comes first, the other one's sum,
        // which comes after, sees its marks.
        // Loom: `two_failures_at_once_are_both_counted`.
        cell::full_fence();
        // At the head as it stands now: the other one may have moved it on.
        self.sums(of.generation, self.head.load())
    }

    #[inline]
    fn count(&self, of: Of<'_>, slice: u64) {
        let lane = lanes::mine(self.lanes.len());
        let (Lane::Owned(index) | Lane::Shared(index)) = lane;
        let Some(slot) = self.lanes.get(index).and_then(|ring| slot(ring, slice)) else {
            return;
        };
        match lane {
            Lane::Owned(_) => slot.apply_owned(|slot: Slot| self.counted(slot, of, slice, 1)),
            Lane::Shared(_) => slot.apply(|slot: Slot| (self.counted(slot, of, slice, 1), ())),
        }
    }

    /// The slice of `now`, or the newest one there was.
    #[inline]
    fn slice(&self, now: u64) -> u64 {
        // As `number`, in one register: the clock ends before the sum can wrap, but for a slice of one nanosecond.
        let (head, here) = (self.head.load(), (now >> self.shift).saturating_add(SLOTS));
        if here > head { self.move_on(here) } else { head }
    }

    /// A slot with `n` more calls of a slice, taken over from what it held before.
    #[inline]
    fn counted(&self, slot: Slot, of: Of<'_>, slice: u64, n: u64) -> Slot {
        if slot.is(of.generation, slice) {
            Slot { count: slot.count.saturating_add(n), ..slot }
        } else if of.lives() && !self.is_later(slot, slice) {
            Slot { generation: of.generation, slice, count: n }
        } else {
            slot
        }
    }

    /// Whether a slot was taken over by a later slice than that of somebody who was held up: one up to the head.
    #[cold]
    fn is_later(&self, slot: Slot, slice: u64) -> bool {
        let lead = SLICE.get(SLICE.put_wrapping(slot.slice.wrapping_sub(slice)));
        let ahead = self.head.load().saturating_sub(slice);
        ahead >= SLOTS || (1..=ahead).contains(&lead)
    }

    /// Clears the slots of the slices that are passed, and only then moves the head on.
    #[cold]
    fn move_on(&self, to: u64) -> u64 {
        let from = self.head.load();
        // Of many passed slices the last ones use every slot.
        for slice in (from + 1).max(to.saturating_sub(SLOTS - 1))..=to {
            let rings = self.lanes.iter().map(|lane| &**lane).chain([&*self.failed, &*self.slow]);
            rings.filter_map(|ring| slot(ring, slice)).for_each(|word| {
                // Nobody counts in a slice before the head is there; once it is, the slot was cleared, and may count.
                word.apply(|slot: Slot| {
                    (if self.head.load() >= slice { slot } else { Slot { slice, count: 0, ..slot } }, ())
                });
            });
        }
        self.head.apply(|Head(head)| (Head(head.max(to)), head.max(to)))
    }

    fn sums(&self, generation: Generation, slice: u64) -> Sums {
        let sum = |ring: &Ring| ring.iter().map(|word| self.held(word, generation, slice)).sum::<u64>();
        let (failures, slow) = (sum(&self.failed), sum(&self.slow));
        Sums { calls: lanes::in_use(&self.lanes).map(|lane| sum(lane)).sum(), failures, slow }
    }

    /// What a slot holds of the window that ends with `slice`.
    fn held(&self, word: &Cell, generation: Generation, slice: u64) -> u64 {
        let slot: Slot = word.view();
        let age = SLICE.get(SLICE.put_wrapping(slice.wrapping_sub(slot.slice)));
        if slot.generation == generation && age < self.slices { slot.count } else { 0 }
    }

    /// What each slice of the window holds, with the greatest age an outcome in it can have. Newest first.
    pub(super) fn slices(&self, generation: Generation, now: u64) -> alloc::vec::Vec<(u64, Sums)> {
        let newest = self.slice(now);
        let one = |ring: &Ring, slice: u64| {
            let word = slot(ring, slice).map(Cell::view::<Slot>);
            word.filter(|slot| slot.is(generation, slice)).map_or(0, |slot| slot.count)
        };
        let told = (0..self.slices).filter_map(|back| {
            let slice = newest.checked_sub(back)?;
            let calls = self.lanes.iter().map(|lane| one(lane, slice)).sum();
            let sums = Sums { calls, failures: one(&self.failed, slice), slow: one(&self.slow, slice) };
            (sums != Sums::default()).then_some((self.age(slice, newest, now), sums))
        });
        told.collect()
    }

    /// The time since `slice` began; while the clock stands before the newest slice, since then until that one began.
    fn age(&self, slice: u64, newest: u64, now: u64) -> u64 {
        let here = if self.number(now.into()) == Some(newest) { now & ((1 << self.shift) - 1) } else { 0 };
        ((newest - slice) << self.shift) + here
    }

    /// Fills the window of a generation that has just begun with slices of these ages.
    pub(super) fn fill(&self, of: Of<'_>, now: u64, slices: impl Iterator<Item = (u64, Sums)>) {
        let newest = self.slice(now);
        for (age, sums) in slices {
            let Some(slice) = self.number(i128::from(now) - i128::from(age)) else {
                continue;
            };
            if slice > newest || newest - slice >= self.slices {
                continue;
            }
            let shared = lanes::anybodys(&self.lanes).map(|lane| &**lane);
            let rings =
                [(shared, sums.calls), (Some(&*self.failed), sums.failures), (Some(&*self.slow), sums.slow)];
            for (ring, count) in rings {
                if let Some(word) = ring.and_then(|ring| slot(ring, slice)) {
                    word.apply(|slot: Slot| (self.counted(slot, of, slice, count), ()));
                }
            }
        }
    }

    /// The number of the slice an instant lies in. The clock's origin lies in slice 64, so that what a restored
    /// window remembers from before it has a number too.
    fn number(&self, nanos: i128) -> Option<u64> {
        u64::try_from((nanos >> self.shift) + i128::from(SLOTS)).ok()
    }
}

#[inline]
fn slot(ring: &Ring, slice: u64) -> Option<&Cell> {
    ring.get((slice % SLOTS) as usize)
}

fn ring() -> Ring {
    core::array::from_fn(|_| Cell::fresh())
}

/// The newest slice: a plain number.
#[derive(Clone, Copy, Debug)]
struct Head(u64);

impl Meaning for Head {
    fn encode(self) -> u64 {
        self.0
    }

    fn decode(word: u64) -> Self {
        Self(word)
    }
}

/// The calls of one slice.
#[derive(Clone, Copy, Debug)]
struct Slot {
    generation: Generation,
    slice: u64,
    count: u64,
}

impl Slot {
    #[inline]
    fn is(self, generation: Generation, slice: u64) -> bool {
        self.generation == generation && self.slice == SLICE.get(SLICE.put_wrapping(slice))
    }
}

impl Meaning for Slot {
    #[inline]
    fn encode(self) -> u64 {
        STAMP.put_wrapping(self.generation.0.into()) | SLICE.put_wrapping(self.slice) | COUNT.put(self.count)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "16 bits")]
    fn decode(word: u64) -> Self {
        Self {
            generation: Generation(STAMP.get(word) as u16),
            slice: SLICE.get(word),
            count: COUNT.get(word),
        }
    }
}

#[cfg(all(test, not(fusebox_loom)))]
mod tests {
    use super::TimeWindow;
    use crate::breaker::window::{Mark, Of, Sums};
    use crate::breaker::word::{Generation, View};
    use crate::cell::Cell;

    const ONE: Generation = Generation(1);

    /// A generation that is the breaker's.
    fn of(generation: Generation) -> Of<'static> {
        let word = Cell::fresh();
        word.apply(|view: View| (View { generation, ..view }, ()));
        Of::new(generation, Box::leak(Box::new(word)))
    }

    const FAILED: Mark = Mark { failed: true, slow: false };
    const SECOND: u64 = 1_000_000_000;

    fn sums(calls: u64, failures: u64) -> Sums {
        Sums { calls, failures, slow: 0 }
    }

    #[test]
    fn an_outcome_leaves_never_late_and_at_most_a_tenth_early() {
        for window in [1, 7, 19, 20, 21, 1_000, 10 * SECOND, 86_400 * SECOND, 3_000_000_007] {
            for start in [0, 1, 12_345_678_901, window / 3, u64::MAX / 2] {
                let memory = TimeWindow::of(window);
                memory.success(of(ONE), start);
                let held = |age: u64| memory.sums(ONE, memory.slice(start + age)).calls == 1;
                let early = window - window / 10;
                assert!(window < 32 || held(early - 1), "early: {window} ns from {start}");
                assert!(!held(window), "late: {window} ns from {start}");
            }
        }
    }

    #[test]
    fn time_stands_still_while_the_clock_steps_back() {
        let window = TimeWindow::of(10 * SECOND);
        window.marked(of(ONE), 100 * SECOND, FAILED);
        assert_eq!(window.marked(of(ONE), 5 * SECOND, FAILED), sums(2, 2));
        assert_eq!(window.marked(of(ONE), 200 * SECOND, FAILED), sums(1, 1));
    }

    #[test]
    fn slots_of_idle_lanes_do_not_come_back_after_a_lap_of_their_bits() {
        let window = TimeWindow::of(20);
        std::thread::scope(|scope| drop(scope.spawn(|| window.success(of(ONE), 0))));
        for now in 1..10_000 {
            window.success(of(ONE), now);
            assert!(window.sums(ONE, window.slice(now)).calls <= 21, "at {now}");
        }
    }

    #[test]
    fn a_jump_by_laps_of_a_slots_bits_leaves_an_empty_window() {
        for laps in [1, 2, 1 << 20] {
            let window = TimeWindow::of(20);
            window.marked(of(ONE), 5, FAILED);
            assert_eq!(window.marked(of(ONE), 5 + (laps << 12), FAILED), sums(1, 1), "{laps} laps");
        }
    }

    #[test]
    fn a_slot_untouched_for_half_the_generations_counts_all_the_same() {
        let window = TimeWindow::of(20);
        window.marked(of(ONE), 5, FAILED);
        assert_eq!(window.marked(of(Generation(ONE.0 + 40_000)), 5, FAILED), sums(1, 1));
    }

    #[test]
    fn a_jump_to_the_end_of_the_clock_leaves_an_empty_window() {
        let window = TimeWindow::of(10 * SECOND);
        window.success(of(ONE), 0);
        assert_eq!(window.marked(of(ONE), u64::MAX, FAILED), sums(1, 1));
    }

    #[test]
    fn what_was_told_of_a_window_fills_another() {
        let window = TimeWindow::of(10 * SECOND);
        for now in 0..9 {
            window.marked(of(ONE), now * SECOND, FAILED);
            window.success(of(ONE), now * SECOND);
        }
        let told = window.slices(ONE, 9 * SECOND);
        let other = TimeWindow::of(10 * SECOND);
        other.fill(of(Generation(4)), 0, told.into_iter());
        assert_eq!(
            other.marked(of(Generation(4)), 0, FAILED),
            sums(19, 10),
            "from before the clock's origin"
        );
        let later = other.marked(of(Generation(4)), 5 * SECOND, FAILED).failures;
        assert!((2 + 3..=2 + 4).contains(&later), "{later}");
    }
}
