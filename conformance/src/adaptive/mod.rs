//! Runs one `adaptive_timeout` trace: does each step and puts what was seen beside what was expected.

use core::fmt;
use core::time::Duration;

use fusebox::InvalidPolicy;
use fusebox::time::{Instant, ManualClock};
use fusebox::timeout::{Adapting, AdaptiveLook, AdaptiveTimeout};
use serde_json::value::RawValue;

use crate::format::{Claim, Span};
use crate::order;
use crate::verdict::{Comparison, Failure, Mismatch, What};

use self::script::{Config, Expect, Operation, Step};

mod script;
#[cfg(test)]
mod tests;

/// How the limit learns what time it is.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Given,
    Read,
}

/// What one step showed.
struct Seen {
    limit: Duration,
    look: AdaptiveLook,
}

/// Runs a trace with instants given and with a clock that is read: it passes where both do.
pub fn run(config: &RawValue, claim: &Claim) -> Result<(), Failure> {
    let config: Config = serde_json::from_str(config.get())
        .map_err(|error| Failure::malformed(None, format!("config: {error}")))?;
    match claim {
        Claim::Refused(field) => refused(config.told(), field),
        Claim::Steps(steps) => {
            let steps = order::steps(steps, Step::read)?;
            let told = config.told().map_err(|error| {
                let (expected, seen) = ("an adaptive limit".into(), format!("an error: {error}"));
                Failure { step: None, what: What::Config(Mismatch { key: "config", expected, seen }) }
            })?;
            run_on(told, Manner::Given, &steps)?;
            run_on(told, Manner::Read, &steps)
        }
    }
}

/// The config must be refused, and the error must name the field.
fn refused(told: Result<Adapting, InvalidPolicy>, field: &str) -> Result<(), Failure> {
    let seen = match told {
        Err(error) if error.field() == field => return Ok(()),
        Err(error) => format!("\"{}\" ({error})", error.field()),
        Ok(_) => "an adaptive limit".into(),
    };
    let mismatch = Mismatch { key: "expect_error", expected: format!("\"{field}\""), seen };
    Err(Failure { step: None, what: What::Config(mismatch) })
}

fn run_on(told: Adapting, manner: Manner, steps: &[Step]) -> Result<(), Failure> {
    let limit = AdaptiveTimeout::with_parts(told, ManualClock::new(), ());
    for (number, step) in (1..).zip(steps) {
        let at = Instant::from_nanos(step.at);
        limit.clock().set(at);
        for _ in 0..step.repeat {
            operate(&limit, step.operation, manner, at);
            let mismatches = compare(&step.expect, &Seen { limit: limit.limit(), look: limit.look() });
            if !mismatches.is_empty() {
                let what = What::Seen { how: manner.to_string(), mismatches };
                return Err(Failure { step: Some(number), what });
            }
        }
    }
    Ok(())
}

fn operate(limit: &AdaptiveTimeout<ManualClock>, operation: Operation, manner: Manner, at: Instant) {
    match (operation, manner) {
        (Operation::Record { took }, Manner::Given) => limit.record_at(took, at),
        (Operation::Record { took }, Manner::Read) => limit.record(took),
        (Operation::TimedOut, Manner::Given) => limit.timed_out_at(at),
        (Operation::TimedOut, Manner::Read) => limit.timed_out(),
        (Operation::Look, _) => {}
    }
}

/// What was expected and is not so.
fn compare(expect: &Expect, seen: &Seen) -> Vec<Mismatch> {
    let mut so = Comparison::default();
    for (key, within, limit) in [
        ("limit", "limit_within", seen.limit),
        ("limit of the look", "limit_within of the look", seen.look.limit),
    ] {
        so.of(key, &expect.limit, Some(Span(limit)));
        so.within(within, &expect.limit_within, Some(Span(limit)));
    }
    so.end()
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "instants given",
            Self::Read => "clock read",
        })
    }
}
