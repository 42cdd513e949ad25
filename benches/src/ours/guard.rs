//! Our guard: retry, breaker and limit around one call.

use std::{
    future::{Ready, pending, ready},
    hint::black_box,
    pin::pin,
    time::Duration,
};

use fusebox::{
    breaker::{CircuitBreaker, ErrorsFail, Policy as Breaking},
    guard::{Error, Guard, Retrying},
    retry::Policy,
};

use super::{WHO, retry::at_once};
use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Failed, Outcome, Subject, Unfit, succeeding},
    peers::{ATTEMPTS, LIMIT, OPEN_FOR, THRESHOLD, patience},
};

/// The sleeper is never used by what is timed.
type Guarded =
    Guard<(), (), &'static CircuitBreaker, Duration, Retrying<Policy>, fn(Duration) -> Ready<()>, ErrorsFail>;

const IN_A_ROW: Breaking =
    Breaking::consecutive_failures(THRESHOLD as u32).open_duration(OPEN_FOR).constant();

/// What is put on trial is opened by it.
static ON_TRIAL: CircuitBreaker = CircuitBreaker::new(IN_A_ROW);
static TIMED: CircuitBreaker = CircuitBreaker::new(IN_A_ROW);

impl Subject for Guarded {
    type Caller<'a> = &'a Guarded;

    fn caller(&self) -> &Guarded {
        self
    }
}

impl Caller for &Guarded {
    type Reply = Result<u64, Error<Failed>>;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Self::Reply {
        patience::wait(pin!(black_box(*self).call(|| ready(work()))))
    }

    fn read(reply: &Self::Reply) -> Answer {
        match reply {
            Ok(_) => Answer::Served,
            Err(Error::Inner(_)) => Answer::Failed,
            Err(_) => Answer::Rejected,
        }
    }
}

fn around(breaker: &'static CircuitBreaker) -> Guarded {
    let policy = Policy::attempts(ATTEMPTS).build().expect("a valid policy");
    let sleeper: fn(Duration) -> Ready<()> = at_once;
    let guard = Guard::builder("call").retry(policy).breaker(breaker).limit(LIMIT).sleep(sleeper);
    guard.build().expect("a valid guard")
}

/// The first attempt succeeds.
pub fn success() -> Result<Contestant, Unfit> {
    let trial = around(&ON_TRIAL);
    let ended = patience::wait(pin!(trial.call(pending::<Outcome>)));
    let trials = checks::cut_off(ended.is_err_and(|error| error.is_timed_out())).and_then(|()| {
        ON_TRIAL.reset();
        checks::retried_and_broken(&trial, ATTEMPTS.into(), THRESHOLD.into())
    });
    ON_TRIAL.reset();
    trials.map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(around(&TIMED), succeeding, Answer::Served))
}
