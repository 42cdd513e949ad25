//! The figures of a run: what became of every request, by phase, by moment and in the second just gone.

use std::collections::VecDeque;
use std::time::Duration;

use fusebox::time::Instant;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::latency::{latencies, record};
use crate::reply::Reason;
use crate::script::Script;

/// How finely the picture tells time: the longest of these of which a run has a hundred. They go into whole seconds,
/// as the phases of most scripts do.
const MOMENTS_MS: [u64; 10] = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000];

/// Something of each gateway.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Both<T> {
    pub protected: T,
    pub unprotected: T,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateway {
    Protected,
    Unprotected,
}

impl Gateway {
    pub const ALL: [Self; 2] = [Self::Protected, Self::Unprotected];

    pub fn name(self) -> &'static str {
        match self {
            Self::Protected => "with fusebox",
            Self::Unprotected => "without",
        }
    }

    pub fn heading(self) -> &'static str {
        match self {
            Self::Protected => "With fusebox",
            Self::Unprotected => "The same gateway without",
        }
    }
}

impl<T> Both<T> {
    pub fn of(&self, gateway: Gateway) -> &T {
        match gateway {
            Gateway::Protected => &self.protected,
            Gateway::Unprotected => &self.unprotected,
        }
    }

    pub fn of_mut(&mut self, gateway: Gateway) -> &mut T {
        match gateway {
            Gateway::Protected => &mut self.protected,
            Gateway::Unprotected => &mut self.unprotected,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The identity service vouched for the caller.
    Live,
    /// The last good answer did.
    Cached,
    /// "No such token": right for an unknown one.
    Denied,
    Failed,
}

/// A request, as the client that sent it saw it.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub gateway: Gateway,
    pub phase: usize,
    pub known_token: bool,
    /// When it was due, since the run began: a client that is late itself makes nobody look faster.
    pub due: Duration,
    /// How late the client itself was to send it, which is part of the latency.
    pub late: Duration,
    pub latency: Duration,
    pub outcome: Outcome,
    /// Why the identity service did not answer, where the gateway says so.
    pub reason: Option<Reason>,
}

/// What the clients tell, in the order in which it happens.
#[derive(Debug)]
pub enum Told {
    Began { breaker_clock: Instant },
    Phase { at: Duration },
    Sent { gateway: Gateway, phase: usize, known_token: bool },
    Done(Sample),
    ScriptEnded { at: Duration },
    Unable(anyhow::Error),
}

/// What became of some requests for known tokens, and how long it took.
#[derive(Debug, Clone)]
pub struct Served {
    pub live: u64,
    pub cached: u64,
    pub failed: u64,
    pub latency: Histogram<u64>,
}

/// How many answers came from the cache for which reason.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Because {
    pub refused: u64,
    pub timed_out: u64,
    pub failed: u64,
}

/// One phase of one gateway.
#[derive(Debug, Clone)]
pub struct Row {
    pub sent: u64,
    pub served: Served,
    /// Why those from the cache were not live.
    pub because: Because,
    /// Of those that the breaker refused a call to the service.
    pub latency_open: Histogram<u64>,
    /// From the instant the service was well again to the first live answer to a request sent after it.
    pub recovery: Option<Duration>,
    /// Unknown tokens are counted apart: for them there is nothing to fall back to.
    pub unknown_sent: u64,
    pub unknown_denied: u64,
}

#[derive(Debug, Clone)]
pub struct PhaseTally {
    pub begins: Duration,
    pub ends: Duration,
    pub rows: Both<Row>,
}

#[derive(Debug)]
pub struct Tally {
    pub script: Script,
    /// Those that have begun.
    pub phases: Vec<PhaseTally>,
    /// By when the requests were due, in stretches of `moment`.
    pub moments: Both<Vec<Served>>,
    pub moment: Duration,
    /// The breaker's own clock when the run began.
    pub breaker_clock: Option<Instant>,
    pub ended: bool,
    /// How busy the machine was.
    pub lateness: Histogram<u64>,
    recent: VecDeque<(Duration, Sample)>,
}

impl Tally {
    pub fn new(script: Script) -> Self {
        let longest = script.length() / 100;
        let moments = MOMENTS_MS.map(Duration::from_millis);
        let moment =
            moments.into_iter().rfind(|moment| *moment <= longest).unwrap_or(Duration::from_millis(10));
        Self {
            script,
            phases: Vec::new(),
            moments: Both::default(),
            moment,
            breaker_clock: None,
            ended: false,
            lateness: latencies(),
            recent: VecDeque::new(),
        }
    }

    pub fn take(&mut self, told: Told) -> anyhow::Result<()> {
        match told {
            Told::Began { breaker_clock } => self.breaker_clock = Some(breaker_clock),
            Told::Phase { at } => self.begin_phase(at),
            Told::Sent { gateway, phase, known_token } => self.sent(gateway, phase, known_token),
            Told::Done(sample) => self.done(sample),
            Told::ScriptEnded { at } => {
                self.end_phase(at);
                self.ended = true;
            }
            Told::Unable(error) => return Err(error),
        }
        Ok(())
    }

    fn begin_phase(&mut self, at: Duration) {
        self.end_phase(at);
        self.phases.push(PhaseTally {
            begins: at,
            ends: at,
            rows: Both { protected: Row::new(), unprotected: Row::new() },
        });
    }

    pub fn end_phase(&mut self, at: Duration) {
        if let (Some(phase), false) = (self.phases.last_mut(), self.ended) {
            phase.ends = at;
        }
    }

    fn row(&mut self, phase: usize, gateway: Gateway) -> Option<&mut Row> {
        self.phases.get_mut(phase).map(|phase| phase.rows.of_mut(gateway))
    }

    fn sent(&mut self, gateway: Gateway, phase: usize, known_token: bool) {
        let Some(row) = self.row(phase, gateway) else { return };
        if known_token {
            row.sent += 1;
        } else {
            row.unknown_sent += 1;
        }
    }

    fn done(&mut self, sample: Sample) {
        record(&mut self.lateness, sample.late);
        let Some(row) = self.row(sample.phase, sample.gateway) else { return };
        if !sample.known_token {
            row.unknown_denied += u64::from(sample.outcome == Outcome::Denied);
            return;
        }
        row.served.add(&sample);
        if sample.outcome == Outcome::Cached {
            row.because.add(sample.reason);
        }
        if sample.reason == Some(Reason::Refused) {
            record(&mut row.latency_open, sample.latency);
        }
        let answered_at = sample.due + sample.latency;
        if sample.outcome == Outcome::Live {
            self.live_answer(&sample, answered_at);
        }
        self.add_to_moment(&sample);
        self.recent.push_back((answered_at, sample));
    }

    fn add_to_moment(&mut self, sample: &Sample) {
        let index = (sample.due.as_nanos() / self.moment.as_nanos()) as usize;
        let moments = self.moments.of_mut(sample.gateway);
        while moments.len() <= index {
            moments.push(Served::new());
        }
        if let Some(moment) = moments.get_mut(index) {
            moment.add(sample);
        }
    }

    fn live_answer(&mut self, sample: &Sample, answered_at: Duration) {
        let Some(restored_in) = self.restored_in(sample.phase) else { return };
        let Some(phase) = self.phases.get_mut(restored_in) else { return };
        let took = answered_at.saturating_sub(phase.begins);
        let recovery = &mut phase.rows.of_mut(sample.gateway).recovery;
        *recovery = Some(recovery.map_or(took, |earlier| earlier.min(took)));
    }

    /// The phase in which the service became well after it was not, and has stayed so up to `phase`.
    pub fn restored_in(&self, phase: usize) -> Option<usize> {
        let so_far = self.script.phases.get(..=phase)?;
        let ill = so_far.iter().rposition(|phase| !phase.state.is_well())?;
        (ill < phase).then_some(ill + 1)
    }

    /// What was answered in the second up to `now`, and how fast.
    pub fn last_second(&mut self, now: Duration) -> Both<Served> {
        let since = now.saturating_sub(Duration::from_secs(1));
        self.recent.retain(|(answered_at, _)| *answered_at >= since);
        let mut second = Both { protected: Served::new(), unprotected: Served::new() };
        for (_, sample) in &self.recent {
            second.of_mut(sample.gateway).add(sample);
        }
        second
    }
}

impl Row {
    fn new() -> Self {
        Self {
            sent: 0,
            served: Served::new(),
            because: Because::default(),
            latency_open: latencies(),
            recovery: None,
            unknown_sent: 0,
            unknown_denied: 0,
        }
    }
}

impl Because {
    fn add(&mut self, reason: Option<Reason>) {
        match reason {
            Some(Reason::Refused) => self.refused += 1,
            Some(Reason::TimedOut) => self.timed_out += 1,
            Some(Reason::Failed) | None => self.failed += 1,
        }
    }
}

impl Served {
    pub fn new() -> Self {
        Self { live: 0, cached: 0, failed: 0, latency: latencies() }
    }

    fn add(&mut self, sample: &Sample) {
        match sample.outcome {
            Outcome::Live => self.live += 1,
            Outcome::Cached => self.cached += 1,
            Outcome::Denied | Outcome::Failed => self.failed += 1,
        }
        record(&mut self.latency, sample.latency);
    }

    pub fn answered(&self) -> u64 {
        self.live + self.cached
    }

    pub fn ended(&self) -> u64 {
        self.answered() + self.failed
    }
}
