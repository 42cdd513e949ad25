//! The script of an outage: what the identity service does to its callers, phase by phase, read from TOML.
//!
//! `script.toml` beside this file is the script of an ordinary run and tells the format.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::identity::Mode;

const DEFAULT: &str = include_str!("script.toml");
const SHORTEST_PHASE: f64 = 0.1;
const LONGEST_PHASE: f64 = 3600.0;
const LONGEST_NAME: usize = 24;

#[derive(Debug, Clone)]
pub struct Script {
    pub phases: Vec<Phase>,
}

#[derive(Debug, Clone)]
pub struct Phase {
    pub name: String,
    pub state: State,
    pub length: Duration,
    pub mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Healthy,
    Slow,
    Erroring,
    Killed,
    Hanging,
    Restored,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Slow => "slow",
            Self::Erroring => "erroring",
            Self::Killed => "killed",
            Self::Hanging => "hanging",
            Self::Restored => "restored",
        }
    }

    pub fn is_well(self) -> bool {
        matches!(self, Self::Healthy | Self::Restored)
    }

    /// Whether nobody can get an answer at all, which is where a gateway has to show what it is worth.
    pub fn is_silent(self) -> bool {
        matches!(self, Self::Killed | Self::Hanging)
    }
}

impl Script {
    pub fn ordinary() -> anyhow::Result<Self> {
        Self::parse(DEFAULT).context("the built-in script")
    }

    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("script {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("script {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        anyhow::ensure!(!file.phase.is_empty(), "has no phase: at least one `[[phase]]` is needed");
        let phases =
            file.phase.into_iter().map(|told| told.into_phase(text)).collect::<anyhow::Result<_>>()?;
        Ok(Self { phases })
    }

    pub fn length(&self) -> Duration {
        self.phases.iter().map(|phase| phase.length).sum()
    }

    /// The same story told in `seconds`; latencies stay what they are.
    pub fn lasting(mut self, seconds: f64) -> Self {
        let factor = seconds / self.length().as_secs_f64();
        for phase in &mut self.phases {
            phase.length = phase.length.mul_f64(factor);
        }
        self
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    phase: Vec<Told>,
}

/// A phase as it stands in the file. Numbers check themselves, so that the parser can point at the line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    state: State,
    seconds: Seconds,
    name: Option<Name>,
    latency_ms: Option<Spanned<Latency>>,
    error_percent: Option<Spanned<Percent>>,
}

impl Told {
    fn into_phase(self, text: &str) -> anyhow::Result<Phase> {
        let Self { state, seconds, name, latency_ms, error_percent } = self;
        let usual = if state == State::Slow { 400 } else { 2 };
        let latency = latency_ms.as_ref().map_or(Duration::from_millis(usual), |told| told.as_ref().0);
        let percent = error_percent.as_ref().map_or(100, |told| told.as_ref().0);
        if let (true, Some(told)) = (state.is_silent(), latency_ms) {
            let line = line_of(text, told.span().start);
            anyhow::bail!("line {line}: latency_ms: a {} service gives no answers to delay", state.name());
        }
        if let (false, Some(told)) = (state == State::Erroring, error_percent) {
            let line = line_of(text, told.span().start);
            anyhow::bail!(
                "line {line}: error_percent: only for an erroring phase, and this is {}",
                state.name()
            );
        }
        let mode = match state {
            State::Healthy | State::Slow | State::Restored => Mode::Answering { latency, error_percent: 0 },
            State::Erroring => Mode::Answering { latency, error_percent: percent },
            State::Hanging => Mode::Hanging,
            State::Killed => Mode::Dead,
        };
        let name = name.map_or_else(|| state.name().to_owned(), |Name(told)| told);
        Ok(Phase { name, state, length: seconds.0, mode })
    }
}

fn line_of(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

#[derive(Deserialize)]
#[serde(try_from = "f64")]
struct Seconds(Duration);

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        if (SHORTEST_PHASE..=LONGEST_PHASE).contains(&seconds) {
            return Ok(Self(Duration::from_secs_f64(seconds)));
        }
        Err(format!(
            "seconds: {seconds} is not a length; it must be from {SHORTEST_PHASE} to {LONGEST_PHASE}"
        ))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "f64")]
struct Latency(Duration);

impl TryFrom<f64> for Latency {
    type Error = String;

    fn try_from(milliseconds: f64) -> Result<Self, String> {
        if (0.0..=60_000.0).contains(&milliseconds) {
            return Ok(Self(Duration::from_secs_f64(milliseconds / 1000.0)));
        }
        Err(format!("latency_ms: {milliseconds} is not a latency; it must be from 0 to 60000"))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "i64")]
struct Percent(u8);

impl TryFrom<i64> for Percent {
    type Error = String;

    fn try_from(percent: i64) -> Result<Self, String> {
        match u8::try_from(percent) {
            Ok(told @ 1..=100) => Ok(Self(told)),
            _ => Err(format!(
                "error_percent: {percent} is not a percent; it must be a whole number from 1 to 100"
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
        if plain && name.chars().count() <= LONGEST_NAME {
            return Ok(Self(name));
        }
        Err(format!("name: {name:?} is not a name; it must be 1 to {LONGEST_NAME} printable characters"))
    }
}
