//! Clocks: those that step back, those that are not asked, and what is set by hand.

use fusebox::breaker::{Policy, State, Window};

use super::{at, fail, secs, succeed, watched};

const HOUR: u64 = 3600;

/// resilience4j 2.4 (synchronised window of time): with the clock one hour back, each record threw a bucket
/// away, and 200 errors in a second did not open it.
#[test]
fn a_clock_one_hour_back_does_not_empty_the_window() {
    let breaker = watched(Policy::failure_rate(50, Window::time(secs(60)), 100).constant());
    breaker.clock().set(at(2 * HOUR));
    succeed(&breaker, 1);
    breaker.clock().set(at(HOUR));
    fail(&breaker, 99);
    assert_eq!(breaker.look().state, State::Open);
}

/// resilience4j 2.4: open for 5 s, the wall clock one hour back, and it told of an hour to wait. Ours never
/// reads a wall clock; where a clock is set back all the same, time stands still.
#[test]
fn a_clock_one_hour_back_is_time_standing_still() {
    let breaker = watched(Policy::consecutive_failures(1).open_duration(secs(5)).constant());
    breaker.clock().set(at(2 * HOUR));
    fail(&breaker, 1);
    breaker.clock().set(at(HOUR));
    let refusal = breaker.acquire().unwrap_err();
    assert_eq!((refusal.retry_after(), refusal.open_for()), (Some(secs(5)), Some(secs(0))));
    breaker.clock().set(at(2 * HOUR + 5));
    succeed(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
}

/// gobreaker#109, hoglet#25, fabfuel/circuitbreaker#31: clocks that step. One that steps back in the middle
/// of a call makes the call no slower.
#[test]
fn a_clock_that_steps_back_in_a_call_makes_it_no_slower() {
    let policy = Policy::consecutive_failures(1).slow_call_as_failure(secs(1));
    let breaker = watched(policy.constant());
    breaker.clock().set(at(HOUR));
    let permit = breaker.acquire().unwrap();
    breaker.clock().set(at(0));
    permit.success();
    assert_eq!(breaker.look().state, State::Closed);
}

/// resilience4j PR#2241: the lock-free window of time did not ask the configured clock, so that in tests with
/// virtual time it never expired.
#[test]
fn a_window_of_time_asks_the_clock_it_was_given() {
    let breaker = watched(Policy::failure_rate(50, Window::time(secs(10)), 2).constant());
    fail(&breaker, 1);
    breaker.clock().set(at(10));
    fail(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.look().state, State::Open);
}

/// resilience4j#2093 (stuck open for hours), Hystrix (open without a timestamp: it admitted for ever and
/// could not open again).
#[test]
fn it_opens_and_half_opens_by_the_clock_as_often_as_it_must() {
    let breaker = watched(Policy::consecutive_failures(1).open_duration(secs(10)).constant());
    for round in 0..100 {
        breaker.clock().set(at(100 * round));
        fail(&breaker, 1);
        breaker.clock().set(at(100 * round + 9));
        assert!(breaker.acquire().is_err());
        breaker.clock().set(at(100 * round + 10));
        succeed(&breaker, 1);
        assert_eq!(breaker.look().state, State::Closed);
    }
}

/// resilience4j#1982: a transition by hand was ignored.
#[test]
fn what_is_done_by_hand_is_done_in_every_state() {
    let breaker = watched(Policy::consecutive_failures(1).open_duration(secs(10)).constant());
    for state in 0..5 {
        match state {
            0 => {}
            1 => fail(&breaker, 1),
            2 => {
                fail(&breaker, 1);
                breaker.clock().advance(secs(10));
                core::mem::forget(breaker.acquire().unwrap());
            }
            3 => breaker.force_open(),
            _ => breaker.disable(),
        }
        breaker.force_open();
        assert_eq!(breaker.look().state, State::ForcedOpen);
        breaker.clock().advance(secs(365 * 24 * HOUR));
        assert!(breaker.acquire().is_err());
        breaker.disable();
        assert_eq!(breaker.look().state, State::Disabled);
        fail(&breaker, 100);
        breaker.reset();
        assert_eq!(breaker.look().state, State::Closed);
    }
}
