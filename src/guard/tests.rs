//! Calls in virtual time: what each layer does to the others, how calls end, and what is left when they are dropped.

#![allow(clippy::panic, reason = "a test may stop at what it did not expect")]
#![allow(clippy::float_cmp, reason = "balances of few decimals are exact")]

use core::cell::Cell;
use core::future::{Ready, pending, ready};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::*;
use crate::breaker::{CircuitBreaker, Policy as Breaking, State};
use crate::deadline::Deadline;
use crate::fallback::{By, Freshness, LastGood, Why};
use crate::limiter::{Quota, RateLimiter};
use crate::observe::observe_with;
use crate::pressure::{Capacity, LoadShedder, Priority};
use crate::retry::{Allowed, Budget, Class, Jitter, Policy, PolicyBuilder, Stopped};
use crate::sleep::Sleep as _;
use crate::time::{Clock, Instant, ManualClock};
use crate::timeout::{Adapting, AdaptiveTimeout};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn plain(attempts: u32) -> PolicyBuilder {
    Policy::attempts(attempts).jitter(Jitter::None)
}

const fn breaking(failures: u32) -> crate::breaker::Policy {
    Breaking::consecutive_failures(failures).open_duration(millis(1_000)).constant()
}

/// Polls it, and lets a millisecond pass, in turn.
fn drive<F: Future>(clock: &ManualClock, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        clock.advance(millis(1));
    }
    panic!("it never ends");
}

fn now(clock: &ManualClock) -> Duration {
    clock.now().saturating_since(Instant::ORIGIN)
}

fn down() -> Ready<Result<u32, &'static str>> {
    ready(Err("down"))
}

#[test]
fn what_is_refused_outside_reaches_nothing_inside() {
    let clock = ManualClock::new();
    let shedder = LoadShedder::new(Capacity::of(1).constant());
    let limiter = RateLimiter::new(Quota::per_second(1).burst(1).constant()).with_clock(&clock);
    let guard =
        Guard::builder("x").limiter(&limiter).shedder(&shedder).sleep(&clock).counted().build().unwrap();
    let held = shedder.admit(Priority::Critical).unwrap();
    let shed = drive(&clock, guard.call(|| ready(Ok::<_, ()>(1)))).unwrap_err();
    assert!(shed.is_shed() && shed.is_rejected() && !shed.is_open());
    drop(held);
    assert_eq!(drive(&clock, guard.call(|| ready(Ok::<_, ()>(1)))), Ok(1), "no cell was taken");
    let error = drive(&clock, guard.call(|| ready(Ok::<_, ()>(1)))).unwrap_err();
    assert!(error.is_limited());
    assert_eq!(error.retry_after(), Some(millis(1_000)));
    assert_eq!(shedder.look().depth, 0, "no slot is kept");
    let counts = guard.counts();
    assert_eq!(
        (counts.calls, counts.shed, counts.limited, counts.succeeded, counts.attempts),
        (3, 1, 1, 1, 1)
    );
}

#[test]
fn a_dependency_that_hangs_opens_the_breaker() {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(2)).with_clock(&clock).counted();
    let guard =
        Guard::builder("x").breaker(&breaker).limit(millis(10)).sleep(&clock).clock(&clock).build().unwrap();
    for _ in 0..2 {
        let error = drive(&clock, guard.call(pending::<Result<(), ()>>)).unwrap_err();
        assert!(matches!(error, Error::TimedOut(late) if late.to_string() == "`x` timed out after 10ms"));
    }
    assert_eq!(breaker.look().state, State::Open);
    assert_eq!((breaker.counts().timeouts, breaker.counts().cancelled), (2, 0));
    let error = drive(&clock, guard.call(pending::<Result<(), ()>>)).unwrap_err();
    assert_eq!((error.breaker_state(), error.retry_after()), (Some(State::Open), Some(millis(1_000))));
}

#[test]
fn the_deadline_cuts_off_an_attempt_and_the_breaker_learns_of_it() {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(1)).with_clock(&clock).counted();
    let guard = Guard::builder("x").retry(plain(9).constant()).breaker(&breaker).deadline(millis(25));
    let guard = guard.sleep(&clock).clock(&clock).build().unwrap();
    let report = drive(&clock, guard.call_detailed(pending::<Result<(), ()>>));
    assert!(
        matches!(report.result, Err(Error::TimedOut(late)) if late.by_deadline && late.limit == millis(25))
    );
    assert_eq!((report.attempts, report.stopped, now(&clock)), (1, Stopped::Deadline, millis(25)));
    assert_eq!((breaker.counts().timeouts, breaker.counts().cancelled), (1, 0));
}

#[test]
fn every_breaker_inside_a_limit_hears_of_it() {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(3)).with_clock(&clock).counted();
    let inner = Guard::builder("inner").breaker(&breaker).limit(millis(500)).sleep(&clock).clock(&clock);
    let inner = inner.build().unwrap();
    let outer = Guard::builder("outer").limit(millis(10)).sleep(&clock).clock(&clock).build().unwrap();
    let call = || async { inner.call(pending::<Result<(), ()>>).await.map_err(|_| ()) };
    assert!(drive(&clock, outer.call(call)).unwrap_err().is_timed_out());
    let sleeper = &clock;
    let limited =
        crate::timeout::timeout(millis(10), &sleeper, breaker.call_async(pending::<Result<(), ()>>()));
    assert!(drive(&clock, limited).is_err());
    assert_eq!((breaker.counts().timeouts, breaker.counts().cancelled), (2, 0));
    {
        // From outside it is a change of mind.
        let mut given_up = pin!(breaker.call_async(pending::<Result<(), ()>>()));
        assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!((breaker.counts().timeouts, breaker.counts().cancelled), (2, 1));
}

#[test]
fn one_deadline_is_shared_by_all_attempts_and_waits() {
    let clock = ManualClock::new();
    let guard = Guard::builder("x").retry(plain(9).constant()).limit(millis(40)).deadline(millis(400));
    let guard = guard.sleep(&clock).clock(&clock).build().unwrap();
    // 0: call, 40: wait 100, 140: call, 180: wait 200, 380: call, 400: over.
    let report = drive(&clock, guard.call_detailed(pending::<Result<(), ()>>));
    assert_eq!((report.attempts, report.waited, now(&clock)), (3, millis(300), millis(400)));
    assert_eq!(report.stopped, Stopped::Deadline);
    assert!(
        matches!(report.result, Err(Error::TimedOut(late)) if late.limit == millis(20) && late.by_deadline)
    );
}

#[test]
fn a_wait_beyond_the_deadline_is_not_begun() {
    let clock = ManualClock::new();
    let at = |deadline: u64| {
        let clock = ManualClock::new();
        let guard = Guard::builder("x").retry(plain(9).constant()).deadline(millis(deadline));
        let guard = guard.sleep(&clock).clock(&clock).build().unwrap();
        let report = drive(&clock, guard.call_detailed(down));
        (report.attempts, report.stopped, now(&clock))
    };
    assert_eq!(at(301), (3, Stopped::Deadline, millis(300)));
    assert_eq!(
        at(300),
        (2, Stopped::Deadline, millis(100)),
        "what ends at the deadline would be cut off as it begins"
    );
    let _ = clock;
}

#[test]
fn a_clock_that_steps_back_gives_no_time_back() {
    let clock = ManualClock::new();
    clock.set(Instant::from_nanos(10_000_000_000));
    let sleeper = ManualClock::new();
    let guard =
        Guard::builder("x").retry(plain(9).constant()).deadline(millis(250)).sleep(&sleeper).clock(&clock);
    let guard = guard.build().unwrap();
    let call = || {
        clock.set(Instant::from_nanos(clock.now().as_nanos() - 5_000_000_000));
        pending::<Result<(), ()>>()
    };
    let report = drive(&sleeper, guard.call_detailed(call));
    assert_eq!((report.attempts, report.stopped, now(&sleeper)), (1, Stopped::Deadline, millis(250)));
    let fails = Cell::new(0);
    let call = || {
        fails.set(fails.get() + 1);
        clock.set(Instant::from_nanos(if fails.get() == 1 { 20_000_000_000 } else { 0 }));
        ready(Err::<(), _>("down"))
    };
    let report = drive(&sleeper, guard.call_detailed(call));
    assert!(report.waited <= millis(250), "{report:?}");
}

#[test]
fn an_outer_deadline_nests_and_travels() {
    let clock = ManualClock::new();
    let guard = Guard::builder("x")
        .limit(millis(500))
        .deadline(millis(900))
        .sleep(&clock)
        .clock(&clock)
        .build()
        .unwrap();
    let outer = Deadline::after(millis(70), clock.now());
    let seen = Cell::new(None);
    let call = |deadline: Deadline| {
        seen.set(deadline.left_at(clock.now()));
        pending::<Result<(), ()>>()
    };
    let error = drive(&clock, guard.call_until(outer, call)).unwrap_err();
    assert!(matches!(error, Error::TimedOut(late) if late.by_deadline && late.limit == millis(70)));
    assert_eq!((seen.get(), now(&clock)), (Some(millis(70)), millis(70)));
    let error = drive(&clock, guard.call_until(outer, |_| -> Ready<Result<(), ()>> { panic!("it is over") }));
    assert!(matches!(error, Err(Error::TimedOut(late)) if late.limit.is_zero()));
    let far = Deadline::after(Duration::from_secs(60), clock.now());
    let error = drive(&clock, guard.call_until(far, call)).unwrap_err();
    assert!(matches!(error, Error::TimedOut(late) if !late.by_deadline && late.limit == millis(500)));
    assert_eq!(seen.get(), Some(millis(500)));
}

#[test]
fn a_refusal_is_final_unless_it_is_to_be_waited_for() {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(1)).with_clock(&clock);
    let budget = Budget::new(Allowed::ratio(0.0).initial(1.0).constant());
    let calls = Cell::new(0);
    let call = || {
        calls.set(calls.get() + 1);
        ready(if calls.get() == 1 { Err("down") } else { Ok(calls.get()) })
    };
    let patient =
        Guard::builder("x").retry(plain(9).constant()).budget(&budget).breaker(&breaker).sleep(&clock);
    let patient = patient.wait_for_refusals().clock(&clock).build().unwrap();
    // The failure opens it, a token buys the wait; the rejection is waited for without one.
    assert_eq!(drive(&clock, patient.call(call)), Ok(2));
    assert_eq!((now(&clock), budget.look().balance), (millis(1_000), 0.0));
    let hasty = Guard::builder("x").retry(plain(9).constant()).breaker(&breaker).sleep(&clock);
    let hasty = hasty.clock(&clock).build().unwrap();
    breaker.reset();
    calls.set(0);
    let report = drive(&clock, hasty.call_detailed(call));
    assert_eq!(
        (report.result, report.stopped),
        (Err(Error::Inner("down")), Stopped::Open),
        "with its own error"
    );
    assert_eq!((report.attempts, calls.get(), report.waited), (1, 1, Duration::ZERO));
    let report = drive(&clock, hasty.call_detailed(call));
    assert!(report.result.unwrap_err().is_open());
    assert_eq!((report.attempts, report.stopped, calls.get()), (1, Stopped::Permanent, 1));
}

#[test]
fn callers_that_wait_for_a_breaker_do_not_keep_it_open() {
    // All who were refused while it was open come back at one moment; the first has nothing left of its deadline.
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(1)).with_clock(&clock).counted();
    let guard = Guard::builder("x").retry(plain(3).constant()).breaker(&breaker).deadline(millis(1_000));
    let guard = guard.limit(millis(30)).wait_for_refusals().sleep(&clock).clock(&clock).build().unwrap();
    breaker.acquire().unwrap().failure();
    let call = || async {
        (&clock).sleep(millis(20)).await;
        Ok::<_, ()>(())
    };
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = std::vec::Vec::new();
    for _ in 0..100 {
        let mut future = std::boxed::Box::pin(guard.call(call));
        if future.as_mut().poll(&mut context).is_pending() {
            waiting.push(future);
        }
        clock.advance(millis(9));
    }
    assert!(waiting.len() > 90, "all but those whose deadline ends too soon: {}", waiting.len());
    for _ in 0..2_000 {
        waiting.retain_mut(|future| future.as_mut().poll(&mut context).is_pending());
        clock.advance(millis(1));
    }
    assert_eq!((breaker.look().state, breaker.counts().timeouts), (State::Closed, 0));
}

#[test]
fn nothing_is_begun_after_the_deadline_however_late_a_sleeper_is() {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(9)).with_clock(&clock).counted();
    let late = |wait: Duration| (&clock).sleep(wait + millis(60));
    let guard = Guard::builder("x").retry(plain(9).constant()).breaker(&breaker).deadline(millis(150));
    let guard = guard.sleep(late).clock(&clock).build().unwrap();
    let report = drive(&clock, guard.call_detailed(down));
    assert!(matches!(report.result, Err(Error::TimedOut(late)) if late.by_deadline && late.limit.is_zero()));
    assert_eq!((breaker.counts().admitted, breaker.counts().timeouts), (1, 0));
    let calls = Cell::new(0);
    let call = || {
        calls.set(calls.get() + 1);
        Err::<(), _>("down")
    };
    let report = guard.call_blocking_with(|wait| clock.advance(wait + millis(60)), call);
    assert_eq!(
        (report.result, report.stopped, calls.get()),
        (Err(Error::Inner("down")), Stopped::Deadline, 1)
    );
}

#[test]
fn what_must_not_be_made_twice_is_not() {
    let clock = ManualClock::new();
    let guard = Guard::builder("x")
        .retry(plain(3).constant())
        .when(|(): &()| false)
        .limit(millis(50))
        .timeouts_final();
    let guard = guard.sleep(&clock).clock(&clock).build().unwrap();
    let report = drive(&clock, guard.call_detailed(pending::<Result<(), ()>>));
    assert_eq!((report.attempts, report.stopped), (1, Stopped::Permanent));
}

#[test]
fn a_refused_call_feeds_no_budget() {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(1)).with_clock(&clock);
    let budget = Budget::new(Allowed::ratio(1.0).constant());
    let guard =
        Guard::builder("x").retry(plain(3).constant()).budget(&budget).breaker(&breaker).sleep(&clock);
    let guard = guard.clock(&clock).build().unwrap();
    breaker.force_open();
    for _ in 0..5 {
        assert!(drive(&clock, guard.call(down)).unwrap_err().is_open());
    }
    assert_eq!(budget.look().balance, 0.0);
    breaker.reset();
    assert_eq!(drive(&clock, guard.call(|| ready(Ok::<_, ()>(1)))), Ok(1));
    assert_eq!(budget.look().balance, 1.0);
}

#[test]
fn what_is_judged_a_failure_teaches_nothing() {
    let clock = ManualClock::new();
    let limit = AdaptiveTimeout::new(Adapting::from(millis(100)).minimum_samples(5).constant());
    let shedder = LoadShedder::new(Capacity::of(1).constant()).counted();
    let guard = Guard::builder("x").limit(&limit).shedder(&shedder).sleep(&clock).clock(&clock);
    let guard = guard
        .judge(|status: &Result<u16, ()>| match status {
            Ok(500..) => crate::breaker::Verdict::Failure(crate::breaker::FailureKind::Error),
            _ => crate::breaker::Verdict::Success,
        })
        .build()
        .unwrap();
    for _ in 0..20 {
        assert_eq!(drive(&clock, guard.call(|| ready(Ok(503)))), Ok(503));
        assert_eq!(guard.call_blocking_with(|_| (), || Ok(503)).result, Ok(503));
    }
    assert_eq!((limit.look().samples, shedder.counts().succeeded, shedder.counts().ignored), (0, 0, 40));
}

#[test]
fn a_seeded_guard_spreads_its_calls() {
    let clock = ManualClock::new();
    let plan = Policy::attempts(2).jitter(Jitter::Full).constant().seeded(7);
    let guard = Guard::builder("x").retry(plan).sleep(&clock).clock(&clock).build().unwrap();
    let waits: std::vec::Vec<_> = (0..3).map(|_| drive(&clock, guard.call_detailed(down)).waited).collect();
    assert!(waits[0] != waits[1] && waits[1] != waits[2] && waits[0] != waits[2], "{waits:?}");
}

#[test]
fn what_is_in_shadow_refuses_nobody_and_is_healthy() {
    let breaker = CircuitBreaker::new(breaking(1));
    let guard = Guard::builder("x").breaker(&breaker).build().unwrap();
    breaker.force_open();
    assert_eq!(guard.health().status(), Status::Down);
    breaker.set_shadow(true);
    assert_eq!(guard.health().status(), Status::Healthy);
}

#[test]
fn a_budget_in_shadow_grants_every_retry_and_counts_those_it_would_not_have() {
    let clock = ManualClock::new();
    let budget = Budget::new(Allowed::ratio(0.0).initial(1.0).constant());
    budget.set_shadow(true);
    let guard = Guard::builder("x").retry(plain(4).constant()).budget(&budget).sleep(&clock).clock(&clock);
    let guard = guard.build().unwrap();
    let report = drive(&clock, guard.call_detailed(down));
    assert_eq!((report.attempts, report.stopped), (4, Stopped::Attempts));
    assert_eq!((budget.look().balance, budget.look().refused), (0.0, 2));
    budget.set_shadow(false);
    let report = drive(&clock, guard.call_detailed(down));
    assert_eq!((report.attempts, report.stopped, budget.look().refused), (1, Stopped::Budget, 3));
}

#[test]
fn errors_are_classified_and_judged_apart() {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(1)).with_clock(&clock);
    let guard = Guard::builder("x")
        .retry(plain(9).constant())
        .classify(|status: &u16| if *status == 404 { Class::Permanent } else { Class::After(millis(7)) })
        .breaker(&breaker)
        .judge(|result: &Result<(), u16>| match result {
            Ok(()) | Err(404) => crate::breaker::Verdict::Success,
            Err(_) => crate::breaker::Verdict::Ignored,
        })
        .sleep(&clock)
        .clock(&clock)
        .build()
        .unwrap();
    let report = drive(&clock, guard.call_detailed(|| ready(Err(404))));
    assert_eq!((report.result, report.attempts), (Err(Error::Inner(404)), 1));
    let report = drive(&clock, guard.call_detailed(|| ready(Err(503))));
    assert_eq!((report.attempts, report.stopped), (9, Stopped::Attempts));
    assert_eq!(breaker.look().state, State::Closed);
}

#[test]
fn a_ready_call_reads_no_clock() {
    struct Read(Cell<u32>);
    impl Clock for Read {
        fn now(&self) -> Instant {
            self.0.set(self.0.get() + 1);
            Instant::ORIGIN
        }
    }
    let (clock, read) = (ManualClock::new(), Read(Cell::new(0)));
    let guard = Guard::builder("x").retry(plain(3).constant()).breaker(CircuitBreaker::new(breaking(5)));
    let guard = guard.limit(millis(10)).deadline(millis(20)).sleep(&clock).clock(&read).build().unwrap();
    read.0.set(0);
    assert_eq!(drive(&clock, guard.call(|| ready(Ok::<_, ()>(1)))), Ok(1));
    assert_eq!(read.0.get(), 0);
}

#[test]
fn an_adaptive_limit_learns_of_what_ends_and_of_what_does_not() {
    let clock = ManualClock::new();
    let told = Adapting::from(millis(100)).quantile(0.5).minimum_samples(5).between(millis(1), millis(200));
    let limit = AdaptiveTimeout::new(told.constant());
    let guard = Guard::builder("x").limit(&limit).sleep(&clock).clock(&clock).build().unwrap();
    for _ in 0..20 {
        let call = || async {
            (&clock).sleep(millis(10)).await;
            Ok::<_, ()>(())
        };
        assert_eq!(drive(&clock, guard.call(call)), Ok(()));
    }
    let learnt = limit.limit();
    assert!((millis(20)..=millis(23)).contains(&learnt), "{learnt:?}");
    for _ in 0..200 {
        assert!(drive(&clock, guard.call(pending::<Result<(), ()>>)).is_err());
    }
    assert!(limit.is_at_ceiling() && limit.limit() == millis(200));
    assert_eq!(guard.health().status(), Status::Degraded);
}

#[test]
fn the_last_good_value_stands_in_and_says_why() {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(1)).with_clock(&clock);
    let guard =
        Guard::builder("x").retry(plain(2).constant()).when(|error| *error == "down").breaker(&breaker);
    let guard = guard.sleep(&clock).clock(&clock).counted().build().unwrap();
    let cache =
        LastGood::<u32, u32>::new(Freshness::of(10).stale(millis(5_000)).constant()).with_clock(&clock);
    let serve =
        |result: Result<u32, &'static str>| drive(&clock, guard.backed_by(&cache).call(&1, || ready(result)));
    assert!(serve(Ok(7)).unwrap().is_live());
    clock.advance(millis(100));
    assert_eq!(serve(Err("no such user")), Err(Error::Inner("no such user")), "that is an answer");
    breaker.reset();
    let served = serve(Err("down")).unwrap();
    assert_eq!((served.value, served.by), (7, By::Cached { age: millis(100) }));
    assert_eq!(
        (served.why, now(&clock)),
        (Some(Why::Failed), millis(100)),
        "nobody waits for the breaker that it opened"
    );
    assert!(matches!(serve(Err("down")).unwrap().why, Some(Why::Refused(_))));
    clock.advance(millis(4_900));
    assert_eq!(serve(Err("down")).unwrap().age(), Some(millis(5_000)), "at its stale limit");
    breaker.force_open();
    clock.advance(Duration::from_nanos(1));
    assert!(serve(Err("down")).unwrap_err().is_open(), "beyond its stale limit nothing is served");
    let counts = guard.counts();
    assert_eq!((counts.succeeded, counts.cached, counts.failed, counts.rejected), (1, 3, 1, 1));
    assert_eq!(counts.in_flight(), 0);
}

#[test]
fn a_default_stands_in_for_all_but_answers() {
    let clock = ManualClock::new();
    let guard = Guard::builder("x").retry(plain(1).constant()).when(|error| *error == "down").sleep(&clock);
    let guard = guard.counted().build().unwrap();
    let served = drive(&clock, guard.call_or_else(down, |_| 0)).unwrap();
    assert_eq!((served.value, served.by, served.why), (0, By::Default, Some(Why::Failed)));
    let answer = drive(&clock, guard.call_or_else(|| ready(Err("no such user")), |_| 0));
    assert_eq!(answer, Err(Error::Inner("no such user")));
    assert_eq!((guard.counts().defaulted, guard.counts().failed), (1, 1));
}

#[test]
fn who_waits_for_another_call_waits_until_its_own_deadline() {
    let clock = ManualClock::new();
    let cache =
        LastGood::<u32, u32>::new(Freshness::of(10).stale(millis(5_000)).constant()).with_clock(&clock);
    let patient = Guard::builder("x").deadline(millis(100)).sleep(&clock).clock(&clock).build().unwrap();
    let hasty =
        Guard::builder("x").deadline(millis(10)).sleep(&clock).clock(&clock).counted().build().unwrap();
    let (patient, backed) = (patient.backed_by(&cache), hasty.backed_by(&cache));
    let mut leader = pin!(patient.call(&1, pending::<Result<u32, ()>>));
    assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let missed = drive(&clock, backed.call(&1, || -> Ready<Result<u32, ()>> { panic!("another asks") }));
    assert_eq!((missed, now(&clock)), (Err(Error::Shared(Why::TimedOut)), millis(10)));
    cache.put(1, 5);
    let served =
        drive(&clock, backed.call(&1, || -> Ready<Result<u32, ()>> { panic!("another asks") })).unwrap();
    assert_eq!((served.value, served.why), (5, Some(Why::TimedOut)));
    assert_eq!((hasty.counts().shared, hasty.counts().cached), (1, 1));
}

#[test]
fn a_call_dropped_at_any_point_leaves_everything_as_it_was() {
    for polls in 0..9_u64 {
        let clock = ManualClock::new();
        let breaker = CircuitBreaker::new(breaking(9)).with_clock(&clock).counted();
        let shedder = LoadShedder::new(Capacity::of(1).constant()).counted();
        let guard = Guard::builder("x").shedder(&shedder).retry(plain(9).constant()).breaker(&breaker);
        let guard = guard
            .limit(millis(30))
            .deadline(millis(900))
            .sleep(&clock)
            .clock(&clock)
            .counted()
            .build()
            .unwrap();
        let cache = LastGood::<u32, u32>::new(Freshness::of(10).stale(millis(1)).constant())
            .with_clock(&clock)
            .counted();
        {
            let backed = guard.backed_by(&cache);
            let mut call = pin!(backed.call(&1, pending::<Result<u32, ()>>));
            for _ in 0..polls {
                assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                clock.advance(millis(30));
            }
        }
        let (of_guard, of_breaker) = (guard.counts(), breaker.counts());
        let begun = u64::from(polls > 0);
        assert_eq!(
            (of_guard.calls, of_guard.cancelled, of_guard.in_flight()),
            (begun, begun, 0),
            "{polls} polls"
        );
        assert_eq!(of_breaker.admitted, of_breaker.timeouts + of_breaker.cancelled, "{polls} polls");
        assert_eq!(of_breaker.in_flight(), 0, "{polls} polls");
        assert_eq!(of_guard.attempts, of_breaker.admitted, "{polls} polls");
        assert_eq!((shedder.look().depth, shedder.counts().in_flight()), (0, 0), "{polls} polls");
        assert_eq!((cache.in_flight(), cache.counts().cancelled), (0, begun), "{polls} polls");
    }
}

#[test]
fn everything_is_told() {
    let clock = ManualClock::new();
    let told = std::sync::Mutex::new(std::vec::Vec::new());
    let hook = |event: &Event| told.lock().unwrap().push(*event);
    let guard = Guard::builder("x").retry(plain(2).constant()).limit(millis(10)).slow_over(millis(50));
    let guard = guard.observer(observe_with(hook)).sleep(&clock).clock(&clock).build().unwrap();
    assert!(drive(&clock, guard.call(pending::<Result<(), ()>>)).is_err());
    let told = told.lock().unwrap();
    let [Event::TimedOut(_), retrying, Event::TimedOut(_), gave_up, slow] = told[..] else {
        panic!("{told:?}")
    };
    let (operation, why) = ("x", Why::TimedOut);
    assert_eq!(retrying, Event::Retrying { operation, attempt: 1, why, delay: millis(100) });
    assert_eq!(gave_up, Event::GaveUp { operation, attempts: 2, why, stopped: Stopped::Attempts });
    assert_eq!(slow, Event::Slow { operation, took: millis(120), threshold: millis(50) });
}

#[test]
fn a_hook_that_panics_is_counted() {
    let clock = ManualClock::new();
    let hook = |_: &Event| panic!("a hook's own");
    let guard = Guard::builder("x").observer(observe_with(hook)).sleep(&clock).counted().build().unwrap();
    assert!(drive(&clock, guard.call(down)).is_err());
    assert_eq!((guard.counts().hook_panics, guard.counts().failed), (1, 1));
}

#[test]
fn what_can_never_work_is_refused_by_name() {
    let field = |built: Result<(), crate::InvalidPolicy>| built.unwrap_err().field();
    let zero = Duration::ZERO;
    assert_eq!(field(Guard::builder("x").deadline(zero).build().map(drop)), "deadline");
    assert_eq!(field(Guard::builder("x").slow_over(zero).build().map(drop)), "slow_over");
    assert_eq!(field(Guard::builder("x").limit(zero).build().map(drop)), "limit");
    assert_eq!(field(Guard::builder("x").limit(millis(2)).deadline(millis(1)).build().map(drop)), "limit");
    assert_eq!(
        field(Guard::builder("x").slow_over(millis(2)).deadline(millis(1)).build().map(drop)),
        "slow_over"
    );
    let late = plain(2).deadline(millis(2)).constant();
    assert_eq!(field(Guard::builder("x").retry(late).deadline(millis(1)).build().map(drop)), "retry");
    let clockless = Guard::builder("x").clock(crate::time::NoClock).deadline(millis(1));
    assert_eq!(field(clockless.build().map(drop)), "deadline");
}

#[test]
fn the_own_deadline_of_a_policy_counts_from_the_call_on() {
    let clock = ManualClock::new();
    let guard =
        Guard::builder("x").retry(plain(9).deadline(millis(150)).constant()).sleep(&clock).clock(&clock);
    let guard = guard.build().unwrap();
    let call = || async {
        (&clock).sleep(millis(60)).await;
        Err::<(), _>("down")
    };
    let report = drive(&clock, guard.call_detailed(call));
    assert_eq!((report.attempts, report.stopped, now(&clock)), (1, Stopped::Deadline, millis(60)));
}

#[test]
fn a_call_that_blocks_goes_through_the_same_layers() {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(breaking(2)).with_clock(&clock).counted();
    let shedder = LoadShedder::new(Capacity::of(1).constant()).counted();
    let guard =
        Guard::builder("x").shedder(&shedder).retry(plain(9).constant()).breaker(&breaker).limit(millis(50));
    let guard = guard.deadline(millis(400)).clock(&clock).counted().build().unwrap();
    let sleep = |wait| clock.advance(wait);
    // A success that took too long is given, and is a failure for the breaker.
    let slow = || {
        clock.advance(millis(51));
        Ok::<_, &str>(7)
    };
    assert_eq!(guard.call_blocking_with(sleep, slow).result, Ok(7));
    assert_eq!((breaker.counts().timeouts, breaker.counts().succeeded), (1, 0));
    // The second failure opens it, for longer than the deadline.
    let report = guard.call_blocking_with(sleep, || Err::<u32, _>("down"));
    assert_eq!((report.result, report.stopped), (Err(Error::Inner("down")), Stopped::Open));
    assert_eq!((report.attempts, report.waited), (1, Duration::ZERO));
    assert_eq!((shedder.look().depth, shedder.counts().overloaded, guard.counts().in_flight()), (0, 1, 0));
    let held = shedder.admit(Priority::Critical).unwrap();
    assert!(guard.call_blocking_with(sleep, || Ok::<u32, &str>(1)).result.unwrap_err().is_shed());
    drop(held);
}

static BREAKER: CircuitBreaker = CircuitBreaker::new(breaking(2));
static SHEDDER: LoadShedder = LoadShedder::new(Capacity::of(1).constant());
static BUDGET: Budget = Budget::new(Allowed::ratio(0.1).constant());

#[test]
fn futures_are_send() {
    fn is_send<F: Future + Send>(_: F) {}
    let breaker = std::sync::Arc::new(CircuitBreaker::new(breaking(2)));
    let sleep = |_: Duration| async {};
    let guard = Guard::builder("x").breaker(breaker).retry(plain(2).constant()).limit(millis(1)).sleep(sleep);
    let guard = guard.build().unwrap();
    let cache = LastGood::<u32, u32>::new(Freshness::of(10).stale(millis(1)).constant());
    is_send(guard.call(|| async { Ok::<_, ()>(1) }));
    is_send(guard.backed_by(&cache).call(&1, || async { Ok::<_, ()>(1) }));
    // In a task of its own, with everything borrowed for ever: what `tokio::spawn` asks for.
    let guard =
        Guard::builder("x").breaker(&BREAKER).shedder(&SHEDDER).retry(plain(2).constant()).budget(&BUDGET);
    let guard = std::sync::Arc::new(guard.limit(millis(1)).deadline(millis(2)).sleep(sleep).build().unwrap());
    let cache = std::sync::Arc::new(cache);
    is_send(async move {
        let call = || async { Ok::<u32, ()>(1) };
        (guard.call(call).await, guard.backed_by(&cache).call(&1, call).await)
    });
}

#[test]
fn presets_are_what_was_agreed() {
    let of = |preset: Preset| {
        let retry = preset.retry();
        let delay = retry.seeded(0).delays().next().unwrap();
        (retry.max_attempts(), delay.as_millis() / 100, preset.limit().as_secs(), preset.slow_over())
    };
    assert_eq!(of(Preset::Development), (2, of(Preset::Development).1, 10, None));
    assert!((1..=1).contains(&of(Preset::Development).1));
    assert_eq!((of(Preset::Staging).0, of(Preset::Staging).2, of(Preset::Staging).3), (3, 30, None));
    assert_eq!(of(Preset::Production).3, Some(Duration::from_secs(20)));
    for (preset, failures, open) in
        [(Preset::Development, 2, 5), (Preset::Staging, 3, 10), (Preset::Production, 5, 15)]
    {
        let clock = ManualClock::new();
        let breaker = CircuitBreaker::new(preset.breaker()).with_clock(&clock);
        (0..failures - 1).for_each(|_| breaker.acquire().unwrap().failure());
        assert_eq!(breaker.look().state, State::Closed);
        breaker.acquire().unwrap().failure();
        assert_eq!(breaker.acquire().unwrap_err().retry_after(), Some(Duration::from_secs(open)));
    }
}
