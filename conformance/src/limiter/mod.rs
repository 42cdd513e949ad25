//! Runs one `rate_limiter` or `keyed_rate_limiter` trace: does each step and puts what was seen beside what was expected.

use std::sync::Arc;

use fusebox::limiter::{Allowed, Decision, Level, Refused, Reservation};
use fusebox::time::{Instant, ManualClock};
use fusebox::{InvalidPolicy, limiter};
use serde_json::value::RawValue;

use crate::format::{Claim, Expected, Span};
use crate::order;
use crate::verdict::{Comparison, Failure, Mismatch, What};

use self::script::{Config, Expect, KeyedConfig, Kind, Operation, Step};
use self::subject::{Make, Subject};

mod script;
mod subject;
#[cfg(test)]
mod tests;

/// Runs a trace of `rate_limiter`, on every form of limiter that can say its config.
pub fn run(config: &RawValue, claim: &Claim) -> Result<(), Failure> {
    let config: Config = read(config)?;
    config.agrees().map_err(|why| Failure::malformed(None, why))?;
    run_on(&subject::forms(&config), Kind::Plain, claim)
}

/// Runs a trace of `keyed_rate_limiter`.
pub fn run_keyed(config: &RawValue, claim: &Claim) -> Result<(), Failure> {
    let config: KeyedConfig = read(config)?;
    run_on(&subject::keyed(&config), Kind::Keyed, claim)
}

fn read<'de, T: serde::Deserialize<'de>>(config: &'de RawValue) -> Result<T, Failure> {
    serde_json::from_str(config.get()).map_err(|error| Failure::malformed(None, format!("config: {error}")))
}

/// In both manners on every form: it passes where all do.
fn run_on(forms: &[Make<'_>], kind: Kind, claim: &Claim) -> Result<(), Failure> {
    match claim {
        Claim::Refused(field) => forms.iter().try_for_each(|make| refused(make, field)),
        Claim::Steps(steps) => {
            let steps = order::steps(steps, |text| Step::read(text, kind))?;
            for make in forms {
                for manner in [Manner::Given, Manner::Read] {
                    Run::of(make, manner, &steps)?;
                }
            }
            Ok(())
        }
    }
}

/// The config must be refused, and the error must name the field.
fn refused(make: &Make<'_>, field: &str) -> Result<(), Failure> {
    let seen = match make(Arc::default()) {
        Err(error) if error.field() == field => return Ok(()),
        Err(error) => format!("\"{}\" ({error})", error.field()),
        Ok(limiter) => format!("a limiter ({})", limiter.form()),
    };
    let mismatch = Mismatch { key: "expect_error", expected: format!("\"{field}\""), seen };
    Err(Failure { step: None, what: What::Config(mismatch) })
}

/// How the limiter learns the time.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Each call is given its instant; the clock stands at its origin.
    Given,
    /// It reads its clock.
    Read,
}

/// One trace on one limiter.
struct Run {
    limiter: Box<dyn Subject>,
    manner: Manner,
    clock: Arc<ManualClock>,
    /// Cells admitted so far.
    admitted: u64,
}

/// What one operation showed, whatever it was.
struct Seen {
    answer: Answer,
    level: Level,
    admitted: u64,
    counted: Option<u64>,
    evictions: Option<u64>,
}

/// What a limiter said.
enum Answer {
    Looked,
    Checked(Decision),
    Reserved(Result<Reservation, Refused>),
}

impl Run {
    fn of(make: &Make<'_>, manner: Manner, steps: &[Step]) -> Result<(), Failure> {
        let mut run = Self::new(make, manner).map_err(|error| {
            let (expected, seen) = ("a limiter".into(), format!("an error: {error}"));
            Failure { step: None, what: What::Config(Mismatch { key: "config", expected, seen }) }
        })?;
        for (number, step) in (1..).zip(steps) {
            for _ in 0..step.repeat {
                let mismatches = compare(&step.expect, &run.step(step));
                if !mismatches.is_empty() {
                    let how = format!("{}, its instants {manner:?}", run.limiter.form()).to_lowercase();
                    return Err(Failure { step: Some(number), what: What::Seen { how, mismatches } });
                }
            }
        }
        Ok(())
    }

    fn new(make: &Make<'_>, manner: Manner) -> Result<Self, InvalidPolicy> {
        let clock = Arc::new(ManualClock::new());
        Ok(Self { limiter: make(Arc::clone(&clock))?, manner, clock, admitted: 0 })
    }

    /// Does one step and looks at what came of it.
    fn step(&mut self, step: &Step) -> Seen {
        let now = self.now(step.at);
        let (key, limiter) = (step.key.as_str(), &self.limiter);
        let answer = match step.operation {
            Operation::Look => Answer::Looked,
            Operation::Check { n } => Answer::Checked(limiter.check(key, n, now)),
            Operation::Reserve { n, longest } => Answer::Reserved(limiter.reserve(n, longest.0, now)),
        };
        let level = limiter.look(key, now);
        let (counted, evictions) = (limiter.counted(), limiter.evictions());
        if answer.is_allowed() == Some(true) {
            self.admitted += u64::from(step.operation.cells());
        }
        Seen { answer, level, admitted: self.admitted, counted, evictions }
    }

    /// The instant to give, in the manner that gives it; else the clock shows it.
    fn now(&self, at: u64) -> Option<Instant> {
        let at = Instant::from_nanos(at);
        match self.manner {
            Manner::Given => Some(at),
            Manner::Read => {
                self.clock.set(at);
                None
            }
        }
    }
}

impl Answer {
    fn is_allowed(&self) -> Option<bool> {
        match self {
            Self::Looked => None,
            Self::Checked(decision) => Some(decision.is_allowed()),
            Self::Reserved(reserved) => Some(reserved.is_ok()),
        }
    }

    fn never_fits(&self) -> Option<bool> {
        match self {
            Self::Looked => None,
            Self::Checked(decision) => Some(matches!(decision, Decision::NeverFits(_))),
            Self::Reserved(reserved) => Some(matches!(reserved, Err(Refused::NeverFits(_)))),
        }
    }

    fn retry_after(&self) -> Option<Span> {
        match self {
            Self::Looked | Self::Reserved(Ok(_)) => None,
            Self::Checked(decision) => decision.retry_after(),
            Self::Reserved(Err(refused)) => refused.retry_after(),
        }
        .map(Span)
    }

    fn wait(&self) -> Option<Span> {
        match self {
            Self::Reserved(Ok(reservation)) => Some(Span(reservation.wait())),
            Self::Looked | Self::Checked(_) | Self::Reserved(Err(_)) => None,
        }
    }

    /// The admission, where it tells more than of a lease.
    fn allowed(&self) -> Option<&Allowed> {
        match self {
            Self::Checked(Decision::Allowed(allowed)) => Some(allowed).filter(|it| it.full_in().is_some()),
            _ => None,
        }
    }
}

/// What was expected and is not so.
fn compare(expect: &Expect, seen: &Seen) -> Vec<Mismatch> {
    let Seen { answer, level, admitted, counted, evictions } = seen;
    let mut so = Comparison::default();
    so.of("allowed", &expect.allowed, answer.is_allowed());
    so.of("never_fits", &expect.never_fits, answer.never_fits());
    so.of("retry_after", &expect.retry_after, answer.retry_after());
    so.of("wait", &expect.wait, answer.wait());
    so.of("remaining", &expect.remaining, Some(level.remaining().into()));
    so.of("full_in", &expect.full_in, Some(Span(level.full_in())));
    so.of("admitted_total", &expect.admitted_total, Some(*admitted));
    so.of("evictions", &expect.evictions, *evictions);
    so.at_most("evictions_at_most", &expect.evictions_at_most, *evictions);
    if let Some(allowed) = answer.allowed() {
        // An admission tells by itself what a look would.
        so.of("remaining of the admission", &expect.remaining, Some(allowed.remaining().into()));
        so.of("full_in of the admission", &expect.full_in, allowed.full_in().map(Span));
    }
    if let (Some(_), Expected::Is(_)) = (counted, &expect.admitted_total) {
        so.of("admitted_total as counted", &expect.admitted_total, *counted);
    }
    so.end()
}

/// A quota of these numbers.
fn quota(rate: u32, period: Span, burst: u32) -> Result<limiter::Quota, InvalidPolicy> {
    limiter::Quota::with_period(rate, period.0).burst(burst).build()
}
