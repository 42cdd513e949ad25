//! Runs one `backpressure` trace: does each step and puts what was seen beside what was expected.

use std::collections::HashMap;
use std::sync::Arc;

use fusebox::InvalidPolicy;
use fusebox::pressure::{Capacity, Counters, Look, Priority, Refused};
use fusebox::time::Instant;
use serde_json::value::RawValue;

use crate::format::{Claim, Expected};
use crate::order;
use crate::verdict::{Comparison, Failure, Mismatch, What};

use self::script::{Config, Expect, Operation, Step};
use self::subject::{Count, Manner, Subject};

mod script;
mod subject;
#[cfg(test)]
mod tests;

/// Runs a trace on every way to hold a shedder: it passes where all do.
pub fn run(config: &RawValue, claim: &Claim) -> Result<(), Failure> {
    let config: Config = serde_json::from_str(config.get())
        .map_err(|error| Failure::malformed(None, format!("config: {error}")))?;
    match claim {
        Claim::Refused(field) => refused(config.told(), field),
        Claim::Steps(steps) => {
            let steps = order::steps(steps, Step::read)?;
            let capacity = config.told().map_err(|error| {
                let (expected, seen) = ("a shedder".into(), format!("an error: {error}"));
                Failure { step: None, what: What::Config(Mismatch { key: "config", expected, seen }) }
            })?;
            for manner in [Manner::Given, Manner::Read] {
                run_on::<()>(capacity, manner, &steps)?;
                run_on::<Counters>(capacity, manner, &steps)?;
            }
            Ok(())
        }
    }
}

/// The config must be refused, and the error must name the field.
fn refused(told: Result<Capacity, InvalidPolicy>, field: &str) -> Result<(), Failure> {
    let seen = match told {
        Err(error) if error.field() == field => return Ok(()),
        Err(error) => format!("\"{}\" ({error})", error.field()),
        Ok(_) => "a capacity".into(),
    };
    let mismatch = Mismatch { key: "expect_error", expected: format!("\"{field}\""), seen };
    Err(Failure { step: None, what: What::Config(mismatch) })
}

fn run_on<N: Count>(capacity: Capacity, manner: Manner, steps: &[Step]) -> Result<(), Failure> {
    Run::of(&subject::make::<N>(capacity), capacity, manner, steps)?;
    Run::of(Arc::new(subject::make::<N>(capacity)), capacity, manner, steps)
}

/// One trace on one shedder.
struct Run<S: Subject> {
    shedder: S,
    capacity: Capacity,
    manner: Manner,
    held: HashMap<String, S::Held>,
}

/// What one operation showed, whatever it was.
struct Seen {
    answer: Option<Result<(), Refused>>,
    look: Look,
    limit: Option<Limit>,
    /// Permits that are out, where it counts.
    counted: Option<u64>,
}

/// The limit of a priority, as the shedder says it and as its capacity does.
#[derive(Clone, Copy)]
struct Limit {
    now: u32,
    told: u32,
}

impl<S: Subject> Run<S> {
    fn of(shedder: S, capacity: Capacity, manner: Manner, steps: &[Step]) -> Result<(), Failure> {
        let mut run = Self { shedder, capacity, manner, held: HashMap::new() };
        for (number, step) in (1..).zip(steps) {
            for _ in 0..step.repeat {
                let failed = |what| Failure { step: Some(number), what };
                let seen = run.step(step).map_err(|why| failed(What::Impossible(why)))?;
                let mismatches = compare(&step.expect, &seen);
                if !mismatches.is_empty() {
                    let how = format!("{}, {}, {manner}", S::HOLD, S::Counters::NAME);
                    return Err(failed(What::Seen { how, mismatches }));
                }
            }
        }
        Ok(())
    }

    /// Does one step and looks at what came of it.
    fn step(&mut self, step: &Step) -> Result<Seen, String> {
        let at = Instant::from_nanos(step.at);
        self.shedder.clock().set(at);
        let now = match self.manner {
            Manner::Given => Some(at),
            Manner::Read => None,
        };
        let answer = self.operate(&step.operation, now)?;
        let limit = step
            .operation
            .priority()
            .map(|priority| Limit { now: self.shedder.limit(priority), told: self.capacity.limit(priority) });
        let counted = S::Counters::counts(&self.shedder).map(|counts| counts.in_flight());
        Ok(Seen { answer, look: self.shedder.look(), limit, counted })
    }

    fn operate(
        &mut self,
        operation: &Operation,
        now: Option<Instant>,
    ) -> Result<Option<Result<(), Refused>>, String> {
        match operation {
            Operation::Admit { priority, id } => return self.admit(*priority, id, now).map(Some),
            Operation::Release { id } => {
                let held = self.held.remove(id);
                S::release(held.ok_or_else(|| format!("no permit is held under \"{id}\""))?, now);
            }
            Operation::Close => self.shedder.close(),
            Operation::Look { .. } => {}
        }
        Ok(None)
    }

    fn admit(
        &mut self,
        priority: Priority,
        id: &str,
        now: Option<Instant>,
    ) -> Result<Result<(), Refused>, String> {
        if self.held.contains_key(id) {
            return Err(format!("the id \"{id}\" is held already"));
        }
        Ok(self.shedder.admit(priority, now).map(|permit| {
            self.held.insert(id.to_owned(), permit);
        }))
    }
}

/// What was expected and is not so.
fn compare(expect: &Expect, seen: &Seen) -> Vec<Mismatch> {
    let Seen { answer, look, limit, counted } = seen;
    let mut so = Comparison::default();
    so.of("admitted", &expect.admitted, answer.as_ref().map(Result::is_ok));
    so.of("depth", &expect.depth, Some(look.depth.into()));
    so.of("limit", &expect.limit, limit.map(|limit| limit.now.into()));
    so.of("limit of the capacity", &expect.limit, limit.map(|limit| limit.told.into()));
    so.of("closed", &expect.closed, Some(look.closed));
    if let Some(Err(refused)) = answer {
        // A refusal tells by itself what a look would.
        so.of("closed of the refusal", &expect.closed, Some(refused.is_closed()));
        match refused {
            Refused::Shed(shed) => {
                so.of("depth of the refusal", &expect.depth, Some(shed.depth.into()));
                so.of("limit of the refusal", &expect.limit, Some(shed.limit.into()));
            }
            Refused::Closed(closed) => {
                so.of("depth of the refusal", &expect.depth, Some(closed.depth.into()));
            }
            // Nobody here waits, so nobody can be late.
            _ => so.of("late", &Expected::Nothing, Some(false)),
        }
    }
    if let (Some(_), Expected::Is(_)) = (counted, &expect.depth) {
        so.of("depth as counted", &expect.depth, *counted);
    }
    so.end()
}
