//! Whole calls, retries and what follows them, as the breaker's paths are in [`paths`](crate::paths). All futures are ready at once, and no
//! clock is read but one that stands still.

use std::{
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use fusebox::{
    breaker::{CircuitBreaker, ErrorsFail, Policy as Breaking},
    fallback::{Freshness, LastGood},
    guard::{Counters, Guard, Retrying},
    limiter::{Quota, RateLimiter, Strict},
    pressure::{Capacity, LoadShedder},
    retry::{Allowed, Budget, Hedge, Hedging, Policy, Retryable, Unclassified},
    time::{Instant, ManualClock, NoClock, StdClock},
    timeout::{Adapting, AdaptiveTimeout, timeout},
};

use crate::paths::{Failed, repeated};

const NOW: Instant = Instant::from_nanos(1_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
const THRICE: Policy = Policy::attempts(3).constant();
const IN_A_ROW: Breaking = Breaking::consecutive_failures(5).constant();

/// No time passes.
pub type Sleeper = fn(Duration) -> Ready<()>;

fn sleeper() -> Sleeper {
    |_| ready(())
}

/// A budget that reads no clock.
pub type Tokens = Budget<NoClock>;

/// What nothing is left of, or all.
static TOKENS: Tokens = Tokens::with_parts(Allowed::ratio(0.1).initial(10.0).constant(), NoClock, ());

/// A cache on a clock that stands still.
pub type Cache = LastGood<u64, u64, ManualClock>;

/// Retry, breaker and limit.
pub type Guarded = Guard<(), (), CircuitBreaker, Duration, Retrying<Policy>, Sleeper>;

/// The same, and all else.
pub type Full = Guard<
    LoadShedder,
    RateLimiter<Strict, ManualClock>,
    CircuitBreaker,
    Duration,
    Retrying<Policy, Unclassified, &'static Tokens>,
    Sleeper,
    ErrorsFail,
    (),
    Counters,
    StdClock,
>;

/// A guard that counts.
pub type Counted =
    Guard<(), (), CircuitBreaker, Duration, Retrying<Policy>, Sleeper, ErrorsFail, (), Counters>;

/// A guard, and a cache that may stand behind it.
#[derive(Debug)]
pub struct Backed(Guarded, Cache);

/// Of a future that is ready at once.
#[inline(always)]
#[expect(clippy::inline_always, reason = "it is part of what is counted")]
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[inline]
fn succeed() -> Ready<Result<u64, Failed>> {
    ready(Ok(black_box(7)))
}

fn three_layers() -> Guarded {
    let guard = Guard::builder("call").retry(THRICE).breaker(CircuitBreaker::new(IN_A_ROW));
    guard.limit(SECOND).sleep(sleeper()).build().expect("a valid guard")
}

/// Three layers.
#[must_use]
pub fn guarded() -> Box<Guarded> {
    Box::new(three_layers())
}

/// A success through them.
#[inline]
pub fn guard_success(guard: &Guarded) {
    repeated(guard, |guard| at_once(guard.call(succeed)));
}

/// Three layers, and counters.
#[must_use]
pub fn counted() -> Box<Counted> {
    let guard = Guard::builder("call").retry(THRICE).breaker(CircuitBreaker::new(IN_A_ROW)).limit(SECOND);
    Box::new(guard.sleep(sleeper()).counted().build().expect("a valid guard"))
}

/// A success through them.
#[inline]
pub fn guard_counted(guard: &Counted) {
    repeated(guard, |guard| at_once(guard.call(succeed)));
}

/// All layers, a deadline, and counters.
#[must_use]
pub fn full() -> Box<Full> {
    let quota = Quota::per_second(1_000_000).burst(1_000_000).constant();
    let guard = Guard::builder("call")
        .shedder(LoadShedder::new(Capacity::of(100).constant()))
        .limiter(RateLimiter::new(quota).with_clock(ManualClock::new()))
        .deadline(2 * SECOND)
        .retry(THRICE)
        .budget(&TOKENS)
        .breaker(CircuitBreaker::new(IN_A_ROW))
        .limit(SECOND);
    Box::new(guard.sleep(sleeper()).counted().build().expect("a valid guard"))
}

/// A success through all of them.
#[inline]
pub fn guard_full(guard: &Full) {
    repeated(guard, |guard| at_once(guard.call(succeed)));
}

fn cache(fresh: Duration) -> Cache {
    LastGood::new(Freshness::of(100).fresh(fresh).stale(60 * SECOND).constant())
        .with_clock(ManualClock::new())
}

/// A guard whose cache knows its key, and need not ask.
#[must_use]
pub fn backed_fresh() -> Box<Backed> {
    Box::new(Backed(three_layers(), cache(SECOND)))
}

/// A guard whose cache knows its key, and asks each time.
#[must_use]
pub fn backed_live() -> Box<Backed> {
    Box::new(Backed(three_layers(), cache(Duration::ZERO)))
}

/// A key that is served.
#[inline]
pub fn serve(Backed(guard, cache): &Backed) {
    repeated(guard, |guard| at_once(guard.backed_by(cache).call(&7, succeed)));
}

/// A policy of retries.
#[must_use]
pub fn thrice() -> Box<Policy> {
    Box::new(THRICE)
}

/// A first call that succeeds.
#[inline]
pub fn retry_success(policy: &Policy) {
    repeated(policy, |policy| at_once(succeed.retry(policy).sleep(sleeper()).into_future()));
}

/// Two calls that fail, and one that succeeds.
#[inline]
pub fn retry_twice(policy: &Policy) {
    repeated(policy, |policy| {
        let mut calls = 0;
        let call = || {
            calls += 1;
            ready(if calls < 3 { Err(Failed) } else { Ok(black_box(7_u64)) })
        };
        let served = at_once(call.retry(policy).sleep(sleeper()).into_future());
        assert!(matches!(served, Some(Ok(7))));
    });
}

/// A budget in which a deposit is worth a retry.
#[must_use]
pub fn tokens() -> Box<Tokens> {
    Box::new(Budget::with_parts(Allowed::ratio(1.0).capacity(10_000).constant(), NoClock, ()))
}

/// A first call, and a retry.
#[inline]
pub fn budget_withdraw(tokens: &Tokens) {
    repeated(tokens, |tokens| {
        tokens.deposit_at(NOW);
        tokens.withdraw_at(NOW)
    });
}

/// A limit that follows the calls, and knows enough of them.
#[must_use]
pub fn adaptive() -> Box<AdaptiveTimeout> {
    let limit = Box::new(AdaptiveTimeout::new(Adapting::from(SECOND).constant()));
    (0..100).for_each(|_| adaptive_record(&limit));
    assert!(limit.look().known);
    limit
}

/// A call that took a millisecond.
#[inline]
pub fn adaptive_record(limit: &AdaptiveTimeout) {
    repeated(limit, |limit| limit.record_at(black_box(Duration::from_millis(1)), NOW));
}

/// A limit that never comes into play.
#[must_use]
pub fn sleeping() -> Box<Sleeper> {
    Box::new(sleeper())
}

/// A call that is ready at once.
#[inline]
pub fn limited(sleeper: &Sleeper) {
    repeated(sleeper, |sleeper| at_once(timeout(SECOND, sleeper, succeed())));
}

/// A hedge after a fixed delay.
#[must_use]
pub fn hedge() -> Box<Hedge> {
    Box::new(Hedge::new(Hedging::after(SECOND).constant()))
}

/// A first copy that is ready.
#[inline]
pub fn hedge_fast(hedge: &Hedge) {
    let sleeper = sleeper();
    repeated(hedge, |hedge| at_once(hedge.run(&sleeper, &TOKENS, succeed)));
}
