//! Bulkheads, adaptive limits and client throttles.

use std::future::{Future, pending};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use fusebox::observe::observe_with;
use fusebox::pressure::{
    Adaptation, Adaptive, Algorithm, Capacity, Event, LoadShedder, Outcome, Priority, Throttle, Throttling,
};
use fusebox::time::{Instant, NoClock};

use super::{at, secs};

fn slots(slots: u32) -> LoadShedder {
    LoadShedder::new(Capacity::of(slots).constant())
}

/// resilience4j 2.4: a listener that throws leaks the permit, none of 3 are left after 3 calls.
#[test]
fn a_hook_that_panics_leaks_no_permit() {
    let shedder = slots(3).with_observer(observe_with(|_: &Event| std::panic::resume_unwind(Box::new(()))));
    for _ in 0..10 {
        let held: Vec<_> = (0..3).map(|_| shedder.admit(Priority::Critical).unwrap()).collect();
        assert!(shedder.admit(Priority::Critical).is_err());
        drop(held);
    }
    assert_eq!(shedder.look().depth, 0);
}

/// resilience4j 2.4 (5 of 3) and Netflix concurrency-limits (limit 2 admits 4): a second completion gives away capacity.
#[test]
fn a_permit_cannot_end_twice() {
    let shedder = Arc::new(slots(2));
    let permit = shedder.admit_owned(Priority::Critical).unwrap();
    // Consumed by its outcome; a second one does not compile.
    permit.success();
    let both: Vec<_> = (0..2).map(|_| shedder.admit(Priority::Critical).unwrap()).collect();
    assert!(shedder.admit(Priority::Critical).is_err());
    drop(both);
    assert_eq!(shedder.look().depth, 0);
}

/// failsafe (Java) #393, #400: four waiters that gave up leave a bulkhead of four without a usable permit, for ever.
/// flow-guard 0.2.1: permits leak. failsafe-go 0.9.2: adaptive limiter keeps the permits of cancelled calls.
#[test]
fn waiters_that_gave_up_leave_every_slot_usable() {
    let shedder = slots(4);
    let never = |_| pending::<()>();
    let mut context = Context::from_waker(Waker::noop());
    let held: Vec<_> = (0..4).map(|_| shedder.admit(Priority::Critical).unwrap()).collect();
    let mut waits: Vec<_> =
        (0..8).map(|_| Box::pin(shedder.admit_within(Priority::Critical, secs(1), &never))).collect();
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut context).is_pending());
    }
    drop(held); // four slots are handed to the first four
    drop(waits); // who leave
    let all: Vec<_> = (0..4).map(|_| shedder.admit(Priority::Critical).unwrap()).collect();
    assert_eq!(all.len(), 4);
}

/// throttle-net TN2-006: a timed acquire could wait for ever. resilience4j #1283, #1968: waits the full timeout when hopeless.
#[test]
fn a_wait_ends_with_its_time_and_before_it_where_it_is_hopeless() {
    let told = Capacity::of(1).service_time(secs(5)).build().unwrap();
    let shedder = LoadShedder::new(told);
    let _held = shedder.admit(Priority::Critical).unwrap();
    let asked = std::cell::Cell::new(secs(0));
    let sleeper = |wait| {
        asked.set(wait);
        std::future::ready(())
    };
    for (deadline, waits) in [(secs(8), secs(3)), (secs(4), secs(0))] {
        asked.set(secs(0));
        let mut wait = Box::pin(shedder.admit_within(Priority::Normal, deadline, &sleeper));
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        assert_eq!(asked.get(), waits);
    }
}

fn adaptive(algorithm: Algorithm) -> LoadShedder<Adaptive> {
    let told = Adaptation::of(Capacity::of(50).constant()).algorithm(algorithm);
    LoadShedder::adaptive(told.between(1, 200).build().unwrap())
}

/// So many windows in which as many calls run at once as there are slots, each so many milliseconds long.
fn windows(shedder: &LoadShedder<Adaptive>, from: Instant, windows: u64, millis: u64) -> Instant {
    let mut now = from;
    for _ in 0..windows {
        let admit = || shedder.admit_at(Priority::Critical, now).ok();
        let calls: Vec<_> = core::iter::from_fn(admit).collect();
        for call in calls {
            call.record_at(Outcome::Success, now.saturating_add(Duration::from_millis(millis)));
        }
        now = now.saturating_add(Duration::from_millis(200));
    }
    now
}

/// Netflix Gradient2 (50, 1 to 1000): under a permanent fourfold latency down to 8, then up to 1000 within 3000 samples.
/// failsafe-go #127 asks for a ceiling.
#[test]
fn a_long_outage_does_not_win_back_the_ceiling() {
    for algorithm in [Algorithm::Gradient, Algorithm::Vegas] {
        let shedder = adaptive(algorithm);
        let now = windows(&shedder, at(1), 500, 10);
        assert_eq!(shedder.look().capacity, 200, "{algorithm}");
        let mut now = windows(&shedder, now, 500, 40);
        for _ in 0..50 {
            now = windows(&shedder, now, 100, 40);
            assert!(shedder.look().capacity < 100, "{algorithm}: {}", shedder.look().capacity);
        }
    }
}

/// Netflix `VegasLimit`: a round trip of zero throws out of `onSuccess`.
#[test]
fn a_call_that_took_no_time_is_a_call() {
    for algorithm in [Algorithm::Gradient, Algorithm::Vegas, Algorithm::Aimd] {
        let shedder = adaptive(algorithm);
        for second in 1..100 {
            for _ in 0..20 {
                shedder
                    .admit_at(Priority::Critical, at(second))
                    .unwrap()
                    .record_at(Outcome::Success, at(second));
            }
        }
        assert!(shedder.look().capacity >= 1, "{algorithm}");
    }
}

/// throttle-net TN-007: correlated failures collapsed AIMD. One decrease per congestion event.
#[test]
fn failures_that_come_together_are_one_decrease() {
    let shedder = adaptive(Algorithm::Aimd);
    let calls: Vec<_> = (0..50).map(|_| shedder.admit_at(Priority::Critical, at(1)).unwrap()).collect();
    for (call, second) in calls.into_iter().zip(2..) {
        call.record_at(Outcome::Overload, at(second));
    }
    assert_eq!(shedder.look().capacity, 45);
}

/// go-zero #5551: a client throttle that counts its own rejections against the service never recovers. Here they keep it from
/// asking too much, and it still asks now and then, so that it sees the service recover.
#[test]
fn a_throttle_recovers_with_the_service() {
    let throttle = Throttle::with_parts(Throttling::new().seed(3).build().unwrap(), NoClock, ());
    for second in 0..120 {
        for _ in 0..100 {
            let _ = throttle.ask_at(at(second));
        }
    }
    assert!(throttle.look_at(at(120)).probability > 0.99);
    // It is well again: each that is sent is accepted.
    for second in 120..2_400 {
        for _ in 0..100 {
            if let Ok(attempt) = throttle.ask_at(at(second)) {
                attempt.accepted_at(at(second));
            }
        }
    }
    assert!(throttle.look_at(at(2_400)).probability < 0.01, "{:?}", throttle.look_at(at(2_400)));
}
