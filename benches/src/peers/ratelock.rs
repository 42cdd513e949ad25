//! `ratelock`: a token bucket in two words, on whole tokens a second: it takes part where everything is admitted, since
//! its slowest rate would free cells while a denial is timed. Its shards multiply the quota, so they are no keys.

use std::hint::black_box;

use ::ratelock::{Clock, RateLimiter, StdClock};
use fusebox::time::{Clock as _, Upkeep};

use crate::{
    contest::{Contestant, Identity, Unfit},
    limiting::{Allowance, Case, Limiter},
    ours::{COARSE, upkeep},
};

const WHO: Identity = Identity { name: "ratelock", version: env!("VERSION_RATELOCK") };

impl<C: Clock + Send + Sync + 'static> Limiter for RateLimiter<C> {
    #[inline]
    fn admits(&self) -> bool {
        black_box(self).allow()
    }
}

/// Loads [`COARSE`], and keeps it.
struct Coarse(#[expect(dead_code, reason = "held so that the clock goes on")] Upkeep);

impl Clock for Coarse {
    #[inline]
    fn now_ns(&self) -> u64 {
        COARSE.now().as_nanos()
    }
}

/// At least one a second: none at all would be a limiter that never looks at its clock.
fn of<C: Clock>(allowance: Allowance, clock: C) -> RateLimiter<C> {
    let rate = u64::from(allowance.rate) / allowance.period.as_secs().max(1);
    RateLimiter::with_clock(allowance.burst.into(), rate.max(1), clock)
}

/// One quota that admits, on its own clock.
pub fn strict() -> Result<Contestant, Unfit> {
    Case::Admit.contestant(WHO, |allowance| of(allowance, StdClock))
}

/// One quota that admits, on the coarse clock.
pub fn coarse() -> Result<Contestant, Unfit> {
    Case::Admit.contestant(WHO, |allowance| of(allowance, Coarse(upkeep())))
}
