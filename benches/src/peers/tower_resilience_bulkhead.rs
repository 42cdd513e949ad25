//! `tower-resilience-bulkhead`: a tower layer, timed as the service it is, since it has no other way in. Every thread has a
//! clone of the service; the clones share the slots.
//!
//! One operation is what tower asks of a caller: `poll_ready`, `call`, and the future that comes of it, round an inner service
//! that is ready at once. It runs in the mode named `backpressure`, where a full one is not ready, which tower's own
//! `LoadShed` makes a refusal of: the other mode, which refuses by an error, waits for a timer before it does.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    task::{Context, Poll, Waker},
};

use ::tower_resilience_bulkhead::{Bulkhead, BulkheadLayer};
use tower::{Layer, Service};

use super::patience;
use crate::{
    contest::{Contestant, Identity, Unfit},
    shedding::{Caller, Case, Slots},
};

const WHO: Identity =
    Identity { name: "tower-resilience-bulkhead", version: env!("VERSION_TOWER_RESILIENCE_BULKHEAD") };

/// The guarded service.
#[derive(Clone)]
struct Work;

impl Service<()> for Work {
    type Response = ();
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

type Guarded = Bulkhead<Work>;

/// The service, of which callers have clones.
struct Layered(Guarded);

impl Slots for Layered {
    type Caller<'a> = Guarded;

    fn caller(&self) -> Guarded {
        self.0.clone()
    }
}

impl Caller for Guarded {
    /// A clone that is ready: it has its slot.
    type Held = Guarded;

    fn take(&mut self) -> Option<Guarded> {
        let mut clone = self.clone();
        is_ready(&mut clone).then_some(clone)
    }

    #[inline(always)]
    fn serve(&mut self) -> bool {
        let guarded = black_box(self);
        if !is_ready(guarded) {
            return false;
        }
        let answer = patience::wait(guarded.call(()).as_mut());
        black_box(&answer);
        answer.is_ok()
    }
}

#[inline]
fn is_ready(guarded: &mut Guarded) -> bool {
    let answer = guarded.poll_ready(&mut Context::from_waker(Waker::noop()));
    black_box(&answer);
    matches!(answer, Poll::Ready(Ok(())))
}

/// A fixed capacity.
pub fn fixed(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |slots| {
        let layer = BulkheadLayer::builder().max_concurrent_calls(slots as usize).backpressure().build();
        Layered(layer.expect("slots above zero").layer(Work))
    })
}
