//! The table of a course, row by row; the bounds of each jitter; the budget's arithmetic; and calls driven by hand.

#![expect(clippy::float_cmp, reason = "balances of few decimals are exact")]

use core::cell::{Cell, RefCell};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::*;
use crate::time::{Clock as _, Instant, ManualClock};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn plain(attempts: u32) -> PolicyBuilder {
    Policy::attempts(attempts).jitter(Jitter::None)
}

#[expect(clippy::unnecessary_wraps, reason = "as a course is asked")]
fn at(millis: u64) -> Option<Instant> {
    Some(Instant::from_nanos(millis * 1_000_000))
}

#[test]
fn the_first_reason_to_stop_is_told() {
    let empty = Budget::new(Allowed::ratio(0.1).constant());
    let full = Budget::new(Allowed::ratio(0.1).initial(10.0).constant());
    let soon = plain(9).deadline(millis(150)).constant();
    let last = plain(1).deadline(millis(1)).constant();
    // class, policy, budget => what comes of it, tokens taken
    let rows: [(Class, Policy, &Budget, Next, f64); 11] = [
        (Class::Permanent, last, &empty, Next::Stop(Stopped::Permanent), 0.0),
        (Class::Refused(None), last, &empty, Next::Stop(Stopped::Permanent), 0.0),
        (Class::Transient, last, &empty, Next::Stop(Stopped::Attempts), 0.0),
        (Class::After(millis(151)), soon, &empty, Next::Stop(Stopped::Deadline), 0.0),
        (Class::Transient, soon, &empty, Next::Stop(Stopped::Budget), 0.0),
        (Class::Refused(Some(millis(150))), soon, &empty, Next::Wait(millis(150)), 0.0),
        (Class::Refused(Some(millis(151))), soon, &empty, Next::Stop(Stopped::Deadline), 0.0),
        (Class::Refused(Some(millis(1))), soon, &full, Next::Wait(millis(100)), 0.0),
        (Class::Transient, soon, &full, Next::Wait(millis(100)), 1.0),
        (Class::After(millis(150)), soon, &full, Next::Wait(millis(150)), 1.0),
        (Class::After(millis(151)), soon, &full, Next::Stop(Stopped::Deadline), 0.0),
    ];
    for (class, policy, budget, expected, taken) in rows {
        let before = budget.look().balance;
        let mut course = Course::begun_at(&policy.seeded(0), Instant::ORIGIN);
        assert_eq!(course.failed(class, at(0), budget), expected, "{class:?} {policy:?}");
        assert!((before - budget.look().balance - taken).abs() < 1e-9, "{class:?} {policy:?}");
    }
}

#[test]
fn a_deadline_counts_the_calls_where_there_is_a_clock_and_the_waits_alone_where_there_is_none() {
    let plan = plain(9).deadline(millis(300)).constant().seeded(0);
    let mut clocked = Course::begun_at(&plan, Instant::ORIGIN);
    assert_eq!(clocked.failed(Class::Transient, at(150), &()), Next::Wait(millis(100)));
    assert_eq!(clocked.failed(Class::Transient, at(251), &()), Next::Stop(Stopped::Deadline));
    let mut clockless = Course::new(&plan);
    assert_eq!(clockless.failed(Class::Transient, None, &()), Next::Wait(millis(100)));
    assert_eq!(clockless.failed(Class::Transient, None, &()), Next::Wait(millis(200)));
    assert_eq!(clockless.failed(Class::Transient, None, &()), Next::Stop(Stopped::Deadline));
    assert_eq!((clockless.attempts(), clockless.waited()), (3, millis(300)));
}

#[test]
fn an_outer_deadline_is_kept_too() {
    let outer = crate::deadline::Deadline::after(millis(100), Instant::ORIGIN);
    let mut course = Course::new(&plain(9).constant().seeded(0)).until(outer);
    assert_eq!(course.failed(Class::Transient, at(0), &()), Next::Wait(millis(100)));
    assert_eq!(course.failed(Class::Transient, at(100), &()), Next::Stop(Stopped::Deadline));
}

#[test]
fn growth_is_exact_to_the_nanosecond() {
    let delays = |multiplier: f64, initial: u64, n: usize| {
        let policy = Policy::attempts(200)
            .jitter(Jitter::None)
            .initial_delay(Duration::from_nanos(initial))
            .max_delay(Duration::MAX)
            .multiplier(multiplier);
        policy.build().unwrap().seeded(0).delays().nth(n).unwrap().as_nanos()
    };
    assert_eq!(delays(1.1, 100_000_000, 2), 121_000_000);
    assert_eq!(delays(1.1, 100_000_000, 20), 672_749_994, "1.1^20 * 1e8, rounded down");
    assert_eq!(delays(1.5, 100_000_000, 3), 337_500_000);
    assert_eq!(delays(1.000_000_001, 1_000_000_000, 150), 1_000_000_150);
    assert_eq!(delays(2.0, 1, 63), 1 << 63);
    assert_eq!(delays(2.0, 1, 64), u128::from(u64::MAX));
    assert_eq!(delays(1e9, u64::MAX, 150), u128::from(u64::MAX));
    assert_eq!(delays(3.0, 0, 150), 0);
}

#[test]
fn equal_seeds_draw_alike_and_others_do_not() {
    let policy = Policy::attempts(20).jitter(Jitter::Full).constant();
    let draw = |seed| policy.seeded(seed).delays().collect::<Vec<_>>();
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let drawn: Vec<Vec<_>> = (0..3).map(|_| policy.delays().collect()).collect();
    assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2], "a seed a call from the system's entropy");
}

#[test]
fn a_budget_is_exact_in_tenths_and_in_time() {
    let budget = Budget::with_parts(Allowed::ratio(0.1).constant(), ManualClock::new(), ());
    (0..9).for_each(|_| budget.deposit());
    assert!(budget.withdraw().is_err());
    budget.deposit();
    assert!(budget.withdraw().is_ok());
    assert_eq!((budget.look().balance, budget.look().refused), (0.0, 1));

    let clock = ManualClock::new();
    let timely = Budget::new(Allowed::ratio(0.0).min_per_second(3).capacity(2).constant()).with_clock(&clock);
    clock.set(Instant::from_nanos(333_333_333));
    assert!(timely.withdraw().is_err(), "a nanosecond too early");
    clock.set(Instant::from_nanos(333_333_334));
    assert!(timely.withdraw().is_ok());
    clock.set(Instant::from_nanos(u64::MAX));
    assert_eq!(timely.look().balance, 2.0);
    assert!(timely.withdraw().is_ok() && timely.withdraw().is_ok() && timely.withdraw().is_err());
    clock.set(Instant::ORIGIN);
    assert!(timely.withdraw().is_err(), "no time is credited twice");
    timely.deposit();
    assert_eq!(timely.look().balance, 0.0);
}

#[test]
fn a_full_budget_is_not_written() {
    let clock = ManualClock::new();
    let budget = Budget::new(Allowed::ratio(0.5).capacity(1).min_per_second(1).initial(1.0).constant());
    let budget = budget.with_clock(&clock);
    clock.advance(Duration::from_secs(5));
    budget.deposit();
    assert_eq!(budget.look().balance, 1.0);
    clock.set(Instant::ORIGIN);
    assert!(budget.withdraw().is_ok() && budget.withdraw().is_err());
}

#[test]
fn a_budget_in_shadow_lets_through_and_counts() {
    let told = RefCell::new(Vec::new());
    let hook = |event: &BudgetEvent| told.borrow_mut().push(*event);
    let budget =
        Budget::new(Allowed::ratio(0.1).constant()).with_observer(crate::observe::observe_with(hook));
    budget.set_shadow(true);
    assert!(budget.withdraw().is_ok() && budget.withdraw().is_ok());
    budget.set_shadow(false);
    assert_eq!(budget.withdraw().unwrap_err().refused, 3);
    let told = told.borrow();
    assert!(matches!(
        told[..],
        [BudgetEvent::WouldRefuse(_), BudgetEvent::WouldRefuse(_), BudgetEvent::Refused(_)]
    ));
}

#[test]
fn what_can_never_work_is_refused_by_name() {
    let field = |policy: PolicyBuilder| policy.build().unwrap_err().field();
    assert_eq!(field(plain(0)), "max_attempts");
    assert_eq!(field(plain(1).initial_delay(millis(2)).max_delay(millis(1))), "max_delay");
    for bad in [0.999, 0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(field(plain(1).multiplier(bad)), "multiplier", "{bad}");
    }
    for bad in [-0.1, f64::NAN, f64::INFINITY] {
        assert_eq!(field(plain(1).jitter(Jitter::Proportional(bad))), "jitter_fraction", "{bad}");
    }
    let field = |allowed: AllowedBuilder| allowed.build().unwrap_err().field();
    assert_eq!(field(Allowed::ratio(0.1).capacity(0)), "capacity");
    assert_eq!(field(Allowed::ratio(0.1).capacity(1).initial(1.5)), "initial");
    assert_eq!(field(Allowed::ratio(-0.1)), "ratio");
    assert_eq!(field(Allowed::ratio(0.0)), "ratio");
}

/// A future polled by hand, until it is ready or waits for the clock.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_future_waits_by_its_sleeper_and_calls_again() {
    let clock = ManualClock::new();
    let calls = Cell::new(0);
    let fetch = || {
        calls.set(calls.get() + 1);
        let call = calls.get();
        async move { if call < 3 { Err(call) } else { Ok(call) } }
    };
    let told = RefCell::new(Vec::new());
    let running = fetch
        .retry(plain(3).constant())
        .notify(|retry| told.borrow_mut().push((retry.attempt, *retry.error, retry.delay)))
        .sleep(&clock)
        .detailed();
    let mut running = pin!(running);
    assert!(poll(running.as_mut()).is_pending());
    clock.advance(millis(99));
    assert!(poll(running.as_mut()).is_pending());
    assert_eq!(calls.get(), 1);
    clock.advance(millis(1));
    assert!(poll(running.as_mut()).is_pending());
    assert_eq!(calls.get(), 2);
    clock.advance(millis(200));
    let expected = Report { result: Ok(3), attempts: 3, waited: millis(300), stopped: Stopped::Success };
    assert_eq!(poll(running.as_mut()), Poll::Ready(expected));
    assert_eq!(*told.borrow(), [(1, 1, millis(100)), (2, 2, millis(200))]);
    assert!(poll(running).is_pending(), "over, and nothing panics");
}

#[test]
fn a_retried_future_dropped_at_any_point_took_what_it_used() {
    for polls in 0..4 {
        let clock = ManualClock::new();
        let budget = Budget::new(Allowed::ratio(0.5).initial(5.0).constant()).with_clock(&clock);
        {
            let fetch = || core::future::ready(Err::<(), _>("down"));
            let retry = fetch.retry(plain(9).constant()).budget(&budget).sleep(&clock);
            let mut running = pin!(retry.into_future());
            for _ in 0..polls {
                assert!(poll(running.as_mut()).is_pending());
                clock.advance(Duration::from_secs(10));
            }
        }
        let expected = if polls == 0 { 5.0 } else { 5.5 - f64::from(polls) };
        assert_eq!(budget.look().balance, expected, "{polls} polls");
    }
}

#[test]
fn a_first_success_reads_no_clock_and_takes_nothing() {
    struct NoReading;
    impl crate::time::Clock for NoReading {
        fn now(&self) -> Instant {
            unreachable!("nobody needs the time")
        }
    }
    let budget =
        Budget::with_parts(Allowed::ratio(0.5).initial(10.0).min_per_second(1).constant(), NoReading, ());
    let running = (|| core::future::ready(Ok::<_, ()>(7))).retry(plain(3).constant());
    let sleeper = ManualClock::new();
    let mut running = pin!(running.budget(&budget).clock(NoReading).sleep(&sleeper).into_future());
    assert_eq!(poll(running.as_mut()), Poll::Ready(Ok(7)));
}

#[test]
fn a_blocking_call_is_told_and_cancelled() {
    let clock = ManualClock::new();
    let stop = Cell::new(false);
    let calls = Cell::new(0);
    let fetch = || {
        calls.set(calls.get() + 1);
        Err::<(), _>("down")
    };
    let retry = BlockingRetryable::retry(fetch, plain(9).constant()).sleep(|wait| {
        clock.advance(wait);
        stop.set(calls.get() == 2);
    });
    let report = retry.stop_when(|| stop.get()).call_detailed();
    assert_eq!((report.attempts, report.stopped, report.waited), (2, Stopped::Cancelled, millis(300)));
    assert_eq!(clock.now(), Instant::from_nanos(300_000_000));
}

#[test]
fn errors_are_classified_by_what_was_said() {
    let run = |class: fn(&u32) -> Class| {
        let fetch = || Err::<(), _>(7_u32);
        let waits = RefCell::new(Vec::new());
        let retry = BlockingRetryable::retry(fetch, plain(3).constant()).classify(class);
        let report = retry.sleep(|wait| waits.borrow_mut().push(wait)).call_detailed();
        (report.attempts, report.stopped, waits.into_inner())
    };
    assert_eq!(run(|_| Class::Transient), (3, Stopped::Attempts, vec![millis(100), millis(200)]));
    assert_eq!(run(|_| Class::Permanent), (1, Stopped::Permanent, vec![]));
    let minute = Duration::from_secs(60);
    assert_eq!(run(|_| Class::After(Duration::from_secs(60))), (3, Stopped::Attempts, vec![minute, minute]));
    let report =
        BlockingRetryable::retry(|| Err::<(), _>(1), plain(3).constant()).when(|_| false).call_detailed();
    assert_eq!(report.stopped, Stopped::Permanent);
}
