//! `better-bucket`: a token bucket in one word, the engine of `rate-net` and `throttle-net`. It has no keys. Its coarse
//! clock is the one of `rate-net`: the instants of its clocks can be made by its own family alone.

use std::{hint::black_box, time::Duration};

use ::better_bucket::{Bucket, BucketBuilder};
use ::rate_net::CoarseClock;
use clock_lib::{Clock, SystemClock};

use crate::{
    contest::{Contestant, Identity, Unfit},
    limiting::{Allowance, Case, Limiter},
};

const WHO: Identity = Identity { name: "better-bucket", version: env!("VERSION_BETTER_BUCKET") };

impl<C: Clock + 'static> Limiter for Bucket<C> {
    #[inline]
    fn admits(&self) -> bool {
        black_box(self).try_acquire(1)
    }
}

fn of<C: Clock>(allowance: Allowance, clock: C) -> Bucket<C> {
    BucketBuilder::new()
        .capacity(allowance.burst)
        .refill(allowance.rate, allowance.period)
        .build_with_clock(clock)
        .expect("the allowances of these rows are valid")
}

/// One quota, on its own clock.
pub fn strict(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| of(allowance, SystemClock::new()))
}

/// One quota, on a coarse clock.
pub fn coarse(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| {
        let clock = CoarseClock::spawn(Duration::from_millis(1));
        of(allowance, clock.expect("a thread that keeps the clock"))
    })
}
