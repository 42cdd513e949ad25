//! 1. First calls of one key at the same time never admit more than its burst: a key has one quota at any time.
//! 2. That holds where they take different places for free, since their clocks differ, and over both buckets of a key.
//! 3. A key that is hit while another takes a place keeps its debt, unless it is evicted, which is counted.
//! 4. Whoever comes late to a new epoch empties nothing that was written in it.
//! 5. A claim that is left behind halfway stops nobody.
//!
//! With the private cfg a bucket has one slot: a key has two places, one in each bucket of a table of two.

use std::sync::Arc;

use fusebox::limiter::{Keyed, KeyedRateLimiter, OneTier, Quota, WhenFull};
use fusebox::time::{Instant, ManualClock};

use crate::harness::{at_once, both_at_once, model_within, ms};

type Limiter = KeyedRateLimiter<u64, OneTier, ManualClock>;

/// One cell an hour for each key, in two places.
fn limiter() -> Arc<Limiter> {
    Arc::new(keyed().build().unwrap().with_clock(ManualClock::new()))
}

fn keyed() -> Keyed {
    Keyed::of(Quota::per_hour(1).build().unwrap(), 8).seed(7)
}

fn took(limiter: &Arc<Limiter>, key: u64, now: Instant) -> u32 {
    u32::from(limiter.check_at(&key, now).is_allowed())
}

const HOUR: u64 = 3_600_000;

/// A key whose home is key 1's.
const AT_HOME: u64 = 2;
/// A key whose home is not.
const ELSEWHERE: u64 = 3;

#[test]
fn first_calls_of_one_key_at_once_admit_its_burst() {
    model_within(2, || {
        let limiter = limiter();
        let ask = |limiter: &Arc<Limiter>| took(limiter, 1, ms(1));
        let (one, two, three) = at_once(&limiter, ask, ask, ask);
        assert_eq!(one + two + three, 1);
        assert_eq!(limiter.keyed_counts().evictions, 0);
    });
}

/// The place at key 1's home is another key's, and free from one hour on: for whoever knows that it is that late.
fn free_for_some() -> Arc<Limiter> {
    let limiter = limiter();
    assert_eq!(took(&limiter, AT_HOME, ms(0)), 1);
    limiter
}

#[test]
fn first_calls_of_one_key_that_find_different_places_free_admit_its_burst() {
    model_within(3, || {
        let limiter = free_for_some();
        let (one, two) = both_at_once(
            &limiter,
            |limiter| took(limiter, 1, ms(HOUR - 1)),
            |limiter| took(limiter, 1, ms(HOUR)),
        );
        assert_eq!(one + two, 1);
    });
}

/// Both places are taken, and neither is free for key 1 at first: the one that is not at its home five milliseconds before the
/// one that is.
fn full_buckets() -> Arc<Limiter> {
    let limiter = limiter();
    assert_eq!(took(&limiter, AT_HOME, ms(10)) + took(&limiter, ELSEWHERE, ms(5)), 2);
    assert_eq!(limiter.keyed_counts().evictions, 0, "each has a place");
    limiter
}

#[test]
fn first_calls_of_one_key_to_full_buckets_admit_its_burst() {
    model_within(2, || {
        let (one, two) = both_at_once(
            &full_buckets(),
            |limiter| took(limiter, 1, ms(HOUR + 5)),
            |limiter| took(limiter, 1, ms(HOUR + 10)),
        );
        assert_eq!(one + two, 1);
    });
}

#[test]
fn a_key_that_is_hit_beside_a_newcomer_keeps_its_debt_or_is_evicted_and_counted() {
    model_within(3, || {
        let limiter = limiter();
        assert_eq!(took(&limiter, 1, ms(0)) + took(&limiter, 2, ms(1)), 2);
        // Both places are taken; the newcomer evicts the one that would recover sooner, which may come back.
        let (one, two) =
            both_at_once(&limiter, |limiter| took(limiter, 1, ms(2)), |limiter| took(limiter, 3, ms(2)));
        assert_eq!(two, 1, "a new key finds a place");
        let evictions = limiter.keyed_counts().evictions;
        assert!(evictions >= 1 && u64::from(one) <= evictions, "{one} by {evictions} evictions");
    });
}

#[test]
fn a_late_first_touch_of_an_epoch_frees_nobody() {
    model_within(3, || {
        let limiter = limiter();
        // Both find the bucket as it was ages ago, and one is held up on the way.
        let ages = ms(HOUR * 24 * 365);
        let (one, two) = both_at_once(
            &limiter,
            move |limiter| took(limiter, 1, ages),
            move |limiter| took(limiter, 1, ages),
        );
        let again = took(&limiter, 1, ages);
        assert_eq!((one + two, again), (1, 0));
    });
}

#[test]
fn a_full_table_that_denies_evicts_nobody() {
    model_within(2, || {
        let keyed = keyed().when_full(WhenFull::Deny);
        let limiter: Arc<Limiter> = Arc::new(keyed.build().unwrap().with_clock(ManualClock::new()));
        assert_eq!(took(&limiter, 1, ms(0)), 1);
        // One place for two newcomers.
        let (two, three) =
            both_at_once(&limiter, |limiter| took(limiter, 2, ms(0)), |limiter| took(limiter, 3, ms(0)));
        assert!(two + three <= 1, "{two} {three}");
        let again: u32 = (1..=3).map(|key| took(&limiter, key, ms(1))).sum();
        assert!(again <= 1 - (two + three), "each keeps its debt");
        assert_eq!(limiter.keyed_counts().evictions, 0);
    });
}

#[test]
fn a_key_that_recovers_beside_its_own_check_admits_once() {
    model_within(2, || {
        let limiter = limiter();
        assert_eq!(took(&limiter, 1, ms(0)) + took(&limiter, 2, ms(0)), 2);
        // Its place may go to the newcomer between its look and its swap.
        let (one, two) = both_at_once(
            &limiter,
            |limiter| took(limiter, 1, ms(HOUR)) + took(limiter, 1, ms(HOUR)),
            |limiter| took(limiter, 3, ms(HOUR)),
        );
        assert_eq!((one, two), (1, 1));
    });
}
