//! The constructors of limits of time, and the ends of the clock.

use core::time::Duration;

use fusebox::Value;
use fusebox::time::{Instant, NoClock};
use fusebox::timeout::{Adapting, AdaptingBuilder, AdaptiveTimeout, Helpers, Limits, Operation, TimedOut};

use super::{NANO, SECOND, TEN_YEARS, refused};

const ZERO: Value = Value::Duration(Duration::ZERO);

fn adapting() -> AdaptingBuilder {
    Adapting::from(SECOND).between(NANO, SECOND * 60)
}

#[test]
fn limits_and_thresholds_of_nothing_are_refused() {
    refused(Limits::of(Duration::ZERO).build(), "limit", ZERO, "above zero");
    refused(Limits::of(SECOND).slow_over(Duration::ZERO).build(), "slow_over", ZERO, "above zero");
    let whole = Value::Duration(SECOND);
    refused(Limits::of(SECOND).slow_over(SECOND).build(), "slow_over", whole, "under the limit");
    assert!(Limits::of(NANO).build().is_ok());
    assert!(Limits::of(Duration::MAX).slow_over(NANO).build().is_ok());
}

#[test]
fn an_operation_is_refused_by_its_name() {
    let of = |operations| Limits::of(SECOND).slow_over(NANO).operations::<2>(operations).build();
    let fine = Operation::new("ping", SECOND);
    refused(of([fine, Operation::new("report", Duration::ZERO)]), "report", ZERO, "limit above zero");
    let slow = Operation::new("report", SECOND);
    refused(of([slow.slow_over(Duration::ZERO), fine]), "report", ZERO, "above zero");
    refused(of([fine, slow.slow_over(SECOND * 2)]), "report", Value::Duration(SECOND * 2), "under its limit");
    let again = Operation::new("ping", SECOND * 3);
    refused(of([fine, again]), "ping", Value::Duration(SECOND * 3), "named twice");
    assert!(of([fine, Operation::new("pin", SECOND)]).is_ok());
    assert!(of([fine, Operation::new("pings", SECOND)]).is_ok());
}

#[test]
fn quantiles_and_margins_that_are_none_are_refused() {
    for quantile in [0.0, -0.5, 1e-10, 1.000_000_001, 99.0, f64::INFINITY, f64::NEG_INFINITY] {
        refused(
            adapting().quantile(quantile).build(),
            "quantile",
            Value::Number(quantile),
            "above 0 and 1 at most",
        );
    }
    for margin in [0.0, 0.999_999_999, -2.0, 1e10, f64::INFINITY] {
        refused(adapting().margin(margin).build(), "margin", Value::Number(margin), "from 1");
    }
    assert_eq!(adapting().quantile(f64::NAN).build().unwrap_err().field(), "quantile");
    assert_eq!(adapting().margin(f64::NAN).build().unwrap_err().field(), "margin");
    for quantile in [1e-9, 1.0] {
        assert!(adapting().quantile(quantile).margin(1.0).build().is_ok());
    }
    assert!(adapting().margin(1e9).build().is_ok());
}

#[test]
fn bounds_that_cross_or_leave_the_initial_limit_out_are_refused() {
    let between = |floor, ceiling| Adapting::from(SECOND).between(floor, ceiling).build();
    refused(between(SECOND * 2, SECOND), "floor", Value::Duration(SECOND * 2), "not be above the ceiling");
    refused(between(Duration::ZERO, Duration::ZERO), "ceiling", ZERO, "above zero");
    refused(between(SECOND * 2, SECOND * 3), "initial", Value::Duration(SECOND), "from the floor");
    refused(between(NANO, NANO * 2), "initial", Value::Duration(SECOND), "to the ceiling");
    let nothing = Adapting::from(Duration::ZERO);
    refused(nothing.between(Duration::ZERO, SECOND).build(), "initial", ZERO, "above zero");
    assert!(nothing.build().is_err());
    assert!(between(SECOND, SECOND).is_ok());
    assert!(between(Duration::ZERO, Duration::MAX).is_ok());
    assert!(Adapting::from(NANO).build().is_ok());
    assert!(Adapting::from(Duration::MAX).build().is_ok());
}

#[test]
fn samples_and_half_lives_that_do_not_fit_are_refused() {
    for samples in [0, 1_000_001, u32::MAX] {
        let told = adapting().minimum_samples(samples).build();
        refused(told, "minimum_samples", Value::Count(samples.into()), "from 1 to 1000000");
    }
    for half_life in [Duration::ZERO, Duration::from_nanos(999_999), TEN_YEARS + NANO, Duration::MAX] {
        let told = adapting().half_life(half_life).build();
        refused(told, "half_life", Value::Duration(half_life), "from a millisecond to ten years");
    }
    assert!(adapting().minimum_samples(1_000_000).half_life(TEN_YEARS).build().is_ok());
    assert!(adapting().minimum_samples(1).half_life(Duration::from_millis(1)).build().is_ok());
}

#[test]
fn no_helpers_are_refused() {
    refused(Helpers::new(0), "most", Value::Count(0), "a helper at least");
    assert_eq!(Helpers::new(u32::MAX).map(|helpers| helpers.running()), Ok(0));
}

/// Whatever the instants and durations, nothing panics and the limit stays within its bounds.
#[test]
fn the_ends_of_the_clock_are_instants_like_others() {
    const END: Instant = Instant::from_nanos(u64::MAX);
    for half_life in [Duration::from_millis(1), TEN_YEARS] {
        let told = adapting().half_life(half_life).margin(1e9).minimum_samples(1).build().unwrap();
        let limit = AdaptiveTimeout::with_parts(told, NoClock, ());
        for now in [Instant::ORIGIN, END, Instant::ORIGIN, END, Instant::from_nanos(u64::MAX / 2)] {
            for took in [Duration::ZERO, NANO, Duration::MAX] {
                limit.record_at(took, now);
                limit.timed_out_after_at(took, now);
                limit.timed_out_at(now);
                assert!((NANO..=SECOND * 60).contains(&limit.limit()));
            }
        }
    }
    assert!(!TimedOut::new("", Duration::MAX).to_string().is_empty());
}
