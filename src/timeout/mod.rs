//! Limits of time.

pub use crate::deadline::{Deadline, NoTimeLeft, TimeLeft};
