//! Each promise of an adaptive capacity as a sentence, on the pure rules and through permits.

#![allow(
    clippy::pedantic,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect, and counts what is small"
)]

use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::rules::{Known, Window, next};
use super::{Adaptation, Adaptive, Algorithm};
use crate::observe::{ObserveWith, observe_with};
use crate::pressure::{Capacity, Event, LoadShedder, Outcome, Permit, Priority};
use crate::time::{Instant, NoClock};

const ALL: [Algorithm; 3] = [Algorithm::Gradient, Algorithm::Vegas, Algorithm::Aimd];
const MILLI: u64 = 1_000_000;

fn told(algorithm: Algorithm) -> Adaptation {
    Adaptation::of(Capacity::of(50).constant()).algorithm(algorithm).between(4, 1_000).build().unwrap()
}

fn window(millis: u64, used: bool) -> Window {
    Window { mean: (millis * MILLI) as f64, lasted: (100 * MILLI) as f64, used }
}

fn known(limit: f64) -> Known {
    Known { limit, baseline: (10 * MILLI) as f64, lowest: (10 * MILLI) as f64 }
}

/// So many windows of this latency, one after the other.
fn windows(told: &Adaptation, mut known: Known, millis: u64, count: u32) -> Known {
    for _ in 0..count {
        known = next(told, known, window(millis, true));
    }
    known
}

#[test]
fn it_grows_while_latency_is_what_it_was_and_stops_at_the_ceiling() {
    for algorithm in ALL {
        let after = windows(&told(algorithm), known(50.0), 10, 10);
        assert!(after.limit > 50.0, "{algorithm}: {after:?}");
        assert!(
            (windows(&told(algorithm), known(50.0), 10, 10_000).limit - 1_000.0).abs() < 1e-9,
            "{algorithm}"
        );
    }
}

#[test]
fn it_does_not_grow_while_the_limit_is_not_used() {
    for algorithm in ALL {
        let after = next(&told(algorithm), known(50.0), window(10, false));
        assert!((after.limit - 50.0).abs() < 1e-9, "{algorithm}: {after:?}");
    }
}

#[test]
fn it_shrinks_when_latency_says_that_calls_queue_and_stops_at_the_floor() {
    for algorithm in [Algorithm::Gradient, Algorithm::Vegas] {
        let after = next(&told(algorithm), known(50.0), window(40, true));
        assert!(after.limit < 50.0, "{algorithm}: {after:?}");
        let small = Adaptation { floor: 40, ..told(algorithm) };
        assert!(windows(&small, known(50.0), 4_000, 1_000).limit >= 40.0, "{algorithm}");
    }
}

#[test]
fn a_long_outage_at_four_times_the_latency_does_not_win_back_the_ceiling() {
    for algorithm in [Algorithm::Gradient, Algorithm::Vegas] {
        let before = windows(&told(algorithm), known(50.0), 10, 10_000);
        assert!((before.limit - 1_000.0).abs() < 1e-9, "{algorithm}");
        // A day of it.
        let mut outage = before;
        let mut highest: f64 = 0.0;
        for passed in 0..864_000 {
            outage = next(&told(algorithm), outage, window(40, true));
            highest = if passed > 1_000 { highest.max(outage.limit) } else { highest };
        }
        assert!(highest < 150.0, "{algorithm}: up to {highest} again");
        assert!(outage.baseline <= 2.0 * outage.lowest, "{algorithm}: {outage:?}");
        let healed = windows(&told(algorithm), outage, 10, 2_000);
        assert!(healed.limit > 500.0, "{algorithm}: {healed:?}");
    }
}

#[test]
fn what_is_above_the_healthy_latency_is_overload_whatever_was_usual() {
    for algorithm in ALL {
        let told = Adaptation { healthy: 20 * MILLI, ..told(algorithm) };
        let usual = Known { baseline: (30 * MILLI) as f64, lowest: (30 * MILLI) as f64, limit: 50.0 };
        let after = next(&told, usual, window(30, true));
        assert!((after.limit - 45.0).abs() < 1e-9, "{algorithm}: {after:?}");
        assert!(after.baseline <= (20 * MILLI) as f64, "{algorithm}: {after:?}");
    }
}

#[test]
fn numbers_stay_numbers_whatever_was_measured() {
    for algorithm in ALL {
        for mean in [1.0, 1e9, 1.8e19] {
            for baseline in [0.0, 1.0, 1.8e19] {
                let known = Known { limit: 50.0, baseline, lowest: baseline };
                let after = next(&told(algorithm), known, Window { mean, lasted: 0.0, used: true });
                assert!((4.0..=1_000.0).contains(&after.limit), "{algorithm} {mean} {baseline}: {after:?}");
                assert!(after.baseline.is_finite() && after.baseline > 0.0, "{after:?}");
            }
        }
    }
}

#[test]
fn what_can_never_work_is_refused_by_name() {
    let of = |slots| Adaptation::of(Capacity::of(slots).constant());
    for (builder, field) in [
        (of(50).between(0, 100), "floor"),
        (of(50).between(60, 40), "floor"),
        (of(50).between(51, 100), "capacity"),
        (of(50).between(1, 49), "capacity"),
        (of(50).between(1, 1 << 24), "ceiling"),
        (of(50).window(Duration::ZERO, 10), "window"),
        (of(50).window(Duration::from_secs(1), 0), "window"),
        (of(50).window(Duration::from_secs(15), 1), "window"),
        (of(50).healthy_latency(Duration::ZERO), "healthy_latency"),
        (of(50).drift(-0.1, 2.0), "drift"),
        (of(50).drift(f64::NAN, 2.0), "drift"),
        (of(50).drift(0.1, 0.5), "drift"),
        (of(50).drift(0.1, f64::INFINITY), "drift"),
    ] {
        assert_eq!(builder.build().unwrap_err().field(), field, "{builder:?}");
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * MILLI)
}

fn admit(shedder: &LoadShedder<Adaptive>, millis: u64) -> Permit<&LoadShedder<Adaptive>> {
    shedder.admit_at(Priority::Critical, at(millis)).unwrap()
}

/// A second of calls, begun every 10 ms, of which 30 run at once if there are as many slots.
fn a_second(shedder: &LoadShedder<Adaptive>, from: u64, latency: u64) {
    for millis in (from..from + 1_000).step_by(10) {
        let ask = || shedder.admit_at(Priority::Critical, at(millis)).ok();
        let calls: Vec<_> = core::iter::from_fn(ask).take(30).collect();
        for call in calls {
            call.record_at(Outcome::Success, at(millis + latency));
        }
    }
}

#[test]
fn latencies_that_permits_tell_move_the_capacity() {
    let shedder = LoadShedder::adaptive(told(Algorithm::Gradient));
    a_second(&shedder, 1, 10);
    let baseline = shedder.baseline().unwrap();
    assert!(baseline.abs_diff(Duration::from_millis(10)) < Duration::from_micros(1), "{baseline:?}");
    let grown = shedder.look().capacity;
    assert!(grown > 50, "{grown}");
    a_second(&shedder, 2_000, 60);
    assert!(shedder.look().capacity < grown, "{shedder:?}");
    shedder.forget_baseline();
    assert_eq!(shedder.baseline(), None);
}

#[test]
fn one_congestion_event_is_one_decrease() {
    let shedder = LoadShedder::adaptive(told(Algorithm::Aimd));
    let calls: Vec<_> = (0..40).map(|_| admit(&shedder, 1)).collect();
    for call in calls {
        call.record_at(Outcome::Overload, at(20));
    }
    assert_eq!(shedder.look().capacity, 45, "forty calls of one event");
    admit(&shedder, 20).record_at(Outcome::Overload, at(30));
    assert_eq!(shedder.look().capacity, 45, "begun before it was answered");
    admit(&shedder, 21).record_at(Outcome::Overload, at(30));
    assert_eq!(shedder.look().capacity, 40, "a tenth, rounded up");
}

#[test]
fn what_is_ignored_or_without_an_instant_says_nothing() {
    let shedder = LoadShedder::adaptive(told(Algorithm::Gradient)).with_clock(crate::time::NoClock);
    for _ in 0..1_000 {
        shedder.admit(Priority::Critical).unwrap().success();
        drop(shedder.admit_at(Priority::Critical, at(1)));
        shedder.admit_at(Priority::Critical, at(1)).unwrap().record_at(Outcome::Ignored, at(900));
    }
    assert_eq!((shedder.look().capacity, shedder.baseline()), (50, None));
}

#[test]
fn a_clock_that_steps_back_measures_nothing_below_zero() {
    let shedder = LoadShedder::adaptive(told(Algorithm::Vegas));
    for round in 0..200 {
        admit(&shedder, 1_000 + round).record_at(Outcome::Success, at(round));
    }
    assert!((4..=1_000).contains(&shedder.look().capacity));
}

#[test]
fn additive_growth_is_a_slot_each_round_trip() {
    let told = Adaptation::of(Capacity::of(10).constant()).algorithm(Algorithm::Aimd).between(1, 20);
    let shedder = LoadShedder::adaptive(told.window(Duration::from_millis(10), 1).build().unwrap());
    let call = |began, ended| {
        shedder.admit_at(Priority::Critical, at(began)).unwrap().record_at(Outcome::Success, at(ended))
    };
    call(0, 4);
    let calls = [(); 5].map(|()| shedder.admit_at(Priority::Critical, at(16)).unwrap());
    calls.into_iter().for_each(|call| call.record_at(Outcome::Success, at(20)));
    assert_eq!(shedder.look().capacity, 14, "four round trips in 16 ms");
}

#[test]
fn what_it_begins_with_is_within_the_usual_bounds() {
    for slots in [1, 2, 3, 4, 1_000, 1_001, 2_000] {
        let told = Adaptation::of(Capacity::of(slots).constant()).build().unwrap();
        assert_eq!(told.bounds(), (slots.min(4), slots.max(1_000)), "{slots}");
    }
}

/// Twenty seconds of twentyfold latency lower a capacity that adapts at all.
fn is_alive(shedder: &LoadShedder<Adaptive>, from: u64) {
    a_second(shedder, from, 10);
    a_second(shedder, from + 2_000, 10);
    let before = shedder.look().capacity;
    for second in 0..20 {
        a_second(shedder, from + 5_000 + second * 1_000, 200);
    }
    assert!(shedder.look().capacity < before, "{before}, and {shedder:?}");
}

#[test]
fn it_adapts_after_one_call_of_ten_hours() {
    let shedder = LoadShedder::adaptive(told(Algorithm::Gradient));
    let hours = admit(&shedder, 1);
    a_second(&shedder, 36_000_000, 10);
    hours.record_at(Outcome::Success, at(36_001_500));
    is_alive(&shedder, 36_003_000);
}

#[test]
fn it_adapts_after_an_instant_from_the_end_of_the_clock() {
    let shedder = LoadShedder::adaptive(told(Algorithm::Gradient));
    a_second(&shedder, 1, 10);
    let end = Instant::from_nanos(u64::MAX);
    shedder.admit_at(Priority::Critical, at(2_000)).unwrap().record_at(Outcome::Success, end);
    shedder.admit_at(Priority::Critical, end).unwrap().record_at(Outcome::Overload, end);
    let before = shedder.look().capacity;
    admit(&shedder, 2_500).record_at(Outcome::Overload, at(2_600));
    assert!(shedder.look().capacity < before, "an overload is answered");
    is_alive(&shedder, 3_000);
}

#[test]
fn a_quiet_night_is_no_baseline() {
    for algorithm in [Algorithm::Gradient, Algorithm::Vegas] {
        let shedder = LoadShedder::adaptive(told(algorithm));
        for second in 0..10 {
            a_second(&shedder, 1 + second * 1_000, 10);
        }
        let before = shedder.look().capacity;
        // Health checks, one at a time, a hundred times as quick.
        for millis in (20_000..3_000_000).step_by(50) {
            let call = admit(&shedder, millis);
            call.record_at(Outcome::Success, at(millis).saturating_add(Duration::from_micros(100)));
        }
        for second in 0..60 {
            a_second(&shedder, 3_001_000 + second * 1_000, 10);
        }
        assert!(shedder.look().capacity >= before, "{algorithm}: {before}, and {shedder:?}");
    }
}

#[test]
fn calls_shorter_than_the_clocks_tick_leave_it_alone() {
    for algorithm in [Algorithm::Gradient, Algorithm::Vegas] {
        let shedder = LoadShedder::adaptive(told(algorithm));
        for second in 0..600 {
            a_second(&shedder, 1 + second * 1_000, 0);
        }
        assert!(shedder.look().capacity >= 50, "{algorithm}: {shedder:?}");
    }
}

#[test]
fn an_hour_between_two_bursts_is_no_round_trip() {
    let shedder = LoadShedder::adaptive(told(Algorithm::Aimd));
    for burst in 0..2 {
        let calls: Vec<_> = (0..40).map(|_| admit(&shedder, 1 + burst * 3_600_000)).collect();
        for call in calls {
            call.record_at(Outcome::Success, at(11 + burst * 3_600_000));
        }
    }
    assert_eq!(shedder.look().capacity, 50);
}

#[test]
fn it_grows_where_only_thresholds_keep_the_traffic_low() {
    let slots = Capacity::of(50).thresholds([0.1, 0.2, 0.4, 0.45, 1.0]).constant();
    let shedder = LoadShedder::adaptive(Adaptation::of(slots).constant());
    for millis in (1..60_000).step_by(10) {
        let admit = || shedder.admit_at(Priority::Normal, at(millis)).ok();
        let calls: Vec<_> = core::iter::from_fn(admit).collect();
        for call in calls {
            call.record_at(Outcome::Success, at(millis + 10));
        }
    }
    assert!(shedder.look().capacity > 50, "{shedder:?}");
}

#[test]
fn a_change_is_told_once_the_slot_is_free() {
    type Told = LoadShedder<Adaptive, NoClock, ObserveWith<fn(&Event)>>;
    static SHEDDER: OnceLock<Told> = OnceLock::new();
    static SEEN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    fn hook(event: &Event) {
        assert!(matches!(event, Event::Resized { .. }), "{event}");
        SEEN.lock().unwrap().push(SHEDDER.get().unwrap().look().depth);
    }
    let adaptation = told(Algorithm::Aimd);
    let shedder = SHEDDER.get_or_init(|| {
        LoadShedder::adaptive_with_parts(adaptation, NoClock, observe_with(hook as fn(&Event)), ())
    });
    shedder.admit_at(Priority::Critical, at(1)).unwrap().record_at(Outcome::Overload, at(2));
    assert_eq!(*SEEN.lock().unwrap(), [0]);
}
