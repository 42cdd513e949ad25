//! `governor`: GCRA in one word, on the processor's time stamp counter by default; its keyed form is a `DashMap` of such
//! words, with no bound. On the coarse rows its clock is ours.

use std::{hint::black_box, num::NonZeroU32};

use ::governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use fusebox::time::{Clock as _, Upkeep};

use crate::{
    contest::{Contestant, Identity, Unfit},
    keyed::{Asked, Keyed, Memory},
    limiting::{Allowance, Case, Limiter},
    ours::{COARSE, upkeep},
};

const WHO: Identity = Identity { name: "governor", version: env!("VERSION_GOVERNOR") };

type Direct<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

impl<C: Clock + Send + Sync + 'static> Limiter for Direct<C> {
    #[inline]
    fn admits(&self) -> bool {
        black_box(self).check().is_ok()
    }
}

/// Loads [`COARSE`], and keeps it.
struct Coarse(#[expect(dead_code, reason = "held so that the clock goes on")] Upkeep);

impl Clock for Coarse {
    type Instant = Nanos;

    #[inline]
    fn now(&self) -> Nanos {
        COARSE.now().as_nanos().into()
    }
}

impl Clone for Coarse {
    fn clone(&self) -> Self {
        Self(upkeep())
    }
}

impl Keyed for DefaultKeyedRateLimiter<u64> {
    fn with_room(allowance: Allowance, _keys: u32) -> Self {
        Self::keyed(quota(allowance))
    }

    #[inline]
    fn admits(&self, key: u64) -> bool {
        black_box(self).check_key(&key).is_ok()
    }

    fn known(&self, _came: usize) -> Option<usize> {
        Some(self.len())
    }
}

fn quota(allowance: Allowance) -> Quota {
    let burst = NonZeroU32::new(allowance.burst).expect("a burst of one at least");
    let quota = Quota::with_period(allowance.period / allowance.rate);
    quota.expect("an interval of a nanosecond at least").allow_burst(burst)
}

/// One quota, on its own clock.
pub fn strict(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| Direct::<DefaultClock>::direct(quota(allowance)))
}

/// One quota, on the coarse clock.
pub fn coarse(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| Direct::direct_with_clock(quota(allowance), Coarse(upkeep())))
}

/// A quota a key.
pub fn keyed(asked: Asked) -> Result<Contestant, Unfit> {
    asked.contestant::<DefaultKeyedRateLimiter<u64>>(WHO, Memory::Unbounded)
}
