//! `atomic_token_bucket`: a token bucket in three words, in microseconds of `Instant` and `f64`; its keyed form is a
//! `DashMap` of such buckets, which forgets those that were used least lately once it holds half as many again as it is
//! told. Its clock cannot be chosen. It asks for a number of shards, and gets the number that `DashMap` takes by itself.

use std::hint::black_box;

use ::atomic_token_bucket::{KeyedRateLimiter, TokenBucket};

use crate::{
    contest::{Contestant, Identity, Unfit},
    keyed::{Asked, Keyed, Memory},
    limiting::{Allowance, Case, Limiter},
    machine::cores,
};

const WHO: Identity = Identity { name: "atomic_token_bucket", version: env!("VERSION_ATOMIC_TOKEN_BUCKET") };

impl Limiter for TokenBucket {
    #[inline]
    fn admits(&self) -> bool {
        black_box(self).consume_tokens(1).is_ok()
    }
}

impl Keyed for KeyedRateLimiter<u64> {
    fn with_room(allowance: Allowance, keys: u32) -> Self {
        Self::new(keys as usize, of(allowance), (4 * cores()).next_power_of_two())
    }

    #[inline]
    fn admits(&self, key: u64) -> bool {
        black_box(self).consume_tokens(key, 1).is_ok()
    }

    fn known(&self, _came: usize) -> Option<usize> {
        // It has an estimate alone, which lags.
        None
    }
}

fn of(allowance: Allowance) -> TokenBucket {
    let burst = allowance.burst.into();
    TokenBucket::new(burst, burst, f64::from(allowance.rate) / allowance.period.as_secs_f64())
}

/// One quota.
pub fn strict(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, of)
}

/// A quota a key.
pub fn keyed(asked: Asked) -> Result<Contestant, Unfit> {
    asked.contestant::<KeyedRateLimiter<u64>>(WHO, Memory::Bounded)
}
