//! What is done by hand, and what a restored breaker starts from.

use fusebox::breaker::{Event, State, Status, Why};

use super::spec::{MILLI, Trip, down_to_milli, up_to_milli};
use super::told::{Told, Wrong, ensure};
use super::{Deadline, Model, Moment, Phase, Seen, Tally};

/// A change of state by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    ForceOpen,
    Disable,
    Reset,
}

/// Between taking a snapshot and restoring from it.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// When it was taken, on the old clock.
    pub taken: i128,
    /// How much wall time passed; nothing if that clock went backwards.
    pub passed: i128,
    /// When it is restored, on the new clock.
    pub restored: i128,
}

impl Model {
    /// Checks a change by hand: each is a state change, whatever the state was.
    pub fn by_hand(&mut self, hand: Hand, seen: &Seen<'_>) -> Result<(), Wrong> {
        let mut told = Told::new(seen.events);
        let is_over = self.is_over(seen.now, seen.before.state);
        let settles =
            told.peek().is_some_and(|change| matches!(change.why, Why::HalfOpenTimeout | Why::RampDone));
        if is_over && settles {
            self.settle(&mut told)?;
        }
        let at = self.when_by_hand(seen.now, &told);
        match hand {
            Hand::Reset => self.reset(at, &mut told)?,
            Hand::Disable => {
                self.change(State::Disabled, &[Why::Disabled], at, None, &mut told)?;
                // Who disables a breaker has ended the outage in his own way: it is not told of later.
                (self.opened, self.first_opened) = (None, None);
                self.enter(Phase::Disabled, at);
            }
            Hand::ForceOpen => {
                self.change(State::ForcedOpen, &[Why::ForcedOpen], at, None, &mut told)?;
                self.enter(Phase::ForcedOpen, at);
                self.opened = Some(at);
                self.first_opened.get_or_insert(at);
                self.rejections = Some(0);
            }
        }
        told.nothing_more()
    }

    /// When it takes effect. A clock that stepped back may be taken to have stood still since the state was
    /// entered, which an open breaker knows to the millisecond alone.
    fn when_by_hand(&self, now: i128, told: &Told<'_>) -> Moment {
        let entered = [self.entered.at, down_to_milli(self.entered.at), self.stamped];
        let candidates = entered.map(|entered| now.max(entered));
        Moment::exact(told.nearest(candidates))
    }

    fn reset(&mut self, at: Moment, told: &mut Told<'_>) -> Result<(), Wrong> {
        let outage = self.first_opened.map(|first| (first, at));
        self.change(State::Closed, &[Why::Reset], at, outage, told)?;
        self.enter(Phase::Closed, at);
        self.forget();
        Ok(())
    }

    /// The model of a breaker that was restored from this one: `status` is how the new breaker looks at once,
    /// and `events` what it told of the restore.
    pub fn restored(&self, gap: Gap, status: &Status, events: &[Event]) -> Result<Self, Wrong> {
        let mut model = self.clone();
        let told = Told::new(events).peek().map_or(status.state, |change| change.to);
        if told != self.state() && self.is_over(gap.taken, told) {
            model.settle_in_silence();
        }
        model.shift(gap);
        model.tally = Tally::default();
        model.shadow = status.shadow;
        model.generation = status.generation;
        // Whether the rejections of the old process count on is not said.
        model.rejections = None;
        match &mut model.phase {
            Phase::HalfOpen { in_flight, successes } => {
                *in_flight = 0;
                ensure!(
                    status.state != State::HalfOpen || status.successes == *successes,
                    "successes: {status:?}"
                );
            }
            Phase::Recovering(climb) => climb.unknown = true,
            _ => {}
        }
        model.announced(gap.restored, events)?;
        Ok(model)
    }

    /// Moves every instant to the new clock. Where the clocks do not agree in whole milliseconds, what the
    /// breaker keeps in whole milliseconds may end up to one later.
    fn shift(&mut self, gap: Gap) {
        let by = gap.restored - gap.taken - gap.passed;
        let entered_in_millis = (self.entered.at + by) % MILLI == 0 && by % MILLI == 0;
        self.entered.at += by;
        self.entered.slack += if entered_in_millis { 0 } else { MILLI };
        if let Phase::Open { until } = &mut self.phase {
            *until = Deadline { first: until.first + by, last: up_to_milli(until.last + by) };
        }
        // Since when it is open may be told from the restore on, where the old clock's instant does not fit
        // the new.
        for opened in [&mut self.opened, &mut self.first_opened].into_iter().flatten() {
            let kept_exactly = (opened.at + by) % MILLI == 0 && by % MILLI == 0;
            let lost = if kept_exactly { 0 } else { MILLI };
            opened.at += by - lost;
            opened.slack = (gap.restored - opened.at).max(opened.slack + lost);
        }
        let window = match self.spec.trip {
            Trip::Rate { window, .. } => Some(window),
            Trip::Row(_) => None,
        };
        self.window.shift(by, gap.restored, window);
        self.stamped = gap.restored;
    }

    /// A restore may tell that it changed the state; a state that ended during the gap may be restored as
    /// ended.
    fn announced(&mut self, now: i128, events: &[Event]) -> Result<(), Wrong> {
        let mut told = Told::new(events);
        let Some(change) = told.peek() else {
            return told.nothing_more();
        };
        ensure!(change.why == Why::Restored, "a restore told {change:?}");
        // A look shows the state after this one, where this one has ended already.
        self.generation = change.generation;
        if change.to != self.state() {
            ensure!(self.is_over(now, change.to), "{} was restored as {change:?}", self.state());
            self.settle_in_silence();
        }
        ensure!(change.to == self.state(), "{} was restored as {change:?}", self.state());
        told.change()?;
        told.nothing_more()
    }

    pub(super) fn settle_in_silence(&mut self) {
        let Moment { at, slack } = self.entered;
        match self.phase {
            Phase::HalfOpen { .. } => {
                let timeout = self.spec.half_open_timeout.expect("it has struck");
                let stamped = self.stamped;
                // Of a restored breaker, since when it is open was rounded down twice.
                let lost = if slack > 0 { MILLI } else { 0 };
                self.enter_open(Moment { at: at + timeout, slack });
                self.rejections = None;
                self.stamped = stamped;
                for opened in [&mut self.opened, &mut self.first_opened].into_iter().flatten() {
                    opened.at -= lost;
                    opened.slack = (opened.slack + lost).max(stamped - opened.at);
                }
            }
            Phase::Recovering(_) => {
                let end = self.spec.ramp_end(at).expect("a ramp is climbed");
                self.enter(Phase::Closed, Moment { at: end, slack });
                self.forget();
            }
            _ => {}
        }
    }
}
