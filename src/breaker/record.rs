//! How an outcome takes effect, and how everybody is told.

use crate::breaker::CircuitBreaker;
use crate::breaker::counts::{Counting, Kind};
use crate::breaker::event::{Event, Failure, NearTrip};
use crate::breaker::outcome::{FailureKind, State, Verdict};
use crate::breaker::permit::{Grant, Pass};
use crate::breaker::plan::Plan;
use crate::breaker::policy::{Rate, Span};
use crate::breaker::rules::{self, Outcome, Recorded, Row, Turn};
use crate::breaker::window::{Mark, Of, Remember as _};
use crate::breaker::word::{self, Generation, Mode, View};
use crate::observe::{self, Observer};
use crate::time::{Instant, TimeSource};

/// How a permit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Said(Verdict),
    /// Dropped: cancelled.
    Dropped,
}

/// What an ending comes to, once latency has been looked at.
#[derive(Clone, Copy)]
struct Judged {
    outcome: Outcome,
    /// Nothing for what belongs to no permit, and was counted apart.
    counted: Option<Kind>,
    /// Over the slow limit.
    slow: bool,
    /// Read where the latency was needed.
    at: Option<Instant>,
}

impl<P: Plan, C: TimeSource, O: Observer<Event>, N: Counting> CircuitBreaker<P, C, O, N> {
    /// Takes a permit's ending.
    #[inline(always)]
    pub(super) fn end(&self, pass: &Pass, ending: Ending, at: Option<Instant>) {
        let plain = matches!((ending, pass.kind), (Ending::Said(Verdict::Success), Grant::Normal))
            && self.policy.base().slow_nanos().is_none();
        if plain && self.word.load() == word::healthy(pass.generation) {
            return self.healthy_success(pass.generation, at);
        }
        self.end_with_care(*pass, ending, at);
    }

    /// A success while closed, without a row of failures to end: the healthy path.
    #[inline]
    pub(super) fn healthy_success(&self, generation: Generation, at: Option<Instant>) {
        if let Some(rate) = self.policy.rate() {
            self.memory.success(rate, Of::new(generation, &self.word), self.window_time(rate, at));
        }
        self.counters.add(Kind::Succeeded);
    }

    /// The time, for a window that goes by it.
    #[inline]
    fn window_time(&self, rate: &Rate, at: Option<Instant>) -> u64 {
        match rate.span {
            Span::Calls(_) => 0,
            Span::Time { .. } => self.instant(at).as_nanos(),
        }
    }

    /// The instant given, or else the clock's. Without either, time stands still.
    #[inline]
    pub(super) fn instant(&self, at: Option<Instant>) -> Instant {
        at.or_else(|| self.clock.time()).unwrap_or(Instant::ORIGIN)
    }

    #[inline(never)]
    pub(super) fn end_with_care(&self, pass: Pass, ending: Ending, at: Option<Instant>) {
        match pass.kind {
            Grant::Normal | Grant::Probe => {}
            Grant::Shadow => return self.counters.add(Kind::Shadowed),
            Grant::Bypass => {
                let current = self.word.view::<View>().generation == pass.generation;
                return self.counters.add(if current { Kind::Bypassed } else { Kind::Late });
            }
        }
        self.record(pass.generation, self.judge(pass, ending, at));
    }

    fn record(&self, generation: Generation, judged: Judged) {
        let view: View = self.word.view();
        match (self.policy.rate(), view.mode) {
            (Some(rate), Mode::Closed { .. }) if view.generation == generation => {
                self.record_in_window(generation, judged, rate);
            }
            _ => self.record_by_rule(generation, judged),
        }
    }

    /// Looks at the latency, if there is a limit to it.
    fn judge(&self, pass: Pass, ending: Ending, at: Option<Instant>) -> Judged {
        let (outcome, counted) = match ending {
            Ending::Dropped => (Outcome::Nothing, Kind::Cancelled),
            Ending::Said(Verdict::Ignored) => (Outcome::Nothing, Kind::Ignored),
            Ending::Said(Verdict::Success) => (Outcome::Success, Kind::Succeeded),
            Ending::Said(Verdict::Failure(kind)) => (Outcome::Failure(kind), counted_as(kind)),
        };
        let counted = Some(counted);
        let (Some(limit), Some(started), false) =
            (self.policy.base().slow_nanos(), pass.started(), outcome == Outcome::Nothing)
        else {
            return Judged { outcome, counted, slow: false, at };
        };
        let now = self.instant(at);
        let slow = now.as_nanos().saturating_sub(started.as_nanos()) > limit;
        let at = Some(now);
        if slow && outcome == Outcome::Success && self.policy.slow_percent().is_none() {
            return Judged {
                outcome: Outcome::Failure(FailureKind::Slow),
                counted: Some(Kind::Slow),
                slow,
                at,
            };
        }
        Judged { outcome, counted, slow, at }
    }

    /// Under a rate, while closed: into the window, and the breaker trips if that is too much.
    fn record_in_window(&self, generation: Generation, judged: Judged, rate: &Rate) {
        self.count(judged.counted);
        let failed = matches!(judged.outcome, Outcome::Failure(_));
        let slow = judged.slow && self.policy.slow_percent().is_some();
        if judged.outcome == Outcome::Nothing {
            return;
        }
        let now = self.window_time(rate, judged.at);
        if !failed && !slow {
            return self.memory.success(rate, Of::new(generation, &self.word), now);
        }
        let sums = self.memory.marked(rate, Of::new(generation, &self.word), now, Mark { failed, slow });
        let turn = sums.judge(rate, self.policy.slow_percent()).and_then(|why| {
            let now = self.instant(judged.at).as_nanos();
            self.word.apply(|view: View| {
                rules::trip(view, generation, why, now, self.instants.known(view.generation), &self.policy)
            })
        });
        self.settle(turn);
        self.tell_failure(judged.outcome, sums.failures(), sums.threshold(rate), generation);
        self.tell_turn(turn);
    }

    /// Into the word, by the rules. The clock is read only if they ask for the time.
    fn record_by_rule(&self, generation: Generation, judged: Judged) {
        let outcome = judged.outcome;
        match self.word.apply(|view: View| rules::record_row(view, generation, outcome, &self.policy)) {
            Row::Counted => self.count(judged.counted),
            Row::Failed { failures } => {
                self.count(judged.counted);
                self.tell_row(outcome, failures.into(), generation);
            }
            Row::Late => self.count(judged.counted.map(|_| Kind::Late)),
            Row::NeedsTime => self.record_in_time(generation, judged),
        }
    }

    #[cold]
    fn record_in_time(&self, generation: Generation, judged: Judged) {
        let now = self.instant(judged.at).as_nanos();
        let recorded = self.word.apply(|view: View| {
            let known = self.instants.known(view.generation);
            rules::record(view, generation, judged.outcome, now, known, &self.policy)
        });
        let (Recorded::Counted { turn } | Recorded::Failed { turn, .. } | Recorded::Late { turn }) = recorded;
        self.settle(turn);
        match recorded {
            Recorded::Counted { .. } => self.count(judged.counted),
            Recorded::Failed { failures, .. } => {
                self.count(judged.counted);
                match turn.map(|turn| turn.change.from) {
                    // While half-open or on the ramp, one failure is all it takes.
                    Some(State::HalfOpen | State::Recovering) => {
                        self.tell_failure(judged.outcome, 1, 1, generation);
                    }
                    _ => self.tell_row(judged.outcome, failures.into(), generation),
                }
            }
            Recorded::Late { .. } => self.count(judged.counted.map(|_| Kind::Late)),
        }
        self.tell_turn(turn);
    }

    fn tell_row(&self, outcome: Outcome, failures: u32, generation: Generation) {
        let threshold = u32::from(self.policy.base().threshold);
        self.tell_failure(outcome, failures, threshold, generation);
        if failures < threshold && threshold - failures <= 2 {
            self.tell(|| Event::NearTrip(NearTrip { failures, threshold, generation: generation.0 }));
        }
    }

    #[inline]
    fn tell_failure(&self, outcome: Outcome, failures: u32, threshold: u32, generation: Generation) {
        if let Outcome::Failure(kind) = outcome {
            self.tell(|| Event::Failure(Failure { kind, failures, threshold, generation: generation.0 }));
        }
    }

    /// A failure that belongs to no permit: of a stream whose outcome was recorded. It counts in the generation now
    /// current.
    pub(super) fn fail_beside(&self, at: Option<Instant>) {
        self.counters.add(Kind::LateStreamFailure);
        let outcome = Outcome::Failure(FailureKind::Error);
        let current = self.word.view::<View>().generation;
        self.record(current, Judged { outcome, counted: None, slow: false, at });
    }

    fn count(&self, kind: Option<Kind>) {
        if let Some(kind) = kind {
            self.counters.add(kind);
        }
    }

    /// Makes a change of state known: its instants first, so that others find them, then the count.
    #[inline]
    pub(super) fn settle(&self, turn: Option<Turn>) {
        if let Some(turn) = turn {
            self.publish(turn);
        }
    }

    #[cold]
    fn publish(&self, turn: Turn) {
        self.instants.publish(Generation(turn.change.generation), turn.known);
        if matches!(turn.change.to, State::Open | State::ForcedOpen) {
            self.counters.opened();
        }
    }

    #[inline]
    pub(super) fn tell_turn(&self, turn: Option<Turn>) {
        if let Some(turn) = turn {
            self.tell(|| Event::Changed(turn.change));
        }
    }

    #[inline]
    pub(super) fn turned(&self, turn: Turn) {
        self.settle(Some(turn));
        self.tell_turn(Some(turn));
    }

    /// Tells the observer, if there is one. With `std` its panic is caught and counted.
    #[inline]
    pub(super) fn tell(&self, event: impl FnOnce() -> Event) {
        if self.observer.listens() {
            self.notice(&event());
        }
    }

    #[cold]
    fn notice(&self, event: &Event) {
        // No state of the breaker is held across a hook.
        if !observe::told(&self.observer, event) {
            self.counters.add(Kind::HookPanicked);
        }
    }
}

const fn counted_as(kind: FailureKind) -> Kind {
    match kind {
        FailureKind::Error => Kind::Error,
        FailureKind::Slow => Kind::Slow,
        FailureKind::Timeout => Kind::Timeout,
        FailureKind::Panic => Kind::Panic,
    }
}
