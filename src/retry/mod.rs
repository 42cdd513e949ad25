//! Retries that cannot make an outage worse: bounded in number and time, spread by jitter, and paid for from a budget that all
//! callers share.
//!
//! ```
//! use core::time::Duration;
//! use fusebox::retry::{Allowed, Budget, Policy, Retryable};
//!
//! const POLICY: Policy = Policy::attempts(3).initial_delay(Duration::from_millis(100)).constant();
//! static BUDGET: Budget = Budget::new(Allowed::ratio(0.1).min_per_second(1).constant());
//!
//! # async fn fetch() -> Result<&'static str, std::io::Error> { Ok("here") }
//! # let sleep = |wait: Duration| async move { std::thread::sleep(wait) }; // tokio::time::sleep
//! # futures::executor::block_on(async {
//! let answer = fetch
//!     .retry(POLICY)
//!     .budget(&BUDGET)
//!     .when(|error| error.kind() != std::io::ErrorKind::NotFound)
//!     .sleep(sleep) // tokio::time::sleep
//!     .await;
//! # assert_eq!(answer.unwrap(), "here");
//! # });
//! ```
//!
//! The errors are the call's own: nothing is wrapped. A call whose first attempt succeeds costs what it costs alone: nothing is
//! drawn, read or allocated before the first failure (but the clock, where the policy has a deadline, and the budget's word, where there
//! is one).
//!
//! | what | for |
//! |---|---|
//! | [`Retryable`], [`BlockingRetryable`] | `call.retry(policy)`: futures, with any runtime's sleep; and threads |
//! | [`Policy`], [`Jitter`] | how often, how long between, how spread |
//! | [`Class`], [`Retry::refusals`] | what an error means: transient, permanent, not before; fusebox's own refusals |
//! | [`Budget`] | retries as a share of the calls |
//! | [`Delays`], [`Course`] | the delays alone, and the decisions alone, for those who drive their retries themselves |
//! | `Hedge` | a second copy of a slow call that may be made twice |
//! | `retry_after` | HTTP's header, capped |
//!
//! # One layer retries
//!
//! Three layers of three attempts each make twenty-seven calls of one. Retry where the caller knows what may be done twice, and
//! put a breaker inside the retry, never around it: a breaker around it sees one failure where the dependency had three, and
//! lets the retries through while it should be open.

mod blocking;
mod budget;
mod class;
mod course;
mod delays;
#[cfg(feature = "std")]
mod header;
#[cfg(feature = "alloc")]
mod hedge;
mod policy;
mod run;
mod terms;
#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests;

#[cfg(feature = "std")]
pub use blocking::ThreadSleep;
pub use blocking::{Blocking, BlockingRetryable, BlockingSleep, BlockingSleeper};
pub use budget::{Allowance, Allowed, AllowedBuilder, Budget, BudgetEvent, BudgetLook, NoToken};
pub use class::{Class, Classify, Refusals, Unclassified, When};
pub use course::{Course, Next, Stopped};
pub use delays::Delays;
#[cfg(feature = "std")]
pub use header::retry_after;
#[cfg(feature = "http")]
pub use header::retry_after_at;
#[cfg(feature = "alloc")]
pub use hedge::{Hedge, Hedged, Hedging, HedgingBuilder};
pub use policy::{Jitter, Plan, Policy, PolicyBuilder, Seeded};
pub use run::{Awaited, Detailed, Retryable, Running};
pub use terms::{Cancel, Gives, Notify, Report, Retry, Retrying};
