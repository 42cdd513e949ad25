//! `circuitbreaker-rs`: atomic counters, with a mutex round the time of the last success or failure.
//!
//! Its default policy opens at a rate or at failures in a row; the rate is switched off by a minimum of calls that
//! never comes. That rate is since the start or the last reset, so it has neither window. It asks the clock on every
//! call, for its metrics.

use std::hint::black_box;

use ::circuitbreaker_rs::{BreakerError, BreakerResult, CircuitBreaker, DefaultPolicy};

use super::{HIGH_THRESHOLD, OPEN_FOR, THRESHOLD};
use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Failed, Identity, Outcome, Subject, Unfit, failing, succeeding},
};

const WHO: Identity = Identity { name: "circuitbreaker-rs", version: env!("VERSION_CIRCUITBREAKER_RS") };

type Breaker = CircuitBreaker<DefaultPolicy, Failed>;

impl Subject for Breaker {
    type Caller<'a> = &'a Breaker;

    fn caller(&self) -> &Breaker {
        self
    }
}

impl Caller for &Breaker {
    type Reply = BreakerResult<u64, Failed>;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Self::Reply {
        black_box(*self).call(work)
    }

    fn read(reply: &Self::Reply) -> Answer {
        match reply {
            Ok(_) => Answer::Served,
            Err(BreakerError::Operation(_)) => Answer::Failed,
            Err(BreakerError::Open | BreakerError::Internal(_)) => Answer::Rejected,
        }
    }
}

fn in_a_row(failures: u16) -> Breaker {
    Breaker::builder()
        .min_throughput(u64::MAX)
        .consecutive_failures(failures.into())
        .cooldown(OPEN_FOR)
        .build()
}

/// Closed, successes, failures in a row.
pub fn success_consecutive() -> Result<Contestant, Unfit> {
    checks::consecutive(&in_a_row(THRESHOLD), THRESHOLD.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(in_a_row(THRESHOLD), succeeding, Answer::Served))
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
