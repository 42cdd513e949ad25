//! Runs one `retry_budget` trace: does each step and puts what was seen beside what was expected.

use fusebox::InvalidPolicy;
use fusebox::retry::{Allowed, BudgetLook, NoToken};
use fusebox::time::Instant;
use serde_json::value::RawValue;

use crate::format::{Claim, Expected};
use crate::order;
use crate::verdict::{Comparison, Failure, Mismatch, What};

use self::script::{Config, Expect, Operation, Step, Tokens};
use self::subject::{Called, Given, Read, Subject};

mod script;
mod subject;
#[cfg(test)]
mod tests;

/// Runs a trace on every way to use a budget: it passes where all do.
pub fn run(config: &RawValue, claim: &Claim) -> Result<(), Failure> {
    let config: Config = serde_json::from_str(config.get())
        .map_err(|error| Failure::malformed(None, format!("config: {error}")))?;
    match claim {
        Claim::Refused(field) => refused(config.told(), field),
        Claim::Steps(steps) => {
            let steps = order::steps(steps, Step::read)?;
            let allowed = config.told().map_err(|error| {
                let (expected, seen) = ("a budget".into(), format!("an error: {error}"));
                Failure { step: None, what: What::Config(Mismatch { key: "config", expected, seen }) }
            })?;
            run_on::<Given>(allowed, &steps)?;
            run_on::<Read>(allowed, &steps)?;
            run_on::<Called>(allowed, &steps)
        }
    }
}

/// The config must be refused, and the error must name the field.
fn refused(told: Result<Allowed, InvalidPolicy>, field: &str) -> Result<(), Failure> {
    let seen = match told {
        Err(error) if error.field() == field => return Ok(()),
        Err(error) => format!("\"{}\" ({error})", error.field()),
        Ok(_) => "a budget".into(),
    };
    let mismatch = Mismatch { key: "expect_error", expected: format!("\"{field}\""), seen };
    Err(Failure { step: None, what: What::Config(mismatch) })
}

/// What one operation showed, whatever it was.
struct Seen {
    granted: Option<bool>,
    refusal: Option<NoToken>,
    look: BudgetLook,
    /// Refusals that an observer was told of.
    told: u64,
}

fn run_on<S: Subject>(allowed: Allowed, steps: &[Step]) -> Result<(), Failure> {
    let budget = S::of(allowed);
    for (number, step) in (1..).zip(steps) {
        let now = Instant::from_nanos(step.at);
        for _ in 0..step.repeat {
            let retry = match step.operation {
                Operation::Deposit => {
                    budget.deposit(now);
                    None
                }
                Operation::Retry => Some(budget.retry(now)),
                Operation::Look => None,
            };
            let seen = Seen {
                granted: retry.map(|(granted, _)| granted),
                refusal: retry.and_then(|(_, refusal)| refusal),
                look: budget.look(now),
                told: budget.told(),
            };
            let mismatches = compare(&step.expect, &seen);
            if !mismatches.is_empty() {
                let what = What::Seen { how: S::NAME.into(), mismatches };
                return Err(Failure { step: Some(number), what });
            }
        }
    }
    Ok(())
}

/// What was expected and is not so.
fn compare(expect: &Expect, seen: &Seen) -> Vec<Mismatch> {
    let Seen { granted, refusal, look, told } = seen;
    let mut so = Comparison::default();
    so.of("granted", &expect.granted, *granted);
    so.of("balance", &expect.balance, Some(Tokens(look.balance)));
    so.of("refused", &expect.refused, Some(look.refused));
    if let Some(refusal) = refusal {
        // A refusal tells by itself what a look would.
        so.of("balance of the refusal", &Expected::Is(Tokens(look.balance)), Some(Tokens(refusal.balance)));
        so.of("refused of the refusal", &Expected::Is(look.refused), Some(refusal.refused));
    }
    so.of("refusals told of", &Expected::Is(look.refused), Some(*told));
    so.end()
}
