//! The limiters' hot paths, as the breaker's are in [`paths`](crate::paths). They are told the time: no clock is read.

use fusebox::{
    limiter::{Keyed, KeyedRateLimiter, Leased, Leases, Quota, RateLimiter},
    time::Instant,
};

use crate::paths::{TIMES, repeated};

/// When everything happens.
const NOW: Instant = Instant::from_nanos(1_000_000_000);

/// More than the paths take.
const GENEROUS: Quota = Quota::per_second(1_000_000).burst(1_000_000).constant();

/// Its interval is no whole number of nanoseconds: an instant lies between two units.
const UNEVEN: Quota = Quota::per_second(999_983).burst(1_000_000).constant();

/// As many cells a lease as the paths take: the centre is asked once at most.
const LEASES: Leases = Leases::of(4 * TIMES).shards(2);

/// How many keys the keyed paths ask about, in turn.
const KEYS: u64 = 10;

/// One quota, full.
#[must_use]
pub fn full() -> Box<RateLimiter> {
    Box::new(RateLimiter::new(GENEROUS))
}

/// One quota, full, in units between which instants lie.
#[must_use]
pub fn uneven() -> Box<RateLimiter> {
    Box::new(RateLimiter::new(UNEVEN))
}

/// One quota, empty for an hour.
#[must_use]
pub fn drained() -> Box<RateLimiter> {
    let limiter = RateLimiter::new(Quota::per_hour(1).constant());
    assert!(limiter.check_at(NOW).is_allowed());
    assert!(!limiter.check_at(NOW).is_allowed());
    Box::new(limiter)
}

/// A check.
#[inline]
pub fn check(limiter: &RateLimiter) {
    repeated(limiter, |limiter| limiter.check_at(NOW));
}

/// Leases of one quota, full.
#[must_use]
pub fn leased() -> Box<RateLimiter<Leased>> {
    Box::new(RateLimiter::leased(GENEROUS, LEASES).expect("leases within the burst"))
}

/// A check that finds its cell in the thread's lease.
#[inline]
pub fn check_leased(limiter: &RateLimiter<Leased>) {
    repeated(limiter, |limiter| limiter.check_at(NOW));
}

/// A quota for each of some keys, which all have taken a cell; under a secret that is the same in each run.
#[must_use]
pub fn keyed() -> Box<KeyedRateLimiter<u64>> {
    let limiter = Keyed::of(GENEROUS, 1_000).seed(7).build().expect("a valid quota");
    let admitted = (0..KEYS).filter(|key| limiter.check_at(key, NOW).is_allowed()).count() as u64;
    assert_eq!(admitted, KEYS);
    Box::new(limiter)
}

/// A check of a key that is known.
#[inline]
pub fn check_key(limiter: &KeyedRateLimiter<u64>) {
    for key in 0..KEYS {
        for _ in 0..u64::from(TIMES) / KEYS {
            std::hint::black_box(&std::hint::black_box(limiter).check_at(&std::hint::black_box(key), NOW));
        }
    }
}

/// A check of a key that comes for the first time to a table that is full of live ones.
#[inline]
pub fn check_new_key(limiter: &KeyedRateLimiter<u64>) {
    let first = limiter.keyed_counts().evictions;
    for key in 0..u64::from(TIMES) {
        let key = (first + 1) << 32 | key;
        std::hint::black_box(&std::hint::black_box(limiter).check_at(&std::hint::black_box(key), NOW));
    }
}

/// A table that a flood has filled: whoever comes now must evict somebody.
#[must_use]
pub fn flooded() -> Box<KeyedRateLimiter<u64>> {
    let limiter = Keyed::of(GENEROUS, 100).seed(7).build().expect("a valid quota");
    for key in 0..2_000_u64 {
        assert!(limiter.check_at(&!key, NOW).is_allowed());
    }
    assert!(limiter.keyed_counts().evictions > 1_000);
    Box::new(limiter)
}
