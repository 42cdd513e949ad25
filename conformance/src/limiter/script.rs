//! The words of the limiters' traces: their configs, their steps, their expectations.

use serde::Deserialize;

use crate::format::{Expected, Span, present};
use crate::order::Timed;

/// The config of a limiter of one quota.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub rate: u32,
    pub period: Span,
    pub burst: u32,
    #[serde(default)]
    pub form: FormName,
    #[serde(default, deserialize_with = "present")]
    pub shards: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    pub lease: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormName {
    #[default]
    Strict,
    Leased,
}

/// The config of a limiter with a quota for each key.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyedConfig {
    pub rate: u32,
    pub period: Span,
    pub burst: u32,
    pub capacity: usize,
}

impl Config {
    /// The leased form needs its two numbers, and the strict one has none.
    pub fn agrees(&self) -> Result<(), String> {
        match (self.form, self.shards.is_some(), self.lease.is_some()) {
            (FormName::Strict, false, false) | (FormName::Leased, true, true) => Ok(()),
            (FormName::Strict, _, _) => Err("config: the strict form has no `shards` and no `lease`".into()),
            (FormName::Leased, _, _) => Err("config: the leased form needs `shards` and `lease`".into()),
        }
    }
}

/// Which primitive a step is for: a keyed one has other words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Keyed,
}

/// One step, its arguments already known to be those that its operation takes.
#[derive(Debug)]
pub struct Step {
    pub at: u64,
    pub clock_back: bool,
    pub repeat: u64,
    /// Whose quota; of a limiter without keys, nobody's.
    pub key: String,
    pub operation: Operation,
    pub expect: Expect,
}

/// What a caller does.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    Look,
    Check { n: u32 },
    Reserve { n: u32, longest: Span },
}

impl Operation {
    /// How many cells it asks for.
    pub const fn cells(self) -> u32 {
        match self {
            Self::Look => 0,
            Self::Check { n } | Self::Reserve { n, .. } => n,
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
    key: Option<String>,
    #[serde(default, deserialize_with = "present")]
    n: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    max_wait: Option<Span>,
    #[serde(default)]
    clock_back: bool,
    #[serde(default, deserialize_with = "present")]
    repeat: Option<u64>,
    #[serde(default)]
    expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Look,
    Check,
    Reserve,
}

impl Step {
    /// Reads one step.
    pub fn read(text: &str, kind: Kind) -> Result<Self, String> {
        let mut written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let key = written.key(kind)?;
        let operation = written.operation(kind)?;
        written.nothing_is_left()?;
        if kind == Kind::Plain {
            written.expect.tells_of_no_keys()?;
        }
        let repeat = written.repeat.unwrap_or(1);
        if repeat == 0 {
            return Err("`repeat` is at least 1".into());
        }
        let (at, clock_back) = (written.at.instant()?, written.clock_back);
        Ok(Self { at, clock_back, repeat, key, operation, expect: written.expect })
    }
}

impl Written {
    /// The key, which is taken out of the step where there are keys.
    fn key(&mut self, kind: Kind) -> Result<String, String> {
        match kind {
            Kind::Plain => Ok(String::new()),
            Kind::Keyed => self.key.take().ok_or_else(|| self.lacks("key")),
        }
    }

    /// The operation, which takes its arguments out of the step.
    fn operation(&mut self, kind: Kind) -> Result<Operation, String> {
        match (self.r#do, kind) {
            (Name::Check, _) => Ok(Operation::Check { n: self.n.take().unwrap_or(1) }),
            (Name::Look, Kind::Plain) => Ok(Operation::Look),
            (Name::Reserve, Kind::Plain) => {
                let longest = self.max_wait.take().ok_or_else(|| self.lacks("max_wait"))?;
                Ok(Operation::Reserve { n: self.n.take().ok_or_else(|| self.lacks("n"))?, longest })
            }
            (Name::Look | Name::Reserve, Kind::Keyed) => {
                Err(format!("a keyed limiter knows no {:?}", self.r#do))
            }
        }
    }

    fn lacks(&self, argument: &str) -> String {
        format!("{:?} needs `{argument}`", self.r#do)
    }

    /// An argument that the operation did not take is one that it does not have.
    fn nothing_is_left(&self) -> Result<(), String> {
        let left =
            [("key", self.key.is_some()), ("n", self.n.is_some()), ("max_wait", self.max_wait.is_some())];
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
    pub allowed: Expected<bool>,
    pub never_fits: Expected<bool>,
    pub retry_after: Expected<Span>,
    pub remaining: Expected<u64>,
    pub full_in: Expected<Span>,
    pub wait: Expected<Span>,
    pub admitted_total: Expected<u64>,
    pub evictions: Expected<u64>,
    pub evictions_at_most: Expected<u64>,
}

impl Expect {
    fn tells_of_no_keys(&self) -> Result<(), String> {
        if self.evictions == Expected::Anything && self.evictions_at_most == Expected::Anything {
            return Ok(());
        }
        Err("a limiter without keys has no `evictions`".into())
    }
}
