//! `execution-policy`: a policy with a breaker and nothing else, round an async closure that is ready at once.
//!
//! Its gate is one load while closed; every outcome then takes a mutex and is put into a window over time, under the
//! consecutive policy too. It has no window of the last calls, and no way in that is not a future.

use std::{future::pending, hint::black_box, pin::pin, time::Duration};

use ::execution_policy::{
    CircuitBreaker, DefaultCore, ExecutionError, ExecutionPolicy, ExecutionPolicyBuilder, Retry,
};

use super::{
    ATTEMPTS, HIGH_THRESHOLD, LIMIT, MINIMUM_CALLS, OPEN_FOR, SHORT_LIMIT, THRESHOLD, TIME_WINDOW, patience,
};
use tokio::runtime;

use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Failed, Identity, Outcome, Subject, Unfit, failing, succeeding},
};

const WHO: Identity = Identity { name: "execution-policy", version: env!("VERSION_EXECUTION_POLICY") };

type Policy = ExecutionPolicy<DefaultCore, u64, Failed>;

impl Subject for Policy {
    type Caller<'a> = &'a Policy;

    fn caller(&self) -> &Policy {
        self
    }
}

impl Caller for &Policy {
    type Reply = Result<u64, ExecutionError<Failed>>;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Self::Reply {
        patience::wait(pin!(black_box(*self).run(async || work())))
    }

    fn read(reply: &Self::Reply) -> Answer {
        match reply {
            Ok(_) => Answer::Served,
            Err(ExecutionError::Operation { .. }) => Answer::Failed,
            Err(_) => Answer::Rejected,
        }
    }
}

fn with(breaker: CircuitBreaker<Failed>) -> Policy {
    ExecutionPolicyBuilder::new().circuit_breaker(breaker.open_for(OPEN_FOR)).build()
}

fn in_a_row(failures: u16) -> Policy {
    with(CircuitBreaker::consecutive_failures(failures.into()))
}

fn half_over_time() -> Policy {
    let breaker = CircuitBreaker::failure_ratio().ratio(0.5).minimum_throughput(MINIMUM_CALLS.into());
    with(breaker.sampling_window(TIME_WINDOW))
}

/// Closed, successes, failures in a row.
pub fn success_consecutive() -> Result<Contestant, Unfit> {
    checks::consecutive(&in_a_row(THRESHOLD), THRESHOLD.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(in_a_row(THRESHOLD), succeeding, Answer::Served))
}

/// Closed, successes, half of the calls of 10 s.
pub fn success_time_window() -> Result<Contestant, Unfit> {
    checks::time_window_at_half(half_over_time).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(half_over_time(), succeeding, Answer::Served))
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

/// A first call that succeeds, under a policy that retries and does nothing else.
pub fn retry_success() -> Result<Contestant, Unfit> {
    let make = || {
        let retry = Retry::fixed(Duration::ZERO).max_attempts(ATTEMPTS);
        ExecutionPolicyBuilder::new().retry(retry).build()
    };
    checks::retried::<Policy>(&make(), ATTEMPTS.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting::<Policy>(make(), succeeding, Answer::Served))
}

/// A call that is ready at once, through a retry, the limit of an attempt and a breaker, which here stands around the retry.
pub fn guarded() -> Result<Contestant, Unfit> {
    let make = |limit| -> Policy {
        let retry = Retry::fixed(Duration::ZERO).max_attempts(ATTEMPTS);
        let breaker = CircuitBreaker::consecutive_failures(THRESHOLD.into()).open_for(OPEN_FOR);
        ExecutionPolicyBuilder::new().retry(retry).attempt_timeout(limit).circuit_breaker(breaker).build()
    };
    // The waits between attempts and the limit are tokio's.
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build();
    let runtime = runtime.expect("a runtime with one thread");
    let inside = runtime.enter();
    let subject = make(SHORT_LIMIT);
    let ended = patience::wait(pin!(subject.run(async || pending().await)));
    checks::cut_off(ended.is_err_and(|error| error.is_timeout()))
        .and_then(|()| checks::retried_and_broken(&make(LIMIT), ATTEMPTS.into(), THRESHOLD.into()))
        .map_err(|what| WHO.unfit(what))?;
    drop(inside);
    Ok(WHO.lasting(make(LIMIT), succeeding, Answer::Served))
}
