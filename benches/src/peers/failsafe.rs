//! `failsafe`: a policy behind a mutex that every call takes twice.
//!
//! Its consecutive policy is ours. Its policy over time is a decaying average of the success rate, together with a
//! count of the calls in the window: not the same figure as a window's, but the same question, and the only one of
//! its kind that this crate has. It has no window of the last calls.

use std::{hint::black_box, time::Duration};

use ::failsafe::{
    CircuitBreaker, Config, Error, StateMachine,
    backoff::{self, Constant},
    clock,
    failure_policy::{self, ConsecutiveFailures, SuccessRateOverTimeWindow},
};

use super::{HIGH_THRESHOLD, MINIMUM_CALLS, OPEN_FOR, THRESHOLD, TIME_WINDOW};
use crate::{
    checks::{self, Trial},
    contest::{Answer, Caller, Contestant, Failed, Identity, Outcome, Subject, Unfit, failing, succeeding},
};

const WHO: Identity = Identity { name: "failsafe", version: env!("VERSION_FAILSAFE") };

type InARow = StateMachine<ConsecutiveFailures<Constant>, ()>;
type OverTime = StateMachine<SuccessRateOverTimeWindow<Constant>, ()>;

impl<P> Subject for StateMachine<P, ()>
where
    P: failure_policy::FailurePolicy + Send + 'static,
{
    type Caller<'a> = &'a Self;

    fn caller(&self) -> &Self {
        self
    }
}

impl<P: failure_policy::FailurePolicy> Caller for &StateMachine<P, ()> {
    type Reply = Result<u64, Error<Failed>>;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Self::Reply {
        black_box(*self).call(work)
    }

    fn read(reply: &Self::Reply) -> Answer {
        match reply {
            Ok(_) => Answer::Served,
            Err(Error::Inner(_)) => Answer::Failed,
            Err(Error::Rejected) => Answer::Rejected,
        }
    }
}

fn in_a_row(failures: u16) -> InARow {
    let policy = failure_policy::consecutive_failures(failures.into(), backoff::constant(OPEN_FOR));
    Config::new().failure_policy(policy).build()
}

fn half_over_time() -> OverTime {
    let calls = MINIMUM_CALLS.into();
    let wait = backoff::constant(OPEN_FOR);
    let policy = failure_policy::success_rate_over_time_window(0.5, calls, TIME_WINDOW, wait);
    Config::new().failure_policy(policy).build()
}

/// The average moves only with time, so its trial runs on the clock that the crate keeps for tests: one failure a
/// second pulls it under one half within a window, and not before a whole window has passed.
fn trips_over_time() -> Result<(), String> {
    clock::freeze(|clock| {
        let subject = half_over_time();
        let mut trial = Trial::of(subject.caller());
        clock.advance(Duration::from_secs(1));
        trial.expect(1_000, Ok(1), Answer::Served, "while it is closed")?;
        for _ in 0..9 {
            trial.expect(2, Err(Failed), Answer::Failed, "within its first window")?;
            clock.advance(Duration::from_secs(1));
        }
        trial.expect(1, Err(Failed), Answer::Failed, "with a success rate under one half")?;
        trial.expect(1_000, Ok(1), Answer::Rejected, "after a success rate under one half")
    })
}

/// Closed, successes, failures in a row.
pub fn success_consecutive() -> Result<Contestant, Unfit> {
    checks::consecutive(&in_a_row(THRESHOLD), THRESHOLD.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(in_a_row(THRESHOLD), succeeding, Answer::Served))
}

/// Closed, successes, half of the calls of 10 s.
pub fn success_time_window() -> Result<Contestant, Unfit> {
    trips_over_time().map_err(|what| WHO.unfit(what))?;
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
