//! `recloser`: a ring of the last outcomes behind a spinlock, read under an epoch pin.
//!
//! It has no policy of failures in a row. A ring as long as the threshold that opens at an error rate of 1 is the
//! same rule, once the ring has been filled, so that is what the consecutive rows use. It has no window over time.

use std::hint::black_box;

use ::recloser::{Error, Recloser};

use super::{HIGH_THRESHOLD, OPEN_FOR, THRESHOLD};
use crate::{
    checks,
    contest::{Answer, Caller, Contestant, Failed, Identity, Outcome, Subject, Unfit, failing, succeeding},
};

const WHO: Identity = Identity { name: "recloser", version: env!("VERSION_RECLOSER") };

impl Subject for Recloser {
    type Caller<'a> = &'a Recloser;

    fn caller(&self) -> &Recloser {
        self
    }
}

impl Caller for &Recloser {
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

fn in_a_row(failures: u16) -> Recloser {
    let ring = usize::from(failures);
    Recloser::custom().error_rate(1.0).closed_len(ring).open_wait(OPEN_FOR).build()
}

fn half_of_100() -> Recloser {
    Recloser::custom().error_rate(0.5).closed_len(100).open_wait(OPEN_FOR).build()
}

/// Closed, successes, failures in a row.
pub fn success_consecutive() -> Result<Contestant, Unfit> {
    checks::consecutive(&in_a_row(THRESHOLD), THRESHOLD.into()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(in_a_row(THRESHOLD), succeeding, Answer::Served))
}

/// Closed, successes, half of the last 100 calls.
pub fn success_window() -> Result<Contestant, Unfit> {
    checks::window_of_100_at_half(&half_of_100()).map_err(|what| WHO.unfit(what))?;
    Ok(WHO.lasting(half_of_100(), succeeding, Answer::Served))
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
