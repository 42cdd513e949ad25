//! 1. One recorder opens, and only one: the row ends in exactly one change of state, whoever finds it full.
//! 2. A success racing the last failure either comes first and ends the row, or comes too late.
//! 3. Who sees a state sees all that its winner had done before, and all that the failures before it had done.

use std::sync::Arc;

use fusebox::breaker::{Failure, FailureKind, State, Why};
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::harness::{
    Owned, Watched, after, at_once, both_at_once, check_story, fail, model, model_within, ms, watched,
};

#[test]
fn one_recorder_opens_and_only_one() {
    model(|| {
        let breaker = watched(after(2).build().unwrap());
        let [one, two, three]: [Owned; 3] = core::array::from_fn(|_| breaker.acquire_owned().unwrap());
        at_once(&breaker, |_| one.failure(), |_| two.failure(), |_| three.failure());

        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::Failures]);
        // The third found the breaker open already: it was late.
        let told: Vec<_> = breaker.observer().failures().iter().map(|failure| failure.failures).collect();
        assert!(told == [1, 2] || told == [2, 1], "{told:?}");
    });
}

#[test]
fn one_recorder_opens_while_others_are_asking() {
    model_within(2, || {
        let breaker = watched(after(1).build().unwrap());
        let call = |breaker: &Arc<Watched>| fail(breaker);
        at_once(&breaker, call, call, call);

        check_story(&breaker);
        assert_eq!(breaker.observer().whys(), [Why::Failures]);
    });
}

#[test]
fn a_success_racing_the_last_failure_ends_the_row_or_comes_too_late() {
    model(|| {
        let breaker = watched(after(2).build().unwrap());
        fail(&breaker);
        let (failing, succeeding) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        let (_, _, admitted) = at_once(
            &breaker,
            |_| failing.failure(),
            |_| succeeding.success(),
            |breaker| breaker.acquire_at(ms(0)).is_ok(),
        );

        check_story(&breaker);
        let now = breaker.look();
        match now.state {
            State::Open => assert_eq!(breaker.observer().whys(), [Why::Failures]),
            State::Closed => assert_eq!((now.consecutive_failures, admitted), (1, true)),
            other => panic!("{other}"),
        }
    });
}

#[test]
fn failures_and_successes_at_once_leave_a_row_that_some_order_explains() {
    model(|| {
        let breaker = watched(after(9).build().unwrap());
        fail(&breaker);
        let [one, two, three]: [Owned; 3] = core::array::from_fn(|_| breaker.acquire_owned().unwrap());
        at_once(&breaker, |_| one.failure(), |_| two.success(), |_| three.failure());
        let row = breaker.look().consecutive_failures;
        assert!(row <= 2, "the success ended the row there was: {row}");
        let mut told: Vec<_> = breaker.observer().failures().iter().map(|failure| failure.failures).collect();
        told.sort_unstable();
        // The first is from before; then F F S, F S F, S F F.
        let explained = matches!((&told[..], row), ([1, 2, 3], 0) | ([1, 1, 2], 1 | 2));
        assert!(explained, "{told:?} and a row of {row}");
    });
}

#[test]
fn who_sees_a_state_sees_what_its_winner_had_done_before() {
    model(|| {
        let breaker = watched(after(1).build().unwrap());
        let (mine, payload) = (breaker.acquire_owned().unwrap(), Arc::new(AtomicU64::new(0)));
        let written = Arc::clone(&payload);
        let seen = move |breaker: &Arc<Watched>| {
            let opened = breaker.look_at(ms(0)).state == State::Open;
            (opened, payload.load(Relaxed))
        };
        let winner = move |_: &_| {
            written.store(7, Relaxed);
            mine.failure();
        };
        let (_, _, (opened, read)) =
            at_once(&breaker, winner, |breaker| drop(breaker.acquire_at(ms(0))), seen);
        assert!(!opened || read == 7, "the state came without what was done before it");
    });
}

#[test]
fn who_opens_has_seen_what_each_failure_of_the_row_had_done() {
    model(|| {
        let breaker = watched(after(2).build().unwrap());
        fail(&breaker);
        let [good, bad, last]: [Owned; 3] = core::array::from_fn(|_| breaker.acquire_owned().unwrap());
        let payload = Arc::new(AtomicU64::new(0));
        let written = Arc::clone(&payload);
        // A row of one, none, and one again: the same word, but another failure.
        let again = move |_: &_| {
            good.success();
            written.store(7, Relaxed);
            bad.failure();
        };
        let opener = move |_: &_| {
            last.fail(FailureKind::Timeout);
            payload.load(Relaxed)
        };
        let ((), read) = both_at_once(&breaker, again, opener);
        let failures = breaker.observer().failures();
        let told = |kind, failures_so_far| {
            let is = |failure: &&Failure| (failure.kind, failure.failures) == (kind, failures_so_far);
            failures.iter().filter(is).count()
        };
        // Two failures began a row: the one before, and the other thread's. The opener found the second one there.
        let found = told(FailureKind::Error, 1) == 2 && told(FailureKind::Timeout, 2) == 1;
        assert!(!found || read == 7, "{failures:?}");
    });
}
