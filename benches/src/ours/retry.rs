//! Our retries and their budget.

use std::{
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    time::Duration,
};

use fusebox::retry::{Allowed, Budget, Policy, Retryable};

use super::WHO;
use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Failed, Identity, Outcome, Subject, Unfit, succeeding},
    peers::{ATTEMPTS, patience},
    retrying,
};

/// How a call is retried.
struct Retried(Policy);

impl Subject for Retried {
    type Caller<'a> = &'a Retried;

    fn caller(&self) -> &Retried {
        self
    }
}

impl Caller for &Retried {
    type Reply = Outcome;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Outcome {
        let retry = (|| ready(work())).retry(&black_box(*self).0).sleep(at_once);
        patience::wait(pin!(retry.into_future()))
    }

    fn read(reply: &Outcome) -> Answer {
        answer(reply)
    }
}

/// No time passes: no contestant is to be timed asleep, nor is one put on trial.
pub fn at_once(_: Duration) -> Ready<()> {
    ready(())
}

/// What a retried call's reply means.
#[must_use]
pub fn answer(reply: &Outcome) -> Answer {
    match reply {
        Ok(_) => Answer::Served,
        Err(Failed) => Answer::Failed,
    }
}

/// The first call succeeds.
pub fn success() -> Result<Contestant, Unfit> {
    let make = || Retried(Policy::attempts(ATTEMPTS).build().expect("a valid policy"));
    checks::retried(&make(), ATTEMPTS.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(make(), succeeding, Answer::Served))
}

/// The same call, and nothing around it but its future.
struct Bare;

impl Subject for Bare {
    type Caller<'a> = &'a Bare;

    fn caller(&self) -> &Bare {
        self
    }
}

impl Caller for &Bare {
    type Reply = Outcome;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Outcome {
        black_box(*self);
        patience::wait(pin!(ready(work())))
    }

    fn read(reply: &Outcome) -> Answer {
        answer(reply)
    }
}

/// What no retry can go under.
pub fn bare() -> Contestant {
    Identity { name: "the bare call", version: "" }.lasting(Bare, succeeding, Answer::Served)
}

impl retrying::Budget for Budget {
    #[inline(always)]
    fn deposit(&self) {
        black_box(self).deposit();
    }

    #[inline(always)]
    fn withdraw(&self) -> bool {
        black_box(self).withdraw().is_ok()
    }
}

/// Without tokens by time: no clock is read.
pub fn budget() -> Result<Contestant, Unfit> {
    retrying::contestant(WHO, || Budget::new(Allowed::ratio(1.0).capacity(10_000).build().expect("valid")))
}
