//! Delays, courses and budgets against plain models: exact numbers, whatever the policy, the classes and the instants.

#![cfg(feature = "std")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

#[path = "retry_properties/budget.rs"]
mod budget;
#[path = "retry_properties/course.rs"]
mod course;
#[path = "retry_properties/delays.rs"]
mod delays;
