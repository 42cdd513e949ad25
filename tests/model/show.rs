//! What a look, a refusal and the counts must say.

use core::time::Duration;

use fusebox::breaker::{Counts, Rejected, State, Status};

use super::spec::{Trip, down_to_milli, up_to_milli};
use super::told::{Wrong, ensure};
use super::{Deadline, Model, Moment, Phase, Tally};

/// The state as a look shows it, where a timeout or a ramp's end that has passed is seen but not told.
struct Shown {
    state: State,
    until: Option<Deadline>,
    opened: Option<Moment>,
    /// It is as it was told: not ended by itself in the meantime.
    is_told: bool,
}

impl Model {
    fn shown(&self, now: i128, seen: State) -> Shown {
        let until = if let Phase::Open { until } = self.phase { Some(until) } else { None };
        let is_told = !self.is_over(now, seen);
        if is_told {
            return Shown { state: self.state(), until, opened: self.opened, is_told };
        }
        let mut settled = self.clone();
        settled.settle_in_silence();
        let until = if let Phase::Open { until } = settled.phase { Some(until) } else { None };
        Shown { state: settled.state(), until, opened: settled.opened, is_told }
    }

    /// Checks a look at `now`, and learns from it what the specification leaves open.
    pub fn check_look(&mut self, now: i128, status: &Status) -> Result<(), Wrong> {
        let shown = self.shown(now, status.state);
        ensure!(status.state == shown.state, "looks {}, should be {}", status.state, shown.state);
        ensure!(status.shadow == self.shadow, "shadow: {}", status.shadow);
        self.check_wait(now, shown.until, status.retry_after)?;
        self.check_open_for(now, shown.state, shown.opened, status.open_for)?;
        if shown.is_told {
            ensure!(
                status.generation == self.generation,
                "generation {}, not {}",
                status.generation,
                self.generation
            );
            self.learn_until(now, status);
        }
        let is_row = matches!(self.spec.trip, Trip::Row(_));
        let row = if shown.is_told { self.row } else { 0 };
        if is_row && shown.state == State::Closed {
            ensure!(status.consecutive_failures == row, "row {}, not {row}", status.consecutive_failures);
        }
        let probes = match self.phase {
            Phase::HalfOpen { in_flight, successes } if shown.is_told => (in_flight, successes),
            _ => (0, 0),
        };
        let seen = (status.in_flight, status.successes);
        ensure!(seen == probes, "(in flight, successes) {seen:?}, not {probes:?}");
        Ok(())
    }

    /// Where more than one deadline is allowed, the first look settles which it is.
    fn learn_until(&mut self, now: i128, status: &Status) {
        let Phase::Open { until } = &mut self.phase else { return };
        let wait = status.retry_after.map_or(0, nanos);
        if until.first < until.last && now >= self.stamped && wait > 0 {
            *until = Deadline { first: now + wait, last: now + wait };
        }
    }

    /// The wait that is told suffices, and is no longer than the time left.
    fn check_wait(&self, now: i128, until: Option<Deadline>, wait: Option<Duration>) -> Result<(), Wrong> {
        let (Some(until), Some(wait)) = (until, wait) else {
            ensure!(until.is_none() && wait.is_none(), "retry_after {wait:?} of {until:?}");
            return Ok(());
        };
        // A clock that is behind what was written down may be taken to stand still.
        let latest_now = if now >= self.entered.at { now } else { now.max(up_to_milli(self.stamped)) };
        let latest_now = if now >= self.stamped { now } else { latest_now.max(self.stamped) };
        // A deadline past the clock's end may be told as that end.
        let end = i128::from(u64::MAX);
        let (least, most) = ((until.first.min(end) - latest_now).max(0), (until.last - now).max(0));
        ensure!(
            (least..=most).contains(&nanos(wait)),
            "retry_after {wait:?} at {now}, should be {least}..={most}"
        );
        Ok(())
    }

    /// The time since the latest opening, kept in whole milliseconds; nothing while it is not open.
    fn check_open_for(
        &self,
        now: i128,
        state: State,
        opened: Option<Moment>,
        told: Option<Duration>,
    ) -> Result<(), Wrong> {
        let tells = !matches!(state, State::Closed | State::Disabled);
        let (Some(opened), Some(told)) = (opened.filter(|_| tells), told) else {
            ensure!(!tells && told.is_none(), "open_for {told:?} in {state}, opened {opened:?}");
            return Ok(());
        };
        // Of an opening that was restored from before the clock began, at the clock's end, more is true than can be told.
        let tellable = |nanos: i128| nanos.clamp(0, u64::MAX.into());
        let least = tellable(now - up_to_milli(opened.latest()));
        let most = tellable(now.max(self.stamped) - down_to_milli(opened.at));
        ensure!(
            (least..=most).contains(&nanos(told)),
            "open_for {told:?} at {now}, should be {least}..={most}"
        );
        Ok(())
    }

    pub(super) fn check_refusal(&self, refusal: &Rejected, now: i128) -> Result<(), Wrong> {
        ensure!(refusal.state() == self.state(), "refused in {}, it is {}", refusal.state(), self.state());
        let until = if let Phase::Open { until } = self.phase { Some(until) } else { None };
        self.check_wait(now, until, refusal.retry_after())?;
        ensure!(
            refusal.retry_after() != Some(Duration::ZERO),
            "a wait of nothing is told in {}",
            self.state()
        );
        self.check_open_for(now, self.state(), self.opened, refusal.open_for())?;
        if let Some(rejections) = self.rejections {
            ensure!(
                refusal.rejections() == Some(rejections),
                "{:?} rejections, not {rejections}",
                refusal.rejections()
            );
        }
        Ok(())
    }

    /// Checks the counts: each as it should be, and their sum with the permits still out, which are
    /// `in_flight`.
    pub fn check_counts(&mut self, counts: &Counts, in_flight: u64) -> Result<(), Wrong> {
        let seen = Tally {
            admitted: counts.admitted,
            succeeded: counts.succeeded,
            errors: counts.errors,
            slow: counts.slow,
            timeouts: counts.timeouts,
            panics: counts.panics,
            ignored: counts.ignored,
            cancelled: counts.cancelled,
            late: counts.late,
            bypassed: counts.bypassed,
            shadowed: counts.shadowed,
            rejected: counts.rejected,
            would_reject: counts.would_reject,
        };
        ensure!(seen == self.tally, "counted {seen:?}, should be {:?}", self.tally);
        ensure!(counts.in_flight() == in_flight, "{} in flight, should be {in_flight}", counts.in_flight());
        ensure!(
            counts.admitted == seen.ended() + in_flight,
            "{seen:?} and {in_flight} in flight do not add up"
        );
        ensure!(counts.failed() == seen.failed(), "{} failed, of {seen:?}", counts.failed());
        ensure!(counts.hook_panics == 0 && counts.late_stream_failures == 0, "counted {counts:?}");
        if !matches!(self.phase, Phase::Closed | Phase::Disabled) {
            let told = counts.rejected_since_open;
            let rejections = *self.rejections.get_or_insert(told);
            ensure!(told == rejections, "{told} rejected since it opened, not {rejections}");
        }
        Ok(())
    }
}

impl Tally {
    fn failed(&self) -> u64 {
        self.errors + self.slow + self.timeouts + self.panics
    }

    /// What is no longer in flight.
    fn ended(&self) -> u64 {
        self.succeeded
            + self.failed()
            + self.ignored
            + self.cancelled
            + self.late
            + self.bypassed
            + self.shadowed
    }
}

/// A duration of the breaker in the unit of the model.
fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).expect("a Duration fits")
}
