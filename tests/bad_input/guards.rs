//! Guards that can never work, and the ends of durations and of the clock.

use core::cell::Cell;
use core::future::{Future, pending, ready};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use fusebox::Value;
use fusebox::breaker::{CircuitBreaker, Policy as Breaking};
use fusebox::guard::{Error, Guard};
use fusebox::retry::{Hedging, Jitter, Policy};
use fusebox::time::{Instant, ManualClock};
use fusebox::timeout::Deadline;

use super::{NANO, SECOND, refused};

const END: Instant = Instant::from_nanos(u64::MAX);
const LONGEST: Duration = Duration::from_nanos(u64::MAX);

/// Polls it so often; what came of it.
fn poll<F: Future>(mut future: core::pin::Pin<&mut F>, times: u32) -> Option<F::Output> {
    (0..times).find_map(|_| match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

#[test]
fn no_time_at_all_is_refused_wherever_it_stands() {
    let value = Value::Duration(Duration::ZERO);
    refused(Guard::builder("x").deadline(Duration::ZERO).build(), "deadline", value, "above zero");
    refused(Guard::builder("x").slow_over(Duration::ZERO).build(), "slow_over", value, "above zero");
    refused(Guard::builder("x").limit(Duration::ZERO).build(), "limit", value, "above zero");
    assert!(Guard::builder("x").deadline(NANO).slow_over(NANO).limit(NANO).build().is_ok());
}

#[test]
fn what_is_longer_than_the_deadline_is_refused() {
    let (deadline, over) = (SECOND, SECOND + NANO);
    let value = Value::Duration(over);
    let guard = || Guard::builder("x").deadline(deadline);
    refused(guard().limit(over).build(), "limit", value, "must not be longer than the deadline");
    refused(guard().slow_over(over).build(), "slow_over", value, "nothing would ever be slow");
    let retry = |longest| Policy::attempts(2).deadline(longest).constant();
    refused(guard().retry(retry(over)).build(), "retry", value, "must not have a deadline after");
    assert!(guard().limit(deadline).slow_over(deadline).retry(retry(deadline)).build().is_ok());
}

#[test]
fn of_several_faults_the_outermost_is_named() {
    let all = Guard::builder("x").deadline(Duration::ZERO).slow_over(Duration::ZERO).limit(Duration::ZERO);
    assert_eq!(all.build().unwrap_err().field(), "deadline");
}

#[test]
fn a_hedge_of_no_copies_or_of_no_quantile_is_refused() {
    for copies in [0, 1, 17, u32::MAX] {
        refused(
            Hedging::after(SECOND).copies(copies).build(),
            "copies",
            Value::Count(copies.into()),
            "from 2 to 16",
        );
    }
    refused(
        Hedging::after(SECOND).at_quantile(1.5).build(),
        "quantile",
        Value::Number(1.5),
        "above 0, and 1 at most",
    );
    assert!(Hedging::after(LONGEST).copies(16).at_quantile(1.0).build().is_ok());
}

/// Whatever ends, where and when: nothing panics, and what is over is over.
#[test]
fn the_ends_of_the_clock_are_instants_like_others() {
    for begin in [Instant::ORIGIN, Instant::from_nanos(1), END] {
        for longest in [NANO, LONGEST, Duration::MAX] {
            let clock = ManualClock::new();
            clock.set(begin);
            let breaker =
                CircuitBreaker::new(Breaking::consecutive_failures(1).constant()).with_clock(&clock);
            let retry = Policy::attempts(3).initial_delay(LONGEST).max_delay(LONGEST).jitter(Jitter::Full);
            let guard = Guard::builder("x").deadline(longest).limit(longest).retry(retry.constant());
            let guard = guard.breaker(&breaker).slow_over(longest).sleep(&clock).clock(&clock);
            let guard = guard.counted().build().unwrap();

            assert_eq!(poll(pin!(guard.call(|| ready(Ok::<_, ()>(1)))), 1), Some(Ok(1)));
            let mut hangs = pin!(guard.call(pending::<Result<(), ()>>));
            let at_once = poll(hangs.as_mut(), 3);
            assert_eq!(at_once.is_some(), begin == END, "at its end, a clock stands");
            clock.set(END);
            let ended = at_once.or_else(|| poll(hangs, 3)).expect("the clock has ended");
            assert!(ended.unwrap_err().is_timed_out(), "{begin:?} {longest:?}");
            let mut fails =
                pin!(guard.call_until(Deadline::after(longest, begin), |_| ready(Err::<(), _>(()))));
            assert!(poll(fails.as_mut(), 9).is_some_and(|ended| ended.is_err()), "{begin:?} {longest:?}");
            assert_eq!(guard.counts().in_flight(), 0);
        }
    }
}

/// A limit is a wait of the runtime's; the clock only says how much of the deadline is left, and it never grows.
#[test]
fn a_clock_that_steps_back_in_the_middle_of_a_call_hangs_nothing() {
    let clock = ManualClock::new();
    clock.set(Instant::from_nanos(5_000_000_000));
    // A runtime's timers, which the clock's step does not reach.
    let runtime = ManualClock::new();
    let attempts = Cell::new(0);
    let retry = Policy::attempts(4).initial_delay(SECOND).jitter(Jitter::None).constant();
    let guard = Guard::builder("x").deadline(3 * SECOND).limit(SECOND).retry(retry);
    let guard = guard.sleep(&runtime).clock(&clock).counted().build().unwrap();
    let mut call = pin!(guard.call(|| {
        attempts.set(attempts.get() + 1);
        pending::<Result<(), ()>>()
    }));
    assert!(poll(call.as_mut(), 2).is_none());
    clock.set(Instant::ORIGIN);
    // Each of four attempts, and each of three waits of one, two and four seconds, ends.
    let ended = (0..12).find_map(|_| {
        runtime.advance(SECOND);
        poll(call.as_mut(), 2)
    });
    assert!(matches!(ended, Some(Err(Error::TimedOut(late))) if late.limit <= SECOND));
    assert!(attempts.get() <= 4);
    assert_eq!((guard.counts().timed_out, guard.counts().in_flight()), (1, 0));
}
