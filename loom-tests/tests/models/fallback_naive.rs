//! Single flight and the table as one would write them first, and the models that see them fail.

use std::sync::Arc;

use loom::sync::Notify;
use loom::sync::atomic::{
    AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use crate::harness::{at_once, both_at_once, model, model_within};

#[derive(Default)]
struct Naive {
    flying: AtomicU64,
    landed: AtomicU64,
    calls: AtomicU64,
    words: [AtomicU64; 2],
    version: AtomicU64,
}

#[test]
#[should_panic(expected = "one call")]
fn looking_and_then_setting_off_makes_two_calls() {
    model(|| {
        let naive = Arc::new(Naive::default());
        let fetch = |naive: &Arc<Naive>| {
            if naive.flying.load(Acquire) == 0 {
                naive.flying.store(1, Release);
                naive.calls.fetch_add(1, Relaxed);
            }
        };
        at_once(&naive, fetch, fetch, fetch);
        assert_eq!(naive.calls.load(Relaxed), 1, "one call");
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_follower_that_looks_before_it_listens_misses_the_landing() {
    model(|| {
        let shared = Arc::new((Naive::default(), Notify::new()));
        both_at_once(
            &shared,
            |shared| {
                let (naive, bell) = &**shared;
                naive.landed.store(1, Release);
                if naive.flying.load(Acquire) == 1 {
                    bell.notify();
                }
            },
            |shared| {
                let (naive, bell) = &**shared;
                if naive.landed.load(Acquire) == 0 {
                    naive.flying.store(1, Release);
                    bell.wait();
                }
            },
        );
    });
}

#[test]
#[should_panic(expected = "half of a value")]
fn a_version_that_is_looked_at_once_lets_half_of_a_value_through() {
    model_within(2, || {
        let naive = Arc::new(Naive::default());
        let write =
            |naive: &Arc<Naive>, value| naive.words.iter().for_each(|word| word.store(value, Release));
        at_once(
            &naive,
            move |naive| write(naive, 1),
            move |naive| write(naive, 2),
            |naive| {
                if naive.version.fetch_add(0, AcqRel) == 0 {
                    let [one, other] = naive.words.each_ref().map(|word| word.load(Acquire));
                    assert!(one == other, "half of a value");
                }
            },
        );
    });
}
