//! The rules row by row, the scales, and the forms on one thread.

#![allow(clippy::panic, reason = "a test may stop at what it did not expect")]

use core::time::Duration;

use crate::limiter::policy::Quota;
use crate::limiter::rules::{self, Verdict};
use crate::limiter::scale::Span;
use crate::limiter::word::Tat;
use crate::limiter::{Decision, Event, Gcra, IpKeys, Keyed, KeyedRateLimiter, Leases, RateLimiter, WhenFull};
use crate::observe::observe_with;
use crate::time::{Clock, Instant, ManualClock};

const SECOND: u64 = 1_000_000_000;

/// A cell every 10 units, 3 at once.
const QUOTA: Quota = Quota::with_period(1, Duration::from_nanos(10)).burst(3).constant();

fn at(nanos: u64) -> Span {
    Span { floor: nanos, ceil: nanos }
}

fn between(floor: u64) -> Span {
    Span { floor, ceil: floor + 1 }
}

#[test]
fn admission_row_by_row() {
    let denied = |at| Verdict::Denied { at };
    for (tat, now, n, next, verdict, why) in [
        (0, at(0), 1, 10, Verdict::Admitted, "fresh"),
        (0, at(7), 3, 37, Verdict::Admitted, "the burst, from now on"),
        (37, at(7), 1, 37, denied(17), "spent: the next cell after an interval"),
        (37, at(16), 1, 37, denied(17), "a unit early"),
        (37, at(17), 1, 47, Verdict::Admitted, "exactly then"),
        (37, at(17), 2, 37, denied(27), "two after two intervals"),
        (37, at(37), 3, 67, Verdict::Admitted, "full again exactly at TAT"),
        (37, at(3), 1, 37, denied(17), "a clock that stepped back"),
        (37, at(7), 0, 37, Verdict::Admitted, "none are always there"),
        (900, at(7), 0, 900, Verdict::Admitted, "even where much is reserved"),
        (0, between(7), 1, 18, Verdict::Admitted, "between two units time binds from the upper one"),
        (38, between(17), 1, 38, denied(18), "and frees at the lower one"),
        (38, at(18), 1, 48, Verdict::Admitted, "so up to two units late, never early"),
        (u64::MAX - 5, at(u64::MAX - 9), 1, u64::MAX - 5, denied(u64::MAX), "does not fit"),
        (0, at(u64::MAX), 1, 0, denied(u64::MAX), "the end of time"),
    ] {
        assert_eq!(rules::admit(Tat(tat), now, n, &QUOTA), (Tat(next), verdict), "{why}");
    }
}

#[test]
fn reservation_row_by_row() {
    for (tat, now, n, last, next, due, why) in [
        (0, at(5), 1, 5, 15, Ok(5), "at once"),
        (35, at(5), 1, 14, 35, Err(15), "longer than wanted"),
        (35, at(5), 1, 15, 45, Ok(15), "exactly as long"),
        (35, at(5), 3, 99, 65, Ok(35), "a batch when all of it has come"),
        (u64::MAX - 5, at(5), 1, u64::MAX, u64::MAX - 5, Err(u64::MAX), "does not fit"),
    ] {
        assert_eq!(rules::reserve(Tat(tat), now, n, last, &QUOTA), (Tat(next), due), "{why}");
    }
}

#[test]
fn a_refund_row_by_row() {
    for (tat, now, after, n, next, why) in [
        (40, 5, 40, 2, 20, "the last of the queue, nothing used up"),
        (40, 30, 40, 2, 30, "half of it used up by time"),
        (60, 5, 40, 2, 60, "others wait behind it: newcomers would get their instants"),
        (35, 10, 20, 1, 25, "others stand behind it, but none of them waits"),
        (95, 80, 40, 2, 95, "all of it used up, whoever came since"),
        (10, 0, 40, 2, 0, "a word from elsewhere does not wrap"),
    ] {
        let (next_tat, back) = rules::refund(Tat(tat), at(now), after, n, &QUOTA);
        assert_eq!((next_tat, back), (Tat(next), tat - next), "{why}");
    }
}

#[test]
fn a_debt_under_another_quota_is_as_many_cells_and_no_less() {
    assert_eq!(rules::converted(30, 10, 1_000), 3_000);
    assert_eq!(rules::converted(1, 10, 3), 1, "rounded up");
    assert_eq!(rules::converted(u64::MAX, 1, u64::MAX), u64::MAX, "saturates");
}

/// `floor(nanos * rate * units a cell / period)`, and whether that is exact, in wide arithmetic.
fn reference(rate: u32, period: u64, interval: u64, nanos: u64) -> (u64, bool) {
    let product = u128::from(nanos) * u128::from(rate) * u128::from(interval);
    let units = product / u128::from(period);
    (u64::try_from(units).unwrap_or(u64::MAX), product % u128::from(period) == 0)
}

#[test]
fn units_are_what_wide_arithmetic_says() {
    for (rate, period) in [
        (17, SECOND),
        (999_983, SECOND),
        (1_000_000_000 - 1, SECOND),
        (4_294_967_291, 86_400 * SECOND),
        (19, 31_536_000 * SECOND),
    ] {
        let quota = Quota::with_period(rate, Duration::from_nanos(period)).burst(1).constant();
        // Up to where the reference itself does not overflow.
        let most = u128::MAX / u128::from(rate) / u128::from(quota.interval);
        for nanos in [0, 1, 2, 999, SECOND - 1, SECOND, period, period + 1, 7 * period, 1 << 53, u64::MAX] {
            if u128::from(nanos) > most {
                continue;
            }
            let (floor, exact) = reference(rate, period, quota.interval, nanos);
            let ceil = floor + u64::from(!exact);
            assert_eq!(quota.scale.units(nanos), Span { floor, ceil }, "{rate} in {period} at {nanos}");
            let back = quota.scale.nanos(floor);
            assert!(back <= nanos && quota.scale.units(back).floor >= floor, "{rate} in {period} at {nanos}");
        }
    }
}

#[test]
fn where_nanoseconds_have_a_small_denominator_a_unit_is_exact() {
    for rate in 1..=16 {
        let quota = Quota::per_second(rate).burst(1).constant();
        assert_eq!(quota.scale.units(12_345).floor, quota.scale.units(12_345).ceil, "{rate} a second");
        // A period is exactly `rate` cells.
        assert_eq!(quota.scale.units(SECOND).floor, quota.interval * u64::from(rate), "{rate} a second");
    }
}

#[test]
fn an_observer_is_told_of_refusals_and_may_panic() {
    let clock = ManualClock::new();
    let limiter = RateLimiter::new(QUOTA)
        .with_clock(&clock)
        .with_observer(observe_with(|event: &Event| panic!("{event}")))
        .counted();
    assert!(limiter.check_n(3).is_allowed());
    assert!(!limiter.check().is_allowed());
    assert!(matches!(limiter.check_n(4), Decision::NeverFits(never) if never.burst() == 3));
    let counts = limiter.counts();
    assert_eq!((counts.cells, counts.denied, counts.never_fits, counts.hook_panics), (3, 1, 1, 2));
}

#[test]
fn what_is_let_through_in_shadow_holds_nothing() {
    let clock = ManualClock::new();
    let limiter = RateLimiter::new(QUOTA).with_clock(&clock).counted();
    limiter.set_shadow(true);
    assert!((0..10).all(|_| limiter.check().is_allowed()));
    assert!(matches!(limiter.check_n(9), Decision::Allowed(allowed) if allowed.is_shadowed()));
    let reserved = limiter.reserve(2, Duration::ZERO).unwrap();
    assert_eq!((reserved.wait(), limiter.refund(reserved)), (Duration::ZERO, 0));
    let counts = limiter.counts();
    assert_eq!((counts.admitted, counts.cells, counts.shadowed, counts.denied), (12, 3, 9, 0));
    limiter.set_shadow(false);
    assert_eq!(limiter.check().retry_after(), Some(Duration::from_nanos(10)), "the state was kept");
}

#[test]
fn the_plain_state_decides_as_the_limiter_does() {
    let limiter = RateLimiter::new(QUOTA).with_clock(ManualClock::new());
    let mut state = Gcra::default();
    for (nanos, n) in [(0, 2), (3, 2), (11, 1), (12, 3), (12, 4), (5, 1), (70, 0), (70, 3)] {
        let now = Instant::from_nanos(nanos);
        assert_eq!(state.check_at(&QUOTA, n, now), limiter.check_n_at(n, now), "{n} at {nanos}");
    }
    let now = Instant::from_nanos(71);
    let (mine, theirs) = (
        state.reserve_at(&QUOTA, 1, Duration::from_secs(1), now).unwrap(),
        limiter.reserve_at(1, Duration::from_secs(1), now).unwrap(),
    );
    assert_eq!(mine, theirs);
    assert_eq!(state.level_at(&QUOTA, now), limiter.peek_at(now));
    // Eight bytes do not know that it stood behind others, and so is all still to come.
    assert_eq!((state.refund_at(mine, now), limiter.refund_at(theirs, now)), (0, 1));
}

#[test]
fn a_quota_is_changed_with_its_debt() {
    let clock = ManualClock::new();
    let limiter =
        RateLimiter::adjustable(Quota::per_second(10).burst(10).constant()).unwrap().with_clock(&clock);
    assert!(limiter.check_n(7).is_allowed());
    let before = limiter.set_quota(Quota::per_second(1).burst(5).constant()).unwrap();
    assert_eq!(before.burst(), 10);
    assert_eq!(limiter.peek().remaining(), 0);
    assert_eq!(limiter.check().retry_after(), Some(Duration::from_secs(3)), "7 in use of 5, at the new rate");
    clock.set(Instant::from_nanos(3 * SECOND));
    assert!(limiter.check().is_allowed());
    limiter.set_quota(Quota::per_second(10).burst(10).constant()).unwrap();
    assert_eq!(limiter.peek().remaining(), 5);
}

#[test]
fn a_lease_is_found_from_elsewhere_before_anybody_is_denied() {
    let quota = Quota::per_hour(1).burst(10).constant();
    let clock = ManualClock::new();
    let limiter = RateLimiter::leased(quota, Leases::of(2).shards(4)).unwrap().with_clock(&clock);
    assert_eq!(limiter.peek().remaining(), 10);
    assert_eq!((0..20).filter(|_| limiter.check().is_allowed()).count(), 10);
    clock.set(Instant::from_nanos(48 * 3_600 * SECOND));
    assert!(matches!(limiter.check_n(3), Decision::NeverFits(never) if never.burst() == 2), "10 - 4 * 2");
    assert!(limiter.check_n(2).is_allowed());
    assert_eq!(limiter.check().retry_after(), Some(Duration::from_secs(3_600)));
}

#[test]
fn a_batch_is_gathered_from_many_leases() {
    let quota = Quota::per_hour(1).burst(20).constant();
    let limiter = RateLimiter::leased(quota, Leases::of(1).shards(4)).unwrap().with_clock(ManualClock::new());
    assert!(limiter.check_n(16).is_allowed(), "the centre's");
    assert!(limiter.check_n(4).is_allowed(), "one from each shard");
    assert!(!limiter.check().is_allowed());
}

fn keyed(quota: Quota, capacity: usize) -> KeyedRateLimiter<u64, super::OneTier, ManualClock> {
    let built = Keyed::of(quota, capacity).seed(3).build();
    let Ok(limiter) = built else { panic!("{built:?}") };
    limiter.with_clock(ManualClock::new())
}

#[test]
fn a_flood_of_new_keys_evicts_its_own_and_not_the_one_that_owes_most() {
    let limiter = keyed(Quota::per_hour(1).burst(10).constant(), 16);
    assert!(limiter.check_n(&0, 10).is_allowed());
    let places = limiter.places();
    let denied = (1..10_000).filter(|key| !limiter.check(key).is_allowed()).count();
    assert!(denied <= 3, "a new key finds a place, unless its tag is that of key 0: {denied} denied");
    assert!(!limiter.check(&0).is_allowed(), "it keeps its debt");
    assert!(limiter.keyed_counts().evictions > 9_000, "{:?}", limiter.keyed_counts());
    assert_eq!(limiter.places(), places);
}

#[test]
fn below_its_capacity_a_table_evicts_hardly_anybody() {
    let limiter = keyed(Quota::per_hour(1).constant(), 100_000);
    // Where two tags in a bucket are alike, the second key finds the quota spent: about one in ten thousand.
    let denied = (0..100_000).filter(|key| !limiter.check(key).is_allowed()).count();
    assert!(denied < 30, "{denied}");
    let evictions = limiter.keyed_counts().evictions;
    assert!(evictions < 300, "{evictions} of 100 000");
    let again = (0..100_000).filter(|key| limiter.check(key).is_allowed()).count();
    assert!(again < 1_000, "only those that were evicted are new again: {again}");
}

#[test]
fn a_table_that_denies_when_it_is_full_keeps_every_debt() {
    let quota = Quota::per_hour(1).constant();
    let limiter = Keyed::of(quota, 4).seed(3).when_full(WhenFull::Deny).build::<u64>().unwrap();
    let limiter = limiter.with_clock(ManualClock::new());
    let taken = (0..100).filter(|key| limiter.check(key).is_allowed()).count();
    assert!(taken <= limiter.places());
    let counts = limiter.keyed_counts();
    assert_eq!((counts.evictions, counts.saturated), (0, 100 - taken as u64));
    assert_eq!(limiter.check(&99).retry_after(), Some(Duration::from_secs(3_600)));
    limiter.clock().set(Instant::from_nanos(3_600 * SECOND));
    assert!(limiter.check(&99).is_allowed());
}

#[test]
fn a_key_comes_back_after_ages_as_if_it_were_new() {
    for quota in
        [Quota::per_second(1_000_000).burst(5), Quota::per_second(100).burst(1_000), Quota::per_day(1)]
    {
        let quota = quota.constant();
        let limiter = keyed(quota, 1);
        let mut now = 0_u64;
        // Past every fraction of the clock's field, its whole and many of it.
        for shift in 30..62 {
            assert!(
                limiter.check_n_at(&1, quota.burst(), Instant::from_nanos(now)).is_allowed(),
                "{quota} at {now}"
            );
            assert!(!limiter.check_n_at(&1, 1, Instant::from_nanos(now)).is_allowed(), "{quota} at {now}");
            now += (1 << shift) + 12_345;
            let recovered = limiter.peek_at(&1, Instant::from_nanos(now)).full_in().is_zero();
            let owed = u64::try_from(quota.interval().as_nanos()).unwrap() * u64::from(quota.burst());
            assert!(recovered || owed > 1 << shift, "{quota} at {now}");
            now += owed;
        }
    }
}

#[test]
fn a_clock_that_steps_back_frees_no_key() {
    let limiter = keyed(Quota::per_second(1_000_000).burst(5).constant(), 1);
    let late = Instant::from_nanos(1 << 61);
    assert!(limiter.check_n_at(&1, 5, late).is_allowed());
    for back in 0..61 {
        let now = Instant::from_nanos((1 << 61) - (1 << back));
        assert!(!limiter.check_at(&1, now).is_allowed(), "2^{back} ns back");
    }
    assert!(!limiter.check_at(&1, late).is_allowed());
}

#[test]
fn a_key_whose_tier_changes_keeps_its_debt_in_cells() {
    let (slow, fast) = (Quota::per_hour(10).constant(), Quota::per_second(10).burst(20).constant());
    let paid = core::sync::atomic::AtomicU8::new(0);
    let tier = |_: &u64| paid.load(core::sync::atomic::Ordering::Relaxed);
    let limiter = Keyed::of(slow, 10).seed(3).tiers(&[slow, fast], tier).build::<u64>().unwrap();
    let limiter = limiter.with_clock(ManualClock::new());
    assert!(limiter.check_n(&1, 4).is_allowed());
    paid.store(1, core::sync::atomic::Ordering::Relaxed);
    assert_eq!(limiter.peek(&1).remaining(), 16);
    paid.store(9, core::sync::atomic::Ordering::Relaxed);
    assert_eq!(limiter.peek(&1).remaining(), 6, "beyond the list is the first");
}

#[test]
fn an_address_is_its_customer() {
    let key = |text: &str| IpKeys::new().key(text.parse().unwrap());
    assert_eq!(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::2"));
    assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
    assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
    assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
    let wide = |prefix| IpKeys::with_prefix(prefix).unwrap();
    assert_eq!(
        wide(48).key("2001:db8:0:1::".parse().unwrap()),
        wide(48).key("2001:db8:0:2::".parse().unwrap())
    );
    assert_ne!(wide(128).key("2001:db8::1".parse().unwrap()), wide(128).key("2001:db8::2".parse().unwrap()));
    assert_eq!(IpKeys::with_prefix(0).unwrap_err().field(), "prefix");
    assert_eq!(IpKeys::with_prefix(129).unwrap_err().field(), "prefix");
}

#[test]
fn a_slow_tiers_debt_outlives_a_fast_tiers_epochs() {
    let (slow, fast) = (Quota::per_day(1_000).constant(), Quota::per_second(50).constant());
    let limiter = Keyed::of(slow, 1).seed(3).tiers(&[slow, fast], |key: &u64| (*key > 0).into());
    let Ok(limiter) = limiter.build::<u64>() else { panic!("it is valid") };
    let limiter = limiter.with_clock(ManualClock::new());
    assert!(limiter.check_n(&0, 1_000).is_allowed());
    for hour in 1..24 {
        let now = Instant::from_nanos(hour * 3_600 * SECOND);
        assert!(limiter.check_at(&hour, now).is_allowed());
        let refilled = u32::try_from(hour * 1_000 / 24).unwrap_or(0);
        assert_eq!(limiter.peek_at(&0, now).remaining(), refilled, "after {hour} h");
    }
}

#[test]
fn looking_into_the_future_changes_nothing() {
    let limiter = keyed(Quota::per_second(1_000_000).burst(5).constant(), 1);
    assert!(limiter.check_n(&1, 5).is_allowed());
    for hours in [1, 10, 1_000] {
        let later = Instant::from_nanos(hours * 3_600 * SECOND);
        assert_eq!(limiter.peek_at(&1, later).remaining(), 5);
    }
    assert!(!limiter.check(&1).is_allowed());
    assert!(limiter.check_at(&1, Instant::from_nanos(1_000)).is_allowed(), "time goes on as before");
}

#[test]
fn two_buckets_that_stand_at_different_times_free_nobody() {
    let quota = Quota::per_second(1_000_000).burst(5).constant();
    let limiter = keyed(quota, 8);
    // The clock jumps ahead for some keys, and comes back.
    for key in 0..4 {
        assert!(limiter.check_at(&key, Instant::from_nanos(1 << 60)).is_allowed());
    }
    for key in 100..140 {
        let now = Instant::from_nanos(1 << 50);
        let taken = (0..20).filter(|_| limiter.check_at(&key, now).is_allowed()).count();
        assert!(taken <= 5, "{taken} of key {key}");
    }
}

#[test]
fn a_burst_and_an_epoch_behind_it_is_still_ahead() {
    let quota = Quota::with_period(1, Duration::from_nanos(1 << 42)).burst(1).constant();
    let limiter = keyed(quota, 1);
    let epoch = 1_u64 << 41;
    assert!(limiter.check_at(&1, Instant::from_nanos(2 * epoch - 1)).is_allowed());
    assert!(!limiter.check_at(&1, Instant::from_nanos(epoch)).is_allowed());
}

#[test]
fn a_setter_that_read_the_clock_early_makes_no_debt() {
    let limiter = RateLimiter::adjustable(Quota::per_second(1_000_000).constant());
    let Ok(limiter) = limiter else { panic!("it is valid") };
    let slow = Quota::per_hour(100).constant();
    let (early, late) = (Instant::from_nanos(SECOND), Instant::from_nanos(SECOND + 50_000));
    assert!(limiter.set_quota_at(Quota::per_second(1_000_000).constant(), late).is_ok());
    assert!(limiter.set_quota_at(slow, early).is_ok());
    assert_eq!(limiter.peek_at(late).remaining(), 100);
}

#[test]
fn what_never_fits_is_let_through_in_shadow_with_what_is_left() {
    let an_hour = Instant::from_nanos(3_600 * SECOND);
    let quota = Quota::per_second(1).burst(3).constant();
    let limiter = RateLimiter::new(quota).with_clock(ManualClock::new());
    limiter.set_shadow(true);
    assert!(limiter.check_at(an_hour).is_allowed());
    let left = |decision| match decision {
        Decision::Allowed(allowed) if allowed.is_shadowed() => allowed.remaining(),
        other => panic!("{other:?}"),
    };
    assert_eq!(left(limiter.check_n_at(9, an_hour)), 2);
    let keyed = keyed(quota, 1);
    keyed.set_shadow(true);
    assert!(keyed.check_n_at(&1, 3, an_hour).is_allowed());
    assert_eq!((left(keyed.check_n_at(&1, 9, an_hour)), left(keyed.check_at(&1, an_hour))), (0, 0));
}

mod waiting {
    use super::{Clock, Duration, Instant, ManualClock, Quota, RateLimiter};
    use crate::limiter::Strict;
    use core::pin::{Pin, pin};
    use core::task::{Context, Poll, Waker};

    type Limiter = RateLimiter<Strict, ManualClock>;

    fn limiter() -> Limiter {
        RateLimiter::new(Quota::per_second(10).burst(1).constant()).with_clock(ManualClock::new())
    }

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Sleeps until the clock has been moved on.
    fn sleeper<'a>(clock: &'a ManualClock) -> impl Fn(Duration) -> Until<'a> {
        move |wait| Until { clock, due: clock.now().saturating_add(wait) }
    }

    struct Until<'a> {
        clock: &'a ManualClock,
        due: Instant,
    }

    impl Future for Until<'_> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            if self.clock.now() >= self.due { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    #[test]
    fn waiters_are_served_in_turn_and_bounded_in_number() {
        let limiter = limiter();
        let sleep = sleeper(limiter.clock());
        assert_eq!(poll(pin!(limiter.until_ready(&sleep, 2))), Poll::Ready(Ok(())));
        let (mut one, mut two) = (pin!(limiter.until_ready(&sleep, 2)), pin!(limiter.until_ready(&sleep, 2)));
        assert!(poll(one.as_mut()).is_pending() && poll(two.as_mut()).is_pending());
        let refused = poll(pin!(limiter.until_ready(&sleep, 2)));
        assert!(matches!(refused, Poll::Ready(Err(_))), "two wait already");
        limiter.clock().advance(Duration::from_millis(100));
        assert!(poll(two.as_mut()).is_pending());
        assert_eq!(poll(one.as_mut()), Poll::Ready(Ok(())));
        limiter.clock().advance(Duration::from_millis(100));
        assert_eq!(poll(two.as_mut()), Poll::Ready(Ok(())));
    }

    #[test]
    fn the_last_waiter_gives_its_cell_back_when_it_is_dropped_and_one_before_it_leaves_its_place_empty() {
        let limiter = limiter();
        let sleep = sleeper(limiter.clock());
        assert!(limiter.check().is_allowed());
        let mut one = Box::pin(limiter.until_ready(&sleep, 8));
        let mut two = pin!(limiter.until_ready(&sleep, 8));
        let mut three = Box::pin(limiter.until_ready(&sleep, 8));
        assert!(poll(one.as_mut()).is_pending() && poll(two.as_mut()).is_pending());
        assert!(poll(three.as_mut()).is_pending());
        assert_eq!(limiter.peek().full_in(), Duration::from_millis(400));
        drop(three);
        assert_eq!(limiter.peek().full_in(), Duration::from_millis(300));
        drop(one);
        assert_eq!(limiter.peek().full_in(), Duration::from_millis(300), "the second keeps its instant");
        limiter.clock().advance(Duration::from_millis(200));
        assert_eq!(poll(two.as_mut()), Poll::Ready(Ok(())));
    }

    #[test]
    fn waiters_that_are_dropped_last_first_all_give_back() {
        let limiter = limiter();
        let sleep = sleeper(limiter.clock());
        assert!(limiter.check().is_allowed());
        let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(limiter.until_ready(&sleep, 8))).collect();
        assert!(waiting.iter_mut().all(|waiter| poll(waiter.as_mut()).is_pending()));
        while waiting.pop().is_some() {}
        assert_eq!(limiter.peek().full_in(), Duration::from_millis(100));
    }

    #[test]
    fn a_sleeper_that_never_sleeps_neither_holds_the_thread_nor_frees_early() {
        let limiter = limiter();
        assert!(limiter.check().is_allowed());
        let sleepless = |_: Duration| core::future::ready(());
        let mut waiter = pin!(limiter.until_ready(&sleepless, 8));
        assert!((0..200).all(|_| poll(waiter.as_mut()).is_pending()));
        limiter.clock().advance(Duration::from_millis(100));
        assert_eq!(poll(waiter.as_mut()), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_wait_may_move_between_threads() {
        fn sent<T: Send>(_: &T) {}
        fn shared<T: Send + Sync>(_: &T) {}
        let limiter = RateLimiter::new(Quota::per_second(1).constant());
        shared(&limiter);
        sent(&limiter.until_ready(&|_: Duration| core::future::ready(()), 1));
        sent(&limiter.reserve(1, Duration::ZERO));
        // The key itself is never kept.
        let keyed = super::Keyed::of(Quota::per_second(1).constant(), 1).build::<*const u8>();
        shared(&keyed);
    }
}

#[test]
fn after_a_step_back_over_an_epoch_a_key_is_told_how_long_its_own_clock_takes() {
    // The epochs of this quota are 2^41 ns.
    let edge = 1 << 41;
    for past in [5, 20_000_000_000] {
        let limiter = keyed(Quota::per_second(1).constant(), 100);
        let then = Instant::from_nanos(edge + past);
        assert!(limiter.check_at(&1, then).is_allowed());
        let back = Instant::from_nanos(then.as_nanos() - 10_000_000_000);
        let denied = limiter.check_at(&1, back);
        let wait = denied.retry_after().unwrap();
        let again = back.saturating_add(wait);
        assert!(!limiter.check_at(&1, again.saturating_sub(Duration::from_nanos(1))).is_allowed());
        assert!(limiter.check_at(&1, again).is_allowed(), "{wait:?}");
    }
}

#[test]
fn a_full_table_that_denies_tells_the_least_wait_in_uneven_units_too() {
    // Another tier's instants are rounded to this one's ticks, of 1 to 2 ns.
    for (tier, slack) in [(0, 1), (1, 3)] {
        for offset in 0..400 {
            let quotas =
                [Quota::per_day(999_983).burst(40_000).constant(), Quota::per_second(7).burst(3).constant()];
            let built =
                Keyed::of(quotas[0], 1).tiers(&quotas, move |key: &u64| if *key < 100 { tier } else { 0 });
            let limiter = built.seed(3).when_full(WhenFull::Deny).build::<u64>().unwrap();
            let now = Instant::from_nanos(1_000_000_007 + offset * 1_237);
            for key in 0..limiter.places() as u64 {
                assert!(limiter.check_at(&key, now).is_allowed());
            }
            let later = now.saturating_add(Duration::from_nanos(offset * 31));
            let wait = limiter.check_at(&1_000, later).retry_after().unwrap();
            let due = later.saturating_add(wait);
            assert!(
                !limiter.check_at(&1_000, due.saturating_sub(Duration::from_nanos(slack))).is_allowed(),
                "{offset}"
            );
            assert!(limiter.check_at(&1_000, due).is_allowed(), "{offset}");
        }
    }
}
