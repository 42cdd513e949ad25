//! Storms of real threads on the real clock: what a limiter admitted, as its callers saw it, is never more than it may.
//!
//! 1. In the whole run, and from any admission to any later one, there are no more cells than `burst + d / T`, where `d` goes
//!    from before the first was asked for to after the last was answered.
//! 2. Nothing is lost for good: who asks all the time gets what there is, or half of it at least.
//! 3. Each request is counted once: as admitted, as denied, or as one that never fits.
//! 4. Threads that ask for a new key at the same time find one quota.
//!
//! | file | question |
//! |---|---|
//! | `storm.rs` | what do the callers do |
//! | `record.rs` | what did they see, and what does it add up to |

#![cfg(feature = "std")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test may stop at what it did not expect, and its modules are nobody else's"
)]

#[path = "limiter_stress/record.rs"]
mod record;
#[path = "limiter_stress/storm.rs"]
mod storm;

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};

use fusebox::limiter::{Keyed, KeyedRateLimiter, Leases, Quota, RateLimiter};

use crate::storm::{THREADS, storm};

/// Ten a second and what is far more than can be asked for; with bursts that are gone at once, and some that last.
const QUOTAS: [(u32, u32); 5] =
    [(10, 5), (1_000, 100), (100_000, 10), (1_000_000, 1_000), (100_000_000, 100_000)];

/// Their intervals are whole nanoseconds.
fn quotas() -> impl Iterator<Item = Quota> {
    QUOTAS.into_iter().map(|(rate, burst)| Quota::per_second(rate).burst(burst).constant())
}

#[test]
fn a_strict_limiter_admits_no_more_than_it_may() {
    for quota in quotas() {
        let limiter = RateLimiter::new(quota).counted();
        let seen = storm(quota, |n| limiter.check_n(n));
        seen.check(&limiter.counts(), quota);
    }
}

#[test]
fn a_changing_limiter_that_is_changed_to_what_it_is_admits_no_more_than_it_may() {
    for quota in quotas() {
        let limiter = RateLimiter::adjustable(quota).unwrap().counted();
        let asked = AtomicU32::new(0);
        let seen = storm(quota, |n| {
            if asked.fetch_add(1, Ordering::Relaxed) % 64 == 0 {
                limiter.set_quota(quota).unwrap();
            }
            limiter.check_n(n)
        });
        seen.check(&limiter.counts(), quota);
    }
}

#[test]
fn a_leased_limiter_admits_no_more_than_it_may() {
    for quota in quotas() {
        let lease = (quota.burst() / 4).min(64);
        let limiter = RateLimiter::leased(quota, Leases::of(lease).shards(2)).unwrap().counted();
        let seen = storm(quota, |n| limiter.check_n(n));
        seen.check(&limiter.counts(), quota);
    }
}

#[test]
fn a_key_is_admitted_no_more_than_it_may() {
    for quota in quotas() {
        let limiter = KeyedRateLimiter::<str>::new(quota, 64).unwrap().counted();
        let seen = storm(quota, |n| limiter.check_n("key", n));
        seen.check(&limiter.counts(), quota);
        assert_eq!(limiter.keyed_counts().evictions, 0);
    }
}

#[test]
fn threads_that_first_ask_for_a_key_at_once_find_one_quota() {
    const BURST: u32 = 3;
    let keys = if cfg!(debug_assertions) { 2_000 } else { 20_000 };
    let limiter = Keyed::of(Quota::per_hour(1).burst(BURST).constant(), 40_000).build::<u32>().unwrap();
    let together = Barrier::new(THREADS);
    let admitted: Vec<AtomicU32> = (0..keys).map(|_| AtomicU32::new(0)).collect();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for (key, admitted) in (0..).zip(&admitted) {
                    if key % 16 == 0 {
                        together.wait();
                    }
                    let got = (0..BURST).filter(|_| limiter.check(&key).is_allowed()).count() as u32;
                    admitted.fetch_add(got, Ordering::Relaxed);
                }
            });
        }
    });
    let evictions = limiter.keyed_counts().evictions;
    let seen: Vec<u32> = admitted.iter().map(|admitted| admitted.load(Ordering::Relaxed)).collect();
    let over = seen.iter().filter(|seen| **seen > BURST).count() as u64;
    assert!(over <= evictions, "{over} keys got more than their burst, with {evictions} evictions");
    // Two keys in 65 536 of a bucket share a tag, and with it a quota.
    let under = seen.iter().filter(|seen| **seen < BURST).count();
    assert!(under <= keys as usize / 500, "{under} of {keys} keys got less than their burst");
}

#[test]
fn keys_that_crowd_a_small_table_start_afresh_only_by_evictions() {
    const BURST: u32 = 5;
    let rounds = if cfg!(debug_assertions) { 300 } else { 3_000 };
    let quota = Quota::per_hour(1).burst(BURST).constant();
    for round in 0..rounds {
        let limiter = Keyed::of(quota, 4).seed(round).build::<u64>().unwrap();
        let (together, admitted) = (Barrier::new(2), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for thread in 0..2_u64 {
                let (limiter, together, admitted) = (&limiter, &together, &admitted);
                scope.spawn(move || {
                    together.wait();
                    for asked in 0..60 {
                        let key = (asked * 7 + thread * 3) % 12;
                        let n = 1 + (asked % 2) as u32;
                        if limiter.check_n(&key, n).is_allowed() {
                            admitted.fetch_add(n, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let most = u64::from(BURST) * (12 + limiter.keyed_counts().evictions);
        let admitted = u64::from(admitted.load(Ordering::Relaxed));
        assert!(admitted <= most, "round {round}: {admitted} cells, where {most} may be");
    }
}
