//! Runs the suites: one file's traces after another, each to its own verdict.

use std::panic::catch_unwind;

use serde_json::value::RawValue;

use crate::format::{FORMAT, Suite, Trace};
use crate::verdict::{Failure, What};
use crate::{adaptive, breaker, budget, limiter, pressure, retry};

/// How many traces passed and failed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
}

/// Runs every trace of a suite and tells of each failure. A suite that cannot be read is one failure.
pub fn suite(text: &str, tally: &mut Tally, mut tell: impl FnMut(String)) {
    let suite = match read(text) {
        Ok(suite) => suite,
        Err(why) => {
            tally.failed += 1;
            return tell(why);
        }
    };
    for (number, raw) in (1..).zip(&suite.traces) {
        match trace(&suite.primitive, raw) {
            Ok(()) => tally.passed += 1,
            Err(failure) => {
                tally.failed += 1;
                tell(format!("{}: {failure}", name(raw, number)));
            }
        }
    }
}

fn read(text: &str) -> Result<Suite, String> {
    let suite: Suite = serde_json::from_str(text).map_err(|error| format!("no suite of traces: {error}"))?;
    if suite.format != FORMAT {
        return Err(format!("format {} is unknown; this runner reads format {FORMAT}", suite.format));
    }
    if suite.traces.is_empty() {
        return Err("a suite without a trace shows nothing".into());
    }
    Ok(suite)
}

/// Runs one trace. A panic of the library is a failure of the trace that met it.
fn trace(primitive: &str, raw: &RawValue) -> Result<(), Failure> {
    let run = match primitive {
        "circuit_breaker" => breaker::run,
        "rate_limiter" => limiter::run,
        "keyed_rate_limiter" => limiter::run_keyed,
        "backpressure" => pressure::run,
        "adaptive_timeout" => adaptive::run,
        "retry" => retry::run,
        "retry_budget" => budget::run,
        unknown => return Err(Failure::malformed(None, format!("unknown primitive \"{unknown}\""))),
    };
    let trace: Trace = serde_json::from_str(raw.get()).map_err(|error| Failure::malformed(None, error))?;
    let config = trace.config.clone();
    let claim = trace.claim().map_err(|why| Failure::malformed(None, why))?;
    catch_unwind(|| run(&config, &claim)).unwrap_or_else(|panic| {
        let what = What::Impossible(format!("it panicked: {}", words(panic.as_ref())));
        Err(Failure { step: None, what })
    })
}

/// The words of a panic.
fn words(panic: &(dyn core::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// A trace's name, even where the rest of it makes no sense.
fn name(raw: &RawValue, number: usize) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(raw.get()).ok();
    let name = value.as_ref().and_then(|value| value.get("name")).and_then(serde_json::Value::as_str);
    name.map_or_else(|| format!("trace {number} (without a name)"), |name| format!("\"{name}\""))
}
