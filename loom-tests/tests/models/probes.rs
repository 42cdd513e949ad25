//! A probe that never reports wedges nothing:
//!
//! 1. dropped: its slot is given back;
//! 2. forgotten: half-open ends by its timeout, and that is told exactly once, however many find it;
//! 3. panicked: it is a failure, and the breaker opens again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use fusebox::breaker::{FailureKind, State, Why};

use crate::harness::{
    OPEN, Watched, after, at_once, both_at_once, check_story, half_open, model, model_within, ms,
};

#[test]
fn a_dropped_probe_wedges_nothing() {
    model(|| {
        let (breaker, [probe]) = half_open::<1>(after(1));
        let (_, one, two) =
            at_once(&breaker, |_| drop(probe), |b| b.acquire().is_ok(), |b| b.acquire().is_ok());
        // Each of them drops its permit in turn.
        let _ = (one, two);
        check_story(&breaker);
        assert_eq!(breaker.look_at(ms(10)).in_flight, 0);
        breaker.acquire().unwrap().success();
        assert_eq!(breaker.look().state, State::Closed);
    });
}

#[test]
fn a_forgotten_probe_wedges_nothing_and_its_timeout_is_told_once() {
    model_within(2, || {
        let (breaker, [probe]) = half_open::<1>(after(1));
        core::mem::forget(probe);
        breaker.clock().set(ms(30));
        let ask = |breaker: &Arc<Watched>| breaker.acquire().map(|_| ()).unwrap_err();
        let (one, two, three) = at_once(&breaker, ask, ask, ask);

        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::Failures, Why::OpenElapsed, Why::HalfOpenTimeout]);
        for rejected in [one, two, three] {
            // Open since 30 ms. Who came between the change and its instants was told no wait.
            match rejected.state() {
                State::Open => assert!(matches!(rejected.retry_after(), None | Some(OPEN)), "{rejected:?}"),
                state => assert_eq!((state, rejected.retry_after()), (State::HalfOpen, None)),
            }
        }
        breaker.acquire_at(ms(40)).unwrap().success_at(ms(40));
        assert_eq!(breaker.look_at(ms(40)).state, State::Closed);
    });
}

#[test]
fn a_forgotten_probe_found_long_after_lets_exactly_the_limit_through() {
    model(|| {
        let (breaker, [probe]) = half_open::<1>(after(1).success_threshold(63));
        core::mem::forget(probe);
        // The timeout opened it at 30 ms, and that ended at 40 ms.
        let ask = |breaker: &Arc<Watched>| breaker.acquire_owned_at(ms(45)).ok();
        let (one, two) = both_at_once(&breaker, ask, ask);

        check_story(&breaker);
        let whys = [Why::Failures, Why::OpenElapsed, Why::HalfOpenTimeout, Why::OpenElapsed];
        assert_eq!(breaker.observer().whys(), whys);
        assert_eq!(
            breaker.observer().changes()[2].at,
            ms(30),
            "at its own instant, however late it is found"
        );
        assert!(one.is_some() != two.is_some(), "one slot, one probe");
    });
}

#[test]
fn a_verdict_racing_the_timeout_stands_or_is_late() {
    model_within(2, || {
        let (breaker, [probe]) = half_open::<1>(after(1));
        at_once(
            &breaker,
            |_| probe.success_at(ms(29)),
            |breaker| drop(breaker.acquire_at(ms(30))),
            |breaker| drop(breaker.acquire_at(ms(31))),
        );

        check_story(&breaker);
        let whys = breaker.observer().whys();
        assert!(matches!(whys[..], [_, _, Why::ProbesSucceeded | Why::HalfOpenTimeout]), "{whys:?}");
    });
}

#[test]
fn a_panicked_probe_is_a_failure_and_wedges_nothing() {
    model(|| {
        let (breaker, []) = half_open::<0>(after(1));
        let panicking = |breaker: &Arc<Watched>| {
            // Without the hook's message: there are thousands of executions.
            let call = || breaker.call(|| -> Result<(), ()> { resume_unwind(Box::new("boom")) });
            catch_unwind(AssertUnwindSafe(call)).is_err()
        };
        let (panicked, ()) = both_at_once(&breaker, panicking, |b| drop(b.acquire_at(ms(10))));

        check_story(&breaker);
        let kinds: Vec<_> = breaker.observer().failures().iter().map(|failure| failure.kind).collect();
        let state = breaker.look_at(ms(10)).state;
        if panicked {
            assert_eq!((state, &kinds[1..]), (State::Open, &[FailureKind::Panic][..]));
        } else {
            assert_eq!((state, kinds.len()), (State::HalfOpen, 1), "another one had the only slot");
        }
        breaker.acquire_at(ms(20)).unwrap().success_at(ms(20));
        assert_eq!(breaker.look_at(ms(20)).state, State::Closed);
    });
}
