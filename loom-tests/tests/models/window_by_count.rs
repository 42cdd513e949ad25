//! A window by count loses nothing:
//!
//! 1. of failures at once, one at least sees all of them, and opens;
//! 2. every call and every mark is in the window afterwards;
//! 3. no rate is taken for higher than it is;
//! 4. a late outcome of an old generation is not in the new window.

use std::sync::Arc;

use fusebox::breaker::{FullPolicy, Policy, State, Why, Window, WindowSnapshot};
use fusebox::time::Instant;

use crate::harness::{
    OPEN, Owned, Watched, at_once, both_at_once, both_sharing, check_story, fail, model, model_within, ms,
    succeed, watched,
};

fn rated(percent: u32, calls: u32, minimum: u32) -> Arc<Watched<FullPolicy>> {
    let policy = Policy::failure_rate(percent, Window::calls(calls), minimum).open_duration(OPEN);
    let breaker = watched(policy.build().unwrap());
    breaker.warm_up();
    breaker
}

/// Calls and failures in the window.
fn held(breaker: &Watched<FullPolicy>) -> (u64, usize) {
    match breaker.snapshot_at(Instant::ORIGIN, core::time::Duration::ZERO).window {
        Some(WindowSnapshot::Calls { calls, marks }) => (calls, marks.len()),
        other => panic!("{other:?}"),
    }
}

fn failing(breaker: &Arc<Watched<FullPolicy>>) {
    fail(breaker);
}

fn succeeding(breaker: &Arc<Watched<FullPolicy>>) {
    succeed(breaker);
}

#[test]
fn two_failures_at_once_are_both_counted() {
    model(|| {
        let breaker = rated(100, 10, 2);
        both_at_once(&breaker, failing, failing);
        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::FailureRate]);
    });
}

#[test]
fn two_failures_at_once_on_a_shared_lane_are_both_counted() {
    model(|| {
        let breaker = rated(100, 10, 2);
        both_sharing(&breaker, failing, failing);
        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::FailureRate]);
    });
}

#[test]
fn three_failures_at_once_open_once() {
    model_within(2, || {
        let breaker = rated(100, 10, 3);
        let [one, two, three]: [Owned<FullPolicy>; 3] =
            core::array::from_fn(|_| breaker.acquire_owned().unwrap());
        at_once(&breaker, |_| one.failure(), |_| two.failure(), |_| three.failure());
        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::FailureRate]);
    });
}

#[test]
fn successes_and_failures_at_once_are_all_in_the_window() {
    model(|| {
        let breaker = rated(100, 10, 9);
        at_once(&breaker, failing, succeeding, failing);
        assert_eq!(held(&breaker), (3, 2));
        assert_eq!(breaker.observer().failures().len(), 2);
    });
}

#[test]
fn a_rate_is_never_taken_for_higher_than_it_is() {
    model_within(2, || {
        let breaker = rated(100, 10, 1);
        succeed(&breaker);
        at_once(&breaker, failing, failing, failing);
        assert_eq!(breaker.look().state, State::Closed, "one call of four succeeded");
        assert_eq!(held(&breaker), (4, 3));
    });
}

#[test]
fn two_failures_at_once_on_two_pages_are_both_counted() {
    model(|| {
        // The next two positions are the last of one page and the first of another: no swap of theirs meets.
        let breaker = rated(100, 2, 2);
        (0..22).for_each(|_| succeed(&breaker));
        both_at_once(&breaker, failing, failing);
        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::FailureRate]);
    });
}

#[test]
fn a_late_outcome_on_a_shared_lane_is_not_in_the_new_window() {
    model(|| {
        let breaker = rated(100, 10, 9);
        let old = breaker.acquire_owned().unwrap();
        both_sharing(
            &breaker,
            |_| old.failure(),
            |breaker| {
                breaker.reset_at(ms(0));
                fail(breaker);
            },
        );
        check_story(&breaker);
        assert_eq!(held(&breaker), (1, 1), "the one of the new generation");
    });
}

#[test]
fn a_late_outcome_on_an_owned_lane_is_not_in_the_new_window() {
    model(|| {
        let breaker = rated(100, 10, 9);
        let (old, older) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        at_once(
            &breaker,
            |_| older.success(),
            |breaker| {
                breaker.reset_at(ms(0));
                fail(breaker);
            },
            |_| old.failure(),
        );
        assert_eq!(held(&breaker), (1, 1), "the one of the new generation");
    });
}
