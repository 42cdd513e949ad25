//! A window by time loses nothing:
//!
//! 1. of failures at once, one at least sees all of them, and opens, in one slice or in two;
//! 2. every call is in the window afterwards, also when one moves the head on while another counts;
//! 3. no rate is taken for higher than it is;
//! 4. a late outcome of an old generation is not in the new window.
//!
//! The window is two slices of a nanosecond, in a ring of four (`src/breaker/time_window.rs` has a small one for loom,
//! which makes each slot that is read a schedule point). Its head stands at `NOW` before the threads start.

use std::sync::Arc;
use std::time::Duration;

use fusebox::breaker::{FullPolicy, Policy, State, Why, Window, WindowSnapshot};
use fusebox::time::Instant;

use crate::harness::{Watched, at_once, both_at_once, both_sharing, check_story, model, watched};

const NOW: u64 = 100;

type Timed = Arc<Watched<FullPolicy>>;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn rated(percent: u32, minimum: u32) -> Timed {
    let policy = Policy::failure_rate(percent, Window::time(Duration::from_nanos(2)), minimum);
    let breaker = watched(policy.build().unwrap());
    breaker.warm_up();
    // Moves the head there.
    let _ = breaker.snapshot_at(at(NOW), Duration::ZERO);
    breaker
}

fn fail_at(breaker: &Timed, now: u64) {
    if let Ok(permit) = breaker.acquire_at(at(now)) {
        permit.failure_at(at(now));
    }
}

fn succeed_at(breaker: &Timed, now: u64) {
    if let Ok(permit) = breaker.acquire_at(at(now)) {
        permit.success_at(at(now));
    }
}

/// Calls and failures in the window that ends at `now`.
fn held(breaker: &Timed, now: u64) -> (u64, u64) {
    match breaker.snapshot_at(at(now), Duration::ZERO).window {
        Some(WindowSnapshot::Time { slices }) => {
            slices.iter().fold((0, 0), |sum, slice| (sum.0 + slice.1, sum.1 + slice.2))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_failures_at_once_are_both_counted() {
    model(|| {
        let breaker = rated(100, 2);
        both_at_once(&breaker, |b| fail_at(b, NOW), |b| fail_at(b, NOW));
        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::FailureRate]);
    });
}

#[test]
fn two_failures_at_once_in_neighbouring_slices_are_both_counted() {
    model(|| {
        let breaker = rated(100, 2);
        both_at_once(&breaker, |b| fail_at(b, NOW), |b| fail_at(b, NOW + 1));
        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::FailureRate]);
    });
}

#[test]
fn successes_and_failures_at_once_are_all_in_the_window() {
    model(|| {
        let breaker = rated(100, 9);
        at_once(&breaker, |b| fail_at(b, NOW), |b| succeed_at(b, NOW), |b| fail_at(b, NOW));
        assert_eq!(held(&breaker, NOW), (3, 2));
    });
}

#[test]
fn moving_the_head_on_while_others_count_loses_nothing() {
    model(|| {
        let breaker = rated(100, 9);
        both_at_once(&breaker, |b| fail_at(b, NOW + 1), |b| fail_at(b, NOW));
        assert_eq!(held(&breaker, NOW + 1), (2, 2));
    });
}

#[test]
fn moving_the_head_on_to_where_another_counts_loses_nothing() {
    model(|| {
        let breaker = rated(100, 9);
        both_at_once(&breaker, |b| succeed_at(b, NOW + 1), |b| fail_at(b, NOW + 1));
        assert_eq!(held(&breaker, NOW + 1), (2, 1));
    });
}

#[test]
fn moving_the_head_on_by_a_whole_ring_loses_nothing() {
    model(|| {
        let breaker = rated(100, 9);
        // One moves on by a slice and is held up; the other goes once around the ring and counts there.
        both_at_once(&breaker, |b| succeed_at(b, NOW + 1), |b| succeed_at(b, NOW + 5));
        assert!(held(&breaker, NOW + 5).0 >= 1, "what was counted last is still there");
    });
}

#[test]
fn a_rate_is_never_taken_for_higher_than_it_is() {
    model(|| {
        let breaker = rated(100, 1);
        succeed_at(&breaker, NOW);
        both_at_once(&breaker, |b| fail_at(b, NOW), |b| fail_at(b, NOW));
        assert_eq!(breaker.look().state, State::Closed, "one call of three succeeded");
        assert_eq!(held(&breaker, NOW), (3, 2));
    });
}

#[test]
fn a_late_outcome_is_not_in_the_new_window() {
    model(|| {
        let breaker = rated(100, 9);
        let old = breaker.acquire_owned_at(at(NOW)).unwrap();
        both_sharing(
            &breaker,
            |_| old.failure_at(at(NOW)),
            |breaker| {
                breaker.reset_at(at(NOW));
                fail_at(breaker, NOW);
            },
        );
        check_story(&breaker);
        assert_eq!(held(&breaker, NOW), (1, 1), "the one of the new generation");
    });
}
