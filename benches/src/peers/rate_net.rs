//! `rate-net`: `better-bucket` behind a decision; its keyed form is sharded hash tables behind locks, bounded, with a key
//! of up to 22 bytes inside. Its coarse clock is its own.
//!
//! Its bound is divided among its shards, which fill unevenly, so where all keys are to be known it is told twice as many.

use std::{hint::black_box, time::Duration};

use ::rate_net::{Builder, CoarseClock, DirectLimiter, Eviction, Key, Quota, RateLimiter};
use clock_lib::{Clock, SystemClock};

use crate::{
    contest::{Contestant, Identity, Unfit},
    keyed::{Asked, Keyed, Memory},
    limiting::{Allowance, Case, Limiter},
};

const WHO: Identity = Identity { name: "rate-net", version: env!("VERSION_RATE_NET") };

impl<C: Clock + Clone + 'static> Limiter for DirectLimiter<C> {
    #[inline]
    fn admits(&self) -> bool {
        black_box(self).check().is_allow()
    }
}

/// A table that is told how many keys it may have.
trait Bound: Send + Sync + 'static {
    const OF_ROOM: usize;
}

/// For keys that are all to be known.
struct Roomy;

impl Bound for Roomy {
    const OF_ROOM: usize = 2;
}

/// For a flood.
struct Exact;

impl Bound for Exact {
    const OF_ROOM: usize = 1;
}

/// The keyed limiter with so much room.
struct Table<B> {
    limiter: RateLimiter<SystemClock>,
    bound: std::marker::PhantomData<B>,
}

impl<B: Bound> Keyed for Table<B> {
    fn with_room(allowance: Allowance, keys: u32) -> Self {
        let limiter = Builder::new()
            .quota(allowance.rate, allowance.period)
            .burst(allowance.burst)
            .eviction(Eviction::capacity(B::OF_ROOM * keys as usize))
            .try_build()
            .expect("the allowances of these rows are valid");
        Self { limiter, bound: std::marker::PhantomData }
    }

    #[inline]
    fn admits(&self, key: u64) -> bool {
        black_box(&self.limiter).check(Key::id(key)).is_allow()
    }

    fn known(&self, _came: usize) -> Option<usize> {
        Some(self.limiter.tracked_keys())
    }
}

fn direct(allowance: Allowance) -> DirectLimiter {
    let quota =
        Quota::rate(allowance.rate, allowance.period).expect("the allowances of these rows are valid");
    DirectLimiter::with_quota(quota.with_burst(allowance.burst))
}

/// One quota, on its own clock.
pub fn strict(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, direct)
}

/// One quota, on a coarse clock.
pub fn coarse(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| {
        let clock = CoarseClock::spawn(Duration::from_millis(1));
        direct(allowance).with_clock(clock.expect("a thread that keeps the clock"))
    })
}

/// A quota a key.
pub fn keyed(asked: Asked) -> Result<Contestant, Unfit> {
    match asked {
        Asked::New => asked.contestant::<Table<Exact>>(WHO, Memory::Bounded),
        _ => asked.contestant::<Table<Roomy>>(WHO, Memory::Bounded),
    }
}
