//! `tower-resilience-circuitbreaker` inside `tower`'s own `Retry` and around its own `Timeout`: the same three layers in the same order, as
//! one writes them down with a `ServiceBuilder`.

use std::{
    future::{Pending, Ready, pending, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use ::tower::{
    BoxError, Layer, Service,
    retry::{Policy, Retry},
    timeout::{Timeout, error::Elapsed},
};
use ::tower_resilience_circuitbreaker::{
    CircuitBreaker, CircuitBreakerError, CircuitBreakerLayer, DefaultClassifier,
};
use tokio::runtime::{Builder, EnterGuard, Runtime};

use super::{ATTEMPTS, LIMIT, OPEN_FOR, SHORT_LIMIT, THRESHOLD, patience};
use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Failed, Identity, Outcome, Subject, Unfit, succeeding},
};

const WHO: Identity =
    Identity { name: "tower-resilience-circuitbreaker", version: env!("VERSION_TOWER_RESILIENCE") };

type Broken<S> = CircuitBreaker<Timeout<S>, DefaultClassifier>;
type Stack<S> = Retry<Left, Broken<S>>;

/// So many retries are left.
#[derive(Clone, Copy)]
struct Left(u32);

impl<F: Clone, E> Policy<F, u64, E> for Left {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut F, result: &mut Result<u64, E>) -> Option<Ready<()>> {
        if result.is_ok() || self.0 == 0 {
            return None;
        }
        self.0 -= 1;
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &F) -> Option<F> {
        Some(request.clone())
    }
}

/// The guarded service: the request is the work.
#[derive(Clone)]
struct Work;

impl<F: Fn() -> Outcome> Service<F> for Work {
    type Response = u64;
    type Error = Failed;
    type Future = Ready<Outcome>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, work: F) -> Self::Future {
        ready(work())
    }
}

/// One that never answers.
#[derive(Clone)]
struct Hangs;

impl Service<()> for Hangs {
    type Response = u64;
    type Error = Failed;
    type Future = Pending<Outcome>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        pending()
    }
}

/// The service, with the runtime whose timer its timeout asks for.
struct Layered {
    stack: Stack<Work>,
    runtime: Runtime,
}

/// One thread's clone of the service, inside the runtime; the clones share the circuit.
struct Client<'a> {
    stack: Stack<Work>,
    _inside: EnterGuard<'a>,
}

impl Subject for Layered {
    type Caller<'a> = Client<'a>;

    fn caller(&self) -> Client<'_> {
        Client { stack: self.stack.clone(), _inside: self.runtime.enter() }
    }
}

impl Caller for Client<'_> {
    type Reply = Result<u64, CircuitBreakerError<BoxError>>;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Clone + Send + 'static) -> Self::Reply {
        ask(black_box(&mut self.stack), work)
    }

    fn read(reply: &Self::Reply) -> Answer {
        match reply {
            Ok(_) => Answer::Served,
            Err(CircuitBreakerError::Inner(_)) => Answer::Failed,
            Err(CircuitBreakerError::OpenCircuit) => Answer::Rejected,
        }
    }
}

#[inline]
fn ask<S: Service<R>, R>(stack: &mut S, request: R) -> Result<S::Response, S::Error> {
    patience::until_ready(|context| stack.poll_ready(context))?;
    patience::wait(pin!(stack.call(request)))
}

fn stack<S>(service: S, limit: Duration) -> Stack<S> {
    let breaker = CircuitBreakerLayer::builder().consecutive_failures(THRESHOLD.into());
    let breaker = breaker.wait_duration_in_open(OPEN_FOR).build().expect("a valid policy");
    Retry::new(Left(ATTEMPTS - 1), breaker.layer(Timeout::new(service, limit)))
}

fn layered() -> Layered {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build();
    Layered { stack: stack(Work, LIMIT), runtime: runtime.expect("a runtime with one thread") }
}

/// The first attempt succeeds.
pub fn guarded() -> Result<Contestant, Unfit> {
    let trial = layered();
    let inside = trial.runtime.enter();
    let ended = ask(&mut stack(Hangs, SHORT_LIMIT), ());
    checks::cut_off(matches!(ended, Err(CircuitBreakerError::Inner(late)) if late.is::<Elapsed>()))
        .map_err(|what| WHO.unfit(what))?;
    drop(inside);
    checks::retried_and_broken(&trial, ATTEMPTS.into(), THRESHOLD.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(layered(), succeeding, Answer::Served))
}
