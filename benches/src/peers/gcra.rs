//! `gcra`: a `DashMap` of states, each check under a shard's write lock, behind an `async fn` that never waits. It has no
//! bound (its capacity is where it begins), and no form without keys that threads could share.

use std::{hint::black_box, pin::pin};

use ::gcra::{RateLimit, RateLimiter};

use super::patience;
use crate::{
    contest::{Contestant, Identity, Unfit},
    keyed::{Asked, Keyed, Memory},
    limiting::Allowance,
};

const WHO: Identity = Identity { name: "gcra", version: env!("VERSION_GCRA") };

/// The limiter, and the limit that it is told at each check.
struct Limited {
    limiter: RateLimiter<u64>,
    limit: RateLimit,
}

impl Keyed for Limited {
    fn with_room(allowance: Allowance, keys: u32) -> Self {
        let limit = RateLimit::new(allowance.burst, allowance.lasts());
        Self { limiter: RateLimiter::new(keys as usize), limit }
    }

    #[inline]
    fn admits(&self, key: u64) -> bool {
        let Self { limiter, limit } = black_box(self);
        patience::wait(pin!(limiter.check(key, limit, 1))).is_ok()
    }

    fn known(&self, _came: usize) -> Option<usize> {
        None
    }
}

/// A quota a key.
pub fn keyed(asked: Asked) -> Result<Contestant, Unfit> {
    asked.contestant::<Limited>(WHO, Memory::Unbounded)
}
