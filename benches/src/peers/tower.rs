//! `tower`: its `Retry` round a service that is ready at once, with a policy that counts, and its `TpsBudget`, which reads the clock
//! and takes a mutex at every step.

use std::{
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    time::Duration,
};

use ::tower::{
    Service,
    retry::{
        Policy, Retry,
        budget::{Budget, TpsBudget},
    },
    service_fn,
};

use super::{ATTEMPTS, patience};
use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Failed, Identity, Outcome, Subject, Unfit, succeeding},
    ours::retry::answer,
    retrying,
};

const WHO: Identity = Identity { name: "tower", version: env!("VERSION_TOWER") };

/// So many retries are left.
#[derive(Clone, Copy)]
struct Left(u32);

impl Policy<(), u64, Failed> for Left {
    type Future = Ready<()>;

    fn retry(&mut self, (): &mut (), result: &mut Outcome) -> Option<Ready<()>> {
        if result.is_ok() || self.0 == 0 {
            return None;
        }
        self.0 -= 1;
        Some(ready(()))
    }

    fn clone_request(&mut self, (): &()) -> Option<()> {
        Some(())
    }
}

impl Subject for Left {
    type Caller<'a> = &'a Left;

    fn caller(&self) -> &Left {
        self
    }
}

impl Caller for &Left {
    type Reply = Outcome;

    #[inline]
    fn call(&mut self, work: impl Fn() -> Outcome + Send + 'static) -> Outcome {
        let mut retry = Retry::new(*black_box(*self), service_fn(|()| ready(work())));
        patience::wait(pin!(retry.call(())))
    }

    fn read(reply: &Outcome) -> Answer {
        answer(reply)
    }
}

/// The first call succeeds.
pub fn success() -> Result<Contestant, Unfit> {
    let policy = Left(ATTEMPTS - 1);
    checks::retried(&policy, ATTEMPTS.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(policy, succeeding, Answer::Served))
}

impl retrying::Budget for TpsBudget {
    #[inline(always)]
    fn deposit(&self) {
        Budget::deposit(black_box(self));
    }

    #[inline(always)]
    fn withdraw(&self) -> bool {
        Budget::withdraw(black_box(self))
    }
}

/// A whole token a call, for its longest time, and none by time.
pub fn budget() -> Result<Contestant, Unfit> {
    retrying::contestant(WHO, || TpsBudget::new(Duration::from_mins(1), 0, 1.0))
}
