//! 1. A thread number has one holder at a time.
//! 2. The next holder of a number sees all that the last one wrote.

use std::sync::Arc;

use fusebox::proof::Numbers;
use loom::cell::UnsafeCell;

use crate::harness::{at_once, model};

/// Numbers, and a lane beside each of the first three that only its holder may touch: loom says so if two do, or if
/// one does not see what the last one wrote.
struct Lanes {
    numbers: Numbers,
    lanes: [UnsafeCell<u64>; 3],
}

impl Lanes {
    fn none_taken() -> Arc<Self> {
        Arc::new(Self { numbers: Numbers::none_taken(), lanes: core::array::from_fn(|_| UnsafeCell::new(0)) })
    }

    /// Takes a number, counts on its lane as its owner does, gives it back; tells the count.
    fn live(&self) -> u64 {
        let number = self.numbers.take().expect("three threads, 64 numbers");
        // One load and one store, by nobody else.
        let count = self.lanes[number as usize].with_mut(bump);
        self.numbers.give_back(number);
        count
    }

    fn sum(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.with(read)).sum()
    }
}

#[expect(clippy::multiple_unsafe_ops_per_block, reason = "a count of a model's own")]
fn bump(lane: *mut u64) -> u64 {
    // SAFETY: loom's cell gives the pointer to one at a time, and fails the model otherwise.
    unsafe {
        *lane += 1;
        *lane
    }
}

fn read(lane: *const u64) -> u64 {
    // SAFETY: as in `bump`.
    unsafe { *lane }
}

#[test]
fn a_number_has_one_holder_and_is_handed_over_with_what_was_written() {
    model(|| {
        let lanes = Lanes::none_taken();
        at_once(&lanes, |lanes| lanes.live(), |lanes| lanes.live(), |lanes| lanes.live());
        assert_eq!(lanes.sum(), 3, "nothing was lost");
    });
}

#[test]
fn numbers_taken_at_once_are_different() {
    model(|| {
        let lanes = Lanes::none_taken();
        let take = |lanes: &Arc<Lanes>| lanes.numbers.take().unwrap();
        let (one, two, three) = at_once(&lanes, take, take, take);
        let mut taken = [one, two, three];
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2], "the lowest ones");
    });
}

#[test]
fn a_number_given_back_while_others_ask_is_held_by_one() {
    model(|| {
        let lanes = Lanes::none_taken();
        let mine = lanes.numbers.take().unwrap();
        lanes.lanes[mine as usize].with_mut(bump);
        let (_, one, two) = at_once(
            &lanes,
            move |lanes| lanes.numbers.give_back(mine),
            |lanes| {
                lanes
                    .numbers
                    .take()
                    .map(|number| (number, lanes.lanes[number as usize].with_mut(bump)))
                    .unwrap()
            },
            |lanes| {
                lanes
                    .numbers
                    .take()
                    .map(|number| (number, lanes.lanes[number as usize].with_mut(bump)))
                    .unwrap()
            },
        );
        assert_ne!(one.0, two.0);
        for (number, count) in [one, two] {
            assert_eq!(count, if number == mine { 2 } else { 1 });
        }
    });
}
