//! The breaker's hot paths: for each, what makes a breaker that is in its state and stays in it, and what takes the path a
//! hundred times.
//!
//! Time stands still on all of them: a real clock takes instructions of its own, and not always the same.

use std::{hint::black_box, time::Duration};

use fusebox::{
    breaker::{CircuitBreaker, Counters, FullPolicy, Policy, State, Window},
    time::{CoarseClock, ManualClock},
};

/// How often a path is taken for one figure: an instruction more or less around the loop is lost in it.
pub const TIMES: u32 = 100;

/// What the guarded work fails with.
#[derive(Clone, Copy, Debug)]
pub struct Failed;

/// A breaker on a clock that stands still.
pub type Still<P = Policy> = CircuitBreaker<P, ManualClock>;

/// A breaker on the coarse clock, which counts.
pub type Counting = CircuitBreaker<Policy, CoarseClock, (), Counters>;

const HOUR: Duration = Duration::from_hours(1);
const PLAIN: Policy = Policy::consecutive_failures(5).open_duration(HOUR).constant();
const PATIENT: Policy = Policy::consecutive_failures(65_535).open_duration(HOUR).constant();
const PROBING: Policy =
    Policy::consecutive_failures(5).open_duration(HOUR).without_half_open_timeout().constant();
const OF_CALLS: FullPolicy = Policy::failure_rate(50, Window::calls(100), 10).constant();
const OF_TIME: FullPolicy = Policy::failure_rate(50, Window::time(Duration::from_secs(10)), 10).constant();

/// Closed, failures in a row.
#[must_use]
pub fn closed() -> Box<CircuitBreaker> {
    Box::new(CircuitBreaker::new(PLAIN))
}

/// A success by `call`.
#[inline]
pub fn call(breaker: &CircuitBreaker) {
    repeated(breaker, |breaker| breaker.call(succeed));
}

/// A success by `acquire` and `success`.
#[inline]
pub fn acquire_success(breaker: &CircuitBreaker) {
    repeated(breaker, |breaker| {
        if let Ok(permit) = breaker.acquire() {
            permit.success();
        }
    });
}

/// Closed, a window of the last 100 calls.
#[must_use]
pub fn of_calls() -> Box<Still<FullPolicy>> {
    Box::new(CircuitBreaker::new(OF_CALLS).with_clock(ManualClock::new()))
}

/// Closed, a window of the last 10 s.
#[must_use]
pub fn of_time() -> Box<Still<FullPolicy>> {
    Box::new(CircuitBreaker::new(OF_TIME).with_clock(ManualClock::new()))
}

/// A success in a window.
#[inline]
pub fn call_in_window(breaker: &Still<FullPolicy>) {
    repeated(breaker, |breaker| breaker.call(succeed));
}

/// Closed, far from its threshold.
#[must_use]
pub fn patient() -> Box<Still> {
    Box::new(CircuitBreaker::new(PATIENT).with_clock(ManualClock::new()))
}

/// A failure that opens nothing.
#[inline]
pub fn fail(breaker: &Still) {
    repeated(breaker, |breaker| breaker.call(|| Err::<u64, _>(black_box(Failed))));
}

/// Open.
#[must_use]
pub fn open() -> Box<Still> {
    let breaker = Box::new(CircuitBreaker::new(PLAIN).with_clock(ManualClock::new()));
    fail(&breaker);
    assert_eq!(breaker.look().state, State::Open);
    breaker
}

/// A rejection.
#[inline]
pub fn reject(breaker: &Still) {
    repeated(breaker, |breaker| breaker.call(succeed));
}

/// Open, on the coarse clock, with counters.
#[must_use]
pub fn open_counting() -> Box<Counting> {
    let breaker = Box::new(CircuitBreaker::new(PLAIN).with_clock(CoarseClock::new()).counted());
    repeated(&*breaker, |breaker| breaker.call(|| Err::<u64, _>(Failed)));
    assert_eq!(breaker.look().state, State::Open);
    breaker
}

/// A rejection that counts itself.
#[inline]
pub fn reject_counting(breaker: &Counting) {
    repeated(breaker, |breaker| breaker.call(succeed));
}

/// Half open, with one place for a probe.
#[must_use]
pub fn half_open() -> Box<Still> {
    let clock = ManualClock::new();
    let breaker = CircuitBreaker::new(PROBING).with_clock(clock);
    let now = fusebox::time::Instant::ORIGIN;
    for _ in 0..5 {
        if let Ok(permit) = breaker.acquire_at(now) {
            permit.failure_at(now);
        }
    }
    drop(breaker.acquire_at(now.saturating_add(2 * HOUR)));
    assert_eq!(breaker.look().state, State::HalfOpen);
    Box::new(breaker)
}

/// A probe that is taken and given back.
#[inline]
pub fn probe(breaker: &Still) {
    repeated(breaker, |breaker| drop(black_box(breaker.acquire())));
}

/// A primitive whose memory is there and whose thread has its place.
#[must_use]
pub fn used<B>(primitive: Box<B>, path: impl Fn(&B)) -> Box<B> {
    path(&primitive);
    primitive
}

#[inline]
#[expect(clippy::unnecessary_wraps, reason = "it is what a breaker guards")]
fn succeed() -> Result<u64, Failed> {
    Ok(black_box(7))
}

/// Nothing that is known of the primitive at compile time helps, and nothing of the answer may be left out.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the loop is part of what is counted, in the function that is counted"
)]
pub(crate) fn repeated<B, R>(primitive: &B, path: impl Fn(&B) -> R) {
    for _ in 0..TIMES {
        black_box(&path(black_box(primitive)));
    }
}
