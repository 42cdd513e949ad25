//! Policies of retries, their budgets, and the ends of the clock.

use core::time::Duration;

use fusebox::Value;
use fusebox::retry::{
    Allowed, Budget, Class, Course, Jitter, Next, Policy, PolicyBuilder, Stopped, retry_after,
};
use fusebox::time::{Instant, NoClock};

use super::{NANO, SECOND, refused};

const END: Instant = Instant::from_nanos(u64::MAX);

fn thrice() -> PolicyBuilder {
    Policy::attempts(3)
}

#[test]
fn no_attempts_are_refused() {
    refused(Policy::attempts(0).build(), "max_attempts", Value::Count(0), "1 at least");
    assert_eq!(Policy::attempts(u32::MAX).build().unwrap().max_attempts(), u32::MAX);
}

#[test]
fn a_cap_under_the_initial_delay_is_refused() {
    let policy = thrice().initial_delay(SECOND);
    let under = SECOND.checked_sub(NANO).unwrap();
    refused(policy.max_delay(under).build(), "max_delay", Value::Duration(under), "under the initial delay");
    assert!(policy.max_delay(SECOND).build().is_ok());
    // What no clock shows is the end of the clock, on both sides.
    assert!(thrice().initial_delay(Duration::MAX).max_delay(Duration::MAX).build().is_ok());
    let most = Duration::from_nanos(u64::MAX);
    assert!(thrice().initial_delay(Duration::MAX).max_delay(most).build().is_ok());
}

#[test]
fn a_multiplier_that_shrinks_or_is_no_number_is_refused() {
    for factor in [0.0, 0.999_999_999, -1.0, f64::INFINITY, f64::NEG_INFINITY, 1.1e9] {
        refused(
            thrice().multiplier(factor).build(),
            "multiplier",
            Value::Number(factor),
            "from 1 to a billion",
        );
    }
    assert_eq!(thrice().multiplier(f64::NAN).build().unwrap_err().field(), "multiplier");
    for factor in [1.0, 1.000_000_001, 1e9] {
        assert!(thrice().multiplier(factor).build().is_ok());
    }
}

#[test]
fn a_jitter_that_takes_away_or_is_no_number_is_refused() {
    for share in [-0.1, -1e-9, f64::INFINITY, 1.1e9] {
        let policy = thrice().jitter(Jitter::Proportional(share));
        refused(policy.build(), "jitter_fraction", Value::Number(share), "from 0 to a billion");
    }
    assert_eq!(
        thrice().jitter(Jitter::Proportional(f64::NAN)).build().unwrap_err().field(),
        "jitter_fraction"
    );
    assert!(thrice().jitter(Jitter::Proportional(0.0)).build().is_ok());
}

#[test]
fn of_several_faults_the_first_setting_is_named() {
    let all = Policy::attempts(0).initial_delay(SECOND).max_delay(NANO).multiplier(0.0);
    assert_eq!(all.build().unwrap_err().field(), "max_attempts");
    let most = thrice().initial_delay(SECOND).max_delay(NANO).multiplier(0.0);
    assert_eq!(most.build().unwrap_err().field(), "max_delay");
}

#[test]
fn a_budget_that_holds_nothing_gets_nothing_or_begins_with_too_much_is_refused() {
    refused(Allowed::ratio(0.1).capacity(0).build(), "capacity", Value::Count(0), "1 at least");
    for ratio in [-0.1, f64::INFINITY, f64::NEG_INFINITY, 1.1e9] {
        refused(Allowed::ratio(ratio).build(), "ratio", Value::Number(ratio), "from 0 to a billion");
    }
    assert_eq!(Allowed::ratio(f64::NAN).build().unwrap_err().field(), "ratio");
    for initial in [-1.0, 1.000_000_001, f64::INFINITY] {
        let allowed = Allowed::ratio(0.1).capacity(1).initial(initial);
        refused(allowed.build(), "initial", Value::Number(initial), "from 0 to the capacity");
    }
    refused(Allowed::ratio(0.0).build(), "ratio", Value::Number(0.0), "no token ever comes");
    assert!(Allowed::ratio(0.0).min_per_second(1).build().is_ok());
    assert!(Allowed::ratio(0.0).initial(1.0).build().is_ok());
    assert!(Allowed::ratio(1e-9).build().is_ok());
    let most = Allowed::ratio(1e9).capacity(u32::MAX).min_per_second(u32::MAX);
    let beyond = f64::from(u32::MAX);
    refused(most.initial(beyond).build(), "initial", Value::Number(beyond), "a billion at most");
    let most = most.initial(1e9);
    let budget = Budget::with_parts(most.build().unwrap(), NoClock, ());
    for now in [END, Instant::ORIGIN, END] {
        assert!(budget.withdraw_at(now).is_ok());
        budget.deposit_at(now);
        assert!(budget.look_at(now).balance <= f64::from(u32::MAX));
    }
}

/// Whatever the policy and the instants, nothing panics, and no wait ends after the deadline.
#[test]
fn the_ends_of_the_clock_are_instants_like_others() {
    for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated, Jitter::Proportional(1e9)]
    {
        let policy = thrice().initial_delay(Duration::MAX).max_delay(Duration::MAX).multiplier(1e9);
        let endless = policy.jitter(jitter).build().unwrap().seeded(u64::MAX);
        assert!(endless.delays().all(|delay| delay <= Duration::from_nanos(u64::MAX)));
        let policy = policy.jitter(jitter).deadline(Duration::MAX).build().unwrap().seeded(1);
        for begin in [Instant::ORIGIN, Instant::from_nanos(1), END] {
            for class in [Class::After(Duration::MAX), Class::Refused(Some(Duration::MAX))] {
                let mut course = Course::begun_at(&policy, begin);
                let fits = begin == Instant::ORIGIN;
                let most = Duration::from_nanos(u64::MAX);
                let expected = if fits { Next::Wait(most) } else { Next::Stop(Stopped::Deadline) };
                assert_eq!(course.failed(class, Some(begin), &()), expected, "{jitter:?} {begin:?}");
                assert!(course.waited() <= most);
            }
        }
    }
}

#[test]
fn a_header_of_any_length_is_capped() {
    let cap = Duration::from_secs(60);
    for digits in [1, 19, 20, 21, 10_000] {
        assert_eq!(retry_after(&"9".repeat(digits), cap), Some(if digits == 1 { SECOND * 9 } else { cap }));
        assert_eq!(retry_after(&"0".repeat(digits), cap), Some(Duration::ZERO));
    }
    assert_eq!(retry_after("9", Duration::ZERO), Some(Duration::ZERO));
}
