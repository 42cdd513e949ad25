//! Real threads at one cache and at one table.
//!
//! 1. Of all who ask for one key at once one makes the call, and all get what it brought; one after the other, for many keys.
//! 2. Where calls fail, are given up and come back, nobody waits for ever, nobody is left in flight, and the counts add up.
//! 3. A table never shows half of a value, or one of another key.

#![cfg(feature = "cache")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

use std::future::Future;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fusebox::fallback::{Counters, Freshness, LastGood, LastGoodTable, Missed};
use fusebox::time::StdClock;
use futures::executor::block_on;

const THREADS: u64 = 8;
const CALLS: u64 = if cfg!(debug_assertions) { 5_000 } else { 50_000 };
const HOUR: Duration = Duration::from_secs(3_600);

/// Lets others in between, twice.
fn yields() -> impl Future<Output = ()> {
    let mut left = 2;
    std::future::poll_fn(move |context| {
        left -= 1;
        std::thread::yield_now();
        context.waker().wake_by_ref();
        if left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
}

#[test]
fn of_all_who_ask_at_once_one_makes_the_call() {
    let rounds = CALLS / 10;
    let told = Freshness::of(100_000).fresh(HOUR).stale(HOUR).build().unwrap();
    let cache = LastGood::<u64, u64>::new(told).counted();
    let (calls, barrier) = (AtomicU64::new(0), Barrier::new(THREADS as usize));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (cache, calls, barrier) = (&cache, &calls, &barrier);
            scope.spawn(move || {
                for key in 0..rounds {
                    barrier.wait();
                    let ask = || {
                        calls.fetch_add(1, SeqCst);
                        key + 1
                    };
                    let served = if thread % 2 == 0 {
                        cache.serve_blocking(&key, HOUR, || Ok::<_, ()>(ask()))
                    } else {
                        block_on(cache.serve(&key, || async {
                            yields().await;
                            Ok::<_, ()>(ask())
                        }))
                    };
                    assert_eq!(served.unwrap().value, key + 1);
                }
            });
        }
    });
    assert_eq!(calls.into_inner(), rounds, "one call for each key");
    assert_eq!((cache.in_flight(), cache.counts().asked()), (0, rounds * THREADS));
}

#[test]
fn calls_that_fail_and_are_given_up_wedge_nobody() {
    let told = Freshness::of(64).stale(Duration::from_nanos(1)).build().unwrap();
    let cache = LastGood::<u64, u64, _, _, Counters>::with_parts(told, StdClock, (), Counters::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let cache = &cache;
            scope.spawn(move || {
                for round in 0..CALLS {
                    let key = round % 3;
                    let call = || async move {
                        yields().await;
                        if round % 2 == 0 { Ok(key) } else { Err("down") }
                    };
                    if (round + thread) % 4 == 0 {
                        // Given up after a look or two.
                        let mut asks = pin!(cache.serve(&key, call));
                        let mut context = Context::from_waker(Waker::noop());
                        for _ in 0..=round % 2 {
                            if asks.as_mut().poll(&mut context).is_ready() {
                                break;
                            }
                        }
                        continue;
                    }
                    match block_on(cache.serve(&key, call)) {
                        Ok(served) => assert_eq!(served.value, key),
                        Err(Missed::Failed(error)) => assert_eq!(error, "down"),
                        Err(_) => {}
                    }
                    if round % 100 == 0 {
                        cache.forget(&key);
                    }
                }
            });
        }
    });
    let counts = cache.counts();
    assert_eq!((cache.in_flight(), counts.asked()), (0, CALLS * THREADS), "{counts:?}");
    assert!(counts.cancelled > 0 && counts.missed > 0 && counts.live > 0, "{counts:?}");
}

#[test]
fn a_table_never_shows_half_of_a_value() {
    const WORDS: usize = 8;
    let told = Freshness::of(4).stale(HOUR).build().unwrap();
    let table = LastGoodTable::<4, WORDS>::new(told);
    let (seen, stored) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (table, seen, stored) = (&table, &seen, &stored);
            scope.spawn(move || {
                for round in 0..CALLS * 4 {
                    let key = round % 6;
                    if thread % 2 == 0 {
                        let value = (round * THREADS + thread) * 6 + key;
                        stored.fetch_add(table.put(key, [value; WORDS]).into(), SeqCst);
                    } else if let Some(held) = table.get(key) {
                        assert!(held.value.iter().all(|word| *word == held.value[0]), "{:?}", held.value);
                        assert_eq!(held.value[0] % 6, key, "of another key");
                        seen.fetch_add(1, SeqCst);
                    }
                }
            });
        }
    });
    assert!(seen.into_inner() > 0 && stored.into_inner() > 0);
}
