//! Our limit that follows the calls.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire},
        },
    },
    time::Duration,
};

use fusebox::timeout::{Adapting, AdaptiveTimeout};
use quanta::Clock;

use super::WHO;
use crate::contest::{Batch, Contestant, Unfit};

/// What no call of the row takes.
const INITIAL: Duration = Duration::from_mins(1);

/// Calls of one to two milliseconds, unlike each other.
fn took(index: u64) -> Duration {
    Duration::from_nanos(1_000_000 + index.wrapping_mul(0x9E37_79B9) % 1_000_000)
}

/// A latency is recorded, and seen in the limit.
pub fn record() -> Result<Contestant, Unfit> {
    let limit = AdaptiveTimeout::new(
        Adapting::from(INITIAL).between(Duration::from_millis(1), INITIAL).build().expect("a valid policy"),
    );
    if limit.limit() != INITIAL {
        return Err(WHO.unfit("a limit that has seen nothing is not the initial one".into()));
    }
    let limit = Arc::new(limit);
    let timed = Arc::clone(&limit);
    let batch: Batch = Arc::new(move |count| {
        for index in 0..count {
            black_box(&*timed).record(black_box(took(index)));
        }
    });
    batch(1_000);
    follows(&limit).map_err(|what| WHO.unfit(what))?;
    Ok(Contestant::of(WHO, move || Arc::clone(&batch), move || follows(&limit)))
}

/// Twice the slowest of them, but for what a sketch rounds up.
fn follows(limit: &AdaptiveTimeout) -> Result<(), String> {
    let found = limit.limit();
    if (Duration::from_micros(3_900)..=Duration::from_micros(4_500)).contains(&found) {
        return Ok(());
    }
    Err(format!("after calls of 1 to 2 ms the limit is {found:?}"))
}

/// What no record can go under: when it was, and one swap.
#[must_use]
pub fn reading_and_swap() -> Contestant {
    let state = (Clock::new(), AtomicU64::new(7));
    let both =
        |(clock, word): &(Clock, AtomicU64)| (clock.raw(), word.compare_exchange(7, 7, AcqRel, Acquire));
    Contestant::floor("a reading and a swap", state, both)
}
