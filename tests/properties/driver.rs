//! Does the same to a breaker and to the model, one step after another, and compares everything that can be
//! seen.

use std::sync::Arc;

use fusebox::time::{Instant, ManualClock};

use super::subject::{self, Held, How, Log, Subject};
use crate::model::spec::Spec;
use crate::model::{Asked, Gap, Hand, Model, Seen, Ticket};

/// What happens next, and how the time passes before it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub tick: Tick,
    /// The breaker reads its clock; else the instant is given.
    pub reads: bool,
    pub act: Act,
}

/// How time passes.
#[derive(Clone, Copy, Debug)]
pub enum Tick {
    Stay,
    By(u64),
    /// To one of the instants at which something changes by itself, and so many nanoseconds beside it.
    Beside {
        which: u8,
        offset: i64,
    },
    Back(u64),
    To(u64),
}

#[derive(Clone, Copy, Debug)]
pub enum Act {
    Acquire,
    Finish {
        which: u8,
        how: How,
    },
    /// A whole call.
    Call {
        took: u64,
        how: How,
    },
    Hand(Hand),
    Shadow(bool),
    /// A snapshot, and a new breaker from it: `wall` nanoseconds later by the wall clock (earlier where
    /// negative), whose own clock then shows `clock`.
    Restore {
        wall: i64,
        clock: u64,
    },
    /// A look at another instant, which changes nothing.
    Look {
        ahead: u64,
    },
}

/// Where the wall clock stands in every snapshot.
const WALL: i128 = 1_700_000_000_000_000_000;

pub struct Driver {
    spec: Spec,
    plain: bool,
    clock: Arc<ManualClock>,
    log: Arc<Log>,
    breaker: Box<dyn Subject>,
    model: Model,
    held: Vec<(Box<dyn Held>, Ticket)>,
    now: i128,
}

impl Driver {
    pub fn new(spec: &Spec, plain: bool) -> Self {
        let (clock, log) = (Arc::new(ManualClock::new()), Arc::new(Log::default()));
        let breaker = subject::make(spec, plain, &clock, &log);
        let model = Model::new(spec.clone(), &breaker.look(Instant::ORIGIN));
        Self { spec: spec.clone(), plain, clock, log, breaker, model, held: Vec::new(), now: 0 }
    }

    /// Does every step; says at which one the breaker was not as the model, and how.
    pub fn run(mut self, steps: &[Step]) -> Result<(), String> {
        for (number, step) in steps.iter().enumerate() {
            self.step(*step).map_err(|wrong| {
                format!("step {number} {step:?} at {} ns: {wrong}\nthe model is {:?}", self.now, self.model)
            })?;
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        self.pass(step.tick);
        match step.act {
            Act::Acquire => self.acquire(step.reads).map(|_| ())?,
            Act::Finish { which, how } if !self.held.is_empty() => {
                self.finish(usize::from(which) % self.held.len(), how, step.reads)?;
            }
            Act::Finish { .. } => {}
            Act::Call { took, how } => {
                if self.acquire(step.reads)? {
                    self.pass(Tick::By(took));
                    self.finish(self.held.len() - 1, how, step.reads)?;
                }
            }
            Act::Hand(hand) => self.by_hand(hand, step.reads)?,
            Act::Shadow(on) => {
                self.breaker.set_shadow(on);
                self.model.set_shadow(on);
            }
            Act::Restore { wall, clock } => self.restore(i128::from(wall), clock)?,
            Act::Look { ahead } => {
                let there = (self.now + i128::from(ahead)).min(i128::from(u64::MAX));
                self.model.check_look(there, &self.breaker.look(instant(there)))?;
            }
        }
        self.compare()
    }

    fn pass(&mut self, tick: Tick) {
        let to = match tick {
            Tick::Stay => self.now,
            Tick::By(nanos) => self.now + i128::from(nanos),
            Tick::Back(nanos) => self.now - i128::from(nanos),
            Tick::To(nanos) => i128::from(nanos),
            Tick::Beside { which, offset } => {
                let deadlines = self.model.deadlines();
                let deadline = deadlines.get(usize::from(which) % deadlines.len().max(1));
                // Time passes: what is behind is not gone back to.
                deadline.map_or(self.now, |deadline| (deadline + i128::from(offset)).max(self.now))
            }
        };
        self.now = to.clamp(0, i128::from(u64::MAX));
        self.clock.set(instant(self.now));
    }

    fn given(&self, reads: bool) -> Option<Instant> {
        if reads { None } else { Some(instant(self.now)) }
    }

    fn acquire(&mut self, reads: bool) -> Result<bool, String> {
        let before = self.breaker.look(instant(self.now));
        let answer = self.breaker.acquire(self.given(reads));
        let events = self.log.take();
        let seen = Seen { now: self.now, events: &events, before: &before };
        let asked = match &answer {
            Ok(held) => Asked::Admitted { generation: held.generation(), is_probe: held.is_probe() },
            Err(refusal) => Asked::Refused(*refusal),
        };
        let ticket = self.model.acquire(asked, &seen)?;
        if let (Ok(held), Some(ticket)) = (answer, ticket) {
            self.held.push((held, ticket));
            return Ok(true);
        }
        Ok(false)
    }

    fn finish(&mut self, which: usize, how: How, reads: bool) -> Result<(), String> {
        let before = self.breaker.look(instant(self.now));
        let (held, ticket) = self.held.swap_remove(which);
        held.finish(how, self.given(reads));
        let events = self.log.take();
        self.model.finish(ticket, how.finish(), &Seen { now: self.now, events: &events, before: &before })
    }

    fn by_hand(&mut self, hand: Hand, reads: bool) -> Result<(), String> {
        let before = self.breaker.look(instant(self.now));
        self.breaker.by_hand(hand, self.given(reads));
        let events = self.log.take();
        self.model.by_hand(hand, &Seen { now: self.now, events: &events, before: &before })
    }

    fn restore(&mut self, wall: i128, clock: u64) -> Result<(), String> {
        let snapshot = self.breaker.snapshot(instant(self.now), subject::duration(WALL));
        let mut next = Self::new(&self.spec, self.plain);
        next.now = i128::from(clock);
        next.clock.set(instant(next.now));
        let later = subject::duration((WALL + wall).max(0));
        next.breaker
            .restore(&snapshot, instant(next.now), later)
            .map_err(|error| format!("restore: {error}"))?;
        let gap = Gap { taken: self.now, passed: wall.max(0), restored: next.now };
        let status = next.breaker.look(instant(next.now));
        next.model = self.model.restored(gap, &status, &next.log.take())?;
        *self = next;
        Ok(())
    }

    /// Everything that can be seen without doing anything.
    fn compare(&mut self) -> Result<(), String> {
        self.model.check_look(self.now, &self.breaker.look(instant(self.now)))?;
        self.model.check_counts(&self.breaker.counts(), self.in_flight())?;
        match self.log.take().as_slice() {
            [] => Ok(()),
            told => Err(format!("looking told {told:?}")),
        }
    }

    /// Permits that have yet to be counted as something.
    fn in_flight(&self) -> u64 {
        self.held.len() as u64
    }
}

/// An instant of the breaker's clock.
pub fn instant(nanos: i128) -> Instant {
    Instant::from_nanos(u64::try_from(nanos).expect("the driver stays on the clock"))
}
