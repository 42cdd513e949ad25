//! A call asks to be let through.

use fusebox::breaker::{Rejected, State, Why};

use super::spec::ONE;
use super::told::{Told, Wrong, ensure};
use super::{Climb, Model, Moment, Phase, Seen};

/// What the breaker answered.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    Admitted { generation: u16, is_probe: bool },
    Refused(Rejected),
}

/// A permit as the model remembers it.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    pub generation: u16,
    pub start: i128,
    pub holds: Holds,
}

/// What a permit feeds when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// The state that gave it.
    Place,
    /// Nothing: a disabled breaker lets everyone pass.
    Bypass,
    /// Nothing: a breaker in shadow would have refused it.
    Shadow,
}

impl Model {
    /// Checks the answer to an acquire; gives the permit, if there was one.
    pub fn acquire(&mut self, asked: Asked, seen: &Seen<'_>) -> Result<Option<Ticket>, Wrong> {
        let told = &mut Told::new(seen.events);
        if self.is_over(seen.now, seen.before.state) {
            self.settle(told)?;
        }
        let would_refuse = match asked {
            Asked::Refused(_) => true,
            Asked::Admitted { .. } => self.shadow && ends_in_would_reject(seen),
        };
        self.half_open_in_time(seen.now, would_refuse, told)?;
        let admits = self.admits(seen.now, !would_refuse)?;
        ensure!(
            admits != would_refuse,
            "should {} be admitted at {}",
            if admits { "" } else { "not" },
            seen.now
        );
        let ticket = match asked {
            Asked::Refused(refusal) => self.refused(&refusal, seen.now, told)?,
            Asked::Admitted { generation, is_probe } => {
                Some(self.admitted(generation, is_probe, admits, seen, told)?)
            }
        };
        core::mem::replace(told, Told::new(&[])).nothing_more()?;
        Ok(ticket)
    }

    /// An acquire at or after the end of Open begins the half-open state.
    fn half_open_in_time(&mut self, now: i128, refused: bool, told: &mut Told<'_>) -> Result<(), Wrong> {
        let Phase::Open { until } = self.phase else { return Ok(()) };
        if until.has_struck(now, !refused) {
            let at = Moment::exact(now);
            self.change(State::HalfOpen, &[Why::OpenElapsed], at, None, told)?;
            self.enter(Phase::HalfOpen { in_flight: 0, successes: 0 }, at);
        }
        Ok(())
    }

    /// Whether this call is let through; on a ramp any even spread may be, so `seen` is checked instead.
    fn admits(&mut self, now: i128, seen: bool) -> Result<bool, Wrong> {
        match &mut self.phase {
            Phase::Closed | Phase::Disabled => Ok(true),
            Phase::Open { .. } | Phase::ForcedOpen => Ok(false),
            Phase::HalfOpen { in_flight, .. } => Ok(*in_flight < self.spec.half_open_calls),
            Phase::Recovering(_) => {
                self.climb(now, seen)?;
                Ok(seen)
            }
        }
    }

    /// Of every 100 calls of a step its percent are admitted, evenly spread, the first one among them.
    fn climb(&mut self, now: i128, admitted: bool) -> Result<(), Wrong> {
        let ramp = self.spec.ramp.as_ref().expect("a ramp is climbed");
        let ended = |step: &i128| self.entered.deadline(ramp.step * step).first <= now;
        let step = (1..ramp.percents.len() as i128).take_while(ended).count();
        let Phase::Recovering(climb) = &mut self.phase else { unreachable!("a ramp is climbed") };
        // While the clock steps back, time stands still.
        if step > climb.step {
            *climb = Climb { step, unknown: self.entered.slack > 0, ..Climb::default() };
        }
        climb.calls += 1;
        climb.admitted += u64::from(admitted);
        if climb.unknown {
            return Ok(());
        }
        let (percent, hundred) = (u128::from(ramp.percents[climb.step]), u128::from(100 * ONE));
        let (due, given) = (u128::from(climb.calls) * percent, u128::from(climb.admitted) * hundred);
        ensure!(climb.calls > 1 || admitted, "the first call of a step is admitted");
        ensure!(given.abs_diff(due) < hundred, "{climb:?} is not evenly {percent} billionths of a percent");
        ensure!(
            climb.calls % 100 > 0 || given == due,
            "{climb:?} is not {percent} billionths of a percent of 100"
        );
        Ok(())
    }

    fn refused(
        &mut self,
        refusal: &Rejected,
        now: i128,
        told: &mut Told<'_>,
    ) -> Result<Option<Ticket>, Wrong> {
        ensure!(!self.shadow, "a breaker in shadow refuses nobody");
        self.tally.rejected += 1;
        self.rejections = self.rejections.map(|rejections| rejections + 1);
        self.check_refusal(refusal, now)?;
        let event = told.rejected()?;
        ensure!(event == *refusal, "the refusal {refusal:?} was told as {event:?}");
        Ok(None)
    }

    fn admitted(
        &mut self,
        generation: u16,
        is_probe: bool,
        holds_a_place: bool,
        seen: &Seen<'_>,
        told: &mut Told<'_>,
    ) -> Result<Ticket, Wrong> {
        self.tally.admitted += 1;
        ensure!(
            generation == self.generation,
            "the permit is of generation {generation}, not {}",
            self.generation
        );
        let mut holds = Holds::Place;
        if !holds_a_place {
            self.shadowed(seen.now, told)?;
            holds = Holds::Shadow;
        } else if let Phase::HalfOpen { in_flight, .. } = &mut self.phase {
            *in_flight += 1;
        } else if let Phase::Disabled = self.phase {
            holds = Holds::Bypass;
        }
        let probes = holds_a_place && self.state() == State::HalfOpen;
        ensure!(is_probe == probes, "is_probe is {is_probe} in {}", self.state());
        Ok(Ticket { generation, start: seen.now, holds })
    }

    /// A refusal that shadow turned into an admission.
    fn shadowed(&mut self, now: i128, told: &mut Told<'_>) -> Result<(), Wrong> {
        self.tally.would_reject += 1;
        // Whether what would have been rejected counts among the rejections is not said.
        self.rejections = None;
        let refusal = told.would_reject()?;
        self.check_refusal(&refusal, now)
    }
}

/// Whether the last thing told is that the call would have been refused.
fn ends_in_would_reject(seen: &Seen<'_>) -> bool {
    matches!(seen.events.last(), Some(fusebox::breaker::Event::WouldReject(_)))
}
