//! The machine's floors: what no breaker can go under, timed by the same loop.

use std::{
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire},
    },
    time::Instant,
};

use quanta::Clock;

use crate::contest::Contestant;

/// One acquire load of a word that nobody writes.
#[must_use]
pub fn load() -> Contestant {
    Contestant::floor("floor/load", AtomicU64::new(7), |word| word.load(Acquire))
}

/// One compare-and-swap, which always finds what it expects; over several threads, of one word, so the line travels.
#[must_use]
pub fn cas() -> Contestant {
    Contestant::floor("floor/cas", AtomicU64::new(7), |word| word.compare_exchange(7, 7, AcqRel, Acquire))
}

/// One reading of the processor's time-stamp counter (where there is none: of the operating system's clock).
#[must_use]
pub fn tsc() -> Contestant {
    Contestant::floor("floor/tsc", Clock::new(), Clock::raw)
}

/// One reading of the standard library's clock.
#[must_use]
pub fn instant() -> Contestant {
    Contestant::floor("floor/instant", (), |()| Instant::now())
}
