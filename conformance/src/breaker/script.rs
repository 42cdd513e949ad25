//! The words of a `circuit_breaker` trace: its config, its steps, its expectations.

use serde::Deserialize;

use crate::format::{Expected, Span, present};
use crate::order::Timed;
use crate::verdict::Words;

/// The config of a breaker.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub policy: PolicyConfig,
    #[serde(default, deserialize_with = "present")]
    pub slow_call: Option<SlowCall>,
    pub open_duration: Span,
    #[serde(default, deserialize_with = "present")]
    pub open_growth: Option<Growth>,
    pub half_open_calls: u32,
    #[serde(default = "one")]
    pub success_threshold: u32,
    #[serde(default, deserialize_with = "present")]
    pub half_open_timeout: Option<Span>,
    #[serde(default, deserialize_with = "present")]
    pub ramp: Option<Ramp>,
}

const fn one() -> u32 {
    1
}

/// What opens it: exactly one key.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyConfig {
    ConsecutiveFailures(u32),
    FailureRate(Rate),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub percent: u32,
    pub window: WindowConfig,
    pub minimum_calls: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowConfig {
    Calls(u32),
    Time(Span),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "SlowCallKeys")]
pub enum SlowCall {
    AsFailure { limit: Span },
    Percent { limit: Span, percent: u32 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowCallKeys {
    limit: Span,
    #[serde(default, deserialize_with = "present")]
    as_failure: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    percent: Option<u32>,
}

impl TryFrom<SlowCallKeys> for SlowCall {
    type Error = &'static str;

    fn try_from(keys: SlowCallKeys) -> Result<Self, Self::Error> {
        match (keys.as_failure, keys.percent) {
            (Some(true), None) => Ok(Self::AsFailure { limit: keys.limit }),
            (None, Some(percent)) => Ok(Self::Percent { limit: keys.limit, percent }),
            _ => Err("slow_call has either \"as_failure\": true or a percent"),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    pub factor: f64,
    pub cap: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    pub percents: Vec<u32>,
    pub step: Span,
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
    Look,
    Acquire { id: Option<String> },
    Complete { id: String, outcome: Outcome },
    Drop { id: String },
    Panic { id: String },
    Call { outcome: Outcome, took: Span },
    ForceOpen,
    Disable,
    Reset,
    Snapshot { id: String, wall: Span },
    Restore { id: String, wall: Span },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    Failure,
    Ignored,
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
    id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    outcome: Option<Outcome>,
    #[serde(default, deserialize_with = "present")]
    took: Option<Span>,
    #[serde(default, deserialize_with = "present")]
    wall: Option<Span>,
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
    Look,
    Acquire,
    Complete,
    Drop,
    Panic,
    Call,
    ForceOpen,
    Disable,
    Reset,
    Snapshot,
    Restore,
}

impl Step {
    /// Reads one step.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let operation = written.operation()?;
        written.nothing_is_left()?;
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
            Name::Look => Operation::Look,
            Name::Acquire => Operation::Acquire { id: self.id.take() },
            Name::Complete => Operation::Complete { id: self.id()?, outcome: self.outcome()? },
            Name::Drop => Operation::Drop { id: self.id()? },
            Name::Panic => Operation::Panic { id: self.id()? },
            Name::Call => {
                let took = self.took.take().unwrap_or(Span(core::time::Duration::ZERO));
                Operation::Call { outcome: self.outcome()?, took }
            }
            Name::ForceOpen => Operation::ForceOpen,
            Name::Disable => Operation::Disable,
            Name::Reset => Operation::Reset,
            Name::Snapshot => Operation::Snapshot { id: self.id()?, wall: self.wall()? },
            Name::Restore => Operation::Restore { id: self.id()?, wall: self.wall()? },
        })
    }

    fn id(&mut self) -> Result<String, String> {
        self.id.take().ok_or_else(|| self.lacks("id"))
    }

    fn outcome(&mut self) -> Result<Outcome, String> {
        self.outcome.take().ok_or_else(|| self.lacks("outcome"))
    }

    fn wall(&mut self) -> Result<Span, String> {
        self.wall.take().ok_or_else(|| self.lacks("wall"))
    }

    fn lacks(&self, argument: &str) -> String {
        format!("{:?} needs `{argument}`", self.r#do)
    }

    /// An argument that the operation did not take is one that it does not have.
    fn nothing_is_left(&self) -> Result<(), String> {
        let left = [
            ("id", self.id.is_some()),
            ("outcome", self.outcome.is_some()),
            ("took", self.took.is_some()),
            ("wall", self.wall.is_some()),
        ];
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
    pub permitted: Expected<bool>,
    pub state: Expected<State>,
    pub retry_after: Expected<Span>,
    pub open_for: Expected<Span>,
    pub rejected_since_open: Expected<u64>,
    pub consecutive_failures: Expected<u64>,
    pub in_flight: Expected<u64>,
    pub late: Expected<u64>,
    pub cancelled: Expected<u64>,
    pub events: Expected<Vec<EventName>>,
    pub outage: Expected<Span>,
}

/// A state by its name in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Closed,
    Open,
    HalfOpen,
    Recovering,
    ForcedOpen,
    Disabled,
}

/// An event by its name in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventName {
    Opened,
    HalfOpened,
    Closed,
    Recovering,
    ForcedOpen,
    Disabled,
    Reset,
    Rejected,
    Failure,
    Slow,
    NearTrip,
    /// Seen where it should not be; no trace can expect it.
    #[serde(skip)]
    Unnamed,
}

impl From<fusebox::breaker::State> for State {
    fn from(state: fusebox::breaker::State) -> Self {
        use fusebox::breaker::State;
        match state {
            State::Closed => Self::Closed,
            State::Open => Self::Open,
            State::HalfOpen => Self::HalfOpen,
            State::Recovering => Self::Recovering,
            State::ForcedOpen => Self::ForcedOpen,
            State::Disabled => Self::Disabled,
        }
    }
}

impl Words for State {
    fn words(&self) -> String {
        let name = match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Recovering => "recovering",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
        };
        format!("\"{name}\"")
    }
}

impl Words for EventName {
    fn words(&self) -> String {
        let name = match self {
            Self::Opened => "opened",
            Self::HalfOpened => "half_opened",
            Self::Closed => "closed",
            Self::Recovering => "recovering",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::Reset => "reset",
            Self::Rejected => "rejected",
            Self::Failure => "failure",
            Self::Slow => "slow",
            Self::NearTrip => "near_trip",
            Self::Unnamed => "(an event without a name)",
        };
        format!("\"{name}\"")
    }
}
