//! Runs one `circuit_breaker` trace: does each step and puts what was seen beside what was expected.

use std::collections::HashMap;
use std::sync::Arc;

use fusebox::breaker::{
    CircuitBreaker, Counters, Counts, Event, FullPolicy, Policy, Rejected, Snapshot, Status,
};
use fusebox::time::{Instant, ManualClock};
use serde_json::value::RawValue;

use crate::format::{Claim, Expected, Span};
use crate::order;
use crate::verdict::{Comparison, Failure, Mismatch, What};

use self::log::Log;
use self::script::{Config, EventName, Expect, Operation, Outcome, Step};
use self::subject::{Hand, Manner, Subject};

mod log;
mod script;
mod subject;

type Plain = CircuitBreaker<Policy, Arc<ManualClock>, Arc<Log>, Counters>;
type Full = CircuitBreaker<FullPolicy, Arc<ManualClock>, Arc<Log>, Counters>;

/// Runs a trace in both manners and on every form of policy that can say its config: it passes where all do.
pub fn run(config: &RawValue, claim: &Claim) -> Result<(), Failure> {
    let config: Config = serde_json::from_str(config.get())
        .map_err(|error| Failure::malformed(None, format!("config: {error}")))?;
    let plain = subject::plain_can_say(&config);
    match claim {
        Claim::Refused(field) => {
            if plain {
                refused::<Plain>(&config, field)?;
            }
            refused::<Full>(&config, field)
        }
        Claim::Steps(steps) => {
            let steps = order::steps(steps, Step::read)?;
            for manner in [Manner::Given, Manner::Read] {
                if plain {
                    Run::<Plain>::of(&config, manner, &steps)?;
                }
                Run::<Full>::of(&config, manner, &steps)?;
            }
            Ok(())
        }
    }
}

/// The config must be refused, and the error must name the field.
fn refused<S: Subject>(config: &Config, field: &str) -> Result<(), Failure> {
    let built = S::make(config, Arc::default(), Arc::default());
    let seen = match built {
        Err(error) if error.field() == field => return Ok(()),
        Err(error) => format!("\"{}\" ({error}; {})", error.field(), S::FORM),
        Ok(_) => format!("a breaker ({})", S::FORM),
    };
    let mismatch = Mismatch { key: "expect_error", expected: format!("\"{field}\""), seen };
    Err(Failure { step: None, what: What::Config(mismatch) })
}

/// One trace on one breaker, and on those that are restored from it.
struct Run<'a, S: Subject> {
    config: &'a Config,
    manner: Manner,
    clock: Arc<ManualClock>,
    /// Where in the trace the clock of the present breaker starts.
    origin: u64,
    breaker: Arc<S>,
    log: Arc<Log>,
    held: HashMap<String, S::Held>,
    /// Permits of breakers that a restore has replaced: they end where they began.
    former: HashMap<String, S::Held>,
    snapshots: HashMap<String, Snapshot>,
}

/// What one operation showed, whatever it was.
struct Seen {
    answer: Option<Result<(), Rejected>>,
    status: Status,
    counts: Counts,
    events: Vec<Event>,
}

impl<'a, S: Subject> Run<'a, S> {
    fn of(config: &'a Config, manner: Manner, steps: &[Step]) -> Result<(), Failure> {
        let mut run = Self::new(config, manner)?;
        for (number, step) in (1..).zip(steps) {
            for _ in 0..step.repeat {
                let failed = |what| Failure { step: Some(number), what };
                let seen = run.step(step).map_err(|why| failed(What::Impossible(why)))?;
                let mismatches = compare(&step.expect, &seen);
                if !mismatches.is_empty() {
                    return Err(failed(What::Seen { how: format!("{}, {manner}", S::FORM), mismatches }));
                }
            }
        }
        Ok(())
    }

    fn new(config: &'a Config, manner: Manner) -> Result<Self, Failure> {
        let (clock, log) = (Arc::new(ManualClock::new()), Arc::new(Log::default()));
        let breaker = S::make(config, Arc::clone(&clock), Arc::clone(&log)).map_err(|error| {
            let (expected, seen) = ("a breaker".into(), format!("an error: {error}"));
            Failure { step: None, what: What::Config(Mismatch { key: "config", expected, seen }) }
        })?;
        let (held, former, snapshots) = (HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Self { config, manner, clock, origin: 0, breaker, log, held, former, snapshots })
    }

    /// Does one step and looks at what came of it.
    fn step(&mut self, step: &Step) -> Result<Seen, String> {
        self.set_clock(step.at);
        let answer = self.operate(&step.operation, step.at)?;
        let end = match &answer {
            Some(Err(_)) => step.at,
            _ => step.at.saturating_add(step.operation.lasts()),
        };
        let status = self.breaker.look(self.now(end));
        Ok(Seen { answer, status, counts: self.breaker.counts(), events: self.log.take() })
    }

    fn operate(&mut self, operation: &Operation, at: u64) -> Result<Option<Result<(), Rejected>>, String> {
        match operation {
            Operation::Look => {}
            Operation::Acquire { id } => return self.acquire(id.as_deref(), at).map(Some),
            Operation::Call { outcome, took } => return Ok(Some(self.call(*outcome, *took, at))),
            Operation::Complete { id, outcome } => S::complete(self.take(id)?, *outcome, self.now(at)),
            Operation::Drop { id } => drop(self.take(id)?),
            Operation::Panic { id } => subject::drop_in_panic(self.take(id)?),
            Operation::ForceOpen => self.breaker.by_hand(Hand::ForceOpen, self.now(at)),
            Operation::Disable => self.breaker.by_hand(Hand::Disable, self.now(at)),
            Operation::Reset => self.breaker.by_hand(Hand::Reset, self.now(at)),
            Operation::Snapshot { id, wall } => self.snapshot(id, *wall, at)?,
            Operation::Restore { id, wall } => self.restore(id, *wall, at)?,
        }
        Ok(None)
    }

    fn acquire(&mut self, id: Option<&str>, at: u64) -> Result<Result<(), Rejected>, String> {
        if let Some(id) = id.filter(|id| self.held.contains_key(*id)) {
            return Err(format!("the id \"{id}\" is held already"));
        }
        Ok(self.breaker.acquire(self.now(at)).map(|permit| {
            if let Some(id) = id {
                self.former.remove(id);
                self.held.insert(id.to_owned(), permit);
            }
        }))
    }

    /// A whole call: through the closure face where the clock is read, by a permit where instants are given.
    fn call(&self, outcome: Outcome, took: Span, at: u64) -> Result<(), Rejected> {
        let end = at.saturating_add(nanos(took));
        match self.manner {
            Manner::Read => self.breaker.call(outcome, || self.set_clock(end)),
            Manner::Given => {
                let permit = self.breaker.acquire(self.now(at))?;
                self.set_clock(end);
                S::complete(permit, outcome, self.now(end));
                Ok(())
            }
        }
    }

    fn take(&mut self, id: &str) -> Result<S::Held, String> {
        let held = self.held.remove(id).or_else(|| self.former.remove(id));
        held.ok_or_else(|| format!("no permit is held under \"{id}\""))
    }

    fn snapshot(&mut self, id: &str, wall: Span, at: u64) -> Result<(), String> {
        let snapshot = self.breaker.snapshot(self.instant(at), wall);
        match self.snapshots.insert(id.to_owned(), snapshot) {
            Some(_) => Err(format!("the snapshot \"{id}\" is taken already")),
            None => Ok(()),
        }
    }

    /// A new breaker takes the place of the old one, and its clock starts at this step.
    fn restore(&mut self, id: &str, wall: Span, at: u64) -> Result<(), String> {
        let mut next = Self::new(self.config, self.manner).map_err(|failure| failure.to_string())?;
        next.origin = at;
        let snapshot = self.snapshots.get(id).ok_or_else(|| format!("no snapshot is kept under \"{id}\""))?;
        next.breaker
            .restore(snapshot, next.instant(at), wall)
            .map_err(|error| format!("restore: {error}"))?;
        next.snapshots = core::mem::take(&mut self.snapshots);
        next.former = core::mem::take(&mut self.former);
        next.former.extend(self.held.drain());
        *self = next;
        Ok(())
    }

    fn instant(&self, at: u64) -> Instant {
        Instant::from_nanos(at.saturating_sub(self.origin))
    }

    /// The instant to give, in the manner that gives it.
    fn now(&self, at: u64) -> Option<Instant> {
        match self.manner {
            Manner::Given => Some(self.instant(at)),
            Manner::Read => None,
        }
    }

    /// Moves the clock, which a dropped permit reads in either manner.
    fn set_clock(&self, at: u64) {
        self.clock.set(self.instant(at));
    }
}

impl Operation {
    /// How much later than its beginning an operation ends.
    fn lasts(&self) -> u64 {
        match self {
            Self::Call { took, .. } => nanos(*took),
            _ => 0,
        }
    }
}

/// A span that the clock can show.
fn nanos(span: Span) -> u64 {
    span.instant().unwrap_or(u64::MAX)
}

/// The names of what was told; where nothing is to be told, none is nothing.
fn told_events(expect: &Expect, events: &[Event]) -> Option<Vec<EventName>> {
    let names = log::names(events);
    if names.is_empty() && expect.events == Expected::Nothing { None } else { Some(names) }
}

/// What was expected and is not so.
fn compare(expect: &Expect, seen: &Seen) -> Vec<Mismatch> {
    let Seen { answer, status, counts, events } = seen;
    let mut so = Comparison::default();
    so.of("permitted", &expect.permitted, answer.as_ref().map(Result::is_ok));
    so.of("state", &expect.state, Some(status.state.into()));
    so.of("retry_after", &expect.retry_after, status.retry_after.map(Span));
    so.of("open_for", &expect.open_for, status.open_for.map(Span));
    so.of("rejected_since_open", &expect.rejected_since_open, Some(counts.rejected_since_open));
    so.of("consecutive_failures", &expect.consecutive_failures, Some(status.consecutive_failures.into()));
    so.of("in_flight", &expect.in_flight, Some(status.in_flight.into()));
    so.of("late", &expect.late, Some(counts.late));
    so.of("cancelled", &expect.cancelled, Some(counts.cancelled));
    so.of("events", &expect.events, told_events(expect, events));
    so.of("outage", &expect.outage, log::outage(events).map(Span));
    if let Some(Err(rejected)) = answer {
        // A refusal tells by itself what a look would.
        so.of("state of the refusal", &expect.state, Some(rejected.state().into()));
        so.of("retry_after of the refusal", &expect.retry_after, rejected.retry_after().map(Span));
        so.of("open_for of the refusal", &expect.open_for, rejected.open_for().map(Span));
        so.of("rejections of the refusal", &expect.rejected_since_open, rejected.rejections());
    }
    so.end()
}
