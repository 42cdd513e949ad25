//! 1. Force-open racing a probe: one of them is first; a probe's verdict never undoes what was done by hand.
//! 2. A reset racing an opening is a change of state before or after it, and both are told.
//! 3. Shadow switched on or off while others call keeps the state and loses no outcome.

use fusebox::breaker::{State, Why};

use crate::harness::{
    Owned, after, at_once, both_at_once, check_story, fail, half_open, model, ms, opened, watched,
};

/// One of two probes reports; the other one never does.
fn a_probe_racing_force_open(report: fn(Owned)) {
    model(move || {
        let (breaker, [probe, other]) = half_open::<2>(after(1).half_open_calls(2));
        both_at_once(&breaker, |breaker| breaker.force_open_at(ms(10)), |_| report(probe));
        check_story(&breaker);
        assert_eq!(breaker.look_at(ms(10)).state, State::ForcedOpen);
        let whys = breaker.observer().whys();
        let verdict = matches!(whys[2], Why::ProbesSucceeded | Why::ProbeFailed);
        assert_eq!((whys.last(), whys.len()), (Some(&Why::ForcedOpen), 3 + usize::from(verdict)), "{whys:?}");
        assert!(breaker.acquire_at(ms(90)).is_err(), "until it is released");
        drop(other);
    });
}

#[test]
fn a_probe_that_succeeds_racing_force_open_comes_before_it_or_is_late() {
    a_probe_racing_force_open(|probe| probe.success_at(ms(10)));
}

#[test]
fn a_probe_that_fails_racing_force_open_comes_before_it_or_is_late() {
    a_probe_racing_force_open(|probe| probe.failure_at(ms(10)));
}

#[test]
fn a_probe_that_is_dropped_racing_force_open_gives_back_nothing_of_the_new_state() {
    a_probe_racing_force_open(drop);
}

#[test]
fn force_open_racing_the_first_probe_leaves_it_forced_open() {
    model(|| {
        let breaker = opened(after(1));
        breaker.clock().set(ms(10));
        let (_, probe) =
            both_at_once(&breaker, |breaker| breaker.force_open(), |breaker| breaker.acquire_owned().ok());
        if let Some(probe) = probe {
            probe.success();
        }
        check_story(&breaker);
        assert_eq!(breaker.look().state, State::ForcedOpen);
    });
}

#[test]
fn a_reset_racing_an_opening_comes_before_or_after_it() {
    model(|| {
        let breaker = watched(after(2).build().unwrap());
        let [one, two]: [Owned; 2] = core::array::from_fn(|_| breaker.acquire_owned().unwrap());
        at_once(&breaker, |_| one.failure(), |_| two.failure(), |breaker| breaker.reset_at(ms(0)));

        check_story(&breaker);
        let whys = breaker.observer().whys();
        assert!(matches!(whys[..], [Why::Reset] | [Why::Failures, Why::Reset]), "{whys:?}");
        let now = breaker.look();
        assert_eq!((now.state, now.consecutive_failures), (State::Closed, 0));
    });
}

#[test]
fn those_who_do_it_by_hand_at_once_are_all_told() {
    model(|| {
        let breaker = watched(after(1).build().unwrap());
        both_at_once(&breaker, |breaker| breaker.force_open_at(ms(1)), |breaker| breaker.reset_at(ms(3)));
        check_story(&breaker);
        assert_eq!(breaker.observer().changes().len(), 2);
    });
}

#[test]
fn shadow_switched_on_while_others_call_keeps_the_state() {
    model(|| {
        let breaker = opened(after(1));
        let (_, one, two) = at_once(
            &breaker,
            |breaker| breaker.set_shadow(true),
            |breaker| breaker.acquire_at(ms(5)).is_ok(),
            |breaker| {
                let first = breaker.acquire_at(ms(5)).is_ok();
                (first, breaker.acquire_at(ms(5)).is_ok())
            },
        );
        assert!(!two.0 || two.1, "once on, it stays on");
        let _ = one;
        check_story(&breaker);
        let now = breaker.look_at(ms(5));
        assert_eq!((now.state, now.shadow, now.generation), (State::Open, true, 1));
        assert!(breaker.acquire_at(ms(5)).is_ok(), "admitted in shadow");
        breaker.set_shadow(false);
        assert!(breaker.acquire_at(ms(5)).is_err(), "and rejected again");
    });
}

#[test]
fn shadow_switched_on_loses_no_failure() {
    model(|| {
        let breaker = watched(after(2).build().unwrap());
        at_once(
            &breaker,
            |breaker| breaker.set_shadow(true),
            |breaker| fail(breaker),
            |breaker| fail(breaker),
        );
        check_story(&breaker);
        let now = breaker.look();
        assert_eq!((now.state, now.shadow), (State::Open, true));
    });
}
