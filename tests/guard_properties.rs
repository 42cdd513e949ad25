//! Any calls through any layers, on a clock that is moved by hand: several under way at once, polled in any order, which end well, fail, hang,
//! panic or are dropped.
//!
//! 1. Counts add up: the guard's by how calls ended, the breaker's by how attempts did, the shedder's, the cache's.
//! 2. As many slots are taken as calls hold one, and in the end none; no flight is left, no probe, no token made or lost.
//! 3. No call lasts longer than its deadline, and no attempt begins after it; nor are there more than the policy has.
//! 4. Who is refused outside reaches nothing inside; as many attempts are made as the breaker admits.
//! 5. A call that is dropped after any of its polls leaves everything so, and the next one is served.

#![cfg(feature = "cache")]
#![allow(
    unreachable_pub,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

#[path = "guard_properties/check.rs"]
mod check;
#[path = "guard_properties/layers.rs"]
mod layers;
#[path = "guard_properties/play.rs"]
mod play;
#[path = "guard_properties/script.rs"]
mod script;

use core::future::{Future, Ready, pending, ready};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use fusebox::fallback::{Freshness, LastGood, Why};
use fusebox::guard::{Error, Guard};
use fusebox::retry::{Allowed, Budget, Jitter, Policy, Stopped};
use fusebox::time::ManualClock;
use proptest::prelude::*;

use script::{Ask, Breaking, End, Layers, Limit, Retry, Script, Shift, Way};

fn maybe(most: u8) -> impl Strategy<Value = Option<u8>> {
    prop::option::of(0..=most)
}

fn layers() -> impl Strategy<Value = Layers> {
    let retry = (1..=5_u8, 0..=20_u8, any::<bool>(), any::<u8>(), prop::option::of((0..10_u8, 0..5_u8)));
    let retry = retry.prop_map(|(attempts, delay, jitter, seed, budget)| Retry {
        attempts,
        delay,
        jitter,
        seed,
        budget,
    });
    let breaker = (1..=7_u8, 1..=60_u8, 1..=3_u8, 1..=3_u8);
    let breaker = breaker.prop_map(|(failures, open, probes, successes)| Breaking {
        failures,
        open,
        probes,
        successes,
    });
    let limit = prop_oneof![
        Just(Limit::None),
        (1..40_u8).prop_map(Limit::Fixed),
        (1..40_u8).prop_map(Limit::Adaptive)
    ];
    let outside = (maybe(4), maybe(9), maybe(120), maybe(60), any::<bool>());
    (outside, retry, prop::option::of(breaker), limit).prop_map(|(outside, retry, breaker, limit)| {
        let (shedder, limiter, deadline, cache, patient) = outside;
        Layers { shedder, limiter, deadline, retry, breaker, limit, cache, patient }
    })
}

fn attempt() -> impl Strategy<Value = (u8, End)> {
    let end = prop_oneof![
        6 => Just(End::Good),
        6 => Just(End::Transient),
        1 => Just(End::Permanent),
        1 => (0..40_u8).prop_map(End::After),
        1 => Just(End::Panic),
        1 => Just(End::PanicAtOnce),
        2 => Just(End::Never),
    ];
    (prop_oneof![Just(0_u8), 0..50_u8], end)
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        2 => Just(Way::Call),
        2 => Just(Way::Detailed),
        1 => (0..100_u8).prop_map(Way::Until),
        1 => Just(Way::OrElse),
        3 => (0..3_u8).prop_map(Way::Backed),
    ]
}

fn ask(shifts: bool) -> impl Strategy<Value = Ask> {
    let shift = prop_oneof![
        6 => Just(Shift::None),
        u32::from(shifts) => (0..100_u8).prop_map(Shift::Jump),
        u32::from(shifts) => (0..100_u8).prop_map(Shift::Back),
    ];
    let polls = prop_oneof![4 => Just(None), 1 => (0..60_u8).prop_map(Some)];
    (0..12_u8, shift, any::<u8>(), way(), polls, prop::collection::vec(attempt(), 1..5)).prop_map(
        |(after, clock, order, way, polls, attempts)| Ask { after, clock, order, way, polls, attempts },
    )
}

fn script(shifts: bool) -> impl Strategy<Value = Script> {
    (layers(), prop::collection::vec(ask(shifts), 1..24)).prop_map(|(layers, asks)| Script { layers, asks })
}

/// Found by the first property: the deadline cuts an attempt off at an instant when a wait of nothing would still have been in time.
#[test]
fn a_retry_that_is_not_made_takes_no_token() {
    let clock = ManualClock::new();
    let budget = Budget::with_parts(Allowed::ratio(1.0).initial(1.0).constant(), &clock, ());
    let at_once = Policy::attempts(2).initial_delay(Duration::ZERO).jitter(Jitter::None).constant();
    let guard = Guard::builder("x").retry(at_once).budget(&budget).deadline(Duration::from_millis(2));
    let guard = guard.sleep(&clock).clock(&clock).build().unwrap();
    let mut call = pin!(guard.call(pending::<Result<(), ()>>));
    let context = &mut Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(context).is_pending());
    clock.advance(Duration::from_millis(2));
    let Poll::Ready(Err(late)) = call.as_mut().poll(context) else { panic!("it goes on") };
    assert!(late.is_timed_out());
    assert_eq!(budget.look().balance, 2.0, "one to begin with, one from the call");
}

/// Found by the second property: a runtime that is late, as all are by a millisecond, would have an attempt begin after the deadline.
#[test]
fn a_wait_that_ends_after_the_deadline_ends_the_call() {
    let clock = ManualClock::new();
    let policy = Policy::attempts(2).initial_delay(Duration::from_millis(2)).jitter(Jitter::None).constant();
    let guard =
        Guard::builder("x").retry(policy).deadline(Duration::from_millis(3)).sleep(&clock).clock(&clock);
    let guard = guard.counted().build().unwrap();
    let mut call = pin!(guard.call_detailed(|| core::future::ready(Err::<(), _>("down"))));
    let context = &mut Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(context).is_pending());
    clock.advance(Duration::from_millis(3));
    let Poll::Ready(report) = call.as_mut().poll(context) else { panic!("it goes on") };
    assert!(matches!(report.result, Err(Error::TimedOut(late)) if late.by_deadline));
    assert_eq!((report.stopped, guard.counts().attempts), (Stopped::Deadline, 1));
}

/// Found by the fuzzer: whoever takes over another's call after its own deadline asks nobody any more; the next one does.
#[test]
fn who_comes_to_lead_after_its_deadline_leaves_it_to_the_next() {
    let clock = ManualClock::new();
    let hasty =
        Guard::builder("x").deadline(Duration::from_millis(2)).sleep(&clock).clock(&clock).build().unwrap();
    let patient =
        Guard::builder("x").deadline(Duration::from_secs(9)).sleep(&clock).clock(&clock).build().unwrap();
    let cache = LastGood::new(Freshness::of(1).stale(Duration::from_secs(1)).constant()).with_clock(&clock);
    let (hasty, patient) = (hasty.backed_by(&cache), patient.backed_by(&cache));
    let context = &mut Context::from_waker(Waker::noop());
    let mut leader = Box::pin(patient.call(&1, pending::<Result<u32, ()>>));
    assert!(leader.as_mut().poll(context).is_pending());
    let mut late = Box::pin(hasty.call(&1, || -> Ready<Result<u32, ()>> { panic!("it is too late") }));
    let mut next = Box::pin(patient.call(&1, || ready(Ok::<u32, ()>(7))));
    assert!(late.as_mut().poll(context).is_pending() && next.as_mut().poll(context).is_pending());
    drop(leader);
    clock.advance(Duration::from_millis(3));
    assert_eq!(late.as_mut().poll(context), Poll::Ready(Err(Error::Shared(Why::TimedOut))));
    assert!(matches!(next.as_mut().poll(context), Poll::Ready(Ok(served)) if served.is_live()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn whatever_is_called_all_layers_add_up(script in script(false)) {
        script.check();
    }

    #[test]
    fn whatever_the_clock_does_all_layers_add_up(script in script(true)) {
        script.check();
    }

    /// A call that hangs, or tries again, is dropped after each of its polls in turn, beside one that goes on and before one that succeeds.
    #[test]
    fn a_call_that_is_dropped_at_any_await_leaves_nothing(layers in layers(), way in way(), goes in prop::collection::vec(attempt(), 1..4)) {
        let ask = |way, polls, attempts| {
            Ask { after: 0, clock: Shift::None, order: 0, way, polls, attempts }
        };
        for polls in 1..=u8::MAX {
            let dropped = ask(way, Some(polls), goes.clone());
            let beside = ask(way, None, vec![(3, End::Good)]);
            let next = Ask { after: 63, ..ask(Way::Call, None, vec![(0, End::Good)]) };
            Script { layers: layers.clone(), asks: vec![dropped, beside, next] }.check();
            if polls > 120 && layers.deadline.is_some() {
                break;
            }
        }
    }
}
