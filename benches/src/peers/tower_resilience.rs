//! `tower-resilience-circuitbreaker`: a tower layer; its circuit has no other way in, so it is timed as the service
//! it is.
//!
//! One operation is what tower asks of a caller: `poll_ready`, `call`, and the future that comes of it, round an
//! inner service that is ready at once. Every thread has a clone of the service; the clones share the circuit.
//!
//! Its window of the last calls does not slide (its counters only grow until the state changes, so after a thousand
//! successes half of the last hundred calls may fail unseen): it has not that operation, and a test keeps watch. Its
//! window over time walks every call it holds at each call, so a row over time is of a window that held
//! [`CALLS_IN_WINDOW`] calls as each sample began: a hundred calls a second, which is kind to it.

use std::{
    future::{Ready, ready},
    hint::black_box,
    task::{Context, Poll},
};

use ::tower_resilience_circuitbreaker::{
    CircuitBreaker, CircuitBreakerConfigBuilder, CircuitBreakerError, CircuitBreakerLayer, DefaultClassifier,
    SlidingWindowType,
};
use tokio::runtime::{Builder, EnterGuard, Runtime};
use tower::{Layer, Service};

use super::{HIGH_THRESHOLD, MINIMUM_CALLS, OPEN_FOR, THRESHOLD, TIME_WINDOW, patience};
use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Failed, Identity, Outcome, Subject, Unfit, failing, succeeding},
};

const WHO: Identity =
    Identity { name: "tower-resilience-circuitbreaker", version: env!("VERSION_TOWER_RESILIENCE") };

/// The calls in the window over time as a sample begins.
pub const CALLS_IN_WINDOW: u64 = 1_000;

/// The calls that the slices of a sample add to it, on each thread; as many as one slice more warm it up.
pub const CALLS_IN_SAMPLE: u64 = 250;

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

type Guarded = CircuitBreaker<Work, DefaultClassifier>;

/// The service, with the runtime whose timer its `poll_ready` asks for when two threads meet at an open circuit.
struct Layered {
    guarded: Guarded,
    runtime: Runtime,
}

/// One thread's clone of the service, inside the runtime.
struct Client<'a> {
    guarded: Guarded,
    _inside: EnterGuard<'a>,
}

impl Subject for Layered {
    type Caller<'a> = Client<'a>;

    fn caller(&self) -> Client<'_> {
        Client { guarded: self.guarded.clone(), _inside: self.runtime.enter() }
    }
}

impl Caller for Client<'_> {
    type Reply = Result<u64, CircuitBreakerError<Failed>>;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Self::Reply {
        ask(black_box(&mut self.guarded), work)
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
fn ask<F: Fn() -> Outcome + Send + 'static>(
    guarded: &mut Guarded,
    work: F,
) -> Result<u64, CircuitBreakerError<Failed>> {
    patience::until_ready(|context| Service::<F>::poll_ready(guarded, context))?;
    patience::wait(guarded.call(work).as_mut())
}

fn layered(
    policy: impl FnOnce(
        CircuitBreakerConfigBuilder<DefaultClassifier>,
    ) -> CircuitBreakerConfigBuilder<DefaultClassifier>,
) -> Layered {
    let builder = policy(CircuitBreakerLayer::builder().wait_duration_in_open(OPEN_FOR));
    let layer = builder.build().expect("the policies of this file are valid");
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build();
    Layered { guarded: layer.layer(Work), runtime: runtime.expect("a runtime with one thread") }
}

fn in_a_row(failures: u16) -> Layered {
    layered(|policy| policy.consecutive_failures(failures.into()))
}

/// The window of the last 100 calls as it is offered; `tests/peers.rs` shows that it does not slide.
#[must_use]
pub fn half_of_100() -> impl Subject {
    layered(|policy| {
        policy
            .sliding_window_type(SlidingWindowType::CountBased)
            .sliding_window_size(100)
            .minimum_number_of_calls(MINIMUM_CALLS.into())
            .failure_rate_threshold(0.5)
    })
}

fn half_over_time() -> Layered {
    layered(|policy| {
        policy
            .sliding_window_type(SlidingWindowType::TimeBased)
            .sliding_window_duration(TIME_WINDOW)
            .minimum_number_of_calls(MINIMUM_CALLS.into())
            .failure_rate_threshold(0.5)
    })
}

fn half_over_time_with_calls() -> Layered {
    let service = half_over_time();
    let mut client = service.caller();
    for index in 0..CALLS_IN_WINDOW {
        client.call(move || succeeding(index)).expect("a closed circuit serves");
    }
    drop(client);
    service
}

/// Closed, successes, failures in a row.
pub fn success_consecutive() -> Result<Contestant, Unfit> {
    checks::consecutive(&in_a_row(THRESHOLD), THRESHOLD.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(in_a_row(THRESHOLD), succeeding, Answer::Served))
}

/// Closed, successes, half of the calls of 10 s.
pub fn success_time_window() -> Result<Contestant, Unfit> {
    checks::time_window_at_half(half_over_time).map_err(|what| WHO.unfit(what))?;
    let (name, version) = (WHO.name, WHO.version);
    Ok(Contestant::fresh(name, version, CALLS_IN_SAMPLE, half_over_time_with_calls, succeeding))
}

/// Closed, failures, far from the threshold.
pub fn failure_consecutive() -> Result<Contestant, Unfit> {
    checks::consecutive(&in_a_row(HIGH_THRESHOLD), HIGH_THRESHOLD.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(in_a_row(HIGH_THRESHOLD), failing, Answer::Served))
}

/// Open.
pub fn reject() -> Result<Contestant, Unfit> {
    let open = checks::opened(in_a_row(THRESHOLD)).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(open, succeeding, Answer::Rejected))
}
