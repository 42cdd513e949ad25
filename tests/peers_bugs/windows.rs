//! Closed: what is counted, for how long, and when it opens.

use core::time::Duration;

use fusebox::breaker::{CircuitBreaker, Error, Policy, State, Window, WindowSnapshot};

use super::{at, fail, secs, succeed, watched};

/// tower-resilience 0.14 (10 000 successes, then it took 10 000 failures), circuitbreaker-rs 0.1.1 (rate
/// since the start): the window by count did not slide.
#[test]
fn a_window_by_count_slides_and_opens_within_its_length() {
    let breaker = watched(Policy::failure_rate(50, Window::calls(10), 10).constant());
    succeed(&breaker, 10_000);
    let failures = (1..=10).find(|_| {
        fail(&breaker, 1);
        breaker.look().state == State::Open
    });
    assert_eq!(failures, Some(5), "half of the last ten");
}

/// recloser 1.4: the first evaluation came at one outcome more than the window holds; recloser#10: a blind
/// spot while the ring filled.
#[test]
fn a_window_that_is_just_full_is_evaluated() {
    let breaker = watched(Policy::failure_rate(100, Window::calls(10), 10).constant());
    fail(&breaker, 9);
    assert_eq!(breaker.look().state, State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.look().state, State::Open);
}

/// recloser 1.4: outcomes never aged, so that last night's failures opened it in the morning.
#[test]
fn a_failure_from_last_night_does_not_count() {
    let breaker = watched(Policy::failure_rate(50, Window::time(secs(60)), 2).constant());
    fail(&breaker, 1);
    breaker.clock().set(at(8 * 3600));
    fail(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
}

/// recloser 1.4: `closed_len(0)` panicked at the first call.
#[test]
fn a_window_of_nothing_is_an_error_and_no_panic() {
    assert!(Policy::failure_rate(50, Window::calls(0), 1).build().is_err());
    assert!(Policy::failure_rate(50, Window::time(Duration::ZERO), 1).build().is_err());
}

/// failsafe 1.3: no open time under a second.
#[test]
fn it_can_be_open_for_less_than_a_second() {
    let breaker = watched(Policy::consecutive_failures(1).open_duration(Duration::from_millis(5)).constant());
    fail(&breaker, 1);
    breaker.clock().advance(Duration::from_millis(5));
    succeed(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
}

/// resilient 0.1: with the breaker open its pipeline ran the operation all the same, without its own
/// protections.
#[test]
fn an_open_breaker_does_not_run_the_call() {
    let breaker = watched(Policy::consecutive_failures(1).constant());
    fail(&breaker, 1);
    let answer: Result<(), Error<()>> = breaker.call(|| panic!("it ran"));
    assert!(answer.unwrap_err().is_rejected());
    let call = breaker.call_async(async { panic!("it ran") as Result<(), ()> });
    assert!(futures::executor::block_on(call).unwrap_err().is_rejected());
}

/// resilient 0.1: every call was pushed on a list that nothing pruned.
#[test]
fn what_a_window_remembers_does_not_grow_with_the_failures() {
    let by_count = CircuitBreaker::new(Policy::failure_rate(100, Window::calls(100), 100).constant());
    let by_time = CircuitBreaker::new(Policy::failure_rate(100, Window::time(secs(10)), u32::MAX).constant());
    for millis in 0..50_000 {
        let now = at(0).saturating_add(Duration::from_millis(millis));
        // Now and then a success, so that it stays closed.
        match millis % 10 {
            0 => by_count.acquire_at(now).unwrap().success_at(now),
            _ => by_count.acquire_at(now).unwrap().failure_at(now),
        }
        by_time.acquire_at(now).unwrap().failure_at(now);
    }
    let taken = |breaker: &CircuitBreaker<_>| breaker.snapshot_at(at(50), secs(0)).window;
    let Some(WindowSnapshot::Calls { calls: 100, marks }) = taken(&by_count) else {
        panic!("a window by count")
    };
    assert!(marks.len() <= 100, "{}", marks.len());
    let Some(WindowSnapshot::Time { slices }) = taken(&by_time) else { panic!("a window by time") };
    assert!(slices.len() <= 64, "{}", slices.len());
}

/// go-zero#5551: its own rejections were counted as outcomes, so that it never recovered.
#[test]
fn rejections_are_no_outcomes() {
    let policy = Policy::failure_rate(50, Window::time(secs(60)), 4).open_duration(secs(1));
    let breaker = watched(policy.constant());
    fail(&breaker, 4);
    for _ in 0..1_000 {
        assert!(breaker.acquire().is_err());
    }
    breaker.clock().set(at(1));
    succeed(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
    // Were one of the rejections in the window, three failures would be more than half of at least four.
    fail(&breaker, 3);
    assert_eq!(breaker.look().state, State::Closed);
    assert_eq!(breaker.counts().rejected, 1_000);
}

/// gobreaker 2 with an interval of 0: counts of 32 bits that are never cleared wrap.
#[test]
fn a_row_at_its_greatest_does_not_wrap() {
    let breaker = watched(Policy::consecutive_failures(65_535).constant());
    fail(&breaker, 65_534);
    assert_eq!((breaker.look().state, breaker.look().consecutive_failures), (State::Closed, 65_534));
    fail(&breaker, 1);
    assert_eq!(breaker.look().state, State::Open);
}

/// gobreaker 2: as above; here the openings in a row, which make the open duration grow.
#[test]
fn openings_in_a_row_do_not_wrap() {
    let policy = Policy::consecutive_failures(1).open_duration(secs(1)).open_growth(2.0, secs(60));
    let breaker = watched(policy.constant());
    for opening in 0..10_000 {
        fail(&breaker, 1);
        let expected = secs(60.min(1 << opening.min(10)));
        assert_eq!(breaker.look().retry_after, Some(expected), "opening {opening}");
        breaker.clock().advance(expected);
    }
}

/// gobreaker 2, as above. Our generation has 16 bits, and wraps on purpose.
#[test]
fn a_breaker_lives_on_when_its_generation_wraps() {
    let breaker = watched(Policy::consecutive_failures(1).open_duration(secs(1)).constant());
    for round in 1..=50_000 {
        fail(&breaker, 1);
        breaker.clock().advance(secs(1));
        succeed(&breaker, 1);
        assert_eq!(breaker.look().state, State::Closed, "round {round}");
    }
}
