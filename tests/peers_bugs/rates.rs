//! Rates: those that were rounded, those that wrapped, those that lost what was left over, and who shares one.

use core::time::Duration;
use std::sync::Arc;

use fusebox::limiter::{Decision, Quota, RateLimiter};
use fusebox::time::{Clock, Instant, ManualClock};

use super::{at, secs};

/// How many cells a limiter of this rate admits in the second after its burst, asked each nanosecond that there may be one.
fn admitted_in_a_second(rate: u32) -> u64 {
    let limiter = RateLimiter::new(Quota::per_second(rate).burst(1_000).constant());
    assert!(limiter.check_n_at(1_000, Instant::ORIGIN).is_allowed());
    let batches = (1..=2_000_000).filter(|step| {
        let now = Instant::from_nanos(step * 500);
        limiter.check_n_at(rate / 2_000_000, now).is_allowed()
    });
    batches.count() as u64 * u64::from(rate / 2_000_000)
}

/// governor 0.10.4: the interval was cut to whole nanoseconds, so that 60 million a second were really 62.5 million, and 600
/// million a thousand million.
#[test]
fn sixty_and_six_hundred_million_a_second_are_what_they_say() {
    assert_eq!(admitted_in_a_second(60_000_000), 60_000_000);
    assert_eq!(admitted_in_a_second(600_000_000), 600_000_000);
}

/// governor 0.10.4: `t * (n - 1)` wrapped, so that of a burst of two, one an hour, 5 124 097 cells were admitted.
#[test]
fn more_cells_than_the_burst_never_fit_however_they_would_wrap() {
    let limiter = RateLimiter::new(Quota::per_hour(1).burst(2).constant());
    for cells in [3, 5_124_096, 5_124_097, 5_124_098, u32::MAX] {
        assert!(matches!(limiter.check_n_at(cells, Instant::ORIGIN), Decision::NeverFits(_)), "{cells}");
    }
    assert_eq!(limiter.peek_at(Instant::ORIGIN).remaining(), 2);
}

/// ratelimit 2.0.0: what was less than a quantum was dropped at each poll; of one an hour, asked every 7.2 ms, the first came
/// after two.
#[test]
fn one_an_hour_comes_after_an_hour_however_often_it_is_asked() {
    let limiter = RateLimiter::new(Quota::per_hour(1).constant());
    assert!(limiter.check_at(Instant::ORIGIN).is_allowed());
    let polls = (1_u64..).map(|poll| Instant::from_nanos(poll * 7_200_000));
    let first = polls.into_iter().find(|now| limiter.check_at(*now).is_allowed());
    assert_eq!(first, Some(at(3_600)));
}

/// better-bucket 1.0 (BB-COR-01), throttle-net TN-001, rate-net RN-COR-01: a thread reads the clock, stalls, and lands after a
/// later one; its old reading was taken for a gap of weeks, and filled the bucket.
#[test]
fn an_old_reading_of_the_clock_refills_nothing() {
    let limiter = RateLimiter::new(Quota::per_second(1_000).burst(10).constant());
    let (early, late) = (at(10), at(20));
    assert!(limiter.check_n_at(10, late).is_allowed());
    for _ in 0..1_000 {
        assert!(!limiter.check_at(early).is_allowed());
        assert!(!limiter.check_at(late).is_allowed());
    }
    assert!(limiter.check_at(late.saturating_add(Duration::from_millis(1))).is_allowed());
    assert!(!limiter.check_at(early).is_allowed());
}

/// governor#107, #249, #251: a cell too many, or one that came by itself, where the tolerance was off by one.
#[test]
fn the_burst_is_admitted_and_not_one_cell_more() {
    for burst in [1, 2, 3, 10, 1_000] {
        let limiter = RateLimiter::new(Quota::per_second(10).burst(burst).constant());
        let admitted = (0..burst * 2).filter(|_| limiter.check_at(at(7)).is_allowed()).count();
        assert_eq!(admitted, burst as usize);
    }
}

/// leaky-bucket#30: a bucket that idled overflowed.
#[test]
fn idling_for_years_saves_up_no_more_than_the_burst() {
    let limiter = RateLimiter::new(Quota::per_second(1_000_000).burst(5).constant());
    let years = at(20 * 365 * 24 * 3_600);
    assert_eq!((0..100).filter(|_| limiter.check_at(years).is_allowed()).count(), 5);
}

/// `tower_governor` 0.8: a wait of 900 ms was told as `Retry-After: 0`, and clients came back at once. A denial of ours never
/// tells of no wait, and waiting as long as it tells suffices.
#[test]
fn a_denial_never_tells_of_no_wait() {
    for (rate, period) in [(1_000_000_000, 1), (999_999_937, 1), (3, 1), (10, 9), (1, 3_600)] {
        let quota = Quota::with_period(rate, secs(period)).burst(3).constant();
        let limiter = RateLimiter::new(quota);
        let mut now = Instant::from_nanos(12_345_678_901);
        for _ in 0..200 {
            if let Decision::Denied(denied) = limiter.check_at(now) {
                let wait = denied.retry_after();
                assert!(!wait.is_zero(), "{quota} at {now:?}");
                assert!(secs(denied.retry_after_seconds()) >= wait, "{quota} at {now:?}");
                now = now.saturating_add(wait);
                assert!(limiter.check_at(now).is_allowed(), "{quota}: {wait:?} is too short");
            }
        }
    }
}

/// axum#2634, tower#764: each connection got a clone of the layer with a state of its own, so nothing was limited. Ours is no
/// `Clone`: who wants it twice shares it, by reference or by `Arc`, and shares the one quota.
#[test]
fn connections_that_share_a_limiter_share_its_quota() {
    static PER_PROCESS: RateLimiter = RateLimiter::new(Quota::per_hour(5).constant());
    assert_eq!(among_connections(|| PER_PROCESS.check().is_allowed()), 5);
    let shared = Arc::new(RateLimiter::new(Quota::per_hour(5).constant()));
    let connection = Arc::clone(&shared);
    assert_eq!(among_connections(move || connection.check().is_allowed()), 5);
    assert!(!shared.check().is_allowed());
}

/// How many of 8 connections' 10 requests each are admitted.
fn among_connections(ask: impl Fn() -> bool + Sync) -> usize {
    let ask = &ask;
    std::thread::scope(|scope| {
        let connection = || (0..10).filter(|_| ask()).count();
        let connections: Vec<_> = (0..8).map(|_| scope.spawn(connection)).collect();
        connections.into_iter().map(|it| it.join().expect("it only asks")).sum()
    })
}

/// tower-resilience#363: those that had waited once went on without a cell. Ours wait for a cell that is theirs.
#[test]
fn who_has_waited_has_taken_a_cell() {
    let clock = ManualClock::new();
    let limiter = RateLimiter::new(Quota::per_second(10).burst(1).constant()).with_clock(&clock);
    let sleeper = |wait: Duration| {
        clock.advance(wait);
        core::future::ready(())
    };
    futures::executor::block_on(async {
        for _ in 0..11 {
            limiter.until_ready(&sleeper, 100).await.expect("few wait");
        }
    });
    assert_eq!(clock.now(), at(1));
    assert!(!limiter.check().is_allowed());
}
