//! The last N calls: how many there were stands on lanes, which of them failed or were slow in a shared ring.
//!
//! A success only counts itself on its thread's lane. A failed or slow call counts itself too, takes the number of
//! all calls so far as its position, and sets its bits there:
//!
//! ```text
//! lane   ┌──────────────┬──────────────────────────────────┐
//!        │ generation 16│ calls                         48 │   one word a lane
//!        └──────────────┴──────────────────────────────────┘
//! page   ┌──────────────┬───────────┬──────────┬───────────┐
//!        │ generation 16│ lap    24 │ slow  12 │ failed 12 │   twelve positions a page
//!        └──────────────┴───────────┴──────────┴───────────┘
//! ```
//!
//! 1. A word of another generation counts as empty, so a new window starts empty and a late outcome changes nothing.
//! 2. Two calls that found the same position do not share it: the second one counts again, or takes a lower free one.
//! 3. Both set their bits before a fence and sum after it: of two failures at once, one at least sees both.
//! 4. On one lane the window is exactly the last N; over several it is that to within one call a lane.
//! 5. A page untouched for exactly 2^24 laps is taken for a fresh one: at most twelve marks too many, for one
//!    judgement in 2^24 laps of the ring.

use alloc::boxed::Box;

use crate::bits::Field;
use crate::breaker::window::{Mark, Of, Sums};
use crate::breaker::word::Generation;
use crate::cell::{self, Cell, Meaning};
use crate::lanes::{self, CachePadded, Lane};

const CALLS: Field = Field::lowest(48);
const LANE_STAMP: Field = CALLS.above(16);
const _: () = assert!(LANE_STAMP.end() == u64::BITS, "the fields tile the word");

const SLOTS: u64 = 12;
const FAILED: Field = Field::lowest(12);
const SLOW: Field = FAILED.above(12);
const LAP: Field = SLOW.above(24);
const PAGE_STAMP: Field = LAP.above(16);
const _: () = assert!(PAGE_STAMP.end() == u64::BITS, "the fields tile the word");
const _: () = assert!(FAILED.end() as u64 == SLOTS, "a bit a slot");

/// The memory of a window by count.
#[derive(Debug)]
pub(super) struct CountWindow {
    lanes: Box<[CachePadded<Cell>]>,
    pages: Box<[Cell]>,
    length: u64,
}

impl CountWindow {
    pub(super) fn of(calls: u32) -> Self {
        let length = u64::from(calls);
        // Two more than fit, for the oldest and the newest are rarely whole.
        let pages = length.div_ceil(SLOTS) + 1;
        Self {
            lanes: (0..lanes::for_this_machine()).map(|_| CachePadded::new(Cell::fresh())).collect(),
            pages: (0..pages).map(|_| Cell::fresh()).collect(),
            length,
        }
    }

    #[inline]
    pub(super) fn success(&self, of: Of<'_>) {
        let lane = lanes::mine(self.lanes.len());
        match lane {
            Lane::Owned(index) => {
                if let Some(word) = self.lanes.get(index) {
                    word.apply_owned(|tally: Tally| tally.more(of, 1));
                }
            }
            Lane::Shared(index) => {
                if let Some(word) = self.lanes.get(index) {
                    word.apply(|tally: Tally| (tally.more(of, 1), ()));
                }
            }
        }
    }

    pub(super) fn marked(&self, of: Of<'_>, mark: Mark) -> Sums {
        self.success(of);
        self.place(of, mark);
        // Pairs with the same fence of another failing thread. Whichever comes first, the other one's sum,
        // which comes after, sees its marks.
        // Loom: `two_failures_at_once_are_both_counted`.
        cell::full_fence();
        self.sums(of.generation)
    }

    /// Sets the bits of a call at the newest position that is free.
    fn place(&self, of: Of<'_>, mark: Mark) {
        let mut newest = self.calls(of.generation);
        let mut position = newest;
        while position > 0 && newest - position < self.length {
            if self.set(of, position, mark) == Set::Done {
                return;
            }
            // Who was there first counted itself before: look again, and else take the next lower one.
            let calls = self.calls(of.generation);
            position = if calls > newest { calls } else { position - 1 };
            newest = newest.max(calls);
        }
    }

    fn set(&self, of: Of<'_>, position: u64, mark: Mark) -> Set {
        let (page, lap, slot) = self.locate(position);
        let Some(word) = self.pages.get(page) else {
            return Set::Done;
        };
        word.apply(|page: Page| {
            page.set(of.generation, lap, slot, mark, || self.is_newer(of, page, position))
        })
    }

    /// Whether a page of other stamps is of a later generation or lap than who comes to mark this position: of a lap
    /// up to the newest one, since whoever marked there counted before.
    #[cold]
    fn is_newer(&self, of: Of<'_>, page: Page, position: u64) -> bool {
        if page.generation != of.generation {
            return !of.lives();
        }
        let lap = |position: u64| position / SLOTS / self.pages.len() as u64;
        let lead = LAP.get(LAP.put_wrapping(page.lap.wrapping_sub(lap(position))));
        lead >= 1 && lead <= lap(self.calls(of.generation)).saturating_sub(lap(position))
    }

    /// The page of a position, the lap it belongs to, and the slot on it.
    #[expect(clippy::cast_possible_truncation, reason = "less than the number of pages")]
    fn locate(&self, position: u64) -> (usize, u64, u64) {
        let (number, pages) = (position / SLOTS, self.pages.len() as u64);
        ((number % pages) as usize, LAP.get(LAP.put_wrapping(number / pages)), position % SLOTS)
    }

    fn calls(&self, generation: Generation) -> u64 {
        let of_generation = |word: &CachePadded<Cell>| word.view::<Tally>().of(generation);
        lanes::in_use(&self.lanes).map(of_generation).fold(0, u64::saturating_add)
    }

    pub(super) fn sums(&self, generation: Generation) -> Sums {
        let newest = self.calls(generation);
        let calls = newest.min(self.length);
        let mut sums = Sums { calls, ..Sums::default() };
        self.each_page(generation, newest, |page, first, last| {
            sums.failures += u64::from((page.failed & between(first, last)).count_ones());
            sums.slow += u64::from((page.slow & between(first, last)).count_ones());
        });
        sums
    }

    /// Visits the pages of the window that ends at position `newest`, with the first and last slot of it on each.
    fn each_page(&self, generation: Generation, newest: u64, mut visit: impl FnMut(Page, u64, u64)) {
        let oldest = newest.saturating_sub(self.length) + 1;
        for number in oldest / SLOTS..=newest / SLOTS {
            let (page, lap, _) = self.locate(number * SLOTS);
            let Some(page) = self.pages.get(page).map(Cell::view::<Page>) else {
                continue;
            };
            if page.generation == generation && page.lap == lap {
                let first = oldest.saturating_sub(number * SLOTS);
                let last = (newest - number * SLOTS).min(SLOTS - 1);
                visit(page, first, last);
            }
        }
    }

    /// The marks in the window, oldest first, each with how many calls came after it.
    pub(super) fn marks(&self, generation: Generation) -> (u64, alloc::vec::Vec<(u64, Mark)>) {
        let newest = self.calls(generation);
        let mut marks = alloc::vec::Vec::new();
        let oldest = newest.saturating_sub(self.length) + 1;
        for position in oldest..=newest {
            let (page, lap, slot) = self.locate(position);
            let page = self.pages.get(page).map(Cell::view::<Page>);
            let page = page.filter(|page| page.generation == generation && page.lap == lap);
            if let Some(mark) = page.and_then(|page| page.mark(slot)) {
                marks.push((newest - position, mark));
            }
        }
        (newest.min(self.length), marks)
    }

    /// Fills the window of a generation that has just begun.
    pub(super) fn fill(&self, of: Of<'_>, calls: u64, marks: &[(u64, bool, bool)]) {
        if let Some(shared) = lanes::anybodys(&self.lanes) {
            shared.apply(|tally: Tally| (tally.more(of, calls), ()));
        }
        for &(later, failed, slow) in marks {
            if let Some(position @ 1..) = calls.checked_sub(later) {
                let mark = Mark { failed, slow };
                // Where a call of the new generation was quicker, the mark goes to the next free position.
                if self.set(of, position, mark) == Set::Taken {
                    self.place(of, mark);
                }
            }
        }
    }
}

/// The calls on one lane.
#[derive(Clone, Copy, Debug)]
struct Tally {
    generation: Generation,
    calls: u64,
}

impl Tally {
    #[inline]
    fn more(self, of: Of<'_>, calls: u64) -> Self {
        if self.generation == of.generation {
            Self { calls: self.calls.saturating_add(calls), ..self }
        } else if of.lives() {
            Self { generation: of.generation, calls }
        } else {
            self
        }
    }

    fn of(self, generation: Generation) -> u64 {
        if self.generation == generation { self.calls } else { 0 }
    }
}

impl Meaning for Tally {
    #[inline]
    fn encode(self) -> u64 {
        LANE_STAMP.put_wrapping(self.generation.0.into()) | CALLS.put(self.calls)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "16 bits")]
    fn decode(word: u64) -> Self {
        Self { generation: Generation(LANE_STAMP.get(word) as u16), calls: CALLS.get(word) }
    }
}

/// Whether a mark found its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Done,
    Taken,
}

/// Twelve positions of the ring.
#[derive(Clone, Copy, Debug)]
struct Page {
    generation: Generation,
    lap: u64,
    slow: u64,
    failed: u64,
}

impl Page {
    fn set(
        self,
        generation: Generation,
        lap: u64,
        place: u64,
        mark: Mark,
        is_newer: impl Fn() -> bool,
    ) -> (Self, Set) {
        let (slow, failed) = (u64::from(mark.slow) << place, u64::from(mark.failed) << place);
        if self.generation == generation && self.lap == lap {
            if (self.failed | self.slow) >> place & 1 == 1 {
                return (self, Set::Taken);
            }
            return (Self { failed: self.failed | failed, slow: self.slow | slow, ..self }, Set::Done);
        }
        // A newer window, or one that has slid past this position: there is nothing to remember.
        (if is_newer() { self } else { Self { generation, lap, slow, failed } }, Set::Done)
    }

    fn mark(self, slot: u64) -> Option<Mark> {
        let mark = Mark { failed: self.failed >> slot & 1 == 1, slow: self.slow >> slot & 1 == 1 };
        (mark.failed || mark.slow).then_some(mark)
    }
}

/// The bits of the slots from `first` to `last`.
const fn between(first: u64, last: u64) -> u64 {
    (u64::MAX << first) & (u64::MAX >> (u64::BITS as u64 - 1 - last))
}

impl Meaning for Page {
    fn encode(self) -> u64 {
        PAGE_STAMP.put_wrapping(self.generation.0.into())
            | LAP.put(self.lap)
            | SLOW.put(self.slow)
            | FAILED.put(self.failed)
    }

    #[expect(clippy::cast_possible_truncation, reason = "16 bits")]
    fn decode(word: u64) -> Self {
        Self {
            generation: Generation(PAGE_STAMP.get(word) as u16),
            lap: LAP.get(word),
            slow: SLOW.get(word),
            failed: FAILED.get(word),
        }
    }
}

#[cfg(all(test, not(fusebox_loom)))]
mod tests {
    use super::CountWindow;
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

    /// A generation that is the breaker's no more.
    fn late() -> Of<'static> {
        Of { generation: ONE, ..of(Generation(2)) }
    }

    #[test]
    fn a_window_slides_over_its_length() {
        let window = CountWindow::of(10);
        window.marked(of(ONE), FAILED);
        for calls in 2..=10 {
            window.success(of(ONE));
            assert_eq!(window.sums(ONE), Sums { calls, failures: 1, slow: 0 });
        }
        window.success(of(ONE));
        assert_eq!(window.sums(ONE), Sums { calls: 10, failures: 0, slow: 0 });
    }

    #[test]
    fn every_length_and_lap_holds_exactly_its_last_calls() {
        for length in 1..=40 {
            let window = CountWindow::of(length);
            let mut model = std::collections::VecDeque::new();
            for call in 0..300_u32 {
                let mark = Mark { failed: call % 3 == 0, slow: call % 7 == 0 };
                if mark.failed || mark.slow {
                    window.marked(of(ONE), mark);
                } else {
                    window.success(of(ONE));
                }
                model.push_back(mark);
                if model.len() > length as usize {
                    model.pop_front();
                }
                let count = |of: fn(&Mark) -> bool| model.iter().filter(|mark| of(mark)).count() as u64;
                let expected = Sums {
                    calls: model.len() as u64,
                    failures: count(|m| m.failed),
                    slow: count(|m| m.slow),
                };
                assert_eq!(window.sums(ONE), expected, "length {length}, call {call}");
            }
        }
    }

    #[test]
    fn another_generation_starts_empty_and_a_late_outcome_changes_nothing() {
        let window = CountWindow::of(10);
        window.marked(of(ONE), FAILED);
        assert_eq!(window.sums(Generation(2)), Sums::default());
        window.success(of(Generation(2)));
        window.marked(late(), FAILED);
        assert_eq!(window.sums(Generation(2)), Sums { calls: 1, failures: 0, slow: 0 });
    }

    #[test]
    fn what_was_told_of_a_window_fills_another() {
        let window = CountWindow::of(10);
        for call in 0..25 {
            if call % 4 == 0 {
                window.marked(of(ONE), FAILED);
            } else {
                window.success(of(ONE));
            }
        }
        let (calls, marks) = window.marks(ONE);
        let other = CountWindow::of(10);
        let plain: Vec<_> = marks.iter().map(|(later, mark)| (*later, mark.failed, mark.slow)).collect();
        other.fill(of(Generation(9)), calls, &plain);
        assert_eq!(other.sums(Generation(9)), window.sums(ONE));
        assert_eq!(other.marks(Generation(9)), (calls, marks));
    }

    #[test]
    fn a_page_untouched_for_half_the_laps_of_its_bits_is_marked_all_the_same() {
        let window = CountWindow::of(10);
        window.fill(of(ONE), 201_400_000, &[]);
        assert_eq!(window.marked(of(ONE), FAILED).failures, 1);
    }

    #[test]
    fn a_lane_untouched_for_half_the_generations_counts_all_the_same() {
        let window = CountWindow::of(10);
        window.marked(of(ONE), FAILED);
        let later = Generation(ONE.0 + 40_000);
        assert_eq!(window.marked(of(later), FAILED), Sums { calls: 1, failures: 1, slow: 0 });
    }
}
