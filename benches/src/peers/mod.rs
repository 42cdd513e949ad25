//! The peers: one module each, which says how that crate is set up to do the same work, and what of it that crate has
//! not.
//!
//! | operation | recloser | failsafe | tower-resilience | circuitbreaker-rs | execution-policy |
//! |---|---|---|---|---|---|
//! | consecutive failures | by a ring that must be full of failures | yes | yes | yes | yes |
//! | rate of the last 100 calls | yes | no | no: its counters never slide | no: its rate is since the start | no |
//! | rate of the last 10 s | no | a decaying average | yes | no | yes |
//! | rejection while open | yes | yes | yes | yes | yes |
//!
//! | operation | governor | ratelimit | rate-net | better-bucket | ratelock | `atomic_token_bucket` | gcra |
//! |---|---|---|---|---|---|---|---|
//! | one quota | yes | yes | yes | yes | admits: no rate under one a second | yes | no: it is `&mut` |
//! | on a coarse clock | yes | yes | its own | the one of rate-net | admits | no | no |
//! | a quota a key | yes | no | yes | no | no | yes | yes |
//!
//! | operation | tokio | throttle-net | congestion-limiter | tower-resilience-bulkhead |
//! |---|---|---|---|---|
//! | so many slots | yes | yes | yes | yes |
//! | slots that adapt themselves | no | yes | yes | no |
//!
//! | operation | backon | tower | execution-policy | tower-resilience |
//! |---|---|---|---|---|
//! | a call that is retried | yes | yes | yes | a crate of its own, a layer of tower's |
//! | a budget | no | yes | yes, which nobody outside can ask | the same |
//!
//! | operation | execution-policy | tower-resilience |
//! |---|---|---|
//! | timeout, retry and breaker around one call | the breaker around the retry | its breaker inside tower's own retry and around tower's own timeout |
//! | a limit that follows the calls | no | no |
//!
//! Every constructor makes its breaker, limiter, slots or retry, puts it on trial and gives a contestant, or says what the crate did instead.

use std::time::Duration;

pub mod atomic_token_bucket;
pub mod backon;
pub mod better_bucket;
pub mod circuitbreaker_rs;
pub mod congestion_limiter;
pub mod execution_policy;
pub mod failsafe;
pub mod gcra;
pub mod governor;
pub mod patience;
pub mod rate_net;
pub mod ratelimit;
pub mod ratelock;
pub mod recloser;
pub mod throttle_net;
pub mod tokio;
pub mod tower;
pub mod tower_resilience;
pub mod tower_resilience_bulkhead;
pub mod tower_resilience_stack;

/// Failures in a row that open a breaker of the success and rejection rows.
pub const THRESHOLD: u16 = 5;

/// Failures in a row that would open a breaker of the failure row: more than ever come.
pub const HIGH_THRESHOLD: u16 = u16::MAX;

/// Calls that are made at most of one that is retried.
pub const ATTEMPTS: u32 = 3;

/// How long an attempt may take.
pub const LIMIT: Duration = Duration::from_secs(1);

/// The same where a trial waits for it.
pub const SHORT_LIMIT: Duration = Duration::from_millis(2);

/// How long a breaker stays open: longer than any run.
pub const OPEN_FOR: Duration = Duration::from_hours(1);

/// The window of the rows over time.
pub const TIME_WINDOW: Duration = Duration::from_secs(10);

/// The calls that must be in a window before its rate means anything.
pub const MINIMUM_CALLS: u16 = 10;
