//! One quota in one word: the strict form, the adjustable one while nothing changes, the state alone.

use core::time::Duration;

use fusebox::limiter::{Gcra, Quota, RateLimiter};
use proptest::prelude::*;

use super::config;
use super::driver::{Step, between, nanos, run};
use super::model::{Model, Spec};
use super::strategies::{self, Cells};
use super::subject::{FORMS, State, Subject, at};

/// Every form does these steps as the model does, and keeps the bound.
fn all_agree(spec: &Spec, start: u64, steps: &[Step]) -> Result<(), String> {
    for form in FORMS {
        let mut model = Model::new(spec, form.fineness(spec));
        let said = |wrong| format!("{form:?} {spec:?}: {wrong}");
        let record = run(spec, &mut *form.make(spec), &mut model, start, steps).map_err(said)?;
        record.keeps_the_bound(spec).map_err(said)?;
        record.keeps_the_bound_as_done(spec).map_err(said)?;
    }
    Ok(())
}

/// The nanosecond before what a denial tells is too early, and the told one is not.
fn is_the_least_wait(spec: &Spec, subject: &mut State, n: u32, now: u64) -> Result<(), String> {
    let Some(wait) = subject.check(n, now).retry_after().map(nanos) else { return Ok(()) };
    let Some(due) = now.checked_add(wait) else { return Ok(()) };
    if !spec.is_far_from_the_end_at(due.into()) {
        return Ok(());
    }
    if subject.check(n, due - 1).is_allowed() {
        return Err(format!("admitted a nanosecond before {due}"));
    }
    if !subject.check(n, due).is_allowed() {
        return Err(format!("denied {n} cells at {due}, after {wait} ns"));
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    /// Where the interval is whole, all is exact, to the nanosecond.
    #[test]
    fn an_exact_quota_does_what_the_model_does(
        spec in strategies::exact(), start in strategies::start(), steps in strategies::forward_steps()
    ) {
        all_agree(&spec, start, &steps).map_err(TestCaseError::fail)?;
    }

    /// Elsewhere it may be late, by 4 ns, and never early.
    #[test]
    fn any_quota_does_what_the_model_does_four_nanoseconds_late(
        spec in strategies::any_quota(), start in strategies::start(), steps in strategies::forward_steps()
    ) {
        all_agree(&spec, start, &steps).map_err(TestCaseError::fail)?;
    }

    /// A clock that steps back, jumps, or stands at its end.
    #[test]
    fn a_strange_clock_changes_nothing_that_the_model_does_not(
        spec in strategies::any_quota(), start in any::<u64>(), steps in strategies::wild_steps()
    ) {
        all_agree(&spec, start, &steps).map_err(TestCaseError::fail)?;
    }

    /// Waiting as long as a denial says suffices, and a nanosecond less does not, for any quota.
    #[test]
    fn a_denial_tells_the_least_wait(
        spec in strategies::any_quota(), start in strategies::start(), steps in strategies::forward_steps(),
        cells in strategies::cells()
    ) {
        let mut state = State(spec.quota(), Gcra::default());
        let mut now = start;
        for step in &steps {
            let n = step.cells.of(spec.burst);
            let mut other = State(state.0, state.1);
            is_the_least_wait(&spec, &mut other, n, now).map_err(TestCaseError::fail)?;
            let _ = state.check(n, now);
            now = now.saturating_add(nanos(state.level(now).full_in()) / 3);
        }
        is_the_least_wait(&spec, &mut state, cells.of(spec.burst), now).map_err(TestCaseError::fail)?;
    }

    /// What a level tells as remaining is there, one more is not, and after `full_in` the burst is there.
    #[test]
    fn what_remains_is_there_and_a_full_quota_admits_its_burst(
        spec in strategies::any_quota(), start in strategies::start(), steps in strategies::forward_steps()
    ) {
        let mut state = State(spec.quota(), Gcra::default());
        let mut now = start;
        for step in &steps {
            let _ = state.check(step.cells.of(spec.burst), now);
            let level = state.level(now);
            if !spec.is_far_from_the_end_at(now.into()) {
                break;
            }
            let asked = |n| State(state.0, state.1).check(n, now).is_allowed();
            let remaining = level.remaining();
            prop_assert!(asked(remaining));
            prop_assert!(remaining == spec.burst || !asked(remaining + 1));
            let full = now.saturating_add(nanos(level.full_in()));
            // One tick later where instants lie between two ticks.
            let late = if spec.is_exact() { 0 } else { 2 };
            if spec.is_far_from_the_end_at(full.into()) {
                prop_assert!(State(state.0, state.1).check(spec.burst, full + late).is_allowed());
            }
            now = now.saturating_add(nanos(level.full_in()) / 3);
        }
    }

    /// Cells that are taken as they come are due at whole multiples of the interval, however many there were.
    #[test]
    fn nothing_drifts(
        spec in strategies::any_quota(), start in strategies::start(),
        shares in prop::collection::vec(any::<u16>(), 1..200)
    ) {
        let (p, q) = spec.interval();
        let limiter = RateLimiter::new(spec.quota());
        // Of a burst of one there is nothing left to wait for; and what does not fit the clock is denied.
        if spec.burst < 2 || !limiter.check_n_at(spec.burst, at(start)).is_allowed() {
            return Ok(());
        }
        let (mut now, mut taken) = (start, 0_i128);
        for share in shares {
            let n = Cells::Share(share).of(spec.burst - 1).max(1);
            let due = ((taken + i128::from(n)) * p) as u128;
            if !spec.is_far_from_the_end_at(u128::from(start) + due / (q as u128)) {
                break;
            }
            if let Some(wait) = limiter.check_n_at(n, at(now)).retry_after() {
                now += nanos(wait);
                prop_assert!(limiter.check_n_at(n, at(now)).is_allowed());
                let due = due.div_ceil(q as u128);
                let late = if spec.is_exact() { 0 } else { 4 };
                between("due", (now - start).into(), due, due + late).map_err(TestCaseError::fail)?;
            }
            taken += i128::from(n);
        }
    }

    /// Over whole periods exactly the rate is admitted beyond the burst.
    #[test]
    fn over_whole_periods_exactly_the_rate_is_admitted(
        spec in strategies::moderate(), start in strategies::start(), periods in 1..50_u64
    ) {
        let spec = Spec { burst: spec.burst + 1, ..spec };
        let limiter = RateLimiter::new(spec.quota());
        prop_assert!(limiter.check_n_at(spec.burst, at(start)).is_allowed());
        let late = if spec.is_exact() { 0 } else { 4 };
        let end = start + periods * spec.period;
        let (mut now, mut taken) = (start, 0_u64);
        while now < end {
            let wait = limiter.check_at(at(now)).retry_after();
            if wait.is_none() {
                taken += 1;
            }
            now += wait.map_or(0, nanos);
        }
        while limiter.check_at(at(end + late)).is_allowed() {
            taken += 1;
        }
        prop_assert_eq!(taken, periods * u64::from(spec.rate));
    }

    /// A quota is refused where its burst does not fit, and nowhere else.
    #[test]
    fn a_quota_is_refused_where_its_burst_does_not_fit(spec in strategies::any_quota(), burst in 1..=u32::MAX) {
        let (p, _) = spec.interval();
        let built = Quota::with_period(spec.rate, Duration::from_nanos(spec.period)).burst(burst).build();
        if spec.is_exact() {
            prop_assert_eq!(built.is_ok(), p * i128::from(burst) <= i128::from(u64::MAX));
        } else {
            // A tick is one nanosecond or more, and less than two.
            let (_, q) = spec.interval();
            let nanos = p * i128::from(burst) / q;
            prop_assert!(built.is_ok() || nanos > i128::from(u64::MAX));
            prop_assert!(built.is_err() || nanos / 2 <= i128::from(u64::MAX));
        }
        prop_assert_eq!(built.err().map_or("burst", |error| error.field()), "burst");
    }
}
