//! Every constructor refuses every value that can never work, by an error that names the field, the value and
//! the rule, and takes the greatest that can.

#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at what it did not expect")]

#[path = "bad_input/fallbacks.rs"]
mod fallbacks;
#[path = "bad_input/guards.rs"]
mod guards;
#[path = "bad_input/limiters.rs"]
mod limiters;
#[path = "bad_input/pressure.rs"]
mod pressure;
#[path = "bad_input/retries.rs"]
mod retries;
#[path = "bad_input/timeouts.rs"]
mod timeouts;

use core::fmt::Debug;
use core::time::Duration;

use fusebox::breaker::{
    CircuitBreaker, Full, Plain, Policy, PolicyBuilder, RestoreError, Snapshot, State, Window,
};
use fusebox::time::Instant;
use fusebox::{InvalidPolicy, Value};

const NANO: Duration = Duration::from_nanos(1);
const SECOND: Duration = Duration::from_secs(1);
/// Ten years of 365 and a quarter days, which must fit.
const TEN_YEARS: Duration = Duration::from_secs(10 * 36_525 * 864);

fn row() -> PolicyBuilder<Plain> {
    Policy::consecutive_failures(5).open_duration(SECOND)
}

fn rate() -> PolicyBuilder<Full> {
    Policy::failure_rate(50, Window::calls(10), 5).open_duration(SECOND)
}

/// It is refused, and the error says of which field, with which value, by which rule.
#[track_caller]
fn refused<P: Debug>(built: Result<P, InvalidPolicy>, field: &str, value: Value, rule: &str) {
    let error = built.unwrap_err();
    assert_eq!((error.field(), error.value()), (field, value));
    assert!(error.rule().contains(rule), "{:?} does not say {rule:?}", error.rule());
    assert_eq!(error.to_string(), format!("{field} = {value}: {}", error.rule()));
    let _: &dyn core::error::Error = &error;
}

#[test]
fn a_row_of_no_failures_or_more_than_fit_is_refused() {
    for failures in [0, 65_536, u32::MAX] {
        let value = Value::Count(failures.into());
        refused(
            Policy::consecutive_failures(failures).build(),
            "consecutive_failures",
            value,
            "from 1 to 65535",
        );
        refused(
            Policy::consecutive_failures(failures).full().build(),
            "consecutive_failures",
            value,
            "from 1",
        );
    }
    assert!(Policy::consecutive_failures(65_535).build().is_ok());
}

#[test]
fn a_duration_of_nothing_is_refused_wherever_it_stands() {
    let value = Value::Duration(Duration::ZERO);
    refused(row().open_duration(Duration::ZERO).build(), "open_duration", value, "from 1 ns");
    refused(row().half_open_timeout(Duration::ZERO).build(), "half_open_timeout", value, "from 1 ns");
    refused(row().ramp(&[10], Duration::ZERO).build(), "step", value, "from 1 ns");
    refused(row().open_growth(2.0, Duration::ZERO).build(), "cap", value, "");
    refused(Policy::failure_rate(50, Window::time(Duration::ZERO), 5).build(), "window", value, "from 1 ns");
}

#[test]
fn durations_up_to_ten_years_fit_wherever_they_stand() {
    for duration in [NANO, TEN_YEARS] {
        assert!(row().open_duration(duration).build().is_ok());
        assert!(row().half_open_timeout(duration).build().is_ok());
        assert!(row().slow_call_as_failure(duration).build().is_ok());
        assert!(row().ramp(&[10; 16], duration).build().is_ok());
        assert!(row().open_duration(duration).open_growth(1.0, duration).build().is_ok());
        assert!(Policy::failure_rate(50, Window::time(duration), 5).build().is_ok());
    }
}

#[test]
fn a_duration_that_no_clock_shows_is_refused_and_not_clamped() {
    let (longest, value) = (Duration::MAX, Value::Duration(Duration::MAX));
    refused(row().open_duration(longest).build(), "open_duration", value, "100 years");
    refused(row().half_open_timeout(longest).build(), "half_open_timeout", value, "100 years");
    refused(row().slow_call_as_failure(longest).build(), "limit", value, "100 years");
    refused(row().ramp(&[10], longest).build(), "step", value, "100 years");
    refused(row().open_growth(2.0, longest).build(), "cap", value, "100 years");
    let error = Policy::failure_rate(50, Window::time(longest), 5).build().unwrap_err();
    assert_eq!(error.field(), "window");
}

#[test]
fn no_probes_no_successes_or_more_than_fit_are_refused() {
    for calls in [0, 64, u32::MAX] {
        let value = Value::Count(calls.into());
        refused(row().half_open_calls(calls).build(), "half_open_calls", value, "from 1 to 63");
        refused(row().success_threshold(calls).build(), "success_threshold", value, "from 1 to 63");
    }
    assert!(row().half_open_calls(63).success_threshold(63).build().is_ok());
}

#[test]
fn a_window_of_no_calls_or_more_than_it_can_hold_is_refused() {
    for calls in [0, (1 << 20) + 1, u32::MAX] {
        let built = Policy::failure_rate(50, Window::calls(calls), 1).build();
        refused(built, "window", Value::Count(calls.into()), "from 1 to 1048576");
    }
    assert!(Policy::failure_rate(50, Window::calls(1 << 20), 1 << 20).build().is_ok());
}

#[test]
fn a_minimum_of_none_or_above_the_window_is_refused() {
    let by_count = |minimum| Policy::failure_rate(50, Window::calls(10), minimum).build();
    refused(by_count(0), "minimum_calls", Value::Count(0), "1");
    refused(by_count(11), "minimum_calls", Value::Count(11), "window");
    assert!(by_count(10).is_ok());
    let by_time = |minimum| Policy::failure_rate(50, Window::time(SECOND), minimum).build();
    refused(by_time(0), "minimum_calls", Value::Count(0), "1");
    assert!(by_time(u32::MAX).is_ok());
}

#[test]
fn a_percent_outside_1_to_100_is_refused_wherever_it_stands() {
    for percent in [0, 101, u32::MAX] {
        let value = Value::Count(percent.into());
        refused(
            Policy::failure_rate(percent, Window::calls(10), 5).build(),
            "percent",
            value,
            "from 1 to 100",
        );
        refused(rate().slow_call_percent(SECOND, percent).build(), "percent", value, "from 1 to 100");
        refused(row().ramp(&[10, percent], SECOND).build(), "percents", value, "from 1 to 100");
    }
    for percent in [1, 100] {
        assert!(Policy::failure_rate(percent, Window::calls(10), 5).build().is_ok());
        assert!(rate().slow_call_percent(SECOND, percent).build().is_ok());
        assert!(row().ramp(&[percent], SECOND).build().is_ok());
    }
}

#[test]
fn slow_calls_by_percent_without_a_window_are_refused() {
    refused(row().slow_call_percent(SECOND, 50).build(), "percent", Value::Count(50), "failure rate");
}

#[test]
fn a_ramp_of_no_steps_or_too_many_is_refused() {
    refused(row().ramp(&[], SECOND).build(), "percents", Value::Empty, "at least one");
    refused(row().ramp(&[10; 17], SECOND).build(), "percents", Value::Count(17), "16");
}

#[test]
fn a_factor_that_does_not_grow_is_refused() {
    for factor in [0.0, 0.999_999_999, -1.0, f64::INFINITY, f64::NEG_INFINITY, 1e10] {
        refused(row().open_growth(factor, SECOND).build(), "factor", Value::Number(factor), "from 1");
    }
    assert_eq!(row().open_growth(f64::NAN, SECOND).build().unwrap_err().field(), "factor");
    assert!(row().open_growth(1.0, SECOND).build().is_ok());
    assert!(row().open_growth(1e9, TEN_YEARS).build().is_ok());
}

#[test]
fn a_cap_under_the_open_duration_is_refused() {
    let under = SECOND.checked_sub(NANO).unwrap();
    refused(row().open_growth(2.0, under).build(), "cap", Value::Duration(under), "open duration");
    assert!(row().open_growth(2.0, SECOND).build().is_ok());
}

#[test]
fn a_jitter_under_nothing_is_refused() {
    for fraction in [-0.1, f64::INFINITY, f64::NEG_INFINITY] {
        refused(row().open_jitter(fraction).build(), "jitter", Value::Number(fraction), "from 0");
        refused(row().open_jitter_seeded(fraction, 1).build(), "jitter", Value::Number(fraction), "from 0");
    }
    assert_eq!(row().open_jitter(f64::NAN).build().unwrap_err().field(), "jitter");
    for fraction in [0.0, 0.1, 1.0] {
        assert!(row().open_jitter_seeded(fraction, 1).build().is_ok());
    }
}

#[test]
fn the_greatest_of_everything_at_once_works() {
    let policy = Policy::failure_rate(100, Window::time(TEN_YEARS), u32::MAX)
        .open_duration(TEN_YEARS)
        .half_open_calls(63)
        .success_threshold(63)
        .half_open_timeout(TEN_YEARS)
        .slow_call_percent(TEN_YEARS, 100)
        .open_growth(1e9, TEN_YEARS)
        .open_jitter_seeded(1.0, u64::MAX)
        .ramp(&[100; 16], TEN_YEARS)
        .build()
        .unwrap();
    let breaker = CircuitBreaker::new(policy);
    for now in [0, 1, u64::MAX / 2, u64::MAX].map(Instant::from_nanos) {
        breaker.acquire_at(now).unwrap().failure_at(now);
        assert_eq!(breaker.look_at(now).state, State::Closed);
    }
    breaker.force_open_at(Instant::from_nanos(u64::MAX));
    assert!(breaker.acquire_at(Instant::from_nanos(u64::MAX)).is_err());
}

/// A snapshot of a breaker that one failure opened.
fn snapshot() -> Snapshot {
    let breaker = CircuitBreaker::new(Policy::consecutive_failures(1).build().unwrap());
    breaker.acquire_at(Instant::ORIGIN).unwrap().failure_at(Instant::ORIGIN);
    breaker.snapshot_at(Instant::ORIGIN, SECOND)
}

#[test]
fn a_damaged_foreign_or_newer_snapshot_is_an_error_and_changes_nothing() {
    let breaker = CircuitBreaker::new(row().build().unwrap());
    let before = breaker.look_at(Instant::ORIGIN);
    let wrong = [
        Snapshot { primitive: "rate_limiter", ..snapshot() },
        Snapshot { version: Snapshot::VERSION + 1, ..snapshot() },
        Snapshot { version: 0, ..snapshot() },
        Snapshot { remaining: None, ..snapshot() },
        Snapshot { opened_in_a_row: 0, ..snapshot() },
        Snapshot { opened_in_a_row: u32::MAX, ..snapshot() },
        Snapshot { consecutive_failures: 65_536, ..snapshot() },
        Snapshot { successes: 64, ..snapshot() },
        Snapshot { ramp_step: 16, ..snapshot() },
        Snapshot { ramp_position: 100, ..snapshot() },
    ];
    for snapshot in wrong {
        let error = breaker.restore_at(&snapshot, Instant::ORIGIN, SECOND).unwrap_err();
        assert!(!error.to_string().is_empty());
        assert_eq!(breaker.look_at(Instant::ORIGIN), before, "{error}");
        match error {
            RestoreError::Foreign { primitive } => assert_eq!(primitive, "rate_limiter"),
            RestoreError::Newer { version } => assert_eq!(version, Snapshot::VERSION + 1),
            RestoreError::Damaged { field } => assert!(!field.is_empty()),
            other => panic!("{other}"),
        }
    }
}

/// Restores a snapshot into a breaker of a row of 5 that recovers on a ramp, and drives it until it is
/// closed.
#[track_caller]
fn is_usable(snapshot: &Snapshot) {
    for policy in [row().full().build(), row().ramp(&[50], SECOND).build(), rate().build()] {
        let breaker = CircuitBreaker::new(policy.unwrap());
        if breaker.restore_at(snapshot, Instant::ORIGIN, SECOND).is_err() {
            continue;
        }
        let closes = (0..400).any(|day| {
            let now = Instant::ORIGIN.saturating_add(SECOND * 24 * 3600 * day);
            if let Ok(permit) = breaker.acquire_at(now) {
                permit.success_at(now);
            }
            breaker.look_at(now).state == State::Closed
        });
        assert!(closes, "{snapshot:?}");
    }
}

#[test]
fn a_snapshot_of_another_policy_wedges_nothing() {
    let states = [State::Closed, State::Open, State::HalfOpen, State::Recovering];
    for state in states {
        let foreign = Snapshot {
            state,
            remaining: Some(SECOND * 3600),
            age: SECOND * 2,
            consecutive_failures: 65_535,
            opened_in_a_row: 4_095,
            successes: 63,
            ramp_step: 15,
            ramp_position: 99,
            ..snapshot()
        };
        is_usable(&foreign);
        is_usable(&Snapshot { age: Duration::MAX, remaining: Some(Duration::ZERO), ..foreign.clone() });
        is_usable(&Snapshot {
            open_for: Some(Duration::MAX),
            outage: Some(Duration::MAX),
            ..foreign.clone()
        });
        is_usable(&Snapshot { open_for: None, outage: None, wall: Duration::MAX, ..foreign });
    }
}
