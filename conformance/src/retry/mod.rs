//! Runs one `retry` trace: each step is a call of its own, and what was seen is put beside what was expected.

use core::time::Duration;

use fusebox::InvalidPolicy;
use fusebox::retry::Policy;
use serde_json::value::RawValue;

use crate::format::{Claim, Expected, Span};
use crate::order;
use crate::verdict::{Comparison, Failure, Mismatch, What, Words};

use self::script::{Config, Ended, Expect, Step};
use self::subject::{Driver, Seen};

mod script;
mod subject;
#[cfg(test)]
mod tests;

/// Runs a trace with every way to drive retries: it passes where all do.
pub fn run(config: &RawValue, claim: &Claim) -> Result<(), Failure> {
    let malformed = |why: String| Failure::malformed(None, format!("config: {why}"));
    let config: Config = serde_json::from_str(config.get()).map_err(|error| malformed(error.to_string()))?;
    let told = config.told().map_err(malformed)?;
    match claim {
        Claim::Refused(field) => refused(told, field),
        Claim::Steps(steps) => {
            let steps = order::steps(steps, Step::read)?;
            let policy = told.map_err(|error| {
                let (expected, seen) = ("a policy".into(), format!("an error: {error}"));
                Failure { step: None, what: What::Config(Mismatch { key: "config", expected, seen }) }
            })?;
            Driver::ALL.into_iter().try_for_each(|driver| run_on(policy, driver, &steps))
        }
    }
}

/// The config must be refused, and the error must name the field.
fn refused(told: Result<Policy, InvalidPolicy>, field: &str) -> Result<(), Failure> {
    let seen = match told {
        Err(error) if error.field() == field => return Ok(()),
        Err(error) => format!("\"{}\" ({error})", error.field()),
        Ok(_) => "a policy".into(),
    };
    let mismatch = Mismatch { key: "expect_error", expected: format!("\"{field}\""), seen };
    Err(Failure { step: None, what: What::Config(mismatch) })
}

/// Each repetition runs twice: with a seed of its own, and with the system's entropy.
fn run_on(policy: Policy, driver: Driver, steps: &[Step]) -> Result<(), Failure> {
    for (number, step) in (1..).zip(steps) {
        for seed in (0..step.repeat).flat_map(|seed| [Some(seed), None]) {
            let failed = |what| Failure { step: Some(number), what };
            let seen = subject::run(driver, policy, seed, step)
                .map_err(|why| failed(What::Impossible(format!("{why} ({driver})"))))?;
            let mismatches = compare(&step.expect, &seen);
            if !mismatches.is_empty() {
                let drawn = seed.map_or_else(|| "the system's entropy".into(), |seed| format!("seed {seed}"));
                return Err(failed(What::Seen { how: format!("{driver}, {drawn}"), mismatches }));
            }
        }
    }
    Ok(())
}

/// What was expected and is not so.
fn compare(expect: &Expect, seen: &Seen) -> Vec<Mismatch> {
    let Seen { result, attempts, waited, stopped, calls, delays, told } = seen;
    let spans = |delays: &[Duration]| delays.iter().copied().map(Span).collect::<Vec<_>>();
    let mut so = Comparison::default();
    so.of("attempts", &expect.attempts, Some(u64::from(*attempts)));
    so.of("result", &expect.result, Some(if result.is_ok() { Ended::Ok } else { Ended::Error }));
    so.of("stopped", &expect.stopped, Some((*stopped).into()));
    so.of("delays", &expect.delays, Some(spans(delays)));
    within(&mut so, &expect.delays_within, &spans(delays));
    // A run that contradicts itself is wrong whatever was expected.
    so.of("calls made", &Expected::Is(u64::from(*attempts)), Some(u64::from(*calls)));
    so.of("delays told of", &Expected::Is(spans(delays)), Some(spans(told)));
    so.of("waited in all", &Expected::Is(Span(sum(delays))), Some(Span(*waited)));
    so.end()
}

/// All of it, on a clock of 64 bits.
fn sum(delays: &[Duration]) -> Duration {
    delays.iter().fold(Duration::ZERO, |sum, delay| (sum + *delay).min(Duration::from_nanos(u64::MAX)))
}

/// As many delays as pairs, each between its two, both included.
fn within(so: &mut Comparison, expected: &Expected<Vec<(Span, Span)>>, seen: &[Span]) {
    match expected {
        Expected::Anything => {}
        Expected::Nothing => so.differs("delays_within", "null".into(), seen.to_vec().words()),
        Expected::Is(bounds) => {
            let holds = bounds.len() == seen.len()
                && bounds.iter().zip(seen).all(|((low, high), delay)| (low..=high).contains(&delay));
            if !holds {
                so.differs("delays_within", bounds.words(), seen.to_vec().words());
            }
        }
    }
}
