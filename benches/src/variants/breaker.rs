//! Every operation of our breaker, on one that stays in the state it is named for.

use std::{future::ready, hint::black_box, pin::pin, sync::Arc, time::Duration};

use fusebox::{
    breaker::{CircuitBreaker, Event, FullPolicy, Permit, Policy, State, Window},
    observe::observe_with,
    time::{CoarseClock, ManualClock},
};

use super::Measure;
use crate::{
    contest::{Failed, failing, succeeding},
    peers::{HIGH_THRESHOLD, MINIMUM_CALLS, OPEN_FOR, THRESHOLD, TIME_WINDOW, patience},
};

/// Far under every limit on slow calls.
const SLOW: Duration = Duration::from_mins(1);

const PLAIN: Policy = Policy::consecutive_failures(THRESHOLD as u32).open_duration(OPEN_FOR).constant();

const PATIENT: Policy =
    Policy::consecutive_failures(HIGH_THRESHOLD as u32).open_duration(OPEN_FOR).constant();

const fn rated(window: Window) -> FullPolicy {
    Policy::failure_rate(50, window, MINIMUM_CALLS as u32).open_duration(OPEN_FOR).constant()
}

/// A hundred per cent of ten thousand calls: no row of failures between two successes ever opens it.
const LENIENT: FullPolicy = Policy::failure_rate(100, Window::calls(10_000), 10_000).constant();

/// The operations of a closed breaker.
pub fn closed(measure: &mut impl Measure) {
    let plain = || CircuitBreaker::new(PLAIN);
    measure.measure("closed/success/consecutive", plain(), |b, i| b.call(|| succeeding(i)));
    measure.measure("closed/success/counting", plain().counted(), |b, i| b.call(|| succeeding(i)));
    let observed = plain().with_observer(observe_with(notice));
    measure.measure("closed/success/observed", observed, |b, i| b.call(|| succeeding(i)));
    let window = CircuitBreaker::new(rated(Window::calls(100)));
    measure.measure("closed/success/window", window, |b, i| b.call(|| succeeding(i)));
    let window = CircuitBreaker::new(rated(Window::time(TIME_WINDOW)));
    measure.measure("closed/success/time_window", window, |b, i| b.call(|| succeeding(i)));

    let limited = Policy::consecutive_failures(5).slow_call_as_failure(SLOW).constant();
    measure
        .measure("closed/success/slow_limit", CircuitBreaker::new(limited), |b, i| b.call(|| succeeding(i)));
    let limited = Policy::failure_rate(50, Window::calls(100), 10).slow_call_percent(SLOW, 50).constant();
    let limited = CircuitBreaker::new(limited);
    measure.measure("closed/success/slow_percent", limited, |b, i| b.call(|| succeeding(i)));

    let patient = || CircuitBreaker::new(PATIENT);
    measure.measure("closed/failure/consecutive", patient(), |b, i| b.call(|| failing(i)));
    let observed = patient().with_observer(observe_with(notice));
    measure.measure("closed/failure/observed", observed, |b, i| b.call(|| failing(i)));
    measure.measure("closed/failure/window", CircuitBreaker::new(LENIENT), |b, i| b.call(|| failing(i)));

    measure.measure("closed/permit", plain(), |b, _| b.acquire().map(Permit::success));
    measure.measure("closed/permit/owned", Arc::new(plain()), |b, _| b.acquire_owned().map(Permit::success));
    measure.measure("closed/call_async", plain(), |b, i| {
        patience::wait(pin!(b.call_async(ready(succeeding(i)))))
    });
    measure.measure("closed/look", plain(), |b, _| b.look());
    measure.measure("closed/snapshot", plain(), |b, _| b.snapshot());
    let window = CircuitBreaker::new(rated(Window::calls(100)));
    measure.measure("closed/snapshot/window", window, |b, _| b.snapshot());
}

/// The operations of a breaker that is open, tries again or recovers.
pub fn open(measure: &mut impl Measure) {
    static COARSE: CoarseClock = CoarseClock::new();
    COARSE.refresh();
    let plain = || CircuitBreaker::new(PLAIN);

    let open = plain();
    trip(|| open.call(|| Err::<(), _>(Failed)).is_err());
    measure.measure("open/reject", open, |b, i| b.call(|| succeeding(i)));
    let open = plain().counted();
    trip(|| open.call(|| Err::<(), _>(Failed)).is_err());
    measure.measure("open/reject/counting", open, |b, i| b.call(|| succeeding(i)));
    let open = plain().with_clock(&COARSE);
    trip(|| open.call(|| Err::<(), _>(Failed)).is_err());
    measure.measure("open/reject/coarse", open, |b, i| b.call(|| succeeding(i)));
    let open = plain().with_clock(&COARSE).counted();
    trip(|| open.call(|| Err::<(), _>(Failed)).is_err());
    measure.measure("open/reject/coarse/counting", open, |b, i| b.call(|| succeeding(i)));
    let open = plain();
    trip(|| open.call(|| Err::<(), _>(Failed)).is_err());
    measure.measure("open/look", open, |b, _| b.look());

    let clock = Arc::new(ManualClock::new());
    let probing = Policy::consecutive_failures(5).half_open_calls(63).without_half_open_timeout();
    let half_open = CircuitBreaker::new(probing.constant()).with_clock(Arc::clone(&clock));
    trip(|| half_open.call(|| Err::<(), _>(Failed)).is_err());
    clock.advance(OPEN_FOR);
    drop(half_open.acquire());
    assert_eq!(half_open.look().state, State::HalfOpen);
    measure.measure("half_open/acquire_release", half_open, |b, _| drop(black_box(b.acquire())));

    let clock = Arc::new(ManualClock::new());
    let ramping = Policy::consecutive_failures(5).ramp(&[50], OPEN_FOR).build();
    let ramp = CircuitBreaker::new(ramping.expect("a valid policy")).with_clock(Arc::clone(&clock));
    trip(|| ramp.call(|| Err::<(), _>(Failed)).is_err());
    clock.advance(OPEN_FOR);
    assert!(ramp.call(|| Ok::<_, Failed>(())).is_ok());
    assert_eq!(ramp.look().state, State::Recovering);
    measure.measure("recovering/success", ramp, |b, i| b.call(|| succeeding(i)));
}

fn trip(fails: impl Fn() -> bool) {
    assert!((0..THRESHOLD).all(|_| fails()));
}

/// The cheapest observer there is: what is timed is the telling.
fn notice(event: &Event) {
    black_box(event);
}
