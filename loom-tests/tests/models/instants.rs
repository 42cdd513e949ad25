//! 1. A clock reading delayed across a transition frees nobody early: who reads the clock and is held up while others
//!    open, probe or open again is judged by the state that then stands, and by that state's own instants.
//! 2. While a state's instants are not published yet, it refuses, and tells no wait.
//! 3. A wait that is told is that of the state that refused.
//! 4. A winner that was held up before it published cannot undo the instants of a later state.

use std::sync::Arc;
use std::time::Duration;

use fusebox::breaker::{Rejected, State, Why};

use crate::harness::{
    OPEN, Watched, after, at_once, both_at_once, check_story, fail, half_open, model, model_within, ms,
    opened, watched,
};

#[test]
fn a_clock_reading_delayed_across_an_opening_frees_nobody_early() {
    model(|| {
        let breaker = watched(after(1).build().unwrap());
        let permit = breaker.acquire_owned().unwrap();
        // The clock moves on by itself: each reading may be any of them, but none goes back.
        let (_, _, probe) = at_once(
            &breaker,
            |_| permit.failure(),
            |breaker| {
                breaker.clock().set(ms(5));
                breaker.clock().set(ms(15));
            },
            |breaker| breaker.acquire_owned().ok(),
        );
        check_story(&breaker);
        assert_eq!(breaker.observer().changes()[0].why, Why::Failures);
        drop(probe);
    });
}

#[test]
fn a_clock_reading_delayed_across_a_failed_probe_frees_nobody_early() {
    model(|| {
        let (breaker, [probe]) = half_open::<1>(after(1));
        // Both read 10 ms: late enough for the first opening, too early for the second.
        let (_, one, two) = at_once(
            &breaker,
            |_| probe.failure(),
            |breaker| breaker.acquire().map(|_| ()),
            |breaker| breaker.acquire().map(|_| ()),
        );
        check_story(&breaker);
        assert!(one.is_err() && two.is_err(), "the one slot was taken, and then it was open until 20 ms");
        assert_eq!(breaker.look().retry_after, Some(OPEN));
    });
}

#[test]
fn a_clock_reading_delayed_across_a_probe_frees_nobody_early() {
    model_within(2, || {
        let breaker = opened(after(1).success_threshold(63));
        breaker.clock().set(ms(10));
        at_once(
            &breaker,
            |breaker| fail(breaker),
            |breaker| breaker.clock().set(ms(20)),
            |breaker| {
                if let Ok(permit) = breaker.acquire() {
                    assert!(permit.is_probe());
                }
            },
        );
        check_story(&breaker);
    });
}

/// What a rejection at 10 ms may say.
fn check_wait(rejected: Rejected) {
    match (rejected.state(), rejected.retry_after()) {
        // Not published yet: it refuses and tells nothing. Half-open never tells.
        (State::Open | State::HalfOpen, None) => {}
        // Open again since 10 ms, until 20 ms.
        (State::Open, Some(wait)) => {
            assert_eq!((wait, rejected.open_for()), (OPEN, Some(Duration::ZERO)), "{rejected:?}");
        }
        _ => panic!("{rejected:?}"),
    }
}

#[test]
fn a_state_whose_instants_are_not_published_yet_refuses_and_tells_no_wait() {
    model(|| {
        let (breaker, [probe]) = half_open::<1>(after(1));
        let ask = |breaker: &Arc<Watched>| breaker.acquire_at(ms(10)).map(|_| ()).unwrap_err();
        let (_, one, two) = at_once(&breaker, |_| probe.failure(), ask, ask);
        check_wait(one);
        check_wait(two);
    });
}

#[test]
fn a_wait_that_is_told_comes_with_the_opening_it_belongs_to() {
    model(|| {
        let breaker = watched(after(1).build().unwrap());
        let permit = breaker.acquire_owned().unwrap();
        let ask = |breaker: &Arc<Watched>| breaker.acquire_at(ms(7)).map(|_| ()).err();
        let (_, one, two) = at_once(&breaker, |_| permit.failure_at(ms(3)), ask, ask);
        for rejected in [one, two].into_iter().flatten() {
            let told = (rejected.retry_after(), rejected.open_for());
            let whole = (Some(Duration::from_millis(6)), Some(Duration::from_millis(4)));
            assert!(told == whole || told == (None, None), "{rejected:?}");
        }
    });
}

#[test]
fn a_wait_that_is_told_is_never_put_together_from_two_states() {
    model(|| {
        // Open until 10 ms. Somebody who asks at 4 ms is held up until others have probed and failed.
        let breaker = opened(after(1));
        let probe = |breaker: &Arc<Watched>| {
            if let Ok(permit) = breaker.acquire_at(ms(10)) {
                permit.failure_at(ms(10));
            }
        };
        let ask = |breaker: &Arc<Watched>| breaker.acquire_at(ms(4)).map(|_| ()).unwrap_err();
        let (_, rejected) = both_at_once(&breaker, probe, ask);
        let told = (rejected.state(), rejected.retry_after(), rejected.open_for());
        let first = (State::Open, Some(Duration::from_millis(6)), Some(Duration::from_millis(4)));
        // The second opening ends at 20 ms; to who asks at 4 ms time stands still at 10 ms.
        let second = (State::Open, Some(OPEN), Some(Duration::ZERO));
        let other = rejected.retry_after().is_none();
        assert!(told == first || told == second || other, "{rejected:?}");
    });
}

#[test]
fn a_publisher_that_was_held_up_cannot_undo_the_instants_of_a_later_state() {
    model(|| {
        let breaker = watched(after(1).build().unwrap());
        let permit = breaker.acquire_owned().unwrap();
        both_at_once(
            &breaker,
            |_| permit.failure_at(ms(0)),
            |breaker| {
                breaker.reset_at(ms(1));
                breaker.force_open_at(ms(2));
            },
        );
        // Whoever came last, the breaker knows its instants, and goes on from them.
        check_story(&breaker);
        breaker.reset_at(ms(5));
        breaker.acquire_at(ms(30)).unwrap().failure_at(ms(30));
        let now = breaker.look_at(ms(33));
        assert_eq!((now.state, now.retry_after), (State::Open, Some(Duration::from_millis(7))));
    });
}

#[test]
fn a_later_opening_keeps_its_end_whoever_publishes_last() {
    model_within(2, || {
        let (breaker, [probe, other]) = half_open::<2>(after(1).half_open_calls(2));
        // One winner closes it, another one opens it again, in whatever order they come to publish.
        at_once(
            &breaker,
            |_| probe.success_at(ms(11)),
            |breaker| {
                if let Ok(permit) = breaker.acquire_at(ms(12)) {
                    permit.failure_at(ms(12));
                }
            },
            |_| other.failure_at(ms(12)),
        );
        check_story(&breaker);
        let last = *breaker.observer().changes().last().unwrap();
        let now = breaker.look_at(ms(12));
        if last.to == State::Open {
            assert_eq!((now.retry_after, now.open_for), (Some(OPEN), Some(Duration::ZERO)));
            assert!(breaker.acquire_at(ms(21)).is_err());
            assert!(breaker.acquire_at(ms(22)).is_ok(), "and it ends");
        }
    });
}
