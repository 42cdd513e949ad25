//! `ratelimit`: a token bucket in two words, of which the second remembers the last refill. It starts empty unless it is
//! told otherwise. It has no keys.

use std::{hint::black_box, time::Duration};

use ::ratelimit::{Builder, Clock, Ratelimiter, StdClock};
use fusebox::time::{Clock as _, Upkeep};

use crate::{
    contest::{Contestant, Identity, Unfit},
    limiting::{Allowance, Case, Limiter},
    ours::{COARSE, upkeep},
};

const WHO: Identity = Identity { name: "ratelimit", version: env!("VERSION_RATELIMIT") };

impl<C: Clock + Send + Sync + 'static> Limiter for Ratelimiter<C> {
    #[inline]
    fn admits(&self) -> bool {
        black_box(self).try_wait().is_ok()
    }
}

/// Loads [`COARSE`], and keeps it.
struct Coarse(#[expect(dead_code, reason = "held so that the clock goes on")] Upkeep);

impl Clock for Coarse {
    #[inline]
    fn elapsed(&self) -> Duration {
        Duration::from_nanos(COARSE.now().as_nanos())
    }
}

fn of<C: Clock>(allowance: Allowance, clock: C) -> Ratelimiter<C> {
    Builder::with_clock(allowance.rate.into(), clock)
        .period(allowance.period)
        .max_tokens(allowance.burst.into())
        .initial_available(allowance.burst.into())
        .build()
        .expect("the allowances of these rows are valid")
}

/// One quota, on its own clock.
pub fn strict(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| of(allowance, StdClock::new()))
}

/// One quota, on the coarse clock.
pub fn coarse(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| of(allowance, Coarse(upkeep())))
}
