//! A call ends, with an outcome or without one.

use fusebox::breaker::{FailureKind, State, Why};

use super::spec::{Slow, Trip};
use super::told::{Told, Wrong, ensure};
use super::window::{Judgement, Rates};
use super::{Climb, Holds, Model, Moment, Phase, Seen, Ticket};

/// How a permit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Success,
    Failure(FailureKind),
    Ignored,
    Cancelled,
}

/// An outcome with its latency looked at.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    failure: Option<FailureKind>,
    slow: bool,
}

impl Model {
    /// Checks what the end of a permit did.
    pub fn finish(&mut self, ticket: Ticket, finish: Finish, seen: &Seen<'_>) -> Result<(), Wrong> {
        let mut told = Told::new(seen.events);
        let is_old = ticket.generation != self.generation;
        match ticket.holds {
            Holds::Bypass if is_old => self.tally.late += 1,
            Holds::Bypass => self.tally.bypassed += 1,
            Holds::Shadow => self.tally.shadowed += 1,
            Holds::Place => self.end_place(ticket, finish, seen, &mut told)?,
        }
        told.nothing_more()
    }

    fn end_place(
        &mut self,
        ticket: Ticket,
        finish: Finish,
        seen: &Seen<'_>,
        told: &mut Told<'_>,
    ) -> Result<(), Wrong> {
        let is_over = self.is_over(seen.now, seen.before.state);
        if is_over && told.peek().is_some() {
            // Who ends a permit may find that the state is over, and then tells so; or may leave it to
            // others.
            self.settle(told)?;
        }
        if is_over || ticket.generation != self.generation {
            self.tally.late += 1;
            return Ok(());
        }
        self.take_in(ticket, finish, seen.now, told)
    }

    /// The outcome of the generation that lives.
    fn take_in(
        &mut self,
        ticket: Ticket,
        finish: Finish,
        now: i128,
        told: &mut Told<'_>,
    ) -> Result<(), Wrong> {
        match finish {
            Finish::Ignored => self.tally.ignored += 1,
            Finish::Cancelled => self.tally.cancelled += 1,
            Finish::Success | Finish::Failure(_) => return self.judge(ticket, finish, now, told),
        }
        if let Phase::HalfOpen { in_flight, .. } = &mut self.phase {
            *in_flight -= 1;
        }
        Ok(())
    }

    fn judge(&mut self, ticket: Ticket, finish: Finish, now: i128, told: &mut Told<'_>) -> Result<(), Wrong> {
        let outcome = self.classify(finish, now - ticket.start);
        self.count(outcome.failure);
        let at = self.when(ticket.start, now, told);
        match self.phase {
            Phase::Closed => self.record(outcome, now, at, told),
            Phase::HalfOpen { .. } => self.probed(outcome.failure, at, told),
            Phase::Recovering(_) => match outcome.failure {
                Some(kind) => self.fail_back(kind, Why::RampFailed, at, told),
                None => Ok(()),
            },
            Phase::Open { .. } | Phase::ForcedOpen | Phase::Disabled => {
                Err("no permit that holds a place is of this generation".into())
            }
        }
    }

    /// When the outcome takes effect. A clock that went back may be taken to have stood still since the state
    /// was entered, or since the call began; what was told says which.
    fn when(&self, start: i128, now: i128, told: &Told<'_>) -> Moment {
        let candidates = [self.entered.at, self.stamped, self.stamped.max(start)].map(|since| now.max(since));
        Moment::exact(told.nearest(candidates))
    }

    fn classify(&self, finish: Finish, latency: i128) -> Outcome {
        let slow = self.spec.slow.is_some_and(|slow| latency > slow.limit());
        let failure = match (finish, self.spec.slow) {
            (Finish::Failure(kind), _) => Some(kind),
            (_, Some(Slow::AsFailure { .. })) if slow => Some(FailureKind::Slow),
            _ => None,
        };
        Outcome { failure, slow }
    }

    fn count(&mut self, failure: Option<FailureKind>) {
        match failure {
            None => self.tally.succeeded += 1,
            Some(FailureKind::Error) => self.tally.errors += 1,
            Some(FailureKind::Slow) => self.tally.slow += 1,
            Some(FailureKind::Timeout) => self.tally.timeouts += 1,
            Some(FailureKind::Panic) => self.tally.panics += 1,
        }
    }

    fn record(&mut self, outcome: Outcome, now: i128, at: Moment, told: &mut Told<'_>) -> Result<(), Wrong> {
        match self.spec.trip {
            Trip::Row(threshold) => self.lengthen(outcome.failure, threshold, at, told),
            Trip::Rate { percent, window, minimum } => {
                self.window.push(now, outcome.failure.is_some(), outcome.slow, window);
                let rates = Rates { percent, slow: self.spec.slow, window, minimum };
                self.evaluate(outcome, rates, at, told)
            }
        }
    }

    /// n failures in a row open it; the last two before that are warned of.
    fn lengthen(
        &mut self,
        failure: Option<FailureKind>,
        threshold: u32,
        at: Moment,
        told: &mut Told<'_>,
    ) -> Result<(), Wrong> {
        let Some(kind) = failure else {
            self.row = 0;
            return Ok(());
        };
        self.row += 1;
        let event = told.failure()?;
        ensure!(
            event.kind == kind && event.generation == self.generation,
            "should tell {kind:?}, told {event:?}"
        );
        let counts = (event.failures, event.threshold);
        ensure!(counts == (self.row, threshold), "should tell {} of {threshold}, told {event:?}", self.row);
        if self.row == threshold {
            return self.open(at, &[Why::Failures], told);
        }
        if self.row + 2 >= threshold {
            let event = told.near_trip()?;
            let told = (event.failures, event.threshold, event.generation);
            ensure!(
                told == (self.row, threshold, self.generation),
                "should warn of {}, told {event:?}",
                self.row
            );
        }
        Ok(())
    }

    /// A failure or a slow call evaluates both rates.
    fn evaluate(
        &mut self,
        outcome: Outcome,
        rates: Rates,
        at: Moment,
        told: &mut Told<'_>,
    ) -> Result<(), Wrong> {
        if let Some(kind) = outcome.failure {
            let event = told.failure()?;
            ensure!(
                event.kind == kind && event.generation == self.generation,
                "should tell {kind:?}, told {event:?}"
            );
            let (least, most) = self.window.failures(rates.window);
            let told = u64::from(event.failures);
            ensure!((least..=most).contains(&told), "should tell {least}..={most} failures, told {event:?}");
        } else if !outcome.slow {
            return Ok(());
        }
        let opened = told.peek().is_some();
        match self.window.judge(rates) {
            Judgement::Opens { by_failures, by_slow_calls, surely } if surely || opened => {
                let whys = [(Why::FailureRate, by_failures), (Why::SlowRate, by_slow_calls)];
                let whys: Vec<Why> = whys.into_iter().filter_map(|(why, may)| may.then_some(why)).collect();
                self.open(at, &whys, told)
            }
            _ => Ok(()),
        }
    }

    /// The end of a probe: the first failure opens, enough successes close.
    fn probed(&mut self, failure: Option<FailureKind>, at: Moment, told: &mut Told<'_>) -> Result<(), Wrong> {
        if let Some(kind) = failure {
            return self.fail_back(kind, Why::ProbeFailed, at, told);
        }
        let Phase::HalfOpen { in_flight, successes } = &mut self.phase else { unreachable!("a probe ends") };
        *in_flight -= 1;
        *successes += 1;
        if *successes < self.spec.success_threshold {
            return Ok(());
        }
        if self.spec.ramp.is_none() {
            return self.close(at, Why::ProbesSucceeded, told);
        }
        self.change(State::Recovering, &[Why::ProbesSucceeded], at, None, told)?;
        self.enter(Phase::Recovering(Climb::default()), at);
        Ok(())
    }

    /// A failure while it recovers opens it again.
    fn fail_back(
        &mut self,
        kind: FailureKind,
        why: Why,
        at: Moment,
        told: &mut Told<'_>,
    ) -> Result<(), Wrong> {
        let event = told.failure()?;
        ensure!(
            event.kind == kind && event.generation == self.generation,
            "should tell {kind:?}, told {event:?}"
        );
        self.open(at, &[why], told)
    }
}
