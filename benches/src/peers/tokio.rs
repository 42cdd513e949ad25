//! `tokio`: its `Semaphore`, asked without waiting. It has no priorities and nothing that adapts.

use std::hint::black_box;

use ::tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    contest::{Contestant, Identity, Unfit},
    shedding::{Caller, Case, Slots},
};

const WHO: Identity = Identity { name: "tokio", version: env!("VERSION_TOKIO") };

impl Slots for Semaphore {
    type Caller<'a> = &'a Self;

    fn caller(&self) -> &Self {
        self
    }
}

impl<'a> Caller for &'a Semaphore {
    type Held = SemaphorePermit<'a>;

    fn take(&mut self) -> Option<Self::Held> {
        self.try_acquire().ok()
    }

    #[inline(always)]
    fn serve(&mut self) -> bool {
        let answer = black_box(*self).try_acquire();
        black_box(&answer);
        answer.is_ok()
    }
}

/// A fixed capacity.
pub fn fixed(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |slots| Semaphore::new(slots as usize))
}
