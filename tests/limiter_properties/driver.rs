//! Asks the same of a limiter and of the model, one step after another, and compares everything that can be seen.

use fusebox::limiter::{Decision, Level};

use super::model::{Model, Record, Spec};
use super::strategies::Cells;
use super::subject::Subject;

/// What is asked next, and how the time passes before it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub tick: Tick,
    pub cells: Cells,
}

/// How time passes.
#[derive(Clone, Copy, Debug)]
pub enum Tick {
    Stay,
    By(u64),
    /// By so many thousandths of an interval, and some nanoseconds beside.
    Intervals {
        thousandths: u32,
        beside: i8,
    },
    /// As long as the last denial said, and some nanoseconds beside.
    AsTold {
        beside: i8,
    },
    /// Until it is full, and some nanoseconds beside.
    Full {
        beside: i8,
    },
    Back(u64),
    To(u64),
}

/// A clock that does what it is told.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    pub now: u64,
    /// What the last denial said.
    pub told: u64,
}

impl Time {
    pub fn starting_at(now: u64) -> Self {
        Self { now, told: 0 }
    }

    pub fn pass(&mut self, tick: Tick, spec: &Spec, full_in: u64) {
        let ahead = |nanos: u64, beside: i8| {
            self.now.saturating_add(nanos).saturating_add_signed(beside.into()).max(self.now)
        };
        self.now = match tick {
            Tick::Stay => self.now,
            Tick::By(nanos) => self.now.saturating_add(nanos),
            Tick::Intervals { thousandths, beside } => {
                let (p, q) = spec.interval();
                let nanos = p * i128::from(thousandths) / (q * 1_000);
                ahead(u64::try_from(nanos).unwrap_or(u64::MAX), beside)
            }
            Tick::AsTold { beside } => ahead(self.told, beside),
            Tick::Full { beside } => ahead(full_in, beside),
            Tick::Back(nanos) => self.now.saturating_sub(nanos),
            Tick::To(now) => now,
        };
    }

    /// Keeps what a denial said.
    pub fn note(&mut self, decision: &Decision) {
        if let Some(wait) = decision.retry_after() {
            self.told = nanos(wait);
        }
    }
}

pub fn nanos(duration: core::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Does every step; gives what was admitted. Says at which one the limiter was not as the model, and how.
pub fn run<S: Subject + ?Sized>(
    spec: &Spec,
    subject: &mut S,
    model: &mut Model,
    start: u64,
    steps: &[Step],
) -> Result<Record, String> {
    let (mut record, mut time) = (Record::default(), Time::starting_at(start));
    for (number, step) in steps.iter().enumerate() {
        time.pass(step.tick, spec, nanos(subject.level(time.now).full_in()));
        let (n, now) = (step.cells.of(spec.burst), time.now);
        let decision = subject.check(n, now);
        time.note(&decision);
        record.add(now, if decision.is_allowed() { n } else { 0 });
        agrees(spec, model, &decision, n, now)
            .and_then(|()| level_agrees(model, subject.level(now), now))
            .map_err(|wrong| {
                format!("step {number} {step:?}, {n} cells at {now} ns: {wrong}\n{decision:?}\n{model:?}")
            })?;
    }
    Ok(record)
}

/// The decision is one that the model allows, and tells what it may; the model goes on from it.
pub fn agrees(spec: &Spec, model: &mut Model, decision: &Decision, n: u32, now: u64) -> Result<(), String> {
    if (n > spec.burst) != matches!(decision, Decision::NeverFits(_)) {
        return Err(format!("{n} cells of {}", spec.burst));
    }
    let choice = model.choice(n, now);
    match decision {
        Decision::NeverFits(never) => {
            same("asked and burst", (never.asked(), never.burst()), (n, spec.burst))
        }
        Decision::Denied(_) if choice.must_admit => Err("denied what is there".into()),
        Decision::Denied(denied) if choice.fits => {
            let (least, most) = model.retry_after(n, now);
            between("retry_after", denied.retry_after().as_nanos(), least, most)
        }
        Decision::Denied(denied) => between("retry_after", denied.retry_after().as_nanos(), 1, u128::MAX),
        Decision::Allowed(_) if !choice.may_admit => Err("admitted early".into()),
        Decision::Allowed(allowed) => {
            model.took(n, now);
            let (least, most) = model.remaining(now);
            between("remaining of the admission", allowed.remaining().into(), least.into(), most.into())?;
            let full_in = allowed.full_in().ok_or("no lease tells nothing of time")?;
            let (least, most) = model.full_in(now);
            between("full_in of the admission", full_in.as_nanos(), least, most)
        }
    }
}

/// The level tells what it may.
pub fn level_agrees(model: &Model, level: Level, now: u64) -> Result<(), String> {
    let (least, most) = model.remaining(now);
    between("remaining", level.remaining().into(), least.into(), most.into())?;
    let (least, most) = model.full_in(now);
    between("full_in", level.full_in().as_nanos(), least, most)
}

pub fn between(what: &str, seen: u128, least: u128, most: u128) -> Result<(), String> {
    if (least..=most).contains(&seen) {
        return Ok(());
    }
    Err(format!("{what}: {seen}, which is not from {least} to {most}"))
}

pub fn same<T: PartialEq + core::fmt::Debug>(what: &str, seen: T, expected: T) -> Result<(), String> {
    if seen == expected { Ok(()) } else { Err(format!("{what}: {seen:?}, which is not {expected:?}")) }
}
