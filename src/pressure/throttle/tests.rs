//! What a throttle promises, as sentences.

#![allow(
    clippy::pedantic,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect, and counts what is small"
)]

use std::time::Duration;

use super::{Throttle, ThrottleEvent, Throttling};
use crate::observe::observe_with;
use crate::time::{Instant, NoClock};

fn throttle(ratio: f64, seed: u64) -> Throttle<NoClock> {
    Throttle::with_parts(Throttling::new().ratio(ratio).seed(seed).build().unwrap(), NoClock, ())
}

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN.saturating_add(Duration::from_secs(seconds))
}

/// How many of so many requests are sent, where the service accepts one in `accepts` (none for zero).
fn sent(throttle: &Throttle<NoClock>, now: Instant, requests: u64, accepts: u64) -> u64 {
    let mut sent = 0;
    for _ in 0..requests {
        if let Ok(attempt) = throttle.ask_at(now) {
            sent += 1;
            if accepts > 0 && sent % accepts == 0 {
                attempt.accepted_at(now);
            }
        }
    }
    sent
}

#[test]
fn nobody_is_throttled_while_the_service_accepts_half_of_it() {
    assert_eq!(sent(&throttle(2.0, 1), at(0), 10_000, 1), 10_000);
}

#[test]
fn a_service_that_refuses_all_is_asked_now_and_then() {
    let sent = sent(&throttle(2.0, 2), at(0), 10_000, 0);
    // The expected number is the harmonic sum: about ln(10 000) + 0.6.
    assert!((1..40).contains(&sent), "{sent}");
}

#[test]
fn of_a_service_that_accepts_one_in_ten_it_asks_twice_as_much_as_is_accepted() {
    // In the steady state requests = K * accepts + what is thrown away; sent = K * accepts where all else is equal, plus refused.
    let throttle = throttle(2.0, 3);
    let mut accepted = 0;
    for second in 0..600 {
        for _ in 0..100 {
            match throttle.ask_at(at(second)) {
                Ok(attempt) if accepted < 10 * (second + 1) => {
                    accepted += 1;
                    attempt.accepted_at(at(second));
                }
                _ => {}
            }
        }
    }
    let look = throttle.look_at(at(599));
    let expected = 1.0 - 2.0 * look.accepts as f64 / (look.requests + 1) as f64;
    assert!(
        (look.probability - expected).abs() < 0.01 && (0.75..0.85).contains(&look.probability),
        "{look:?}"
    );
}

#[test]
fn after_the_window_all_is_forgotten() {
    let throttle = throttle(2.0, 4);
    assert!(sent(&throttle, at(0), 1_000, 0) < 100);
    assert!(throttle.look_at(at(104)).requests > 0);
    assert_eq!(throttle.look_at(at(120)).requests, 0);
    assert!(throttle.ask_at(at(120)).is_ok());
}

#[test]
fn equal_seeds_draw_alike_and_others_do_not() {
    let draws = |seed| {
        let throttle = throttle(1.0, seed);
        throttle.ask_at(at(0)).unwrap().accepted_at(at(0));
        (0..200).map(|_| throttle.ask_at(at(0)).is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(draws(5), draws(5));
    assert_ne!(draws(5), draws(6));
}

#[test]
fn in_shadow_it_tells_and_lets_through() {
    let told = std::sync::Mutex::new(0);
    let told: &'static _ = Box::leak(Box::new(told));
    let observer = observe_with(|event: &ThrottleEvent| {
        assert!(matches!(event, ThrottleEvent::WouldThrottle(_)), "{event}");
        *told.lock().unwrap() += 1;
    });
    let throttle = Throttle::with_parts(Throttling::new().seed(7).build().unwrap(), NoClock, observer);
    throttle.set_shadow(true);
    for _ in 0..200 {
        drop(throttle.ask_at(at(1)).unwrap());
    }
    for _ in 0..100 {
        throttle.ask_at(at(1)).unwrap().accepted_at(at(1));
    }
    // Only what would have been sent has an outcome.
    assert!(throttle.look_at(at(1)).accepts < 50, "{:?}", throttle.look_at(at(1)));
    assert!(*told.lock().unwrap() > 0);
}

#[test]
fn a_clock_that_steps_back_or_ends_forgets_nothing_early() {
    let throttle = throttle(2.0, 8);
    sent(&throttle, at(1_000), 500, 0);
    let before = throttle.look_at(at(1_000));
    assert_eq!(throttle.look_at(at(10)), before, "a step back");
    let _ = throttle.ask_at(Instant::from_nanos(u64::MAX));
}

#[test]
fn wherever_the_clock_stands_what_is_past_is_forgotten() {
    // The slices come round every 2^20.
    for start in (0..40).map(|eighth| eighth * (120 << 20) / 64) {
        let throttle = throttle(2.0, 9);
        sent(&throttle, at(start), 1_000, 0);
        assert_eq!(throttle.look_at(at(start)).requests, 1_000, "{start}");
        for later in [120, 1_000, 864_000, 86_400 * 100] {
            assert_eq!(throttle.look_at(at(start + later)).requests, 0, "{start} and {later}");
        }
        sent(&throttle, at(start + 864_000), 10, 1);
        assert_eq!(throttle.look_at(at(start + 864_000)).requests, 10, "{start}");
    }
}

#[test]
fn what_can_never_work_is_refused_by_name() {
    for ratio in [0.0, 0.99, f64::NAN, f64::INFINITY, -1.0, 2e9] {
        assert_eq!(Throttling::new().ratio(ratio).build().unwrap_err().field(), "ratio", "{ratio}");
    }
    assert_eq!(Throttling::new().window(Duration::from_nanos(7)).build().unwrap_err().field(), "window");
}
