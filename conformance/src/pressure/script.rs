//! The words of a `backpressure` trace: its config, its steps, its expectations.

use fusebox::InvalidPolicy;
use fusebox::pressure::{Capacity, Priority};
use serde::Deserialize;

use crate::format::{Expected, Span, present};
use crate::order::Timed;

/// The config of a shedder.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    capacity: u32,
    #[serde(default, deserialize_with = "present")]
    thresholds: Option<Thresholds>,
}

/// The share of each priority: all of them, or none.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    background: f64,
    low: f64,
    normal: f64,
    high: f64,
    critical: f64,
}

impl Config {
    /// The capacity that the config tells.
    pub fn told(self) -> Result<Capacity, InvalidPolicy> {
        let builder = Capacity::of(self.capacity);
        match self.thresholds {
            Some(Thresholds { background, low, normal, high, critical }) => {
                builder.thresholds([background, low, normal, high, critical]).build()
            }
            None => builder.build(),
        }
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
#[derive(Clone, Debug)]
pub enum Operation {
    Admit { priority: Priority, id: String },
    Release { id: String },
    Close,
    Look { priority: Priority },
}

impl Operation {
    /// Whose limit can be seen.
    pub const fn priority(&self) -> Option<Priority> {
        match self {
            Self::Admit { priority, .. } | Self::Look { priority } => Some(*priority),
            Self::Release { .. } | Self::Close => None,
        }
    }
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
    priority: Option<PriorityName>,
    #[serde(default, deserialize_with = "present")]
    id: Option<String>,
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
    Admit,
    Release,
    Close,
    Look,
}

/// As the format writes it: the library itself would read letters of any size.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PriorityName {
    Background,
    Low,
    Normal,
    High,
    Critical,
}

impl From<PriorityName> for Priority {
    fn from(name: PriorityName) -> Self {
        match name {
            PriorityName::Background => Self::Background,
            PriorityName::Low => Self::Low,
            PriorityName::Normal => Self::Normal,
            PriorityName::High => Self::High,
            PriorityName::Critical => Self::Critical,
        }
    }
}

impl Step {
    /// Reads one step.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let operation = written.operation()?;
        written.nothing_is_left()?;
        if operation.priority().is_none() && written.expect.limit != Expected::Anything {
            return Err(format!("{:?} has no priority, so no `limit`", written.r#do));
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
    /// The operation, which takes its arguments out of the step.
    fn operation(&mut self) -> Result<Operation, String> {
        Ok(match self.r#do {
            Name::Admit => Operation::Admit { priority: self.priority()?, id: self.id()? },
            Name::Release => Operation::Release { id: self.id()? },
            Name::Close => Operation::Close,
            Name::Look => Operation::Look { priority: self.priority()? },
        })
    }

    fn priority(&mut self) -> Result<Priority, String> {
        self.priority.take().map(Priority::from).ok_or_else(|| self.lacks("priority"))
    }

    fn id(&mut self) -> Result<String, String> {
        self.id.take().ok_or_else(|| self.lacks("id"))
    }

    fn lacks(&self, argument: &str) -> String {
        format!("{:?} needs `{argument}`", self.r#do)
    }

    /// An argument that the operation did not take is one that it does not have.
    fn nothing_is_left(&self) -> Result<(), String> {
        let left = [("priority", self.priority.is_some()), ("id", self.id.is_some())];
        match left.iter().find(|(_, stands)| *stands) {
            Some((argument, _)) => Err(format!("{:?} takes no `{argument}`", self.r#do)),
            None => Ok(()),
        }
    }
}

/// What must hold after a step; a key left out may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    pub admitted: Expected<bool>,
    pub depth: Expected<u64>,
    pub limit: Expected<u64>,
    pub closed: Expected<bool>,
}
