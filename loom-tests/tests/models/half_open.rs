//! 1. Half-open never admits more than its limit, however many ask, while probes come back.
//! 2. The ramp decides each call once, so its share is exact.
//! 3. A verdict is reached once: of probes that fail and succeed together, the first verdict stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use fusebox::breaker::{FullPolicy, State, Why};

use crate::harness::{
    OPEN, Watched, after, at_once, check_story, fail, half_open, model, model_within, ms, opened, succeed,
    watched,
};

/// Three ask at once, of a breaker whose open duration has just passed; nobody reports a verdict.
fn no_more_probes_than(limit: u32) {
    model_within(2, move || {
        let breaker = opened(after(1).half_open_calls(limit).success_threshold(63));
        breaker.clock().set(ms(10));
        // Std's, so that it is no schedule point: the one before the outcome is enough.
        let inside = Arc::new(AtomicU32::new(0));
        let probe = move |breaker: &Arc<Watched>| {
            let Ok(permit) = breaker.acquire() else { return 0 };
            assert!(permit.is_probe());
            assert!(inside.fetch_add(1, SeqCst) < limit, "more probes than the limit");
            permit.success();
            // Nobody else runs between that swap and this, which is no schedule point.
            inside.fetch_sub(1, SeqCst);
            1
        };
        let (one, two, three) = at_once(&breaker, probe.clone(), probe.clone(), probe);

        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::Failures, Why::OpenElapsed]);
        let now = breaker.look_at(ms(10));
        assert!(one + two + three >= 1, "one at least was let through");
        assert_eq!((now.in_flight, now.successes), (0, one + two + three), "every probe counted once");
    });
}

#[test]
fn half_open_never_admits_more_than_its_limit_of_one() {
    no_more_probes_than(1);
}

#[test]
fn half_open_never_admits_more_than_its_limit_of_two() {
    no_more_probes_than(2);
}

#[test]
fn a_slot_given_back_is_taken_by_one() {
    model(|| {
        let (breaker, [probe]) = half_open::<1>(after(1).success_threshold(63));
        let (_, one, two) =
            at_once(&breaker, |_| probe.ignore(), |b| b.acquire_owned().ok(), |b| b.acquire_owned().ok());
        assert!(one.is_none() || two.is_none(), "one slot, two probes");
        let held = u32::from(one.is_some() || two.is_some());
        assert_eq!(breaker.look().in_flight, held);
        drop((one, two));
        assert!(breaker.acquire().is_ok(), "given back");
    });
}

#[test]
fn of_a_success_and_a_failure_the_first_verdict_stands() {
    model(|| {
        let (breaker, [good, bad]) = half_open::<2>(after(1).half_open_calls(2));
        at_once(&breaker, |_| good.success(), |_| bad.failure(), |breaker| drop(breaker.acquire_at(ms(10))));

        check_story(&breaker);
        let (state, whys) = (breaker.look_at(ms(10)).state, breaker.observer().whys());
        match whys[2] {
            // Closed, and the failure came late.
            Why::ProbesSucceeded => assert_eq!((state, whys.len()), (State::Closed, 3), "{whys:?}"),
            // Open again, and the success came late.
            Why::ProbeFailed => assert_eq!((state, whys.len()), (State::Open, 3), "{whys:?}"),
            _ => panic!("{whys:?}"),
        }
    });
}

#[test]
fn the_last_of_the_successes_closes_and_only_that_one() {
    model(|| {
        let (breaker, [one, two, three]) = half_open::<3>(after(1).half_open_calls(3).success_threshold(2));
        at_once(&breaker, |_| one.success(), |_| two.success(), |_| three.success());

        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::Failures, Why::OpenElapsed, Why::ProbesSucceeded]);
        let outage = breaker.observer().changes()[2].outage;
        assert_eq!(outage, Some(core::time::Duration::from_millis(10)), "open at 0 ms, closed at 10 ms");
        succeed(&breaker);
        assert_eq!(breaker.look().state, State::Closed);
    });
}

#[test]
fn the_ramp_decides_each_call_once() {
    model_within(2, || {
        let ramp = after(1).ramp(&[50], OPEN).build().unwrap();
        let breaker = watched(ramp);
        fail(&breaker);
        breaker.acquire_at(ms(10)).unwrap().success_at(ms(10));
        let ask = |breaker: &Arc<Watched<FullPolicy>>| u32::from(breaker.acquire_at(ms(10)).is_ok());
        let (one, two, three) = at_once(&breaker, ask, ask, ask);
        check_story(&breaker);
        // The first of them and the third, whoever they are.
        assert_eq!((breaker.look_at(ms(10)).state, one + two + three), (State::Recovering, 2));
    });
}
