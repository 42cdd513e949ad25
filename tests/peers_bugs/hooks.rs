//! Hooks: when they run, what they may do, and what becomes of one that panics.

use core::time::Duration;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, OnceLock};

use fusebox::breaker::{CircuitBreaker, Event, Policy, State};
use fusebox::observe::{Observer, observe_with};
use fusebox::time::Instant;

/// gobreaker 2 (`State()` in a callback deadlocked), tower-resilience 0.14 (listeners ran under its lock).
#[test]
fn a_hook_that_calls_the_breaker_again_does_not_deadlock() {
    #[derive(Default)]
    struct Curious {
        breaker: OnceLock<Arc<CircuitBreaker<Policy, fusebox::time::StdClock, Arc<Self>>>>,
        seen: Mutex<Vec<State>>,
    }
    impl Observer<Event> for Curious {
        fn notice(&self, event: &Event) {
            let Some(breaker) = self.breaker.get() else { return };
            if let Event::Changed(_) = event {
                self.seen.lock().unwrap().push(breaker.look().state);
                drop(breaker.acquire());
                breaker.set_shadow(false);
            }
        }
    }

    let curious = Arc::new(Curious::default());
    let policy = Policy::consecutive_failures(1).open_duration(Duration::from_secs(3600)).constant();
    let breaker = Arc::new(CircuitBreaker::new(policy).with_observer(Arc::clone(&curious)));
    assert!(curious.breaker.set(Arc::clone(&breaker)).is_ok());
    let _: Result<(), _> = breaker.call(|| Err(()));
    breaker.reset();
    assert_eq!(*curious.seen.lock().unwrap(), [State::Open, State::Closed]);
}

/// resilience4j 2.4 (each throwing listener leaked a permit: 0 of 3 left), failsafe-go (a panic in a listener
/// kept it).
#[test]
fn a_hook_that_panics_leaks_no_permit() {
    let silent_panic = |_: &Event| resume_unwind(Box::new("a bug of the hook"));
    let policy = Policy::consecutive_failures(1).open_duration(Duration::from_secs(1)).half_open_calls(3);
    let policy = policy.success_threshold(63).constant();
    let breaker = CircuitBreaker::new(policy).with_observer(observe_with(silent_panic)).counted();
    let now = |seconds| Instant::ORIGIN.saturating_add(Duration::from_secs(seconds));
    breaker.acquire_at(now(0)).unwrap().failure_at(now(0));
    for _ in 0..20 {
        let probes: Vec<_> = (0..5).filter_map(|_| breaker.acquire_at(now(1)).ok()).collect();
        assert_eq!(probes.len(), 3);
        for probe in probes {
            probe.success_at(now(1));
        }
    }
    assert_eq!(breaker.counts().in_flight(), 0);
    // The failure, its opening, the half opening, and 40 rejections.
    assert_eq!(breaker.counts().hook_panics, 43);
}

/// tower-resilience 0.14 (its gauge of the open state was never cleared), Sentinel (it told of a change
/// before it knew that it had made it): every change is told once, by who made it, and the last one told is
/// the state.
#[test]
fn every_change_is_told_once_and_in_order() {
    let told = Mutex::new(Vec::new());
    let keep = |event: &Event| {
        if let Event::Changed(change) = event {
            told.lock().unwrap().push((change.from, change.to));
        }
    };
    let policy = Policy::consecutive_failures(1).open_duration(Duration::from_secs(1)).constant();
    let breaker = CircuitBreaker::new(policy).with_observer(observe_with(keep));
    let now = |seconds| Instant::ORIGIN.saturating_add(Duration::from_secs(seconds));
    breaker.acquire_at(now(0)).unwrap().failure_at(now(0));
    breaker.acquire_at(now(1)).unwrap().success_at(now(1));
    let expected =
        [(State::Closed, State::Open), (State::Open, State::HalfOpen), (State::HalfOpen, State::Closed)];
    assert_eq!(*told.lock().unwrap(), expected);
}
