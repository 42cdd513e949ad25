//! fusebox itself, set up as the peers are and put on the same trials.

use std::time::Duration;

use fusebox::time::{CoarseClock, Upkeep};

use crate::contest::Identity;

pub mod breaker;
pub mod guard;
pub mod limiter;
pub mod pressure;
pub mod retry;
pub mod timeout;

const WHO: Identity = Identity { name: "fusebox", version: env!("VERSION_FUSEBOX") };

/// The coarse rows' clock, ours and the peers': a thread keeps it, a millisecond behind at most, as it would in a service.
pub static COARSE: CoarseClock = CoarseClock::new();

/// Keeps [`COARSE`] going.
///
/// # Panics
///
/// Where the system starts no thread.
pub fn upkeep() -> Upkeep {
    let upkeep = CoarseClock::spawn_upkeep(&COARSE, Duration::from_millis(1));
    upkeep.expect("a thread that keeps the clock")
}
