//! The shedder's protocols as one would write them first, and the models of `pressure.rs` that see them fail.
//!
//! Load, check, add: between the check and the addition anything may happen.

use std::sync::Arc;

use loom::sync::Notify;
use loom::sync::atomic::{
    AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use crate::harness::{at_once, both_at_once, model};

#[derive(Default)]
struct Naive {
    depth: AtomicU64,
    /// Of the slots taken those by Critical work.
    critical: AtomicU64,
    capacity: AtomicU64,
    closed: AtomicU64,
    inside: AtomicU64,
    listening: AtomicU64,
}

impl Naive {
    fn of(slots: u64) -> Arc<Self> {
        Arc::new(Self { capacity: AtomicU64::new(slots), ..Self::default() })
    }

    /// Whether it was let in. It stays.
    fn admit(&self) -> bool {
        let fits = self.closed.load(Acquire) == 0 && self.depth.load(Acquire) < self.capacity.load(Acquire);
        if fits {
            self.depth.fetch_add(1, AcqRel);
        }
        fits
    }

    fn visit(&self) {
        if self.admit() {
            let most = self.capacity.load(Relaxed);
            assert!(self.inside.fetch_add(1, Relaxed) < most, "the cap is exceeded");
            self.inside.fetch_sub(1, Relaxed);
            self.depth.fetch_sub(1, AcqRel);
        }
    }
}

fn slots_are_visited(slots: u64) {
    model(move || {
        let naive = Naive::of(slots);
        let visit = |naive: &Arc<Naive>| naive.visit();
        at_once(&naive, visit, visit, visit);
    });
}

#[test]
#[should_panic(expected = "the cap is exceeded")]
fn load_check_add_exceeds_a_cap_of_one() {
    slots_are_visited(1);
}

#[test]
#[should_panic(expected = "the cap is exceeded")]
fn load_check_add_exceeds_a_cap_of_two() {
    slots_are_visited(2);
}

#[test]
#[should_panic(expected = "critical exceeds the cap")]
fn slots_counted_by_priority_let_critical_exceed_the_cap() {
    model(|| {
        let naive = Naive::of(1);
        let taken = |naive: &Naive| naive.depth.load(Acquire) + naive.critical.load(Acquire);
        both_at_once(
            &naive,
            move |naive| {
                if taken(naive) < 1 {
                    naive.depth.fetch_add(1, AcqRel);
                }
            },
            move |naive| {
                if taken(naive) < 1 {
                    naive.critical.fetch_add(1, AcqRel);
                }
            },
        );
        assert!(taken(&naive) <= 1, "critical exceeds the cap");
    });
}

#[test]
#[should_panic(expected = "given back once")]
fn a_flag_that_is_looked_at_and_then_set_gives_back_twice() {
    model(|| {
        let naive = Naive::of(2);
        naive.depth.store(2, Release);
        // One permit that two would end; `closed` stands for "is over".
        let end = |naive: &Arc<Naive>| {
            if naive.closed.load(Acquire) == 0 {
                naive.closed.store(1, Release);
                naive.depth.fetch_sub(1, AcqRel);
            }
        };
        both_at_once(&naive, end, end);
        assert_eq!(naive.depth.load(Acquire), 1, "given back once");
    });
}

#[test]
#[should_panic(expected = "beyond the lowered capacity")]
fn a_capacity_beside_the_depth_lets_in_more_than_were_left() {
    model(|| {
        let naive = Naive::of(2);
        naive.depth.store(1, Release);
        let (let_in, taken) = both_at_once(
            &naive,
            |naive| naive.admit(),
            |naive| {
                naive.capacity.store(1, Release);
                // Lowered, with so many slots taken: nobody is let in until there are none.
                naive.depth.load(Acquire)
            },
        );
        assert!(!let_in || taken == 2, "beyond the lowered capacity");
    });
}

#[test]
#[should_panic(expected = "let in after the closing was seen to be drained")]
fn a_closing_beside_the_depth_is_drained_before_the_last_one_comes() {
    model(|| {
        let naive = Naive::of(2);
        let (let_in, drained) = both_at_once(
            &naive,
            |naive| naive.admit(),
            |naive| {
                naive.closed.store(1, Release);
                naive.depth.load(Acquire) == 0
            },
        );
        assert!(!(let_in && drained), "let in after the closing was seen to be drained");
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_drain_that_looks_before_it_listens_misses_the_last_release() {
    model(|| {
        let naive = Naive::of(1);
        naive.depth.store(1, Release);
        let shared = Arc::new((naive, Notify::new()));
        both_at_once(
            &shared,
            |shared| {
                shared.0.depth.fetch_sub(1, AcqRel);
                if shared.0.listening.load(Acquire) == 1 {
                    shared.1.notify();
                }
            },
            |shared| {
                if shared.0.depth.load(Acquire) > 0 {
                    shared.0.listening.store(1, Release);
                    shared.1.wait();
                }
            },
        );
    });
}
