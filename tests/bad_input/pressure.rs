//! The shedder's constructors, the adaptive capacity's, the throttle's, and the ends of the clock.

use core::time::Duration;

use fusebox::Value;
use fusebox::pressure::{
    Adaptation, AdaptationBuilder, Algorithm, Capacity, LoadShedder, Outcome, Priority, Throttle, Throttling,
};
use fusebox::time::{Instant, NoClock};

use super::{SECOND, refused};

const END: Instant = Instant::from_nanos(u64::MAX);

fn adaptation() -> AdaptationBuilder {
    Adaptation::of(Capacity::of(20).constant())
}

#[test]
fn no_slots_or_more_than_fit_are_refused() {
    for slots in [0, 1 << 24, u32::MAX] {
        refused(Capacity::of(slots).build(), "capacity", Value::Count(slots.into()), "from 1 to 16777215");
    }
    let most = Capacity::of((1 << 24) - 1).build().unwrap();
    assert_eq!(Priority::ALL.map(|it| most.limit(it))[3..], [15_938_355, 16_777_215]);
}

#[test]
fn thresholds_that_fall_leave_the_unit_or_leave_critical_short_are_refused() {
    let told = |thresholds| Capacity::of(10).thresholds(thresholds).build();
    refused(told([0.0, 0.7, 0.8, 0.9, 1.0]), "thresholds", Value::Number(0.0), "above 0");
    refused(told([-0.5, 0.7, 0.8, 0.9, 1.0]), "thresholds", Value::Number(-0.5), "above 0");
    refused(told([1e-10, 0.7, 0.8, 0.9, 1.0]), "thresholds", Value::Number(1e-10), "above 0");
    refused(told([0.5, 0.7, 0.6, 0.9, 1.0]), "thresholds", Value::Number(0.6), "no less than the one before");
    refused(told([0.5, 0.7, 0.8, 0.9, 1.1]), "thresholds", Value::Number(1.1), "1 at most");
    refused(told([0.5, 0.7, 0.8, 0.9, 0.99]), "thresholds", Value::Number(0.99), "1 for Critical");
    refused(
        told([0.5, 0.7, 0.8, 0.9, f64::INFINITY]),
        "thresholds",
        Value::Number(f64::INFINITY),
        "1 at most",
    );
    let error = told([f64::NAN, 0.7, 0.8, 0.9, 1.0]).unwrap_err();
    assert_eq!(error.field(), "thresholds");
    assert!(told([1.0; 5]).is_ok());
    assert!(told([1e-9, 1e-9, 1e-9, 1e-9, 1.0]).is_ok());
}

#[test]
fn a_waiting_room_beyond_the_word_or_a_queue_of_no_patience_is_refused() {
    let of = Capacity::of(10);
    refused(of.waiting_room(32_768).build(), "waiting_room", Value::Count(32_768), "32767 at most");
    assert!(of.waiting_room(32_767).build().is_ok());
    assert!(of.waiting_room(0).build().is_ok());
    let nothing = Value::Duration(Duration::ZERO);
    refused(of.codel(Duration::ZERO, SECOND).build(), "codel", nothing, "target above zero");
    refused(of.codel(SECOND, Duration::ZERO).build(), "codel", Value::Duration(SECOND), "above its interval");
    assert!(of.codel(Duration::MAX, Duration::MAX).service_time(Duration::MAX).build().is_ok());
}

#[test]
fn bounds_that_cross_or_leave_the_capacity_out_are_refused() {
    refused(adaptation().between(0, 30).build(), "floor", Value::Count(0), "1 at least");
    refused(adaptation().between(30, 25).build(), "floor", Value::Count(30), "not be above the ceiling");
    refused(
        adaptation().between(21, 30).build(),
        "capacity",
        Value::Count(20),
        "from the floor to the ceiling",
    );
    refused(
        adaptation().between(1, 19).build(),
        "capacity",
        Value::Count(20),
        "from the floor to the ceiling",
    );
    refused(adaptation().between(1, 1 << 24).build(), "ceiling", Value::Count(1 << 24), "16777215 at most");
    assert!(adaptation().between(20, 20).build().is_ok());
}

#[test]
fn windows_and_latencies_of_nothing_and_drifts_that_are_no_numbers_are_refused() {
    let nothing = Value::Duration(Duration::ZERO);
    refused(adaptation().window(Duration::ZERO, 1).build(), "window", nothing, "above zero");
    refused(adaptation().window(SECOND, 0).build(), "window", Value::Count(0), "a sample at least");
    refused(adaptation().healthy_latency(Duration::ZERO).build(), "healthy_latency", nothing, "above zero");
    for drift in [-0.1, f64::INFINITY, 1e10] {
        refused(adaptation().drift(drift, 2.0).build(), "drift", Value::Number(drift), "at least zero");
    }
    for most in [0.99, -1.0, f64::INFINITY] {
        refused(adaptation().drift(0.0, most).build(), "drift", Value::Number(most), "at least one");
    }
    let long = Duration::from_secs(15);
    refused(adaptation().window(long, 1).build(), "window", Value::Duration(long), "14073 s at most");
    assert!(adaptation().between(1, 900).window(long, 1).build().is_ok());
    assert!(adaptation().drift(0.0, 1.0).window(SECOND * 14, u32::MAX).build().is_ok());
}

#[test]
fn a_throttle_that_asks_less_than_is_accepted_is_refused() {
    for ratio in [0.0, 0.999, -2.0, f64::INFINITY, 1e10] {
        refused(Throttling::new().ratio(ratio).build(), "ratio", Value::Number(ratio), "from 1");
    }
    let nothing = Duration::from_nanos(7);
    refused(Throttling::new().window(nothing).build(), "window", Value::Duration(nothing), "8 ns at least");
    assert!(Throttling::new().ratio(1.0).window(Duration::MAX).build().is_ok());
}

/// Whatever the instants, nothing panics and the capacity stays within its bounds.
#[test]
fn the_ends_of_the_clock_are_instants_like_others() {
    for algorithm in [Algorithm::Gradient, Algorithm::Vegas, Algorithm::Aimd] {
        let told = adaptation().algorithm(algorithm).window(SECOND * 14, 1).build().unwrap();
        let quick = adaptation().algorithm(algorithm).window(Duration::from_nanos(1), 1).build().unwrap();
        for shedder in [LoadShedder::adaptive(told), LoadShedder::adaptive(quick)] {
            for (began, ended) in [(Instant::ORIGIN, END), (END, Instant::ORIGIN), (END, END)] {
                for outcome in [Outcome::Success, Outcome::Overload, Outcome::Ignored, Outcome::Success] {
                    shedder.admit_at(Priority::Critical, began).unwrap().record_at(outcome, ended);
                    assert!((4..=1_000).contains(&shedder.look().capacity));
                }
            }
        }
    }
    let throttle = Throttle::with_parts(Throttling::new().seed(1).build().unwrap(), NoClock, ());
    for now in [END, Instant::ORIGIN, END] {
        if let Ok(attempt) = throttle.ask_at(now) {
            attempt.accepted_at(now);
        }
        assert!((0.0..=1.0).contains(&throttle.look_at(now).probability));
    }
}
