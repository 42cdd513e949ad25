//! The protocols as one would write them first, each a few lines of its own, and the models that see them fail: so
//! that it is always seen that these models can. `../../weaken` does the same to the library itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Plain, Ordering::SeqCst};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{
    AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence,
};

use crate::harness::{at_once, both_at_once, model};

/// A word, and what the models count beside it.
#[derive(Default)]
struct Naive {
    word: AtomicU64,
    beside: AtomicU64,
    told: Plain,
}

impl Naive {
    fn at(word: u64) -> Arc<Self> {
        Arc::new(Self { word: AtomicU64::new(word), ..Self::default() })
    }
}

/// One failure short of opening: who makes it full tells of it.
fn last_failure_by_a_store(naive: &Arc<Naive>) {
    let failures = naive.word.load(Acquire);
    if failures < 2 {
        naive.word.store(failures + 1, Release);
        if failures + 1 == 2 {
            naive.told.fetch_add(1, SeqCst);
        }
    }
}

#[test]
#[should_panic(expected = "one recorder opens, and only one")]
fn a_store_instead_of_the_swap_opens_twice() {
    model(|| {
        let naive = Naive::at(1);
        both_at_once(&naive, last_failure_by_a_store, last_failure_by_a_store);
        assert_eq!(naive.told.load(SeqCst), 1, "one recorder opens, and only one");
    });
}

#[test]
#[should_panic(expected = "a row that some order explains")]
fn a_store_instead_of_the_swap_loses_a_failure() {
    model(|| {
        let naive = Naive::at(0);
        let fail = |naive: &Arc<Naive>| naive.word.store(naive.word.load(Acquire) + 1, Release);
        both_at_once(&naive, fail, fail);
        assert_eq!(naive.word.load(Acquire), 2, "a row that some order explains");
    });
}

#[test]
#[should_panic(expected = "more probes than the limit")]
fn a_limit_checked_outside_the_loop_is_exceeded() {
    model(|| {
        let naive = Naive::at(0);
        let probe = |naive: &Arc<Naive>| {
            // The check, and then the act.
            if naive.word.load(Acquire) < 1 {
                naive.word.fetch_add(1, AcqRel);
                assert_eq!(naive.told.fetch_add(1, SeqCst), 0, "more probes than the limit");
                naive.word.fetch_sub(1, AcqRel);
                naive.told.fetch_sub(1, SeqCst);
            }
        };
        at_once(&naive, probe, probe, probe);
    });
}

#[test]
#[should_panic(expected = "a late outcome changes nothing")]
fn an_outcome_without_a_generation_closes_what_it_does_not_know() {
    model(|| {
        // Closed; somebody's success is under way. Another one opens it meanwhile.
        let naive = Naive::at(0);
        let succeed = |naive: &Arc<Naive>| naive.word.store(0, Release);
        let open = |naive: &Arc<Naive>| naive.word.compare_exchange(0, 1, AcqRel, Acquire).is_ok();
        both_at_once(&naive, succeed, open);
        assert_eq!(naive.word.load(Acquire), 1, "a late outcome changes nothing");
    });
}

/// Opens: the word, and beside it when that ends. Tells whether somebody at 5 would be freed.
fn opening(open: fn(&Naive)) {
    model(move || {
        // The end of the opening before is 3.
        let naive = Naive::at(0);
        naive.beside.store(3, Relaxed);
        let ask = |naive: &Arc<Naive>| {
            if naive.word.load(Acquire) == 1 {
                assert!(5 < naive.beside.load(Acquire), "somebody was freed early");
            }
        };
        both_at_once(&naive, move |naive| open(naive), ask);
    });
}

#[test]
#[should_panic(expected = "somebody was freed early")]
fn an_end_published_after_the_swap_without_a_stamp_frees_somebody_early() {
    opening(|naive| {
        naive.word.store(1, Release);
        naive.beside.store(13, Release);
    });
}

#[test]
#[should_panic(expected = "somebody was freed early")]
fn a_relaxed_word_comes_before_what_was_published_with_it() {
    opening(|naive| {
        naive.beside.store(13, Relaxed);
        naive.word.store(1, Relaxed);
    });
}

#[test]
#[should_panic(expected = "its end is known")]
fn a_publisher_that_ignores_later_stamps_undoes_them() {
    model(|| {
        // A generation each; whoever wins it publishes its stamp.
        let naive = Naive::at(0);
        let change = |naive: &Arc<Naive>| {
            let won = naive.word.fetch_add(1, AcqRel) + 1;
            naive.beside.store(won, Release);
        };
        both_at_once(&naive, change, change);
        assert_eq!(naive.beside.load(Acquire), 2, "its end is known");
    });
}

/// Two mark and then sum: does one at least see both?
fn two_marks(between: fn()) {
    model(move || {
        let naive = Naive::at(0);
        let mine = move |naive: &Arc<Naive>| {
            naive.word.store(1, Release);
            between();
            naive.beside.load(Acquire) == 1
        };
        let theirs = move |naive: &Arc<Naive>| {
            naive.beside.store(1, Release);
            between();
            naive.word.load(Acquire) == 1
        };
        let (one, two) = both_at_once(&naive, mine, theirs);
        assert!(one || two, "neither saw the other's failure");
    });
}

#[test]
#[should_panic(expected = "neither saw the other's failure")]
fn without_a_fence_neither_of_two_failures_sees_the_other() {
    two_marks(|| {});
}

#[test]
fn with_a_fence_one_of_two_failures_sees_the_other() {
    two_marks(|| fence(SeqCst));
}

#[test]
#[should_panic(expected = "both were counted")]
fn a_shared_lane_written_as_if_it_were_owned_loses_a_count() {
    model(|| {
        let naive = Naive::at(0);
        let count = |naive: &Arc<Naive>| naive.word.store(naive.word.load(Relaxed) + 1, Relaxed);
        both_at_once(&naive, count, count);
        assert_eq!(naive.word.load(Relaxed), 2, "both were counted");
    });
}

#[test]
#[should_panic]
fn a_number_handed_over_relaxed_brings_nothing_of_what_was_written() {
    model(|| {
        let lane = Arc::new((AtomicU64::new(0), UnsafeCell::new(0)));
        let live = |lane: &Arc<(AtomicU64, UnsafeCell<u64>)>| {
            if lane.0.fetch_or(1, Relaxed) == 0 {
                // Loom fails the model when the last holder's write is not before this one.
                lane.1.with_mut(|_| ());
                lane.0.fetch_and(0, Relaxed);
            }
        };
        both_at_once(&lane, live, live);
    });
}
