//! The figures of a run: what each tenant sent and what became of it, as its client saw it.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::latency::{latencies, record};
use crate::plan::Plan;

/// How finely the picture tells time: the longest of these of which a run has two dozen. In a shorter one, one cell
/// more or less would show as a jump.
const MOMENTS_MS: [u64; 8] = [100, 200, 500, 1000, 5000, 10_000, 30_000, 60_000];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenant {
    Steady,
    Greedy,
    /// Each name is a tenant of its own to the gateway; the figures take them together.
    MadeUp,
}

impl Tenant {
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Greedy => "greedy",
            Self::MadeUp => "made-up",
        }
    }
}

/// Something of each tenant.
#[derive(Debug, Clone, Default)]
pub struct Each<T> {
    steady: T,
    greedy: T,
    made_up: T,
}

impl<T> Each<T> {
    pub fn of(&self, tenant: Tenant) -> &T {
        match tenant {
            Tenant::Steady => &self.steady,
            Tenant::Greedy => &self.greedy,
            Tenant::MadeUp => &self.made_up,
        }
    }

    pub fn of_mut(&mut self, tenant: Tenant) -> &mut T {
        match tenant {
            Tenant::Steady => &mut self.steady,
            Tenant::Greedy => &mut self.greedy,
            Tenant::MadeUp => &mut self.made_up,
        }
    }
}

/// What the gateway told with its answer.
#[derive(Debug, Clone, Copy)]
pub struct Decided {
    /// When it decided, since the run began: to the nanosecond, by its own clock.
    pub at: Duration,
    pub remaining: u64,
}

#[derive(Debug, Clone, Copy)]
pub enum Answer {
    Admitted(Decided),
    Denied {
        decided: Decided,
        /// In seconds, as the header has it.
        retry_after: Option<u64>,
    },
    Failed,
}

impl Answer {
    fn decided(self) -> Option<Decided> {
        match self {
            Self::Admitted(decided) | Self::Denied { decided, .. } => Some(decided),
            Self::Failed => None,
        }
    }
}

/// A request, as the client that sent it saw it.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub tenant: Tenant,
    /// How late the client itself was to send it, which is part of the latency.
    pub late: Duration,
    /// Since it was due: a client that is late itself makes nobody look faster.
    pub latency: Duration,
    pub answer: Answer,
}

/// What the tenants tell, in the order in which it happens.
#[derive(Debug)]
pub enum Told {
    Began,
    Sent(Tenant),
    Done(Sample),
    Ended { at: Duration },
    Unable(anyhow::Error),
}

#[derive(Debug, Clone)]
pub struct Figures {
    pub sent: u64,
    pub admitted: u64,
    pub denied: u64,
    pub failed: u64,
    pub latency: Histogram<u64>,
    /// The shortest and the longest told, in seconds.
    pub retry_after: Option<(u64, u64)>,
    /// Denials that did not tell.
    pub silent: u64,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            sent: 0,
            admitted: 0,
            denied: 0,
            failed: 0,
            latency: latencies(),
            retry_after: None,
            silent: 0,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Row {
    pub whole: Figures,
    /// The part of it that was decided from the flood's beginning on.
    pub in_flood: Figures,
    /// From the first decision to the last.
    pub stretch: Option<(Duration, Duration)>,
    /// When each of the admitted was; of the greedy tenant, who alone comes near its quota.
    pub admissions: Vec<Duration>,
    /// Of the latest decision.
    pub remaining: Option<Decided>,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    pub admitted: u64,
    pub denied: u64,
}

#[derive(Debug)]
pub struct Tally {
    pub plan: Plan,
    pub rows: Each<Row>,
    /// By when the gateway decided, in stretches of `moment`.
    pub moments: Each<Vec<Moment>>,
    pub moment: Duration,
    /// Evictions so far, at some instants.
    pub evictions: Vec<(Duration, u64)>,
    /// How busy the machine was.
    pub lateness: Histogram<u64>,
    pub began: bool,
    /// Whether it was played to its end.
    pub complete: bool,
    /// How long it was, once it is over.
    pub lasted: Duration,
    recent: VecDeque<Sample>,
}

impl Tally {
    pub fn new(plan: Plan) -> Self {
        let longest = plan.length / 24;
        let moments = MOMENTS_MS.map(Duration::from_millis);
        let moment =
            moments.into_iter().rfind(|moment| *moment <= longest).unwrap_or(Duration::from_millis(50));
        Self {
            plan,
            rows: Each::default(),
            moments: Each::default(),
            moment,
            evictions: vec![(Duration::ZERO, 0)],
            lateness: latencies(),
            began: false,
            complete: false,
            lasted: Duration::ZERO,
            recent: VecDeque::new(),
        }
    }

    pub fn take(&mut self, told: Told) -> anyhow::Result<()> {
        match told {
            Told::Began => self.began = true,
            Told::Sent(tenant) => self.rows.of_mut(tenant).whole.sent += 1,
            Told::Done(sample) => self.done(sample),
            Told::Ended { at } => {
                self.end(at);
                self.complete = true;
            }
            Told::Unable(error) => return Err(error),
        }
        Ok(())
    }

    pub fn end(&mut self, at: Duration) {
        if !self.complete {
            self.lasted = at;
        }
    }

    fn done(&mut self, sample: Sample) {
        record(&mut self.lateness, sample.late);
        let flood_begins = self.plan.flood_begins();
        let row = self.rows.of_mut(sample.tenant);
        row.whole.add(&sample);
        let Some(decided) = sample.answer.decided() else { return };
        if decided.at >= flood_begins {
            row.in_flood.sent += 1;
            row.in_flood.add(&sample);
        }
        row.note(&sample, decided);
        let index = (decided.at.as_nanos() / self.moment.as_nanos()) as usize;
        let moments = self.moments.of_mut(sample.tenant);
        if moments.len() <= index {
            moments.resize(index + 1, Moment::default());
        }
        if let Some(moment) = moments.get_mut(index) {
            moment.add(&sample);
        }
        self.recent.push_back(sample);
    }

    /// What was decided in the second up to `now`.
    pub fn last_second(&mut self, now: Duration) -> Each<Moment> {
        let since = now.saturating_sub(Duration::from_secs(1));
        self.recent.retain(|sample| sample.answer.decided().is_some_and(|decided| decided.at >= since));
        let mut second = Each::default();
        for sample in &self.recent {
            Moment::add(second.of_mut(sample.tenant), sample);
        }
        second
    }

    /// What the quota of a tenant allowed it, from the first decision about it to the last.
    pub fn allowed(&self, tenant: Tenant) -> u64 {
        let (first, last) = self.rows.of(tenant).stretch.unwrap_or_default();
        self.plan.allowed(last.saturating_sub(first))
    }

    /// The same from the flood's beginning on: all but what it had before.
    pub fn allowed_in_flood(&self, tenant: Tenant) -> u64 {
        let row = self.rows.of(tenant);
        self.allowed(tenant).saturating_sub(row.whole.admitted - row.in_flood.admitted)
    }
}

impl Row {
    fn note(&mut self, sample: &Sample, decided: Decided) {
        let (first, last) = self.stretch.unwrap_or((decided.at, decided.at));
        self.stretch = Some((first.min(decided.at), last.max(decided.at)));
        if matches!(sample.answer, Answer::Admitted(_)) && sample.tenant == Tenant::Greedy {
            self.admissions.push(decided.at);
        }
        // Answers may overtake each other.
        if self.remaining.is_none_or(|latest| latest.at <= decided.at) {
            self.remaining = Some(decided);
        }
    }
}

impl Moment {
    fn add(&mut self, sample: &Sample) {
        match sample.answer {
            Answer::Admitted(_) => self.admitted += 1,
            Answer::Denied { .. } => self.denied += 1,
            Answer::Failed => {}
        }
    }
}

impl Figures {
    fn add(&mut self, sample: &Sample) {
        match sample.answer {
            Answer::Admitted(_) => self.admitted += 1,
            Answer::Denied { retry_after, .. } => {
                self.denied += 1;
                self.told_to_wait(retry_after);
            }
            Answer::Failed => self.failed += 1,
        }
        record(&mut self.latency, sample.latency);
    }

    fn told_to_wait(&mut self, retry_after: Option<u64>) {
        let Some(wait) = retry_after else {
            self.silent += 1;
            return;
        };
        let (least, most) = self.retry_after.unwrap_or((wait, wait));
        self.retry_after = Some((least.min(wait), most.max(wait)));
    }
}
