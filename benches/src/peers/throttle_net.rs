//! `throttle-net`: its `Bulkhead`, and its `AdaptiveLimiter` under Vegas, the one of its strategies that looks at latencies.
//! Both have borrowed permits and need no future.

use std::hint::black_box;

use ::throttle_net::{AdaptiveLimiter, AdaptivePermit, Bulkhead, BulkheadPermit, Vegas};
use clock_lib::SystemClock;

use crate::{
    contest::{Contestant, Identity, Unfit},
    shedding::{Caller, Case, Slots},
};

const WHO: Identity = Identity { name: "throttle-net", version: env!("VERSION_THROTTLE_NET") };

impl Slots for Bulkhead {
    type Caller<'a> = &'a Self;

    fn caller(&self) -> &Self {
        self
    }
}

impl<'a> Caller for &'a Bulkhead {
    type Held = BulkheadPermit<'a>;

    fn take(&mut self) -> Option<Self::Held> {
        self.try_acquire()
    }

    #[inline(always)]
    fn serve(&mut self) -> bool {
        let answer = black_box(*self).try_acquire();
        black_box(&answer);
        answer.is_some()
    }
}

type Adaptive = AdaptiveLimiter<Vegas, SystemClock>;

impl Slots for Adaptive {
    type Caller<'a> = &'a Self;

    fn caller(&self) -> &Self {
        self
    }
}

impl<'a> Caller for &'a Adaptive {
    type Held = AdaptivePermit<'a, Vegas, SystemClock>;

    fn take(&mut self) -> Option<Self::Held> {
        self.try_acquire()
    }

    #[inline(always)]
    fn serve(&mut self) -> bool {
        let answer = black_box(*self).try_acquire();
        black_box(&answer);
        answer.map(AdaptivePermit::success).is_some()
    }
}

/// A fixed capacity.
pub fn fixed(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, Bulkhead::new)
}

/// A capacity that finds itself, between bounds that leave it no choice.
pub fn adaptive() -> Result<Contestant, Unfit> {
    Case::Admit.contestant(WHO, |slots| {
        AdaptiveLimiter::builder().floor(slots).ceiling(slots).build(Vegas::default())
    })
}
