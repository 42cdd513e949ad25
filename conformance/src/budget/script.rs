//! The words of a `retry_budget` trace: its config, its steps, its expectations.

use fusebox::InvalidPolicy;
use fusebox::retry::Allowed;
use serde::Deserialize;

use crate::format::{Expected, Span, present};
use crate::order::Timed;
use crate::verdict::Words;

/// The config of a budget.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    ratio: f64,
    capacity: u32,
    min_per_second: u32,
    #[serde(default)]
    initial: f64,
}

impl Config {
    /// What the config allows.
    pub fn told(self) -> Result<Allowed, InvalidPolicy> {
        Allowed::ratio(self.ratio)
            .capacity(self.capacity)
            .min_per_second(self.min_per_second)
            .initial(self.initial)
            .build()
    }
}

/// One step.
#[derive(Debug)]
pub struct Step {
    pub at: u64,
    pub clock_back: bool,
    pub repeat: u64,
    pub operation: Operation,
    pub expect: Expect,
}

/// What a caller does.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Deposit,
    Retry,
    Look,
}

impl Timed for Step {
    fn at(&self) -> (u64, bool) {
        (self.at, self.clock_back)
    }
}

/// A step as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    at: Span,
    r#do: Operation,
    #[serde(default)]
    clock_back: bool,
    #[serde(default, deserialize_with = "present")]
    repeat: Option<u64>,
    #[serde(default)]
    expect: Expect,
}

impl Step {
    /// Reads one step.
    pub fn read(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let repeat = written.repeat.unwrap_or(1);
        if repeat == 0 {
            return Err("`repeat` is at least 1".into());
        }
        let (at, clock_back) = (written.at.instant()?, written.clock_back);
        Ok(Self { at, clock_back, repeat, operation: written.r#do, expect: written.expect })
    }
}

/// What must hold after a step; a key left out may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    pub granted: Expected<bool>,
    pub balance: Expected<Tokens>,
    pub refused: Expected<u64>,
}

/// Tokens, the same to within a thousandth.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub struct Tokens(pub f64);

impl PartialEq for Tokens {
    fn eq(&self, other: &Self) -> bool {
        (self.0 - other.0).abs() <= 0.001
    }
}

impl Words for Tokens {
    fn words(&self) -> String {
        self.0.to_string()
    }
}
