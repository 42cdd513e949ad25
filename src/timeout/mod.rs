//! Limits of time: a call that has not ended at its limit is told as [`TimedOut`], and is cancelled.
//!
//! ```
//! use core::time::Duration;
//! use fusebox::timeout::timeout;
//!
//! # async fn fetch() -> u16 { 200 }
//! # futures::executor::block_on(async {
//! # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
//! let answer = timeout(Duration::from_secs(2), &sleep, fetch()).await; // `&tokio::time::sleep`, in earnest
//! assert_eq!(answer, Ok(200));
//! # });
//! ```
//!
//! | what | for |
//! |---|---|
//! | [`timeout`] | one call with one limit |
//! | [`Timeouts`] | limits for the operations of a client, by name, with a threshold above which they are told as slow |
//! | [`AdaptiveTimeout`] | a limit that finds itself: a quantile of what the calls take, and a margin |
//! | `Helpers` (with `std`) | calls that block |
//! | [`Deadline`] | the end of a request with all that is inside it; it nests, and travels ([`TimeLeft`]) |
//!
//! Nothing here makes a thread, a timer or an allocation: who waits is the caller's [`Sleep`](crate::sleep::Sleep). (`Helpers`
//! make threads.) All futures may be dropped at any await: nothing is counted until a call has ended.
//!
//! A call is cancelled by dropping its future, at an await. One that never awaits is never interrupted: it blocks its thread
//! until it ends, and then it counts as ended.

mod adaptive;
#[cfg(all(feature = "std", not(target_family = "wasm"), not(fusebox_loom)))]
mod blocking;
mod limit;
mod operations;
mod outcome;
#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests;

pub use crate::deadline::{Deadline, NoTimeLeft, TimeLeft};
pub use adaptive::{Adapting, AdaptingBuilder, AdaptiveLook, AdaptiveTimeout};
#[cfg(all(feature = "std", not(target_family = "wasm"), not(fusebox_loom)))]
pub use blocking::{HelperError, Helpers};
pub use limit::{Timeout, timeout};
pub use operations::{Limits, LimitsBuilder, Operation, Timeouts};
pub use outcome::{Error, Event, TimedOut};
