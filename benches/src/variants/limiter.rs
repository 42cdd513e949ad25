//! Every operation of our limiters, each on one that goes on answering the same.

use std::{hint::black_box, time::Duration};

use fusebox::{
    limiter::{Event, Gcra, Keyed, KeyedRateLimiter, Leases, Quota, RateLimiter},
    observe::observe_with,
    time::{Clock, CoarseClock, StdClock},
};

use super::Measure;
use crate::{
    keys::{Sequence, Uniform, numbered},
    machine::cores,
    ours::limiter::LEASE,
};

/// One a nanosecond: more than any machine takes.
const GENEROUS: Quota = Quota::per_second(1_000_000_000).burst(4_000_000_000).constant();
/// Its interval is no whole number of nanoseconds, nor nearly: an instant lies between two units.
const UNEVEN: Quota = Quota::per_second(999_999_937).burst(4_000_000_000).constant();
/// One, and then none for an hour.
const SCARCE: Quota = Quota::per_hour(1).constant();
/// What each key has: its burst outlasts a run.
const EACH: Quota = Quota::per_second(10_000).burst(40_000_000).constant();
/// A key that took a cell is live for six seconds.
const EACH_OF_A_FLOOD: Quota = Quota::per_minute(10).burst(20).constant();

/// The operations of a limiter of one quota.
pub fn one_quota(measure: &mut impl Measure) {
    static COARSE: CoarseClock = CoarseClock::new();
    COARSE.refresh();
    let drained = || {
        let limiter = RateLimiter::new(SCARCE);
        assert!(limiter.check().is_allowed());
        limiter
    };

    measure.measure("strict/admit", RateLimiter::new(GENEROUS), |l, _| l.check());
    measure.measure("strict/admit/uneven", RateLimiter::new(UNEVEN), |l, _| l.check());
    measure.measure("strict/admit/counting", RateLimiter::new(GENEROUS).counted(), |l, _| l.check());
    measure.measure("strict/deny", drained(), |l, _| l.check());
    let observed = drained().with_observer(observe_with(notice));
    measure.measure("strict/deny/observed", observed, |l, _| l.check());
    measure.measure("strict/deny/retry_after", drained(), |l, _| l.check().retry_after());
    measure.measure("strict/peek", RateLimiter::new(GENEROUS), |l, _| l.peek().remaining());
    measure.measure("strict/reserve_refund", RateLimiter::new(GENEROUS), |l, _| {
        l.reserve(1, Duration::ZERO).map(|reserved| l.refund(reserved))
    });

    measure
        .measure("adjustable/admit", RateLimiter::adjustable(GENEROUS).expect("seconds"), |l, _| l.check());
    let drained = RateLimiter::adjustable(SCARCE).expect("hours");
    assert!(drained.check().is_allowed());
    measure.measure("adjustable/deny", drained, |l, _| l.check());

    // Nobody else keeps its clock here, and what it admits at one instant is no more than the burst.
    measure.measure("coarse/admit", RateLimiter::new(GENEROUS).with_clock(&COARSE), |l, index| {
        if index.is_multiple_of(1 << 20) {
            COARSE.refresh();
        }
        l.check()
    });
    let drained = RateLimiter::new(SCARCE).with_clock(&COARSE);
    assert!(drained.check().is_allowed());
    measure.measure("coarse/deny", drained, |l, _| l.check());

    let shards = u32::try_from(cores().clamp(2, 1_024)).unwrap_or(2);
    let leased = |quota| {
        RateLimiter::leased(quota, Leases::of(LEASE).shards(shards)).expect("leases within the burst")
    };
    measure.measure("leased/admit", leased(GENEROUS), |l, _| l.check());
    let drained = leased(Quota::per_hour(1).burst(100_000).constant());
    while drained.check().is_allowed() {}
    measure.measure("leased/deny", drained, |l, _| l.check());

    let state = || (std::sync::Mutex::new(Gcra::default()), GENEROUS);
    measure.measure("gcra/admit/mutex", state(), |(state, quota), _| {
        state.lock().map(|mut state| state.check_at(quota, 1, StdClock.now())).ok()
    });
}

/// The operations of a limiter with a quota for each key.
pub fn keyed(measure: &mut impl Measure) {
    for (name, keys) in [("hit/1k", 1_000), ("hit/100k", 100_000), ("hit/1m", 1_000_000)] {
        measure.measure(name, of_numbers(EACH, keys), move |l, index| l.check(&Uniform(keys).key(index)));
    }
    let counted = of_numbers(EACH, 1_000).counted();
    measure.measure("hit/1k/counting", counted, |l, index| l.check(&Uniform(1_000).key(index)));
    measure.measure("peek/1k", of_numbers(EACH, 1_000), |l, index| l.peek(&Uniform(1_000).key(index)));

    let named = KeyedRateLimiter::<str>::new(EACH, 1_000).expect("a valid quota");
    measure.measure("hit/str", named, |l, _| l.check(black_box("tenant-0042")));

    let tiers = Keyed::of(EACH, 1_000).tiers(&[EACH, SCARCE], |key: &u64| u8::from(*key == 0)).build();
    let tiers = tiers.expect("valid quotas");
    measure.measure("hit/1k/tiers", tiers, |l, index| l.check(&Uniform(1_000).key(index)));

    let drained = of_numbers(SCARCE, 1_000);
    measure.measure("deny/1k", drained, |l, index| l.check(&Uniform(1_000).key(index)));

    // A key that never was needs a clock reading of its own: the index begins anew with each sample.
    let flooded = of_numbers(EACH_OF_A_FLOOD, 100_000);
    measure.measure("flood/100k", flooded, |l, index| {
        l.check(&numbered(StdClock.now().as_nanos() ^ (index << 40)))
    });
}

/// A limiter with so many keys, each of which has taken a cell.
fn of_numbers(quota: Quota, keys: u32) -> KeyedRateLimiter<u64> {
    let limiter = KeyedRateLimiter::new(quota, keys as usize).expect("a valid quota");
    for number in 0..keys {
        assert!(limiter.check(&numbered(number.into())).is_allowed());
    }
    limiter
}

/// The cheapest observer there is: what is timed is the telling.
fn notice(event: &Event) {
    black_box(event);
}
