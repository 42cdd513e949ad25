//! Whole calls: several layers at once.

use core::cell::Cell;
use core::future::{Future, Ready, pending, ready};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use fusebox::breaker::{Policy, State};
use fusebox::guard::{Error, Guard};
use fusebox::retry;
use fusebox::timeout::Deadline;

use super::{Watched, ready_to_probe, secs, watched};

type Answer = Result<u32, &'static str>;

fn one_failure() -> Watched {
    watched(Policy::consecutive_failures(1).open_duration(secs(10)).constant())
}

fn plain(attempts: u32) -> retry::Policy {
    retry::Policy::attempts(attempts).jitter(retry::Jitter::None).constant()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls it, and lets a millisecond pass, in turn.
fn drive<F: Future>(breaker: &Watched, future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..100_000 {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return output;
        }
        breaker.clock().advance(Duration::from_millis(1));
    }
    panic!("it never ends");
}

/// resilient 0.1.0: `Pipeline::run` with an open breaker runs the operation all the same, without retry, timeout and bulkhead.
#[test]
fn an_open_breaker_lets_no_way_of_calling_through() {
    let breaker = one_failure();
    breaker.force_open();
    let guard =
        Guard::builder("x").retry(plain(3)).breaker(&breaker).limit(secs(1)).sleep(&**breaker.clock());
    let guard = guard.clock(&**breaker.clock()).build().unwrap();
    let call = || -> Ready<Answer> { panic!("nobody is to be asked") };
    assert!(drive(&breaker, guard.call(call)).unwrap_err().is_open());
    assert!(drive(&breaker, guard.call_detailed(call)).result.unwrap_err().is_open());
    assert!(drive(&breaker, guard.call_until(Deadline::NONE, |_| call())).unwrap_err().is_open());
    assert_eq!(drive(&breaker, guard.call_or_else(call, |_| 5)).unwrap().value, 5);
    assert_eq!(breaker.counts().admitted, 0);
}

/// execution-policy 0.0.6: one cancelled probe, and every later call is rejected for ever.
#[test]
fn a_probe_dropped_with_its_call_wedges_nothing() {
    let breaker = ready_to_probe(1, 1);
    let guard =
        Guard::builder("x").retry(plain(3)).breaker(&breaker).limit(secs(5)).sleep(&**breaker.clock());
    let guard = guard.clock(&**breaker.clock()).build().unwrap();
    drop(guard.call(pending::<Answer>));
    for polls in 1..4 {
        let mut probe = Box::pin(guard.call(pending::<Answer>));
        (0..polls).for_each(|_| assert!(poll(probe.as_mut()).is_pending()));
        assert_eq!(breaker.look().state, State::HalfOpen);
        let beside = drive(&breaker, guard.call_or_else(|| ready(Ok::<_, &str>(1)), |_| 0)).unwrap();
        assert_eq!(beside.value, 0, "its place is taken");
        drop(probe);
    }
    assert_eq!(breaker.counts().cancelled, 3);
    assert_eq!(drive(&breaker, guard.call(|| ready(Ok::<_, &str>(1)))), Ok(1));
    assert_eq!(breaker.look().state, State::Closed);
}

/// A timeout around a breaker drops the call, which tells the breaker nothing: a dependency that hangs never opens it. (Advice of
/// failsafe's and tower-resilience's issues, and the order that a `ServiceBuilder` suggests.)
#[test]
fn a_dependency_that_hangs_opens_the_breaker_whatever_cuts_it_off() {
    let by_limit = one_failure();
    let guard = Guard::builder("x").breaker(&by_limit).limit(secs(1)).sleep(&**by_limit.clock());
    let guard = guard.clock(&**by_limit.clock()).build().unwrap();
    assert!(drive(&by_limit, guard.call(pending::<Answer>)).unwrap_err().is_timed_out());
    assert_eq!((by_limit.look().state, by_limit.counts().timeouts), (State::Open, 1));

    let by_deadline = one_failure();
    let guard = Guard::builder("x").deadline(secs(1)).breaker(&by_deadline).sleep(&**by_deadline.clock());
    let guard = guard.clock(&**by_deadline.clock()).build().unwrap();
    assert!(drive(&by_deadline, guard.call(pending::<Answer>)).unwrap_err().is_timed_out());
    assert_eq!((by_deadline.look().state, by_deadline.counts().timeouts), (State::Open, 1));
}

/// tower-resilience #382: half open, completed calls were counted, not those under way, so that all clones passed.
#[test]
fn of_many_calls_at_once_half_open_lets_its_probes_through() {
    let breaker = ready_to_probe(2, 2);
    let guard = Guard::builder("x").breaker(&breaker).limit(secs(5)).sleep(&**breaker.clock());
    let guard = guard.clock(&**breaker.clock()).build().unwrap();
    let reached = Cell::new(0);
    let call = || {
        reached.set(reached.get() + 1);
        pending::<Answer>()
    };
    let mut calls: Vec<_> = (0..20).map(|_| Box::pin(guard.call(call))).collect();
    let refused = calls.iter_mut().filter_map(|call| match poll(call.as_mut()) {
        Poll::Ready(ended) => ended.err(),
        Poll::Pending => None,
    });
    assert_eq!(refused.filter(Error::is_open).count(), 18);
    assert_eq!(reached.get(), 2);
}

/// execution-policy 0.0.6 has its breaker around its retry: three failures are one, and an open breaker does not end a storm of retries.
#[test]
fn the_breaker_sees_every_attempt_and_ends_the_retries() {
    let breaker = watched(Policy::consecutive_failures(2).open_duration(secs(10)).constant());
    let reached = Cell::new(0);
    let guard = Guard::builder("x").retry(plain(9)).breaker(&breaker);
    let guard = guard.sleep(&**breaker.clock()).clock(&**breaker.clock()).build().unwrap();
    let call = || {
        reached.set(reached.get() + 1);
        ready(Answer::Err("down"))
    };
    assert_eq!(drive(&breaker, guard.call(call)).unwrap_err().into_inner(), Some("down"), "its own error");
    assert_eq!((reached.get(), breaker.counts().errors), (2, 2));
    assert!(drive(&breaker, guard.call(call)).unwrap_err().is_open());
    assert_eq!(reached.get(), 2);
}
