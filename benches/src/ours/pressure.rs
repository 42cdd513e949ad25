//! Our load shedders.

use std::hint::black_box;

use fusebox::pressure::{Adaptation, Adaptive, Capacity, LoadShedder, Permit, Priority};

use super::WHO;
use crate::{
    contest::{Contestant, Unfit},
    shedding::{Caller, Case, Slots},
};

impl Slots for LoadShedder {
    type Caller<'a> = &'a Self;

    fn caller(&self) -> &Self {
        self
    }
}

impl<'a> Caller for &'a LoadShedder {
    type Held = Permit<&'a LoadShedder>;

    fn take(&mut self) -> Option<Self::Held> {
        self.admit(Priority::Normal).ok()
    }

    #[inline(always)]
    fn serve(&mut self) -> bool {
        let answer = black_box(*self).admit(Priority::Normal);
        black_box(&answer);
        answer.is_ok()
    }
}

impl Slots for LoadShedder<Adaptive> {
    type Caller<'a> = &'a Self;

    fn caller(&self) -> &Self {
        self
    }
}

impl<'a> Caller for &'a LoadShedder<Adaptive> {
    type Held = Permit<&'a LoadShedder<Adaptive>>;

    fn take(&mut self) -> Option<Self::Held> {
        self.admit(Priority::Normal).ok()
    }

    #[inline(always)]
    fn serve(&mut self) -> bool {
        let answer = black_box(*self).admit(Priority::Normal);
        black_box(&answer);
        answer.map(Permit::success).is_ok()
    }
}

/// So many slots that ordinary requests may fill 85 in a hundred, which are so many.
fn capacity(slots: u32) -> Capacity {
    let capacity = Capacity::of(slots / 85 * 100).build().expect("a valid capacity");
    assert_eq!(capacity.limit(Priority::Normal), slots);
    capacity
}

/// A fixed capacity.
pub fn fixed(case: Case) -> Result<Contestant, Unfit> {
    case.contestant(WHO, |slots| LoadShedder::new(capacity(slots)))
}

/// A capacity that finds itself, between bounds that leave it no choice: what is timed stays in its state.
pub fn adaptive() -> Result<Contestant, Unfit> {
    Case::Admit.contestant(WHO, |slots| {
        let capacity = capacity(slots);
        let adaptation = Adaptation::of(capacity).between(capacity.slots(), capacity.slots());
        LoadShedder::adaptive(adaptation.build().expect("a valid adaptation"))
    })
}
