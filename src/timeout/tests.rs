//! What limits promise, as sentences.

#![allow(
    clippy::pedantic,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect"
)]

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::observe::{Observer, observe_with};
use crate::refusal::MayRefuse;
use crate::sleep::Sleep;
use crate::time::{Clock, Instant, ManualClock, NoClock};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(ended) => ended,
        Poll::Pending => panic!("it is pending"),
    }
}

/// A call that takes so long on this clock.
fn taking(clock: &ManualClock, duration: Duration) -> impl Future<Output = ()> + '_ {
    let due = clock.now().saturating_add(duration);
    poll_fn(move |_| if clock.now() >= due { Poll::Ready(()) } else { Poll::Pending })
}

#[derive(Default)]
struct Told(Mutex<Vec<Event>>);

impl Observer<Event> for Told {
    fn notice(&self, event: &Event) {
        self.0.lock().unwrap().push(*event);
    }
}

impl Told {
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A clock that counts its readings.
#[derive(Default)]
struct Counted {
    clock: ManualClock,
    readings: Cell<u32>,
}

impl Clock for &Counted {
    fn now(&self) -> Instant {
        self.readings.set(self.readings.get() + 1);
        self.clock.now()
    }
}

mod one_limit {
    use super::*;

    #[test]
    fn a_call_that_is_ready_makes_no_sleep() {
        let sleeps = Cell::new(0);
        let sleeper = |_| {
            sleeps.set(sleeps.get() + 1);
            pending()
        };
        assert_eq!(now(timeout(ms(1), &sleeper, ready(7))), Ok(7));
        assert_eq!(sleeps.get(), 0);
        let mut waits = pin!(timeout(ms(1), &sleeper, pending::<()>()));
        assert!(poll(waits.as_mut()).is_pending() && poll(waits.as_mut()).is_pending());
        assert_eq!(sleeps.get(), 1);
    }

    #[test]
    fn at_its_limit_a_call_is_over_and_not_before() {
        let clock = ManualClock::new();
        let sleeper = &clock;
        let mut call = pin!(timeout(ms(5), &sleeper, pending::<()>()).named("hang"));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(ms(5) - Duration::from_nanos(1));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(Duration::from_nanos(1));
        assert_eq!(poll(call.as_mut()), Poll::Ready(Err(TimedOut::new("hang", ms(5)))));
    }

    #[test]
    fn the_limit_counts_from_the_first_suspension() {
        let clock = ManualClock::new();
        let sleeper = &clock;
        let mut call = pin!(timeout(ms(5), &sleeper, pending::<()>()));
        clock.advance(ms(100));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(ms(5));
        assert!(poll(call.as_mut()).is_ready());
    }

    #[test]
    fn when_both_are_ready_the_call_has_won() {
        let clock = ManualClock::new();
        let sleeper = &clock;
        let mut call = pin!(timeout(ms(5), &sleeper, taking(&clock, ms(5))));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(ms(50));
        assert_eq!(poll(call), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_limit_of_zero_is_a_single_poll() {
        let clock = ManualClock::new();
        let sleeper = &clock;
        assert_eq!(now(timeout(Duration::ZERO, &sleeper, ready(1))), Ok(1));
        assert!(now(timeout(Duration::ZERO, &sleeper, pending::<()>())).is_err());
        assert!(poll(pin!(timeout(Duration::MAX, &sleeper, pending::<()>()))).is_pending());
    }

    #[test]
    fn it_cancels_the_call_by_dropping_it() {
        struct Dropped<'a>(&'a Cell<bool>);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let (clock, dropped) = (ManualClock::new(), Cell::new(false));
        let held = Dropped(&dropped);
        let sleeper = &clock;
        let call = timeout(ms(1), &sleeper, async move {
            let _held = held;
            pending::<()>().await;
        });
        let mut call = Box::pin(call);
        assert!(poll(call.as_mut()).is_pending());
        assert!(!dropped.get());
        drop(call);
        assert!(dropped.get());
    }

    #[test]
    fn it_is_no_larger_than_what_it_holds() {
        let sleeper = |_: Duration| ready(());
        let size = size_of_val(&timeout(ms(1), &sleeper, ready(0_u64)));
        assert!(size <= 16 + 8 + 8 + size_of::<TimedOut>(), "{size}");
    }
}

mod operations {
    use super::*;

    const NAMED: [Operation; 2] =
        [Operation::new("report", ms(60_000)).slow_over(ms(20_000)), Operation::new("ping", ms(200))];

    fn watched(clock: &ManualClock) -> Timeouts<2, &ManualClock, Arc<Told>> {
        let limits = Limits::of(ms(2_000)).slow_over(ms(500)).operations(NAMED).build().unwrap();
        Timeouts::with_parts(limits, clock, Arc::default())
    }

    /// Runs a call that takes so long, in one step of the clock.
    fn run(
        limits: &Timeouts<2, &ManualClock, Arc<Told>>,
        name: &'static str,
        took: Duration,
    ) -> Result<(), TimedOut> {
        let clock = *limits.clock();
        let mut call = pin!(limits.run(name, limits.clock(), taking(clock, took)));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(took.min(limits.limit(name)));
        match poll(call) {
            Poll::Ready(ended) => ended,
            Poll::Pending => panic!("it is pending"),
        }
    }

    #[test]
    fn each_operation_has_its_own_limit_and_the_rest_that_of_all() {
        let clock = ManualClock::new();
        let limits = watched(&clock);
        for (name, limit) in [("report", 60_000), ("ping", 200), ("fetch", 2_000), ("", 2_000)] {
            assert_eq!(limits.limit(name), ms(limit), "{name}");
            assert_eq!(run(&limits, name, ms(limit)), Ok(()), "{name}");
            let late = TimedOut::new(name, ms(limit));
            limits.observer().take();
            assert_eq!(run(&limits, name, ms(limit + 1)), Err(late), "{name}");
            assert_eq!(limits.observer().take(), [Event::TimedOut(late)], "{name}");
        }
    }

    #[test]
    fn what_ended_over_its_threshold_is_told_as_slow_and_is_no_error() {
        let clock = ManualClock::new();
        let limits = watched(&clock);
        for (name, took, threshold) in [
            ("fetch", 500, None),
            ("fetch", 501, Some(500)),
            ("report", 20_000, None),
            ("report", 20_001, Some(20_000)),
            ("ping", 200, None),
        ] {
            assert_eq!(run(&limits, name, ms(took)), Ok(()));
            let slow = threshold.map(|it| Event::Slow { operation: name, took: ms(took), threshold: ms(it) });
            assert_eq!(limits.observer().take(), Vec::from_iter(slow), "{name} {took}");
        }
    }

    #[test]
    fn a_deadline_outside_shortens_the_limit_and_never_lengthens_it() {
        let clock = ManualClock::new();
        let limits = watched(&clock);
        clock.set(Instant::from_nanos(1_000));
        for (left, limit, by_deadline) in [(50, 50, true), (200, 200, false), (9_000, 200, false)] {
            let deadline = Deadline::after(ms(left), clock.now());
            let mut call = pin!(limits.run_until(deadline, "ping", limits.clock(), pending::<()>()));
            assert!(poll(call.as_mut()).is_pending());
            clock.advance(ms(limit) - Duration::from_nanos(1));
            assert!(poll(call.as_mut()).is_pending());
            clock.advance(Duration::from_nanos(1));
            let Poll::Ready(Err(late)) = poll(call) else { panic!("it is over") };
            assert_eq!((late.limit, late.by_deadline), (ms(limit), by_deadline));
        }
        let none = limits.run_until(Deadline::NONE, "ping", limits.clock(), ready(1));
        assert_eq!(now(none), Ok(1));
    }

    #[test]
    fn with_no_time_left_the_call_is_not_made() {
        let clock = ManualClock::new();
        let limits = watched(&clock);
        clock.advance(ms(10));
        let polled = Cell::new(false);
        let call = poll_fn(|_| {
            polled.set(true);
            Poll::Ready(())
        });
        let late =
            now(limits.run_until(Deadline::at(clock.now()), "ping", limits.clock(), call)).unwrap_err();
        assert_eq!((late.limit, late.by_deadline, polled.get()), (Duration::ZERO, true, false));
        assert_eq!(late.to_string(), "`ping` was not made: its deadline had passed");
        assert_eq!(limits.observer().take(), [Event::TimedOut(late)]);
    }

    #[test]
    fn a_clock_is_read_only_where_it_is_needed() {
        let clock = Counted::default();
        let sleeper = &clock.clock;
        let plain = Timeouts::with_parts(Limits::of(ms(1)).build().unwrap(), &clock, ());
        assert!(now(plain.run("a", &sleeper, ready(()))).is_ok());
        assert_eq!(clock.readings.take(), 0);
        assert!(now(plain.run_until(Deadline::NONE, "a", &sleeper, ready(()))).is_ok());
        assert_eq!(clock.readings.take(), 1);
        let slow = Limits::of(ms(2)).slow_over(ms(1)).build().unwrap();
        let slow = Timeouts::with_parts(slow, &clock, ());
        assert!(now(slow.run("a", &sleeper, ready(()))).is_ok());
        assert_eq!(clock.readings.take(), 2);
    }

    #[test]
    fn without_a_clock_there_are_limits() {
        let slow = Limits::of(ms(2)).slow_over(ms(1)).build().unwrap();
        let limits = Timeouts::with_parts(slow, NoClock, ());
        let clock = ManualClock::new();
        let sleeper = &clock;
        let mut call = pin!(limits.try_run("a", &sleeper, pending::<Result<(), ()>>()));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(ms(2));
        assert_eq!(poll(call), Poll::Ready(Err(Error::TimedOut(TimedOut::new("a", ms(2))))));
    }

    #[test]
    fn a_call_that_is_dropped_tells_nothing() {
        let clock = ManualClock::new();
        let limits = watched(&clock);
        assert!(poll(pin!(limits.run("ping", limits.clock(), pending::<()>()))).is_pending());
        assert_eq!(limits.observer().take(), []);
    }
}

mod adaptive {
    use super::*;

    type Watched<'a> = AdaptiveTimeout<&'a ManualClock, Arc<Told>>;

    fn policy() -> AdaptingBuilder {
        Adapting::from(ms(1_000)).operation("fetch").minimum_samples(10).between(ms(1), ms(60_000))
    }

    fn watched(clock: &ManualClock) -> Watched<'_> {
        AdaptiveTimeout::with_parts(policy().build().unwrap(), clock, Arc::default())
    }

    fn within(limit: Duration, low: u64, high: u64) {
        assert!(limit >= ms(low) && limit <= ms(high), "{limit:?} is not from {low} to {high} ms");
    }

    #[test]
    fn the_initial_limit_holds_until_enough_is_known_and_a_move_is_told_once() {
        let clock = ManualClock::new();
        let fetch = watched(&clock);
        for _ in 0..9 {
            fetch.record(ms(40));
            assert_eq!((fetch.limit(), fetch.look().known), (ms(1_000), false));
        }
        assert_eq!(fetch.observer().take(), []);
        fetch.record(ms(40));
        within(fetch.limit(), 80, 90);
        let moved = Event::Moved { operation: "fetch", from: ms(1_000), to: fetch.limit() };
        assert_eq!(fetch.observer().take(), [moved]);
        (0..500).for_each(|_| fetch.record(ms(40)));
        assert_eq!(fetch.observer().take(), []);
        assert_eq!((fetch.look().samples, fetch.look().known), (510, true));
    }

    #[test]
    fn when_all_time_out_each_step_at_least_doubles_to_the_ceiling() {
        for margin in [1.0, 1.5, 2.0, 7.5] {
            let told = policy().quantile(0.5).margin(margin).minimum_samples(1).build().unwrap();
            let fetch = AdaptiveTimeout::with_parts(told, NoClock, ());
            let mut limit = fetch.limit();
            // Of each step's limits half must be at the next: so many, and twice as many, and so on.
            for step in 0..7 {
                (0..(4_u32 << (2 * step))).for_each(|_| fetch.timed_out_at(Instant::ORIGIN));
                let next = fetch.limit();
                assert!(next >= (limit * 2).min(ms(60_000)), "{margin}: from {limit:?} to {next:?}");
                limit = next;
            }
            assert_eq!(limit, ms(60_000));
        }
    }

    #[test]
    fn time_outs_that_the_quantile_leaves_out_move_nothing() {
        let fetch = AdaptiveTimeout::with_parts(policy().quantile(0.9).build().unwrap(), NoClock, ());
        for call in 0..1_000 {
            if call % 20 == 19 {
                fetch.timed_out_at(Instant::ORIGIN);
            } else {
                fetch.record_at(ms(40), Instant::ORIGIN);
            }
        }
        within(fetch.limit(), 80, 90);
    }

    #[test]
    fn a_censored_sample_is_never_less_than_what_it_took() {
        let fetch = AdaptiveTimeout::with_parts(
            policy().margin(50.0).minimum_samples(1).build().unwrap(),
            NoClock,
            (),
        );
        fetch.timed_out_after_at(ms(900), Instant::ORIGIN);
        within(fetch.limit(), 900 * 50, 60_000);
        for limit in [Duration::ZERO, Duration::MAX] {
            fetch.timed_out_after_at(limit, Instant::from_nanos(u64::MAX));
            within(fetch.limit(), 1, 60_000);
        }
    }

    #[test]
    fn a_service_that_became_faster_gets_a_shorter_limit() {
        let fetch = AdaptiveTimeout::with_parts(policy().build().unwrap(), NoClock, ());
        let at = |second: u64| Instant::from_nanos(second * 1_000_000_000);
        (0..1_000).for_each(|_| fetch.record_at(ms(5_000), at(0)));
        within(fetch.limit(), 10_000, 11_250);
        (0..12_000).for_each(|call| fetch.record_at(ms(40), at(call)));
        within(fetch.limit(), 80, 90);
    }

    #[test]
    fn run_learns_from_what_ended_and_from_what_timed_out() {
        let clock = ManualClock::new();
        let fetch = watched(&clock);
        for _ in 0..10 {
            let mut call = pin!(fetch.run(fetch.clock(), taking(&clock, ms(40))));
            assert!(poll(call.as_mut()).is_pending());
            clock.advance(ms(40));
            assert_eq!(poll(call), Poll::Ready(Ok(())));
        }
        let limit = fetch.limit();
        within(limit, 80, 90);
        fetch.observer().take();
        let mut call = pin!(fetch.run(fetch.clock(), pending::<()>()));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(limit);
        let late = TimedOut::new("fetch", limit);
        assert_eq!(poll(call), Poll::Ready(Err(late)));
        // One of eleven is the quantile of 0.99.
        let moved = Event::Moved { operation: "fetch", from: limit, to: fetch.limit() };
        assert!(fetch.limit() >= limit * 2);
        assert_eq!(fetch.observer().take(), [moved, Event::TimedOut(late)]);
        assert_eq!(fetch.look().samples, 11);
    }

    #[test]
    fn a_failure_is_not_learnt_from_nor_is_a_call_that_was_dropped() {
        let clock = ManualClock::new();
        let fetch = watched(&clock);
        let failed = now(fetch.try_run(fetch.clock(), ready(Err::<(), _>("down"))));
        assert_eq!(failed, Err(Error::Inner("down")));
        assert!(poll(pin!(fetch.run(fetch.clock(), pending::<()>()))).is_pending());
        assert_eq!(fetch.look().samples, 0);
        assert_eq!(now(fetch.try_run(fetch.clock(), ready(Ok::<_, ()>(1)))), Ok(1));
        assert_eq!(fetch.look().samples, 1);
    }

    #[test]
    fn a_time_out_that_was_the_deadlines_is_told_and_not_learnt_from() {
        let clock = ManualClock::new();
        let fetch = watched(&clock);
        let deadline = Deadline::after(ms(100), clock.now());
        let mut call = pin!(fetch.run_until(deadline, fetch.clock(), pending::<()>()));
        assert!(poll(call.as_mut()).is_pending());
        clock.advance(ms(100));
        let Poll::Ready(Err(late)) = poll(call) else { panic!("it is over") };
        assert_eq!((late.limit, late.by_deadline, fetch.look().samples), (ms(100), true, 0));
        assert_eq!(fetch.observer().take(), [Event::TimedOut(late)]);
        let over = fetch.try_run_until(deadline, fetch.clock(), ready(Ok::<_, ()>(())));
        assert!(now(over).unwrap_err().timed_out().unwrap().limit.is_zero());
        assert_eq!(fetch.look().samples, 0);
    }

    #[test]
    fn a_floor_of_zero_is_no_limit_of_zero() {
        let told = Adapting::from(ms(1)).between(Duration::ZERO, ms(1)).minimum_samples(1).build().unwrap();
        let fetch = AdaptiveTimeout::with_parts(told, NoClock, ());
        fetch.record_at(Duration::ZERO, Instant::ORIGIN);
        assert_eq!(fetch.limit(), Duration::from_nanos(2_048));
    }

    #[test]
    fn it_takes_two_kilobytes() {
        assert!(size_of::<AdaptiveTimeout<NoClock>>() <= 2_100, "{}", size_of::<AdaptiveTimeout<NoClock>>());
    }

    #[test]
    fn a_hook_may_ask_for_the_limit_again_and_its_panic_ends_there() {
        static FETCH: std::sync::OnceLock<AdaptiveTimeout> = std::sync::OnceLock::new();
        FETCH.set(AdaptiveTimeout::new(policy().build().unwrap())).unwrap();
        let hook = observe_with(|_: &Event| {
            assert!(FETCH.get().unwrap().limit() < ms(1));
        });
        let told = policy().minimum_samples(1).build().unwrap();
        let fetch = AdaptiveTimeout::with_parts(told, NoClock, hook);
        fetch.record_at(ms(40), Instant::ORIGIN);
        within(fetch.limit(), 80, 90);
    }
}

#[cfg(not(target_family = "wasm"))]
mod helpers {
    use super::*;

    /// Calls that wait until somebody lets them go.
    fn stuck(gate: &Arc<Mutex<mpsc::Receiver<()>>>) -> impl FnOnce() -> u32 + Send + 'static {
        let gate = Arc::clone(gate);
        move || {
            let _ = gate.lock().unwrap().recv();
            7
        }
    }

    fn until(so: impl Fn() -> bool) {
        let began = std::time::Instant::now();
        while !so() {
            assert!(began.elapsed() < Duration::from_secs(20), "it never came true");
            std::thread::yield_now();
        }
    }

    #[test]
    fn no_more_helpers_are_out_than_were_told_those_that_are_stuck_included() {
        let helpers = Helpers::new(2).unwrap();
        let (open, gate) = mpsc::channel();
        let gate = Arc::new(Mutex::new(gate));
        for out in 1..=2 {
            let late = helpers.call(ms(1), "hang", stuck(&gate));
            assert_eq!(late, Err(HelperError::TimedOut(TimedOut::new("hang", ms(1)))));
            assert_eq!(helpers.running(), out);
        }
        for _ in 0..50 {
            assert_eq!(helpers.call(ms(1), "hang", || 1), Err(HelperError::Busy { running: 2 }));
        }
        drop(open);
        until(|| helpers.running() == 0);
        assert_eq!(helpers.call(ms(10_000), "work", || 1), Ok(1));
    }

    #[test]
    fn one_caller_after_another_needs_one_helper() {
        let helpers = Helpers::constant(1);
        for call in 0..200 {
            assert_eq!(helpers.call(ms(20_000), "work", move || call), Ok(call));
        }
        assert_eq!(helpers.running(), 0);
    }

    #[test]
    fn a_panic_goes_on_in_the_caller_and_frees_the_place() {
        let helpers = Helpers::constant(1);
        let call =
            std::panic::AssertUnwindSafe(|| helpers.call(ms(20_000), "work", || panic!("the call's own")));
        let panic = std::panic::catch_unwind(|| {
            let call = call;
            let _: Result<(), _> = call();
        });
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"the call's own"));
        assert_eq!(helpers.running(), 0);
    }

    #[test]
    fn what_nobody_waits_for_is_dropped_and_then_the_place_is_free() {
        struct Bomb(Arc<Mutex<bool>>);
        impl Drop for Bomb {
            fn drop(&mut self) {
                *self.0.lock().unwrap() = true;
                panic!("in a drop");
            }
        }
        let helpers = Helpers::constant(1);
        let dropped = Arc::new(Mutex::new(false));
        let bomb = Arc::clone(&dropped);
        let (open, gate) = mpsc::channel::<()>();
        let late = helpers.call(ms(1), "hang", move || {
            let _ = gate.recv();
            Bomb(bomb)
        });
        assert!(late.is_err_and(|late| late.timed_out().is_some()));
        drop(open);
        until(|| helpers.running() == 0);
        assert!(*dropped.lock().unwrap());
    }

    #[test]
    fn without_time_the_call_is_not_made() {
        let helpers = Helpers::constant(1);
        let late = helpers.call(Duration::ZERO, "work", || -> () { panic!("it is made") });
        assert!(late.unwrap_err().timed_out().is_some());
        assert_eq!(helpers.call(Duration::MAX, "work", || 3), Ok(3));
        assert_eq!(Helpers::new(0).unwrap_err().field(), "most");
    }
}

#[test]
fn what_is_told_reads_as_a_sentence() {
    let late = TimedOut::new("fetch", ms(20));
    let unnamed = TimedOut::new("", ms(20));
    let moved = Event::Moved { operation: "fetch", from: ms(20), to: ms(40) };
    for (told, words) in [
        (late.to_string(), "`fetch` timed out after 20ms"),
        (unnamed.to_string(), "the call timed out after 20ms"),
        (late.at_deadline().to_string(), "`fetch` timed out after 20ms, all that its deadline left"),
        (Error::<TimedOut>::TimedOut(late).to_string(), "`fetch` timed out after 20ms"),
        (moved.to_string(), "the limit of `fetch` moved from 20ms to 40ms"),
        (HelperError::Busy { running: 3 }.to_string(), "all 3 helper threads are out"),
    ] {
        assert_eq!(told, words);
    }
    assert_eq!(Error::<TimedOut>::Inner(late).refusal(), None);
}

#[test]
fn futures_may_be_sent_where_what_they_hold_may() {
    fn sent<T: Send>(_: T) {}
    static LIMITS: Timeouts = Timeouts::new(Limits::of(ms(1)).constant());
    static FETCH: AdaptiveTimeout = AdaptiveTimeout::new(Adapting::from(ms(1)).constant());
    fn sleeper(_: Duration) -> impl Future<Output = ()> {
        ready(())
    }
    fn with<S: Sleep<Wait: Send> + Sync>(sleeper: &S) {
        sent(LIMITS.run("a", sleeper, ready(())));
        sent(FETCH.run(sleeper, ready(())));
        sent(timeout(ms(1), sleeper, ready(())));
    }
    with(&sleeper);
}
