#![doc = include_str!("../README.md")]
#![cfg_attr(not(any(feature = "std", fusebox_loom, test)), no_std)]
#![forbid(unsafe_code)]
// core first, then alloc, then std: what a microcontroller lacks shows in the imports.
#![cfg_attr(
    not(test),
    warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod breaker;
pub mod fallback;
pub mod guard;
pub mod limiter;
pub mod observe;
pub mod pressure;
pub mod refusal;
pub mod retry;
pub mod sleep;
pub mod spawn;
pub mod time;
pub mod timeout;

mod bits;
mod cell;
mod deadline;
mod ended;
mod invalid;
#[cfg_attr(not(any(fusebox_loom, fusebox_fuzz)), allow(unreachable_pub, reason = "`proof` shows `Numbers`"))]
mod lanes;
mod random;
mod ratio;
#[cfg_attr(not(any(fusebox_loom, fusebox_fuzz)), allow(unreachable_pub, reason = "`proof` shows `Sketch`"))]
mod sketch;
mod sync;

/// The protocols below the primitives, for those who prove things about them.
#[cfg(any(fusebox_loom, fusebox_fuzz))]
#[doc(hidden)]
pub mod proof {
    #[cfg(feature = "cache")]
    pub use crate::fallback::flight::Flight;
    pub use crate::lanes::Numbers;
    pub use crate::sketch::{BUCKETS, Fading, Sketch};
}

#[cfg(test)]
mod floors;

pub use breaker::CircuitBreaker;
#[cfg(feature = "cache")]
pub use fallback::LastGood;
pub use guard::Guard;
pub use invalid::{InvalidPolicy, Value};
#[cfg(feature = "alloc")]
pub use limiter::KeyedRateLimiter;
pub use limiter::RateLimiter;
pub use pressure::LoadShedder;
pub use retry::Budget;
pub use timeout::AdaptiveTimeout;
