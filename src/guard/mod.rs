//! One expression that protects a call the way an expert would.
//!
//! ```
//! use core::time::Duration;
//! use fusebox::breaker::{CircuitBreaker, Policy as Breaking};
//! use fusebox::guard::Guard;
//! use fusebox::retry::{Allowed, Budget, Policy};
//!
//! # #[derive(Debug)] struct Down;
//! # async fn introspect(token: &str) -> Result<String, Down> { Ok(token.to_uppercase()) }
//! # let sleep = |wait: Duration| async move { std::thread::sleep(wait) }; // tokio::time::sleep
//! static BREAKER: CircuitBreaker = CircuitBreaker::new(Breaking::consecutive_failures(5).constant());
//! static BUDGET: Budget = Budget::new(Allowed::ratio(0.1).min_per_second(1).constant());
//!
//! let guard = Guard::builder("identity")
//!     .deadline(Duration::from_secs(2))
//!     .retry(Policy::attempts(3).constant())
//!     .budget(&BUDGET)
//!     .breaker(&BREAKER)
//!     .limit(Duration::from_millis(500))
//!     .sleep(sleep) // tokio::time::sleep
//!     .build()?;
//! # futures::executor::block_on(async {
//! let owner = guard.call(|| introspect("ada")).await.unwrap();
//! # assert_eq!(owner, "ADA");
//! # });
//! # Ok::<(), fusebox::InvalidPolicy>(())
//! ```
//!
//! # The one order
//!
//! Each layer has its place, whatever the order in which it was said:
//!
//! | from the outside | why there |
//! |---|---|
//! | fallback ([`Guard::backed_by`]) | it stands in for all that is below |
//! | shedder | a call holds its slot for as long as it lasts, waits included |
//! | limiter | a call takes one cell, however often it is tried |
//! | deadline | over all attempts and the waits between them |
//! | retry | sees rejections and timeouts: it ends when the breaker opens, or waits for it if told to |
//! | breaker | sees every attempt; around the retry it would see one failure where there were three |
//! | limit | inside the breaker: a call that hangs is a failure of the dependency, not the caller's change of mind |
//! | the call | |
//!
//! A layer that is left out costs nothing. A second one of a kind does not compile.
//!
//! # What it costs
//!
//! On top of what its layers cost: nothing is allocated or boxed, and a call that is ready at once reads no clock (but for a slow threshold, an
//! adaptive limit, or layers that need it). Limits count from the first moment that a call would wait; so the work that a call does
//! before its first await is not cut off, and no future can be.

mod blocking;
mod builder;
mod calling;
mod counts;
mod ending;
mod error;
mod event;
mod health;
mod layers;
mod maybe;
mod preset;
mod run;
#[cfg(feature = "cache")]
mod serve;
#[cfg(all(test, feature = "cache", not(any(fusebox_loom, fusebox_fuzz))))]
mod tests;

use core::fmt;

use crate::breaker::ErrorsFail;
use crate::sleep::NoSleeper;
use crate::time::DefaultClock;

pub use builder::Builder;
pub use counts::{Counters, Counting, Counts};
pub use error::Error;
pub use event::Event;
pub use health::{Health, Healthy, Reason, Status};
#[cfg(feature = "alloc")]
pub use health::{HealthSet, Overall};
pub use layers::{
    BreakerLayer, ClassifyLayer, Failed, LimitLayer, LimiterLayer, RetryLayer, Retrying, ShedderLayer,
};
pub use preset::Preset;
#[cfg(feature = "cache")]
pub use serve::Backed;

use builder::{Empty, Layers, Settings};

/// A call's protection; see the [module](self). Made by [`Guard::builder`], or from a [`Preset`].
///
/// Shared by all who call the same dependency, in an `Arc` or a `static` of a lazy cell: like the breaker in it, one that is made anew for each
/// call protects nothing.
///
/// | parameter | what | unless told otherwise |
/// |---|---|---|
/// | `D` | the shedder | `()`: none |
/// | `L` | the limiter | none |
/// | `B` | the breaker | none |
/// | `T` | the limit of an attempt | none |
/// | `R` | the retry | none |
/// | `S` | the sleeper | nothing, and a call does not compile |
/// | `J` | what results mean to the breaker | errors are failures |
/// | `O` | an [`Observer`](crate::observe::Observer) of [`Event`]s | nobody |
/// | `N` | [`Counters`] | it does not count |
/// | `C` | the clock | `StdClock`; without `std` none |
pub struct Guard<
    D = (),
    L = (),
    B = (),
    T = (),
    R = (),
    S = NoSleeper,
    J = ErrorsFail,
    O = (),
    N = (),
    C = DefaultClock,
> {
    settings: Settings,
    layers: Layers<D, L, B, T, R, S, J, O, N, C>,
}

impl Guard {
    /// Builds a guard of the calls to this dependency, or of this operation, with no layer yet.
    pub const fn builder(operation: &'static str) -> Empty {
        Empty::new(operation)
    }

    /// Builds a guard with the breaker, retry and limit of this preset. More may be added.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::guard::{Guard, Preset};
    /// # let sleep = |wait: Duration| async move { std::thread::sleep(wait) };
    ///
    /// let guard = Guard::preset("orders", Preset::Production)
    ///     .deadline(Duration::from_secs(90))
    ///     .sleep(sleep) // tokio::time::sleep
    ///     .build()?;
    /// # futures::executor::block_on(async {
    /// assert_eq!(guard.call(|| async { Ok::<_, ()>(7) }).await, Ok(7));
    /// # });
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn preset(operation: &'static str, preset: Preset) -> PresetBuilder {
        let builder = Self::builder(operation)
            .breaker(crate::breaker::CircuitBreaker::new(preset.breaker()))
            .retry(preset.retry())
            .limit(preset.limit());
        match preset.slow_over() {
            Some(threshold) => builder.slow_over(threshold),
            None => builder,
        }
    }
}

/// A builder with the layers of a [`Preset`].
#[cfg(feature = "std")]
pub type PresetBuilder = Builder<
    (),
    (),
    crate::breaker::CircuitBreaker,
    core::time::Duration,
    Retrying<crate::retry::Policy>,
    NoSleeper,
    ErrorsFail,
    (),
    (),
    DefaultClock,
>;

impl<D, L, B, T, R, S, J, O, N, C> Guard<D, L, B, T, R, S, J, O, N, C> {
    /// What it protects.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.settings.name
    }

    /// Its breaker.
    pub const fn breaker(&self) -> &B {
        &self.layers.breaker
    }

    /// Its shedder.
    pub const fn shedder(&self) -> &D {
        &self.layers.shedder
    }

    /// Its limiter.
    pub const fn limiter(&self) -> &L {
        &self.layers.limiter
    }

    /// The limit of its attempts.
    pub const fn limit(&self) -> &T {
        &self.layers.limit
    }

    /// Who is told.
    pub const fn observer(&self) -> &O {
        &self.layers.observer
    }
}

impl<D, L, B, T, R, S, J, O, C, const LANES: usize> Guard<D, L, B, T, R, S, J, O, Counters<LANES>, C> {
    /// What it did so far, as sums over its lanes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.layers.counters.read()
    }
}

impl<D, L, B, T, R, S, J, O, N, C> fmt::Debug for Guard<D, L, B, T, R, S, J, O, N, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("settings", &self.settings).finish_non_exhaustive()
    }
}
