//! The words of a `retry` trace: its config, its steps, its expectations.

use fusebox::InvalidPolicy;
use fusebox::retry::{Class, Jitter, Policy, Stopped};
use serde::Deserialize;

use crate::format::{Expected, Span, present};
use crate::order::Timed;
use crate::verdict::Words;

/// The config of a retry.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    max_attempts: u32,
    initial_delay: Span,
    max_delay: Span,
    multiplier: f64,
    jitter: JitterName,
    #[serde(default, deserialize_with = "present")]
    jitter_fraction: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    deadline: Option<Span>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum JitterName {
    None,
    Proportional,
    Full,
    Equal,
    Decorrelated,
}

impl Config {
    /// The policy that the config tells; a fraction that belongs to no jitter makes no sense.
    pub fn told(self) -> Result<Result<Policy, InvalidPolicy>, String> {
        let jitter = match (self.jitter, self.jitter_fraction) {
            (JitterName::Proportional, Some(fraction)) => Jitter::Proportional(fraction),
            // What a trace leaves out is what the library has unless told otherwise.
            (JitterName::Proportional, None) => Jitter::default(),
            (_, Some(_)) => return Err("only proportional jitter has a `jitter_fraction`".into()),
            (JitterName::None, None) => Jitter::None,
            (JitterName::Full, None) => Jitter::Full,
            (JitterName::Equal, None) => Jitter::Equal,
            (JitterName::Decorrelated, None) => Jitter::Decorrelated,
        };
        let builder = Policy::attempts(self.max_attempts)
            .initial_delay(self.initial_delay.0)
            .max_delay(self.max_delay.0)
            .multiplier(self.multiplier)
            .jitter(jitter);
        Ok(match self.deadline {
            Some(deadline) => builder.deadline(deadline.0).build(),
            None => builder.build(),
        })
    }
}

/// One step: a call that is retried.
#[derive(Debug)]
pub struct Step {
    pub at: u64,
    pub clock_back: bool,
    pub repeat: u64,
    pub results: Vec<Result<(), Class>>,
    pub expect: Expect,
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
    #[serde(rename = "do")]
    _do: Name,
    results: Vec<ResultName>,
    #[serde(default)]
    clock_back: bool,
    #[serde(default, deserialize_with = "present")]
    repeat: Option<u64>,
    #[serde(default)]
    expect: Expect,
}

/// There is one operation.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Run,
}

/// What one attempt gives.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ResultName {
    Ok,
    Transient,
    Permanent,
    After(Span),
}

impl From<ResultName> for Result<(), Class> {
    fn from(name: ResultName) -> Self {
        match name {
            ResultName::Ok => Ok(()),
            ResultName::Transient => Err(Class::Transient),
            ResultName::Permanent => Err(Class::Permanent),
            ResultName::After(wait) => Err(Class::After(wait.0)),
        }
    }
}

impl Step {
    /// Reads one step.
    pub fn read(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if written.results.is_empty() {
            return Err("a run needs one of `results` at least".into());
        }
        let repeat = written.repeat.unwrap_or(1);
        if repeat == 0 {
            return Err("`repeat` is at least 1".into());
        }
        let results = written.results.into_iter().map(Result::from).collect();
        let (at, clock_back) = (written.at.instant()?, written.clock_back);
        Ok(Self { at, clock_back, repeat, results, expect: written.expect })
    }

    /// What the `attempt`-th attempt gives, the first being 0: the last result repeats.
    pub fn result(&self, attempt: u32) -> Result<(), Class> {
        let attempt = usize::try_from(attempt).unwrap_or(usize::MAX).min(self.results.len() - 1);
        self.results.get(attempt).copied().unwrap_or(Ok(()))
    }
}

/// What must hold after a step; a key left out may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    pub attempts: Expected<u64>,
    pub result: Expected<Ended>,
    pub stopped: Expected<StoppedName>,
    pub delays: Expected<Vec<Span>>,
    pub delays_within: Expected<Vec<(Span, Span)>>,
}

/// What the last attempt gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Ok,
    Error,
}

/// Why there was no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedName {
    Success,
    Attempts,
    Permanent,
    Deadline,
    Budget,
    /// What no trace can ask for, and the library may still say.
    #[serde(skip)]
    Other,
}

impl From<Stopped> for StoppedName {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Success => Self::Success,
            Stopped::Attempts => Self::Attempts,
            Stopped::Permanent => Self::Permanent,
            Stopped::Deadline => Self::Deadline,
            Stopped::Budget => Self::Budget,
            _ => Self::Other,
        }
    }
}

impl Words for Ended {
    fn words(&self) -> String {
        match self {
            Self::Ok => "\"ok\"".into(),
            Self::Error => "\"error\"".into(),
        }
    }
}

impl Words for StoppedName {
    fn words(&self) -> String {
        format!("\"{self:?}\"").to_lowercase()
    }
}

impl Words for (Span, Span) {
    fn words(&self) -> String {
        format!("[{}, {}]", self.0.words(), self.1.words())
    }
}
