//! The words of an `adaptive_timeout` trace: its config, its steps, its expectations.

use core::time::Duration;

use fusebox::InvalidPolicy;
use fusebox::timeout::Adapting;
use serde::Deserialize;

use crate::format::{Expected, Span, present};
use crate::order::Timed;

/// The config of an adaptive limit.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    initial: Span,
    quantile: f64,
    margin: f64,
    floor: Span,
    ceiling: Span,
    minimum_samples: u32,
}

impl Config {
    /// The policy that the config tells.
    pub fn told(self) -> Result<Adapting, InvalidPolicy> {
        Adapting::from(self.initial.0)
            .quantile(self.quantile)
            .margin(self.margin)
            .between(self.floor.0, self.ceiling.0)
            .minimum_samples(self.minimum_samples)
            .build()
    }
}

/// One step, its arguments already known to be those that its operation takes.
#[derive(Debug)]
pub struct Step {
    pub at: u64,
    pub clock_back: bool,
    pub repeat: u64,
    pub operation: Operation,
    pub expect: Expect,
}

/// What a caller does.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    Record { took: Duration },
    TimedOut,
    Look,
}

impl Timed for Step {
    fn at(&self) -> (u64, bool) {
        (self.at, self.clock_back)
    }
}

/// A step as it is written: every argument of any operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    at: Span,
    r#do: Name,
    #[serde(default, deserialize_with = "present")]
    took: Option<Span>,
    #[serde(default)]
    clock_back: bool,
    #[serde(default, deserialize_with = "present")]
    repeat: Option<u64>,
    #[serde(default)]
    expect: Expect,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Record,
    TimedOut,
    Look,
}

impl Step {
    /// Reads one step.
    pub fn read(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let operation = written.operation()?;
        if let Expected::Is([low, high]) = &written.expect.limit_within {
            if low > high {
                return Err(format!("nothing is from {low} to {high}"));
            }
        }
        let repeat = written.repeat.unwrap_or(1);
        if repeat == 0 {
            return Err("`repeat` is at least 1".into());
        }
        let (at, clock_back) = (written.at.instant()?, written.clock_back);
        Ok(Self { at, clock_back, repeat, operation, expect: written.expect })
    }
}

impl Written {
    /// The operation, with the one argument that only a record takes.
    fn operation(&self) -> Result<Operation, String> {
        match (self.r#do, self.took) {
            (Name::Record, Some(took)) => Ok(Operation::Record { took: took.0 }),
            (Name::TimedOut, None) => Ok(Operation::TimedOut),
            (Name::Look, None) => Ok(Operation::Look),
            (Name::Record, None) => Err("Record needs `took`".into()),
            (name, Some(_)) => Err(format!("{name:?} takes no `took`")),
        }
    }
}

/// What must hold after a step; a key left out may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    pub limit: Expected<Span>,
    pub limit_within: Expected<[Span; 2]>,
}
