//! 1. Counts add up: after the threads have come home, all that was admitted has one outcome or is still out.
//! 2. Rejections are all counted, on owned lanes and on shared ones.
//!
//! Of two lanes the main thread owns one, the other two threads share the other; one lane is shared by all.

use std::sync::Arc;

use fusebox::breaker::{CircuitBreaker, Counters, Permit, Plain, Policy, PolicyBuilder};
use fusebox::time::ManualClock;

use crate::harness::{after, at_once, model, model_within, ms};

type Counted<const LANES: usize> = CircuitBreaker<Policy, ManualClock, (), Counters<LANES>>;

fn counted<const LANES: usize>(policy: PolicyBuilder<Plain>) -> Arc<Counted<LANES>> {
    let policy = policy.build().unwrap();
    Arc::new(CircuitBreaker::with_parts(policy, ManualClock::new(), (), Counters::new()))
}

fn calls_of_all_kinds_add_up<const LANES: usize>() {
    model(|| {
        let breaker = counted::<LANES>(after(2));
        let (_, kept, _) = at_once(
            &breaker,
            |breaker| breaker.call(|| Err::<(), _>("down")).is_ok(),
            |breaker| breaker.acquire_owned().ok(),
            |breaker| breaker.call(|| Ok::<_, ()>("up")).is_ok(),
        );
        let counts = breaker.counts();
        assert_eq!((counts.admitted, counts.succeeded, counts.errors), (3, 1, 1), "{counts:?}");
        assert_eq!((counts.in_flight(), counts.rejected), (1, 0), "{counts:?}");
        kept.unwrap().ignore();
        let counts = breaker.counts();
        assert_eq!((counts.in_flight(), counts.ignored), (0, 1), "{counts:?}");
    });
}

#[test]
fn counts_on_an_owned_and_a_shared_lane_add_up() {
    calls_of_all_kinds_add_up::<2>();
}

#[test]
fn counts_on_one_lane_add_up() {
    calls_of_all_kinds_add_up::<1>();
}

#[test]
fn counts_add_up_across_an_opening() {
    model_within(2, || {
        let breaker = counted::<2>(after(1));
        let call = |breaker: &Arc<Counted<2>>| match breaker.acquire_at(ms(0)) {
            Ok(permit) => {
                permit.failure_at(ms(0));
                (1, 0)
            }
            Err(_) => (0, 1),
        };
        let (one, two, three) = at_once(&breaker, call, call, call);
        let (admitted, rejected) = (one.0 + two.0 + three.0, one.1 + two.1 + three.1);
        let counts = breaker.counts();
        assert_eq!((counts.admitted, counts.rejected), (admitted, rejected), "{counts:?}");
        assert_eq!((counts.errors, counts.late), (1, admitted - 1), "{counts:?}");
        assert_eq!(counts.in_flight(), 0);
    });
}

#[test]
fn rejections_at_once_are_all_counted() {
    model(|| {
        let breaker = counted::<2>(after(1));
        assert!(breaker.call(|| Err::<(), _>("down")).is_err());
        let ask = |breaker: &Arc<Counted<2>>| {
            let rejected = breaker.acquire_at(ms(1)).map(|_| ()).unwrap_err();
            rejected.rejections().unwrap()
        };
        let (one, two, three) = at_once(&breaker, ask, ask, ask);
        assert_eq!((breaker.counts().rejected, breaker.counts().rejected_since_open), (3, 3));
        // Each tells its own at least, and never one that was not made.
        assert!([one, two, three].iter().all(|told| (1..=3).contains(told)), "{one} {two} {three}");
    });
}

#[test]
fn a_probe_dropped_by_its_owner_is_counted_once() {
    model_within(2, || {
        let breaker = counted::<1>(after(1));
        assert!(breaker.call(|| Err::<(), _>("down")).is_err());
        let ask = |breaker: &Arc<Counted<1>>| -> Option<Permit<Arc<Counted<1>>>> {
            breaker.acquire_owned_at(ms(10)).ok()
        };
        breaker.clock().set(ms(10));
        let (one, two, three) = at_once(&breaker, move |b| drop(ask(b)), ask, move |b| drop(ask(b)));
        let held = u64::from(two.is_some());
        let counts = breaker.counts();
        assert_eq!(counts.in_flight(), held, "{counts:?}");
        drop((one, two, three));
        assert_eq!(breaker.counts().in_flight(), 0);
        assert_eq!(breaker.counts().admitted + breaker.counts().rejected, 4);
    });
}
