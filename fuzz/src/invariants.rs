//! What holds of every breaker on every clock, without a model: what is told, shown and counted fits together.

use fusebox::breaker::{Change, Counts, Event, Rejected, State, Status, Why};

use crate::model::spec::{Spec, Trip};

/// What a breaker said to who asked.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Admitted { generation: u16, is_probe: bool },
    Refused(Rejected),
}

/// One operation: how the breaker looked before and after, what it answered and told.
#[derive(Debug)]
pub struct Seen {
    pub now: u64,
    pub before: Status,
    pub answer: Option<Answer>,
    pub events: Vec<Event>,
    pub after: Status,
}

/// The rules, and what they remember.
#[derive(Debug)]
pub struct Invariants {
    half_open_calls: u32,
    row: Option<u32>,
    own_times: Vec<i128>,
    pub shadow: bool,
    state: State,
    generation: u16,
    /// When the state was entered: not before the first, and not after the second.
    entered: (u64, u64),
    admitted: u64,
    rejected: u64,
    would_reject: u64,
}

macro_rules! rule {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}

impl Invariants {
    pub fn new(spec: &Spec, status: &Status) -> Self {
        let steps = spec.ramp.as_ref().map_or(Vec::new(), |ramp| {
            (1..=ramp.percents.len() as i128).map(|step| ramp.step * step).collect()
        });
        Self {
            half_open_calls: spec.half_open_calls,
            row: if let Trip::Row(failures) = spec.trip { Some(failures) } else { None },
            own_times: spec.half_open_timeout.into_iter().chain([spec.open]).chain(steps).collect(),
            shadow: false,
            state: State::Closed,
            generation: status.generation,
            entered: (0, 0),
            admitted: 0,
            rejected: 0,
            would_reject: 0,
        }
    }

    /// Instants at which something may change by itself.
    pub fn due(&self, now: u64, status: &Status) -> Vec<u64> {
        let wait = status.retry_after.map(|wait| i128::from(now) + wait.as_nanos() as i128);
        let own = self.own_times.iter().map(|time| i128::from(self.entered.1) + time);
        let on_clock = |instant: i128| u64::try_from(instant).unwrap_or(u64::MAX);
        wait.into_iter().chain(own).map(on_clock).collect()
    }

    pub fn check(&mut self, seen: &Seen, counts: &Counts, in_flight: u64) -> Result<(), String> {
        let from = self.generation;
        for event in &seen.events {
            if let Event::Changed(change) = event {
                self.changed(change, seen.now)?;
            }
        }
        if let Some(answer) = seen.answer {
            self.answered(answer, seen)?;
        }
        self.looks(seen, seen.events.is_empty().then_some(from))?;
        self.counted(counts, in_flight)
    }

    /// Each change goes on from the one before, and begins the next generation.
    fn changed(&mut self, change: &Change, now: u64) -> Result<(), String> {
        rule!(change.from == self.state, "{change:?} is told of a breaker that was {}", self.state);
        let next = self.generation.wrapping_add(1);
        rule!(change.generation == next, "generation {next} is due, told {change:?}");
        rule!(may_be(change), "there is no such change: {change:?}");
        // Of an opening the breaker remembers the millisecond alone.
        let at = change.at.as_nanos();
        rule!(at >= self.entered.0.saturating_sub(999_999), "back in time: {change:?}");
        rule!(at <= now || at <= self.entered.1, "ahead of its time: {change:?}");
        let outage = change.outage.is_some();
        rule!(!outage || change.to == State::Closed, "an outage is told by {change:?}");
        (self.state, self.generation) = (change.to, next);
        // A restored state may have begun before this clock did.
        self.entered = (if change.why == Why::Restored { 0 } else { at }, at);
        Ok(())
    }

    fn answered(&mut self, answer: Answer, seen: &Seen) -> Result<(), String> {
        let last = seen.events.last();
        match answer {
            Answer::Refused(refusal) => {
                self.rejected += 1;
                rule!(!self.shadow, "a breaker in shadow refused: {refusal:?}");
                rule!(last == Some(&Event::Rejected(refusal)), "{refusal:?} was told as {last:?}");
                self.refused(&refusal, seen)
            }
            Answer::Admitted { generation, is_probe } => {
                self.admitted += 1;
                rule!(generation == self.generation, "a permit of {generation} in {}", self.generation);
                if let Some(Event::WouldReject(refusal)) = last {
                    self.would_reject += 1;
                    rule!(self.shadow && !is_probe, "refused in no shadow: {refusal:?}");
                    return self.refused(refusal, seen);
                }
                let admits = !matches!(self.state, State::Open | State::ForcedOpen);
                rule!(admits, "admitted while {}", self.state);
                rule!(is_probe == (self.state == State::HalfOpen), "is_probe: {is_probe} in {}", self.state);
                let waits = seen.before.retry_after.is_some_and(|wait| !wait.is_zero());
                rule!(!waits, "admitted, though it was to wait {:?}", seen.before.retry_after);
                Ok(())
            }
        }
    }

    /// Only an open breaker knows how long, and then it is never nothing; waiting that long suffices.
    fn refused(&self, refusal: &Rejected, seen: &Seen) -> Result<(), String> {
        rule!(refusal.state() == self.state, "refused as {refusal:?} while {}", self.state);
        let wait = refusal.retry_after();
        rule!(wait.is_some() == (self.state == State::Open), "retry_after of {refusal:?}");
        rule!(wait != Some(core::time::Duration::ZERO), "it is worth asking at once: {refusal:?}");
        rule!(wait == seen.after.retry_after, "{refusal:?} does not look like {:?}", seen.after);
        Ok(())
    }

    fn looks(&self, seen: &Seen, unchanged: Option<u16>) -> Result<(), String> {
        let status = &seen.after;
        rule!(status.shadow == self.shadow, "shadow of {status:?}");
        rule!(status.in_flight <= self.half_open_calls, "too many probes: {status:?}");
        let probes = status.in_flight > 0 || status.successes > 0;
        rule!(!probes || status.state == State::HalfOpen, "probes of {status:?}");
        let open = status.state == State::Open;
        rule!(status.retry_after.is_some() == open, "retry_after of {status:?}");
        let tells = !matches!(status.state, State::Closed | State::Disabled);
        rule!(status.open_for.is_some() == tells, "open_for of {status:?}");
        let streak = matches!(status.state, State::Open | State::HalfOpen | State::Recovering);
        rule!((status.opened_in_a_row > 0) == streak, "opened_in_a_row of {status:?}");
        if let Some(threshold) = self.row {
            rule!(status.consecutive_failures < threshold, "a row too long: {status:?}");
        }
        // What has ended by itself is shown one generation ahead, until somebody comes to tell it.
        let ahead = status.generation.wrapping_sub(self.generation);
        let own_end = match (self.state, status.state) {
            (State::HalfOpen, State::Open) | (State::Recovering, State::Closed) => ahead <= 1,
            (told, shown) => told == shown && ahead == 0,
        };
        rule!(own_end, "{status:?} is shown of {} in {}", self.state, self.generation);
        rule!(unchanged.is_none_or(|from| from == self.generation), "a change that was not told");
        Ok(())
    }

    fn counted(&self, counts: &Counts, in_flight: u64) -> Result<(), String> {
        rule!(counts.in_flight() == in_flight, "{in_flight} in flight are not {counts:?}");
        let own = (self.admitted, self.rejected, self.would_reject);
        let theirs = (counts.admitted, counts.rejected, counts.would_reject);
        rule!(own == theirs, "(admitted, rejected, would reject) should be {own:?}: {counts:?}");
        let ended = counts.succeeded + counts.failed() + counts.ignored + counts.cancelled;
        let beside = counts.late + counts.bypassed + counts.shadowed;
        rule!(counts.admitted == ended + beside + in_flight, "{counts:?} do not add up");
        Ok(())
    }
}

/// The drawing of the states.
fn may_be(change: &Change) -> bool {
    use State::{Closed, Disabled, ForcedOpen, HalfOpen, Open, Recovering};
    match (change.from, change.to) {
        (_, ForcedOpen) if change.why == Why::ForcedOpen => true,
        (_, Disabled) if change.why == Why::Disabled => true,
        (_, Closed) if change.why == Why::Reset => true,
        (_, _) if change.why == Why::Restored => true,
        (Closed, Open) => matches!(change.why, Why::Failures | Why::FailureRate | Why::SlowRate),
        (Open, HalfOpen) => change.why == Why::OpenElapsed,
        (HalfOpen, Open) => matches!(change.why, Why::ProbeFailed | Why::HalfOpenTimeout),
        (HalfOpen, Closed | Recovering) => change.why == Why::ProbesSucceeded,
        (Recovering, Open) => change.why == Why::RampFailed,
        (Recovering, Closed) => change.why == Why::RampDone,
        _ => false,
    }
}
