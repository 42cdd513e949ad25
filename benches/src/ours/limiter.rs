//! Our limiters.

use std::hint::black_box;

use fusebox::{
    limiter::{Form, KeyedRateLimiter, Leases, Quota, RateLimiter},
    time::{Clock, CoarseClock, Upkeep},
};

use super::{COARSE, WHO, upkeep};
use crate::{
    contest::{Contestant, Unfit},
    keyed::{Asked, Keyed, Memory},
    limiting::{Allowance, Case, Limiter},
    machine::cores,
};

/// So many cells a lease, as in the example of the documentation.
pub const LEASE: u32 = 64;

impl<F: Form, C: Clock> Limiter for RateLimiter<F, C>
where
    Self: Send + Sync + 'static,
{
    #[inline]
    fn admits(&self) -> bool {
        black_box(self).check().is_allowed()
    }
}

/// A limiter on the coarse clock, which it keeps.
struct Upkept {
    limiter: RateLimiter<fusebox::limiter::Strict, &'static CoarseClock>,
    _upkeep: Upkeep,
}

impl Limiter for Upkept {
    #[inline]
    fn admits(&self) -> bool {
        self.limiter.admits()
    }
}

impl Keyed for KeyedRateLimiter<u64> {
    fn with_room(allowance: Allowance, keys: u32) -> Self {
        Self::new(quota(allowance), keys as usize).expect("the allowances of these rows are valid")
    }

    #[inline]
    fn admits(&self, key: u64) -> bool {
        black_box(self).check(&key).is_allowed()
    }

    fn known(&self, came: usize) -> Option<usize> {
        let evicted = usize::try_from(self.keyed_counts().evictions).unwrap_or(usize::MAX);
        Some(came.saturating_sub(evicted))
    }
}

/// The quota of an allowance.
#[must_use]
pub fn quota(allowance: Allowance) -> Quota {
    let quota = Quota::with_period(allowance.rate, allowance.period).burst(allowance.burst);
    quota.build().expect("the allowances of these rows are valid")
}

/// One quota.
pub fn strict(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| RateLimiter::new(quota(allowance)))
}

/// One quota, on the coarse clock.
pub fn coarse(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| {
        let upkeep = upkeep();
        Upkept { limiter: RateLimiter::new(quota(allowance)).with_clock(&COARSE), _upkeep: upkeep }
    })
}

/// One quota, leased to as many shards as threads run at once.
pub fn leased(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |allowance| {
        let shards = u32::try_from(cores().max(2)).unwrap_or(u32::MAX);
        let leased = RateLimiter::leased(quota(allowance), Leases::of(lease(shards)).shards(shards));
        leased.expect("leases that hold less than the burst")
    })
}

/// On a machine with very many cores the leases must still hold less than the burst of a thousand.
fn lease(shards: u32) -> u32 {
    LEASE.min(900 / shards).max(1)
}

/// A quota a key.
pub fn keyed(asked: Asked) -> Result<Contestant, Unfit> {
    asked.contestant::<KeyedRateLimiter<u64>>(WHO, Memory::Bounded)
}
