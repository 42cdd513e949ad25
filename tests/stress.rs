//! Storms of real threads on the real clock: millions of calls that end in every way there is, and sums that add up.
//!
//! 1. Every admission has one end; the callers' own tallies are the breaker's counts.
//! 2. What was admitted was made, and what was rejected was not.
//! 3. Every change of state is told once, and all of them form one line.
//! 4. An observer that calls the breaker again, and panics, harms nobody.
//! 5. What was forgotten wedges nothing.
//! 6. Windows and counters lose nothing, whichever threads come and go.
//!
//! | file | question |
//! |---|---|
//! | `ledger.rs` | what did a caller see |
//! | `callers.rs`, `faces.rs` | what does a caller do |
//! | `watcher.rs` | what was told |
//! | `audit.rs` | what must hold afterwards |

#![cfg(feature = "std")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test may stop at what it did not expect, and its modules are nobody else's"
)]

#[path = "stress/audit.rs"]
mod audit;
#[path = "stress/callers.rs"]
mod callers;
#[path = "stress/faces.rs"]
mod faces;
#[path = "stress/ledger.rs"]
mod ledger;
#[path = "stress/watcher.rs"]
mod watcher;

use core::time::Duration;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use fusebox::breaker::{CircuitBreaker, Error, FullPolicy, Plan, Policy, State, Why, Window, WindowSnapshot};

use crate::audit::Aftermath;
use crate::callers::{Caller, Habits, Scene};
use crate::ledger::Ledger;
use crate::watcher::{Manners, Watched, Watcher, silence_planned_panics};

const MILLI: Duration = Duration::from_millis(1);

/// Twice as many threads as run at once, and more than counters have lanes, so that some must share.
fn callers() -> u64 {
    std::thread::available_parallelism().map_or(12, |it| it.get() as u64 * 2).clamp(12, 16)
}

/// How long a storm lasts, and how many calls it has at least.
fn effort() -> (Duration, u64) {
    if cfg!(debug_assertions) { (500 * MILLI, 20_000) } else { (2_000 * MILLI, 500_000) }
}

fn watched<P: Plan + 'static>(policy: P, manners: Manners) -> Arc<Watched<P>> {
    silence_planned_panics();
    let observer = Arc::new(Watcher::new(manners));
    let breaker = Arc::new(CircuitBreaker::new(policy).with_observer(observer).counted());
    breaker.observer().watch(&breaker);
    breaker.warm_up();
    breaker
}

/// Lets the callers loose, and meets them all again.
fn storm<P: Plan + 'static>(breaker: &Arc<Watched<P>>, habits: Habits, half_open_calls: u32) -> Ledger
where
    Watched<P>: Send + Sync,
{
    let scene = Scene::new(Arc::clone(breaker), habits, half_open_calls);
    let ((lasts, calls), callers, begun) = (effort(), callers(), Instant::now());
    let goes_on = |asked: u64| begun.elapsed() < lasts || asked < calls / callers;
    std::thread::scope(|scope| {
        let work = |seed| {
            let scene = &scene;
            move || Caller::new(scene, seed).work(goes_on)
        };
        let threads: Vec<_> = (1..=callers).map(|seed| scope.spawn(work(seed))).collect();
        let mut sum = Ledger::default();
        threads.into_iter().for_each(|thread| sum += thread.join().expect("a caller met what it must not"));
        sum
    })
}

/// A storm, then in all quiet one opening and one recovery, and what they left.
fn after<P: Plan + 'static>(breaker: &Arc<Watched<P>>, habits: Habits, half_open_calls: u32) -> Aftermath
where
    Watched<P>: Send + Sync,
{
    let mut ledger = storm(breaker, habits, half_open_calls);
    if habits.by_hand {
        breaker.set_shadow(false);
        breaker.reset();
        ledger.resets += 1;
    }
    ledger += heal(breaker);
    ledger += break_it(breaker);
    ledger += heal(breaker);
    Aftermath::of(breaker, ledger)
}

/// Calls that succeed, until the breaker is closed, and one more: a look is ahead of the change that a call makes.
fn heal<P: Plan + 'static>(breaker: &Watched<P>) -> Ledger {
    let (mut ledger, begun) = (Ledger::default(), Instant::now());
    loop {
        let healed = breaker.look().state == State::Closed;
        match breaker.call(|| Ok::<_, ()>(())) {
            Ok(()) => ledger.succeeded(),
            Err(_) => ledger.rejected += 1,
        }
        if healed {
            return ledger;
        }
        assert!(begun.elapsed() < 30_000 * MILLI, "wedged: {breaker:?}");
    }
}

/// Calls that fail, until the breaker is not closed any more.
fn break_it<P: Plan + 'static>(breaker: &Watched<P>) -> Ledger {
    let mut ledger = Ledger::default();
    while breaker.look().state == State::Closed {
        match breaker.call(|| Err::<(), _>(())) {
            Err(Error::Inner(())) => ledger.failed(),
            _ => ledger.rejected += 1,
        }
    }
    ledger
}

const BURSTS: Habits = Habits { ill_percent: 60, forgets: false, by_hand: false };

#[test]
fn callers_of_a_breaker_that_never_opens_agree_with_its_counts_kind_by_kind() {
    let policy = Policy::consecutive_failures(65_535).build().unwrap();
    let breaker = watched(policy, Manners::Quiet);
    let ledger = storm(&breaker, BURSTS, 1);
    let after = Aftermath::of(&breaker, ledger);
    let (counts, own) = (after.check().counts, after.ledger);
    assert_eq!((counts.late, counts.rejected), (0, 0));
    assert_eq!((counts.succeeded, counts.errors), (own.successes, own.errors));
    assert_eq!((counts.timeouts, counts.panics), (own.timeouts, own.panics));
    assert_eq!((counts.ignored, counts.cancelled), (own.ignored, own.cancelled));
    after.saw(&[]);
}

#[test]
fn a_row_of_failures_opens_once_and_loses_no_count() {
    let policy = Policy::consecutive_failures(5).open_duration(MILLI).half_open_calls(2).success_threshold(3);
    let after = after(&watched(policy.build().unwrap(), Manners::Quiet), BURSTS, 2);
    after.check().every_opening_lasts(MILLI).one_failure_opens();
    after.saw(&[Why::Failures, Why::OpenElapsed, Why::ProbesSucceeded]);
}

#[test]
fn a_window_of_calls_opens_once_and_loses_no_count() {
    let policy = Policy::failure_rate(50, Window::calls(100), 20).open_duration(2 * MILLI);
    let after = after(&watched(policy.build().unwrap(), Manners::Quiet), BURSTS, 1);
    after.check().every_opening_lasts(2 * MILLI);
    after.saw(&[Why::FailureRate, Why::OpenElapsed, Why::ProbesSucceeded]);
}

#[test]
fn a_window_of_time_opens_once_and_loses_no_count() {
    let policy = Policy::failure_rate(50, Window::time(5 * MILLI), 20).open_duration(MILLI);
    let policy = policy.slow_call_percent(Duration::from_micros(20), 90).half_open_calls(3);
    let after = after(&watched(policy.build().unwrap(), Manners::Quiet), BURSTS, 3);
    after.check().every_opening_lasts(MILLI);
    after.saw(&[Why::FailureRate, Why::OpenElapsed, Why::ProbesSucceeded]);
}

/// Everything a policy can be told.
fn everything() -> FullPolicy {
    Policy::consecutive_failures(4)
        .open_duration(MILLI)
        .half_open_calls(2)
        .success_threshold(2)
        .half_open_timeout(5 * MILLI)
        .slow_call_as_failure(Duration::from_micros(200))
        .open_growth(1.5, 4 * MILLI)
        .open_jitter(0.5)
        .ramp(&[10, 50], MILLI)
        .build()
        .unwrap()
}

#[test]
fn growth_jitter_and_a_ramp_lose_no_count() {
    let habits = Habits { ill_percent: 20, ..BURSTS };
    let after = after(&watched(everything(), Manners::Quiet), habits, 2);
    after.check().every_opening_lasts(MILLI).one_failure_opens();
    after.saw(&[Why::Failures, Why::OpenElapsed, Why::ProbesSucceeded, Why::RampDone]);
}

#[test]
fn an_observer_that_calls_again_and_panics_harms_nobody() {
    let after = after(&watched(everything(), Manners::Meddling), BURSTS, 2);
    after.check().every_opening_lasts(MILLI).one_failure_opens();
    assert!(after.told.own.asked() > 0, "it never called again");
    after.saw(&[Why::Failures, Why::OpenElapsed, Why::ProbesSucceeded]);
}

#[test]
fn hands_shadows_and_restores_lose_no_count() {
    let habits = Habits { by_hand: true, ..BURSTS };
    let after = after(&watched(everything(), Manners::Meddling), habits, 2);
    after.check().every_opening_lasts(MILLI);
    after.saw(&[Why::Failures, Why::ProbesSucceeded, Why::RampDone, Why::Reset]);
}

/// Waits for both probes, and never says what became of them.
fn forget_both_probes(breaker: &Watched<FullPolicy>) -> Ledger {
    let mut ledger = Ledger::default();
    while ledger.forgotten < 2 {
        match breaker.acquire() {
            Ok(probe) => {
                assert!(probe.is_probe());
                core::mem::forget(probe);
                ledger.forgot();
            }
            Err(_) => ledger.rejected += 1,
        }
    }
    ledger
}

#[test]
fn forgotten_permits_wedge_nothing() {
    let policy = Policy::failure_rate(50, Window::calls(50), 10).open_duration(MILLI);
    let policy = policy.half_open_timeout(2 * MILLI).half_open_calls(2).success_threshold(2).build().unwrap();
    let breaker = watched(policy, Manners::Quiet);
    let mut ledger = storm(&breaker, Habits { forgets: true, ..BURSTS }, 2);
    ledger += heal(&breaker);
    ledger += break_it(&breaker);
    ledger += forget_both_probes(&breaker);
    ledger += heal(&breaker);
    let after = Aftermath::of(&breaker, ledger);
    after.check().every_opening_lasts(MILLI);
    assert!(after.ledger.forgotten > 0);
    after.saw(&[Why::FailureRate, Why::HalfOpenTimeout, Why::ProbesSucceeded]);
}

/// So many calls on threads that live for a few of them each; every hundredth fails. Tells how many failed.
fn short_lives(breaker: &CircuitBreaker<FullPolicy>, calls: u64) -> u64 {
    const THREADS: u64 = 8;
    const CALLS: u64 = 12_500;
    for _ in 0..calls / (THREADS * CALLS) {
        let together = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    together.wait();
                    for call in 0..CALLS {
                        let _ = breaker.call(|| if call % 100 == 0 { Err(()) } else { Ok(()) });
                    }
                });
            }
        });
    }
    calls / 100
}

#[test]
fn a_window_of_calls_holds_every_call_of_threads_that_come_and_go() {
    let calls = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let policy = Policy::failure_rate(100, Window::calls(1 << 20), 1 << 20).build().unwrap();
    let breaker = CircuitBreaker::new(policy);
    let failures = short_lives(&breaker, calls);
    let Some(WindowSnapshot::Calls { calls: held, marks }) = breaker.snapshot().window else {
        panic!("a window of calls");
    };
    assert_eq!((held, marks.len() as u64), (calls, failures));
}

#[test]
fn a_window_of_time_holds_every_call_of_threads_that_come_and_go() {
    let calls = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let day = Duration::from_secs(24 * 3_600);
    let policy = Policy::failure_rate(100, Window::time(day), u32::MAX).build().unwrap();
    let breaker = CircuitBreaker::new(policy);
    let failures = short_lives(&breaker, calls);
    let Some(WindowSnapshot::Time { slices }) = breaker.snapshot().window else {
        panic!("a window of time");
    };
    let sums = slices.iter().fold((0, 0), |(calls, failed), slice| (calls + slice.1, failed + slice.2));
    assert_eq!(sums, (calls, failures));
}
