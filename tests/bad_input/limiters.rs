//! The limiters' constructors, and the ends of the clock.

use core::time::Duration;

use fusebox::limiter::{
    Gcra, IpKey, IpKeys, Keyed, KeyedRateLimiter, Leases, Quota, QuotaBuilder, RateLimiter, Refused, WhenFull,
};
use fusebox::time::Instant;
use fusebox::{InvalidPolicy, Value};

use super::{NANO, SECOND, TEN_YEARS, refused};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
const END: Instant = Instant::from_nanos(u64::MAX);

fn told(rate: u32, period: Duration, burst: u32) -> QuotaBuilder {
    Quota::with_period(rate, period).burst(burst)
}

#[test]
fn a_rate_of_nothing_is_refused() {
    for period in [NANO, SECOND, YEAR] {
        refused(told(0, period, 1).build(), "rate", Value::Count(0), "1 at least");
    }
    for builder in [Quota::per_second(0), Quota::per_minute(0), Quota::per_hour(0), Quota::per_day(0)] {
        refused(builder.build(), "rate", Value::Count(0), "1 at least");
    }
}

#[test]
fn a_rate_over_one_a_nanosecond_is_refused() {
    let over = 1_000_000_001;
    refused(Quota::per_second(over).build(), "rate", Value::Count(over.into()), "one cell a nanosecond");
    refused(told(2, NANO, 1).build(), "rate", Value::Count(2), "one cell a nanosecond");
    let most = Value::Count(u32::MAX.into());
    refused(told(u32::MAX, SECOND, 1).build(), "rate", most, "one cell a nanosecond");
    assert!(Quota::per_second(over - 1).burst(1).build().is_ok());
    assert!(Quota::per_minute(u32::MAX).build().is_ok());
    assert!(told(1, NANO, u32::MAX).build().is_ok());
}

#[test]
fn a_period_of_nothing_or_beyond_the_clock_is_refused() {
    for period in [Duration::ZERO, Duration::from_nanos(u64::MAX), Duration::MAX] {
        refused(told(1, period, 1).build(), "period", Value::Duration(period), "from 1 ns");
    }
    for period in [NANO, TEN_YEARS, Duration::from_nanos(u64::MAX - 1)] {
        assert!(told(1, period, 1).build().is_ok(), "{period:?}");
    }
}

#[test]
fn a_burst_of_nothing_or_beyond_the_clock_is_refused() {
    refused(told(1, SECOND, 0).build(), "burst", Value::Count(0), "1 at least");
    // One a year: 584 of them fit the clock; of 16 in 15 years, whose interval has sixteenths, 36 years.
    assert!(told(1, YEAR, 584).build().is_ok());
    refused(told(1, YEAR, 585).build(), "burst", Value::Count(585), "584 years");
    refused(told(1, YEAR, u32::MAX).build(), "burst", Value::Count(u32::MAX.into()), "584 years");
    let sixteenths = YEAR * 15 + NANO;
    assert!(told(16, sixteenths, 38).build().is_ok());
    refused(told(16, sixteenths, 40).build(), "burst", Value::Count(40), "36 at least where");
    for burst in [1, 40] {
        assert!(told(1, YEAR, burst).build().is_ok(), "bursts of ten years and more");
    }
}

fn leased(
    burst: u32,
    shards: u32,
    lease: u32,
) -> Result<RateLimiter<fusebox::limiter::Leased>, InvalidPolicy> {
    RateLimiter::leased(told(10, SECOND, burst).build()?, Leases::of(lease).shards(shards))
}

#[test]
fn leases_of_nothing_or_of_the_whole_burst_are_refused() {
    refused(leased(10, 0, 1), "shards", Value::Count(0), "64");
    refused(leased(100_000, 65, 1), "shards", Value::Count(65), "64");
    refused(leased(10, 1, 0), "lease", Value::Count(0), "1 at least");
    for (burst, shards, lease) in
        [(1, 1, 1), (10, 1, 10), (10, 2, 5), (10, 5, 2), (10, 4, 20), (10, 64, u32::MAX)]
    {
        refused(leased(burst, shards, lease), "lease", Value::Count(lease.into()), "less than the burst");
    }
    for (burst, shards, lease) in
        [(2, 1, 1), (10, 1, 9), (10, 3, 3), (65, 64, 1), (u32::MAX, 1, u32::MAX - 1)]
    {
        assert!(leased(burst, shards, lease).is_ok(), "{burst} {shards} {lease}");
    }
    // The lease is judged whatever the machine's number of shards.
    let quota = told(10, SECOND, 10).build().unwrap();
    refused(RateLimiter::leased(quota, Leases::of(10)), "lease", Value::Count(10), "less than the burst");
}

fn keyed(quota: Quota, capacity: usize) -> Result<KeyedRateLimiter<str>, InvalidPolicy> {
    Keyed::of(quota, capacity).seed(1).build()
}

#[test]
fn a_capacity_of_nothing_or_beyond_memory_is_refused() {
    let quota = Quota::per_second(10).constant();
    refused(keyed(quota, 0), "capacity", Value::Count(0), "1 at least");
    refused(KeyedRateLimiter::<str>::new(quota, 0), "capacity", Value::Count(0), "1 at least");
    for capacity in [usize::MAX, usize::MAX / 64] {
        refused(keyed(quota, capacity), "capacity", Value::Count(capacity as u64), "memory");
    }
    for capacity in [1, 3, 7, 100] {
        assert!(keyed(quota, capacity).unwrap().places() >= capacity);
    }
}

#[test]
fn a_burst_beyond_a_keys_clock_is_refused() {
    // 2^31 cells fit 2^42 units of a 2 048th of an interval each.
    let quota = |burst| told(1, Duration::from_millis(1), burst).build().unwrap();
    let most = Value::Count(u32::MAX.into());
    refused(keyed(quota(u32::MAX), 10), "burst", most, "a key's clock");
    assert!(keyed(quota(1 << 31), 10).is_ok());
    assert!(keyed(told(1, TEN_YEARS, 58).build().unwrap(), 10).is_ok());
    assert!(keyed(told(1, NANO, u32::MAX).build().unwrap(), 10).is_ok());
}

#[test]
fn no_tiers_or_too_many_are_refused() {
    let quota = Quota::per_second(10).constant();
    let of = |quotas: &[Quota]| Keyed::of(quota, 10).seed(1).tiers(quotas, |_: &str| 0).build().map(|_| ());
    refused(of(&[]), "tiers", Value::Empty, "a quota at least");
    refused(of(&[quota; 9]), "tiers", Value::Count(9), "8 at most");
    assert!(of(&[quota; 8]).is_ok());
    let great = told(1, Duration::from_millis(1), u32::MAX).build().unwrap();
    refused(of(&[quota, great]), "burst", Value::Count(u32::MAX.into()), "a key's clock");
}

#[test]
fn a_tier_that_is_not_in_the_list_is_the_first_one() {
    let quotas = [Quota::per_hour(1).constant(), Quota::per_hour(2).constant()];
    for beyond in [2, 7, 8, 255] {
        let limiter = Keyed::of(quotas[1], 10).seed(1).tiers(&quotas, move |_: &str| beyond).build().unwrap();
        assert_eq!(limiter.peek_at("key", Instant::ORIGIN).remaining(), 1, "{beyond}");
    }
}

#[test]
fn a_prefix_of_no_bits_or_more_than_there_are_is_refused() {
    for prefix in [0, 129, u32::MAX] {
        refused(IpKeys::with_prefix(prefix), "prefix", Value::Count(prefix.into()), "from 1 to 128");
    }
    let address = "2001:db8::ffff".parse().unwrap();
    assert_eq!(IpKeys::with_prefix(128).unwrap().key(address).address(), address);
    let first: IpKey = IpKeys::with_prefix(1).unwrap().key(address);
    assert_eq!(first.address(), "::".parse::<std::net::IpAddr>().unwrap());
}

/// Every instant at which something could wrap, and every number of cells.
fn extremes() -> impl Iterator<Item = (Instant, u32)> {
    let instants = [0, 1, u64::MAX / 16, u64::MAX / 2, u64::MAX - 1, u64::MAX, 0];
    let cells = [0, 1, 2, 1_000, u32::MAX];
    instants.into_iter().flat_map(move |now| cells.map(|n| (Instant::from_nanos(now), n)))
}

/// Quotas at the ends of what there is.
fn quotas() -> impl Iterator<Item = Quota> {
    let ends = [
        (1, NANO, u32::MAX),
        (u32::MAX, Duration::from_nanos(u64::from(u32::MAX)), 1),
        (1, Duration::from_nanos(u64::MAX - 1), 1),
        (u32::MAX, Duration::from_nanos(u64::MAX - 1), u32::MAX),
        (16, Duration::from_nanos(17), u32::MAX),
        (999_999_937, SECOND, 1_000),
        (253, SECOND, 253),
    ];
    ends.into_iter().filter_map(|(rate, period, burst)| told(rate, period, burst).build().ok())
}

#[test]
fn no_instant_and_no_number_of_cells_makes_a_limiter_panic() {
    for quota in quotas() {
        let strict = RateLimiter::new(quota);
        let changing = RateLimiter::adjustable(quota)
            .or_else(|_| RateLimiter::adjustable(Quota::per_second(3).constant()))
            .unwrap();
        let leased = RateLimiter::leased(quota, Leases::of(1).shards(1));
        let mut state = Gcra::default();
        for (now, n) in extremes() {
            for longest in [Duration::ZERO, SECOND, Duration::MAX] {
                let _ = strict.reserve_at(n, longest, now).map(|it| strict.refund_at(it, now));
                let _ =
                    changing.reserve_at(n, longest, now).map(|it| changing.refund_at(it, Instant::ORIGIN));
                let _ = state.reserve_at(&quota, n, longest, now).map(|it| state.refund_at(it, END));
                if let Ok(leased) = &leased {
                    let _ = leased.reserve_at(n, longest, now).map(|it| leased.refund_at(it, now));
                }
            }
            let next = if n % 2 == 0 { quota } else { Quota::per_second(3).constant() };
            if let Err(refused) = changing.set_quota_at(next, now) {
                assert_eq!(refused.field(), "burst");
            }
            let told =
                [strict.check_n_at(n, now), changing.check_n_at(n, now), state.check_at(&quota, n, now)];
            let leased = leased.iter().map(|leased| (leased.check_n_at(n, now), leased.peek_at(now)));
            let shown = format!(
                "{told:?} {:?} {:?}",
                leased.collect::<Vec<_>>(),
                (strict.peek_at(now), changing.peek_at(now))
            );
            assert!(
                !shown.is_empty()
                    && !format!("{strict:?} {changing:?} {state:?} {:?}", state.level_at(&quota, now))
                        .is_empty()
            );
        }
    }
}

#[test]
fn no_instant_and_no_number_of_cells_makes_a_keyed_limiter_panic() {
    for when_full in [WhenFull::EvictSoonest, WhenFull::Deny] {
        for quota in quotas() {
            let Ok(limiter) = Keyed::of(quota, 1).seed(1).when_full(when_full).build::<u64>() else {
                continue;
            };
            for (now, n) in extremes() {
                for key in 0..20 {
                    let shown =
                        format!("{:?} {:?}", limiter.check_n_at(&key, n, now), limiter.peek_at(&key, now));
                    assert!(!shown.is_empty());
                }
            }
            assert!(!format!("{limiter:?}").is_empty());
        }
    }
}

#[test]
fn a_word_that_nobody_wrote_is_a_state_that_recovers() {
    let quota = Quota::per_second(10).constant();
    for word in [1, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
        let mut state = Gcra::from_bits(word);
        assert_eq!(state.to_bits(), word);
        let denied = state.check_at(&quota, 1, Instant::ORIGIN);
        assert!(denied.is_allowed() || denied.retry_after() > Some(Duration::ZERO), "{word}");
        let never = state.reserve_at(&quota, u32::MAX, Duration::MAX, Instant::ORIGIN);
        assert!(matches!(never, Err(Refused::NeverFits(_))));
    }
}

#[test]
fn a_quota_that_a_limiter_takes_admits_its_burst() {
    for quota in quotas() {
        let (burst, now) = (quota.burst(), Instant::ORIGIN);
        assert!(RateLimiter::new(quota).check_n_at(burst, now).is_allowed(), "{quota}");
        // Its word has a bit less, and says so.
        match RateLimiter::adjustable(quota) {
            Ok(limiter) => assert!(limiter.check_n_at(burst, now).is_allowed(), "{quota}, adjustable"),
            Err(refused) => assert_eq!(refused.field(), "burst", "{quota}"),
        }
        if let Ok(limiter) = Keyed::of(quota, 1).seed(1).build::<u64>() {
            assert!(limiter.check_n_at(&1, burst, now).is_allowed(), "{quota}, keyed");
        }
    }
}
