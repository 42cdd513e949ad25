//! The load shedders' hot paths, as the breaker's are in [`paths`](crate::paths).

use std::mem;

use fusebox::{
    pressure::{Adaptation, Adaptive, Capacity, LoadShedder, Outcome, Priority},
    time::Instant,
};

use crate::paths::repeated;

/// When everything happens.
const NOW: Instant = Instant::from_nanos(1_000_000_000);

/// More than the paths take.
const ROOMY: Capacity = Capacity::of(100).constant();

/// All slots free.
#[must_use]
pub fn free() -> Box<LoadShedder> {
    Box::new(LoadShedder::new(ROOMY))
}

/// A slot that is taken and given back.
#[inline]
pub fn admit_release(shedder: &LoadShedder) {
    repeated(shedder, |shedder| {
        let answer = shedder.admit(Priority::Normal);
        std::hint::black_box(&answer);
        answer.is_ok()
    });
}

/// All slots taken, for good.
#[must_use]
pub fn full() -> Box<LoadShedder> {
    let shedder = Box::new(LoadShedder::new(Capacity::of(1).constant()));
    assert!(shedder.admit(Priority::Normal).map(mem::forget).is_ok());
    shedder
}

/// A request that is refused.
#[inline]
pub fn shed(shedder: &LoadShedder) {
    repeated(shedder, |shedder| shedder.admit(Priority::Normal).map(drop));
}

/// A capacity that finds itself, all slots free; its clock is not read.
#[must_use]
pub fn adaptive() -> Box<LoadShedder<Adaptive>> {
    Box::new(LoadShedder::adaptive(Adaptation::of(ROOMY).constant()))
}

/// A slot that is taken, and given back with a latency of nothing.
#[inline]
pub fn admit_success(shedder: &LoadShedder<Adaptive>) {
    repeated(shedder, |shedder| {
        let answer = shedder.admit_at(Priority::Normal, NOW);
        std::hint::black_box(&answer);
        answer.map(|permit| permit.record_at(Outcome::Success, NOW)).is_ok()
    });
}
