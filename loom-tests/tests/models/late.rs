//! 1. A late outcome changes nothing: not the state of another generation, not its row, not its probes.
//! 2. An outcome racing the change that makes it late comes wholly before it, or changes nothing.

use std::sync::Arc;

use fusebox::breaker::{CircuitBreaker, Counters, Permit, Policy, State, Why};
use fusebox::time::ManualClock;

use crate::harness::{Owned, Watched, after, at_once, check_story, model, ms, watched};

/// Half-open since 10 ms with one probe out, and two permits from before it opened.
fn with_old_permits() -> (Arc<Watched>, Owned, [Owned; 2]) {
    let breaker = watched(after(1).half_open_calls(2).success_threshold(2).build().unwrap());
    let [first, old, older]: [Owned; 3] = core::array::from_fn(|_| breaker.acquire_owned().unwrap());
    first.failure();
    breaker.clock().set(ms(10));
    let probe = breaker.acquire_owned().unwrap();
    (breaker, probe, [old, older])
}

#[test]
fn a_late_failure_does_not_open_and_a_late_success_does_not_close() {
    model(|| {
        let (breaker, probe, [old, older]) = with_old_permits();
        at_once(&breaker, |_| old.failure(), |_| older.success(), |_| probe.success());

        check_story(&breaker);
        let now = breaker.look_at(ms(10));
        assert_eq!((now.state, now.successes, now.in_flight), (State::HalfOpen, 1, 0));
        assert_eq!(breaker.observer().whys(), [Why::Failures, Why::OpenElapsed]);
        assert_eq!(breaker.observer().failures().len(), 1, "a late failure is no failure");
    });
}

#[test]
fn a_late_cancellation_gives_back_no_slot_of_the_new_state() {
    model(|| {
        let (breaker, probe, [old, older]) = with_old_permits();
        at_once(
            &breaker,
            |_| drop(old),
            |_| older.ignore(),
            |breaker| {
                let second = breaker.acquire_owned().unwrap();
                assert!(breaker.acquire().is_err(), "the limit is two");
                core::mem::forget(second);
            },
        );
        assert_eq!(breaker.look_at(ms(10)).in_flight, 2);
        probe.failure();
        check_story(&breaker);
    });
}

#[test]
fn an_outcome_racing_a_reset_comes_before_it_or_changes_nothing() {
    model(|| {
        let breaker = watched(after(1).build().unwrap());
        let (old, older) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        at_once(&breaker, |_| old.failure(), |breaker| breaker.reset_at(ms(0)), |_| older.success());

        check_story(&breaker);
        let whys = breaker.observer().whys();
        let now = breaker.look_at(ms(0));
        assert!(matches!(whys[..], [Why::Reset] | [Why::Failures, Why::Reset]), "{whys:?}");
        assert_eq!((now.state, now.consecutive_failures), (State::Closed, 0), "{whys:?}");
    });
}

#[test]
fn what_came_late_is_counted_as_late_and_as_nothing_else() {
    type Counted = CircuitBreaker<Policy, ManualClock, (), Counters<2>>;
    model(|| {
        let breaker: Arc<Counted> = Arc::new(CircuitBreaker::with_parts(
            after(1).build().unwrap(),
            ManualClock::new(),
            (),
            Counters::new(),
        ));
        let [one, two, three]: [Permit<Arc<Counted>>; 3] =
            core::array::from_fn(|_| breaker.acquire_owned().unwrap());
        at_once(&breaker, |_| one.failure(), |_| two.success(), |_| drop(three));
        let counts = breaker.counts();
        assert_eq!((counts.admitted, counts.errors, counts.in_flight()), (3, 1, 0));
        assert_eq!(counts.succeeded + counts.cancelled + counts.late, 2, "{counts:?}");
    });
}
