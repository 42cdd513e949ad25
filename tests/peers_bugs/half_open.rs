//! Half open: how many probes there may be, what becomes of each, and what decides.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};

use fusebox::breaker::{FailureKind, Policy, State, Verdict};

use super::{at, fail, ready_to_probe, secs, succeed, watched};

/// recloser 1.4, failsafe 1.3, reliakit-circuit 1.1, eapache/go-resiliency, resilience4j#343: 100 of 100
/// overlapping calls were admitted while half open.
#[test]
fn half_open_admits_no_more_than_its_limit() {
    for limit in [1, 2, 63] {
        let breaker = ready_to_probe(limit, 1);
        let probes: Vec<_> = (0..100).filter_map(|_| breaker.acquire().ok()).collect();
        assert_eq!(probes.len(), limit as usize);
        assert_eq!(breaker.look().in_flight, limit);
    }
}

/// tower-resilience#382: admission counted the calls that had completed, so that all clones of a service
/// passed.
#[test]
fn the_limit_counts_probes_in_flight_and_not_those_that_ended() {
    let breaker = ready_to_probe(2, 5);
    let first = breaker.acquire().unwrap();
    let second = breaker.acquire().unwrap();
    assert!(breaker.acquire().is_err());
    first.success();
    let third = breaker.acquire().unwrap();
    assert!(breaker.acquire().is_err());
    drop((second, third));
    assert_eq!(breaker.look().in_flight, 0);
}

/// failsafe (Java)#391: with a success threshold of 3, one success made room for a fourth probe at a time.
#[test]
fn a_success_does_not_make_room_for_more_than_the_limit() {
    let breaker = ready_to_probe(3, 3);
    breaker.acquire().unwrap().success();
    let probes: Vec<_> = (0..10).filter_map(|_| breaker.acquire().ok()).collect();
    assert_eq!(probes.len(), 3);
}

/// resilience4j#1432, circuitbreaker-rs 0.1.1 (a load, then a subtraction), hoglet: more calls than permitted
/// at the edge from open to half open.
#[test]
fn of_many_threads_at_the_edge_only_the_limit_passes() {
    for _ in 0..200 {
        let (breaker, start) = (ready_to_probe(2, 2), Barrier::new(4));
        let admitted = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    if let Ok(permit) = breaker.acquire() {
                        admitted.fetch_add(1, Ordering::Relaxed);
                        core::mem::forget(permit);
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 2);
    }
}

/// execution-policy 0.0.6, circuitbreaker-rs 0.1.1, throttle-net TN-002, monix#1080: one cancelled probe, and
/// every later call was rejected for ever.
#[test]
fn a_cancelled_probe_gives_its_slot_back() {
    let breaker = ready_to_probe(1, 1);
    for _ in 0..100 {
        drop(breaker.acquire().expect("the slot came back"));
    }
    succeed(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
}

/// execution-policy 0.0.6: the cancelled probe was a future that its caller dropped.
#[test]
fn a_probe_whose_future_is_dropped_gives_its_slot_back() {
    let breaker = ready_to_probe(1, 1);
    {
        let mut call = pin!(breaker.call_async(std::future::pending::<Result<(), ()>>()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(call.as_mut().poll(&mut context), Poll::Pending));
        assert!(breaker.acquire().is_err());
    }
    succeed(&breaker, 1);
    assert_eq!((breaker.look().state, breaker.counts().cancelled), (State::Closed, 1));
}

/// circuitbreaker-rs 0.1.1: with fewer slots than successes to close it, it wedged without a single lost
/// probe.
#[test]
fn more_successes_than_slots_come_one_after_another() {
    let breaker = ready_to_probe(1, 63);
    succeed(&breaker, 63);
    assert_eq!(breaker.look().state, State::Closed);
}

/// tower-resilience 0.14: two successful probes further apart than the window of time is long, then half open
/// and rejecting for ever.
#[test]
fn successes_of_probes_do_not_age() {
    use fusebox::breaker::Window;
    let policy = Policy::failure_rate(50, Window::time(secs(1)), 1)
        .open_duration(secs(10))
        .half_open_calls(2)
        .success_threshold(2)
        .without_half_open_timeout();
    let breaker = watched(policy.constant());
    fail(&breaker, 1);
    for minutes in [1, 2] {
        breaker.clock().set(at(60 * minutes));
        succeed(&breaker, 1);
    }
    assert_eq!(breaker.look().state, State::Closed);
}

/// OmniRoute#13836 (49 607 rejections in six days), resilience4j with its defaults (a year later), Polly 8,
/// gobreaker 2, Sentinel#1638: the result of a probe never arrived, and half open never ended.
#[test]
fn a_lost_probe_is_not_for_ever() {
    let breaker = ready_to_probe(1, 1);
    core::mem::forget(breaker.acquire().unwrap());
    breaker.clock().set(at(39));
    assert_eq!(breaker.acquire().unwrap_err().state(), State::HalfOpen);
    breaker.clock().set(at(40));
    assert_eq!(breaker.acquire().unwrap_err().retry_after(), Some(secs(10)));
    breaker.clock().set(at(365 * 24 * 3600));
    succeed(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
}

/// gobreaker 2: a probe whose thread ended without returning (`runtime.Goexit`) kept its slot.
#[test]
fn a_probe_whose_thread_ends_gives_its_slot_back() {
    let breaker = Arc::new(ready_to_probe(1, 1));
    let theirs = Arc::clone(&breaker);
    std::thread::spawn(move || drop(theirs.acquire_owned().unwrap())).join().unwrap();
    succeed(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
}

/// resilience4j 2.4, Sentinel, failsafe-go 0.9.7, Polly 8: a call that was admitted while closed ended late
/// and closed the half open breaker, whose only probe was still running.
#[test]
fn a_late_success_does_not_close_half_open() {
    let breaker = watched(Policy::consecutive_failures(1).open_duration(secs(10)).constant());
    let old = breaker.acquire().unwrap();
    fail(&breaker, 1);
    breaker.clock().set(at(10));
    let probe = breaker.acquire().unwrap();
    old.success();
    assert_eq!((breaker.look().state, breaker.counts().late), (State::HalfOpen, 1));
    probe.success();
    assert_eq!(breaker.look().state, State::Closed);
}

/// throttle-net TN-008: late outcomes were counted against a newer state; here a late failure would open it
/// again.
#[test]
fn a_late_failure_does_not_open_half_open_again() {
    let breaker = watched(Policy::consecutive_failures(1).open_duration(secs(10)).constant());
    let old = breaker.acquire().unwrap();
    fail(&breaker, 1);
    breaker.clock().set(at(10));
    let probe = breaker.acquire().unwrap();
    old.failure();
    assert_eq!(breaker.look().state, State::HalfOpen);
    probe.success();
    assert_eq!(breaker.look().state, State::Closed);
}

/// resilience4j 2.4 (50 late ignored errors gave 50 more probes), failsafe-go 0.9.7 (any stale result gave
/// one).
#[test]
fn late_outcomes_do_not_make_room_for_probes() {
    let breaker = watched(Policy::consecutive_failures(1).open_duration(secs(10)).constant());
    let old: Vec<_> = (0..50).map(|_| breaker.acquire().unwrap()).collect();
    fail(&breaker, 1);
    breaker.clock().set(at(10));
    let _probe = breaker.acquire().unwrap();
    for (number, permit) in old.into_iter().enumerate() {
        match number % 3 {
            0 => permit.ignore(),
            1 => permit.success(),
            _ => drop(permit),
        }
        assert!(breaker.acquire().is_err(), "after {number} late outcomes");
    }
    assert_eq!((breaker.counts().late, breaker.counts().cancelled), (50, 0));
}

/// failsafe 1.3 (an ignored 404 closed the circuit), recloser 1.4, Polly 8: "not a failure" was taken for a
/// success.
#[test]
fn an_ignored_error_neither_closes_nor_opens_half_open() {
    let breaker = ready_to_probe(1, 1);
    let ignored = |_: &Result<(), u16>| Verdict::Ignored;
    for _ in 0..10 {
        assert_eq!(breaker.call_with(ignored, || Err(404)).unwrap_err().into_inner(), Some(404));
        assert_eq!(breaker.look().state, State::HalfOpen);
    }
}

/// resilience4j#544: where the last permitted probe ended in an ignored error, nobody could come after it.
#[test]
fn an_ignored_last_probe_wedges_nothing() {
    let breaker = ready_to_probe(1, 1);
    breaker.acquire().unwrap().ignore();
    succeed(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
}

/// Polly 8: a probe that was cancelled closed the circuit.
#[test]
fn a_cancelled_probe_does_not_close() {
    let breaker = ready_to_probe(1, 1);
    drop(breaker.acquire().unwrap());
    assert_eq!(breaker.look().state, State::HalfOpen);
}

/// Polly#1979, #311, #717: an exception that nobody had foreseen in a probe wedged it.
#[test]
fn a_probe_that_panics_opens_it_again_and_wedges_nothing() {
    let breaker = ready_to_probe(1, 1);
    let call = || breaker.call(|| -> Result<(), ()> { resume_unwind(Box::new("a bug of the caller")) });
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!((breaker.look().state, breaker.counts().panics), (State::Open, 1));
    breaker.clock().set(at(20));
    succeed(&breaker, 1);
    assert_eq!(breaker.look().state, State::Closed);
}

/// resilience4j 2.4: it closed after two successes, and the failures of the probes still out were booked in
/// the new closed window and opened it again.
#[test]
fn probes_left_over_are_not_booked_in_the_new_closed_window() {
    let breaker = ready_to_probe(6, 2);
    let mut probes: Vec<_> = (0..6).map(|_| breaker.acquire().unwrap()).collect();
    probes.drain(..2).for_each(fusebox::breaker::Permit::success);
    assert_eq!(breaker.look().state, State::Closed);
    for probe in probes {
        probe.fail(FailureKind::Error);
    }
    let status = breaker.look();
    assert_eq!((status.state, status.consecutive_failures, breaker.counts().late), (State::Closed, 0, 4));
}

/// resilience4j#858: a mere look at the state took a permission.
#[test]
fn looking_takes_no_probe_and_changes_no_state() {
    let breaker = ready_to_probe(1, 1);
    for _ in 0..100 {
        assert_eq!(breaker.look().state, State::Open);
    }
    assert!(breaker.acquire().unwrap().is_probe());
}

/// Sentinel, Hystrix#1736: it went from half open to open before the new deadline stood, and let a probe
/// through at once, by the old one.
#[test]
fn each_opening_has_a_deadline_of_its_own() {
    let breaker = ready_to_probe(1, 1);
    for opening in 1..=50 {
        fail(&breaker, 1);
        let refusal = breaker.acquire().unwrap_err();
        assert_eq!((refusal.state(), refusal.retry_after()), (State::Open, Some(secs(10))));
        breaker.clock().set(at(10 + 10 * opening));
    }
}
