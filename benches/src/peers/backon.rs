//! `backon`: an exponential backoff round a closure that makes a future, with a sleeper that does not sleep. It has no budget.

use std::{hint::black_box, pin::pin};

use ::backon::{ExponentialBuilder, Retryable};

use super::{ATTEMPTS, patience};
use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Identity, Outcome, Subject, Unfit, succeeding},
    ours::retry::{answer, at_once},
};

const WHO: Identity = Identity { name: "backon", version: env!("VERSION_BACKON") };

struct Retried(ExponentialBuilder);

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
        let retry = (|| std::future::ready(work())).retry(black_box(*self).0);
        patience::wait(pin!(retry.sleep(at_once)))
    }

    fn read(reply: &Outcome) -> Answer {
        answer(reply)
    }
}

/// The first call succeeds.
pub fn success() -> Result<Contestant, Unfit> {
    // Its jitter is off unless asked for, ours is on.
    let builder = ExponentialBuilder::default().with_jitter().with_max_times(ATTEMPTS as usize - 1);
    checks::retried(&Retried(builder), ATTEMPTS.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(Retried(builder), succeeding, Answer::Served))
}
