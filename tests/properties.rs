//! Random policies, operations and instants: a breaker is what the specification says.
//!
//! 1. What a breaker with a row or a window of calls answers, tells, shows and counts is what the model says,
//!    to the nanosecond, while time goes forward.
//! 2. So it is while the clock steps back, jumps, and stands at its ends.
//! 3. So it is when its process is started again from a snapshot now and then.
//! 4. A window of time forgets an outcome at most a slice early and never late, by such clocks and restores too.
//! 5. Waiting as long as a rejection says suffices, and a nanosecond less does not.
//! 6. A clock that steps back frees nobody early.
//! 7. Jitter only adds, and at most its fraction.
//! 8. A ramp admits its percents of every hundred calls, evenly.
//! 9. A restored breaker waits what was left, and at most a millisecond more.
//! 10. Any snapshot, however damaged, is an error that changes nothing or a breaker that recovers.
//!
//! The model is `model/mod.rs`: one thread, plain fields, exact time.

#![cfg(feature = "std")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test may stop at what it did not expect, and its modules are nobody else's"
)]

mod model;

mod properties {
    mod driver;
    mod strategies;
    mod subject;

    use fusebox::breaker::{CircuitBreaker, State};
    use fusebox::time::Instant;
    use proptest::prelude::*;

    use self::driver::{Driver, instant};
    use crate::model::spec::{MILLI, ONE, Spec, Trip, down_to_milli, up_to_milli};

    /// As many cases as are asked for by `PROPTEST_CASES`, and at least 10 000 (1 000 without optimisation).
    fn config() -> ProptestConfig {
        let least = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
        let asked = ProptestConfig::default();
        ProptestConfig { cases: asked.cases.max(least), failure_persistence: None, ..asked }
    }

    proptest! {
        #![proptest_config(config())]

        /// What a breaker answers, tells, shows and counts is what the model says while time goes forward.
        #[test]
        fn a_breaker_does_what_the_model_does(
            spec in strategies::exact(), plain in any::<bool>(), steps in strategies::forward_steps()
        ) {
            Driver::new(&spec, plain).run(&steps).map_err(TestCaseError::fail)?;
        }

        /// A plain breaker on a plain policy does so too.
        #[test]
        fn a_plain_breaker_does_what_the_model_does(
            spec in strategies::plain(), steps in strategies::wild_steps()
        ) {
            Driver::new(&spec, true).run(&steps).map_err(TestCaseError::fail)?;
        }

        /// A clock that steps back, jumps, or stands at its end makes no breaker do anything else.
        #[test]
        fn a_strange_clock_changes_nothing_that_the_model_does_not(
            spec in strategies::exact(), plain in any::<bool>(), steps in strategies::wild_steps()
        ) {
            Driver::new(&spec, plain).run(&steps).map_err(TestCaseError::fail)?;
        }

        /// A restored breaker goes on from where the model was.
        #[test]
        fn a_restored_breaker_goes_on_as_the_model_does(
            spec in strategies::exact(), plain in any::<bool>(), steps in strategies::restored_steps()
        ) {
            Driver::new(&spec, plain).run(&steps).map_err(TestCaseError::fail)?;
        }

        /// A window of time forgets an outcome at most a slice early and never late.
        #[test]
        fn a_window_of_time_forgets_within_a_slice(
            spec in strategies::timed(), steps in strategies::forward_steps()
        ) {
            Driver::new(&spec, false).run(&steps).map_err(TestCaseError::fail)?;
        }

        /// A window of time stands still while the clock steps back, and survives a restore.
        #[test]
        fn a_window_of_time_survives_strange_clocks_and_restores(
            spec in strategies::timed(), wild in strategies::wild_steps(), restored in strategies::restored_steps()
        ) {
            Driver::new(&spec, false).run(&wild).map_err(TestCaseError::fail)?;
            Driver::new(&spec, false).run(&restored).map_err(TestCaseError::fail)?;
        }

        /// Waiting as long as a rejection says suffices, and a nanosecond less does not.
        #[test]
        fn waiting_what_a_rejection_tells_suffices(
            spec in strategies::exact(), opened in 0..u64::MAX / 4, later in any::<u64>()
        ) {
            let breaker = open_at(&spec, opened);
            let asked = opened.saturating_add(later % (1 << 57));
            if let Err(refusal) = breaker.acquire_at(Instant::from_nanos(asked)) {
                let wait = refusal.retry_after().expect("an open breaker knows how long").as_nanos() as u64;
                prop_assert!(breaker.acquire_at(Instant::from_nanos(asked + wait - 1)).is_err());
                prop_assert!(breaker.acquire_at(Instant::from_nanos(asked + wait)).is_ok());
            }
        }

        /// A clock that steps back frees nobody early: open at the deadline, whatever was asked before it.
        #[test]
        fn a_clock_that_steps_back_frees_nobody_early(
            spec in strategies::exact(), opened in 0..u64::MAX / 4, asked in prop::collection::vec(any::<u64>(), 1..20)
        ) {
            let breaker = open_at(&spec, opened);
            let least = spec.open_duration(1);
            let most = least + spec.jitter(least);
            for asked in asked.into_iter().filter(|asked| i128::from(*asked) < i128::from(opened) + least) {
                let refusal = breaker.acquire_at(Instant::from_nanos(asked));
                let wait = refusal.err().and_then(|refusal| refusal.retry_after());
                let longest = up_to_milli(i128::from(opened) + most) - down_to_milli(opened.into());
                prop_assert!(wait.is_some_and(|wait| wait.as_nanos() as i128 <= longest), "{wait:?} at {asked}");
            }
            let deadline = up_to_milli(i128::from(opened) + most);
            prop_assert!(breaker.acquire_at(instant(deadline)).is_ok());
        }

        /// Jitter only adds, and at most its fraction.
        #[test]
        fn jitter_only_adds(
            spec in strategies::exact(), fraction in 0..=ONE, opened in 0..u64::MAX / 4
        ) {
            let spec = Spec { jitter: Some(fraction), ..spec };
            let breaker = open_at(&spec, opened);
            let wait = breaker.look_at(Instant::from_nanos(opened)).retry_after.expect("it is open");
            let until = i128::from(opened) + wait.as_nanos() as i128;
            let least = i128::from(opened) + spec.open_duration(1);
            let most = least + spec.jitter(spec.open_duration(1));
            prop_assert!((up_to_milli(least)..=up_to_milli(most)).contains(&until));
        }

        /// A ramp admits its percents of every hundred calls.
        #[test]
        fn a_ramp_admits_its_percents_of_every_hundred(
            spec in strategies::exact(), percents in prop::collection::vec(1..=100_u64, 1..=8), hundreds in 1..4_usize
        ) {
            let step = 1_000_000_000;
            let ramp = crate::model::spec::Ramp { percents: percents.iter().map(|it| it * ONE).collect(), step };
            let spec = Spec { ramp: Some(ramp), slow: None, success_threshold: 1, ..spec };
            let breaker = open_at(&spec, 0);
            let begun = 20 * 3650 * 24 * 3600 * 1_000_000_000;
            breaker.acquire_at(instant(begun)).expect("it was open long enough").success_at(instant(begun));
            for (number, percent) in (0..).zip(&percents) {
                let now = instant(begun + number * step);
                prop_assert_eq!(breaker.look_at(now).state, State::Recovering);
                for _ in 0..hundreds {
                    let ask = || breaker.acquire_at(now).is_ok();
                    let answers: Vec<bool> = (0..100).map(|_| ask()).collect();
                    prop_assert!(answers[0], "the first of a hundred is admitted");
                    prop_assert_eq!(answers.iter().filter(|admitted| **admitted).count() as u64, *percent);
                }
            }
            let end = instant(begun + percents.len() as i128 * step);
            prop_assert_eq!(breaker.look_at(end).state, State::Closed);
        }

        /// A restored breaker waits what was left, and at most a millisecond more.
        #[test]
        fn a_restored_breaker_waits_what_was_left(
            spec in strategies::exact(), opened in 0..u64::MAX / 4, taken in 0..100_000_000_u64,
            passed in 0..100_000_000_u64, clock in 0..u64::MAX / 4
        ) {
            let breaker = open_at(&spec, opened);
            let left = breaker.look_at(Instant::from_nanos(opened + taken)).retry_after.expect("it is open");
            let wall = std::time::Duration::from_secs(1_700_000_000);
            let snapshot = breaker.snapshot_at(Instant::from_nanos(opened + taken), wall);
            let restored = CircuitBreaker::new(subject::full_policy(&spec));
            let later = wall + std::time::Duration::from_nanos(passed);
            restored.restore_at(&snapshot, Instant::from_nanos(clock), later).expect("it is ours");
            let waits = restored.look_at(Instant::from_nanos(clock)).retry_after.expect("it is open");
            let left = left.as_nanos().saturating_sub(u128::from(passed));
            prop_assert!((left..left + 1_000_000).contains(&waits.as_nanos()), "{waits:?} of {left} ns");
        }

        /// Any snapshot, however damaged, is an error that changes nothing or a breaker that recovers.
        #[test]
        fn any_snapshot_is_refused_or_recovers(
            spec in prop_oneof![strategies::exact(), strategies::timed()], snapshot in strategies::snapshot(),
            clock in 0..u64::MAX / 4, wall in strategies::any_duration()
        ) {
            let breaker = CircuitBreaker::new(subject::full_policy(&spec));
            let mut now = Instant::from_nanos(clock);
            let before = breaker.look_at(now);
            if breaker.restore_at(&snapshot, now, wall).is_err() {
                prop_assert_eq!(breaker.look_at(now), before);
                return Ok(());
            }
            prop_assert_eq!(breaker.snapshot_at(now, wall).version, 1);
            if let State::ForcedOpen | State::Disabled = snapshot.state {
                prop_assert_eq!(breaker.look_at(now).state, snapshot.state);
                breaker.reset_at(now);
            }
            let ramp = subject::duration(spec.ramp_end(0).unwrap_or(0) + MILLI);
            for calls in 1..=500 {
                match breaker.acquire_at(now) {
                    Ok(permit) => permit.success_at(now),
                    Err(refusal) => now = now.saturating_add(refusal.retry_after().unwrap_or(ramp)),
                }
                if calls % 100 == 0 {
                    now = now.saturating_add(ramp);
                }
            }
            let end = breaker.look_at(now).state;
            prop_assert!(end == State::Closed || now.as_nanos() == u64::MAX, "{end} at {now:?}");
        }
    }

    /// A breaker that opened at `opened`, for the first time.
    fn open_at(spec: &Spec, opened: u64) -> CircuitBreaker<fusebox::breaker::FullPolicy> {
        let failures = match spec.trip {
            Trip::Row(failures) => failures,
            Trip::Rate { minimum, .. } => minimum,
        };
        let breaker = CircuitBreaker::new(subject::full_policy(spec));
        let now = Instant::from_nanos(opened);
        for _ in 0..failures {
            breaker.acquire_at(now).expect("it is closed").failure_at(now);
        }
        assert_eq!(breaker.look_at(now).state, State::Open);
        breaker
    }
}
