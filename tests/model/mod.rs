//! A circuit breaker as a person would write it from the specification: one thread, plain fields, exact time.
//!
//! It decides nothing by itself where the specification leaves a choice (which of a ramp's calls are the
//! admitted ones, when within a millisecond a restored deadline strikes, whether an outcome has left its
//! slice of a window): there it checks that what the breaker did is one of the allowed things, and goes on
//! from it. Everything else must be exactly as the model has it.
//!
//! | file | question |
//! |---|---|
//! | `spec.rs` | what was it told, and how long is a grown open duration |
//! | `window.rs` | what counts towards a rate |
//! | `told.rs` | which events are still to be accounted for |
//! | `acquire.rs`, `finish.rs`, `hand.rs` | what may happen |
//! | `show.rs` | what must a look, a refusal and the counts say |

use core::fmt;

use fusebox::breaker::{Event, State, Status, Why};

use self::spec::{Spec, down_to_milli, up_to_milli};
use self::told::{Told, Wrong, ensure};
use self::window::Outcomes;

mod acquire;
mod finish;
mod hand;
mod show;
pub mod spec;
mod told;
mod window;

pub use self::acquire::{Asked, Holds, Ticket};
pub use self::finish::Finish;
pub use self::hand::{Gap, Hand};

/// An instant that the breaker may hold up to `slack` later than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    at: i128,
    slack: i128,
}

impl Moment {
    fn exact(at: i128) -> Self {
        Self { at, slack: 0 }
    }

    fn latest(self) -> i128 {
        self.at + self.slack
    }

    /// When something that lasts `duration` from here ends, in whole milliseconds: the first and the last
    /// chance.
    fn deadline(self, duration: i128) -> Deadline {
        Deadline { first: up_to_milli(self.at + duration), last: up_to_milli(self.latest() + duration) }
    }
}

/// Strikes not before `first`, and at `last` at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Deadline {
    first: i128,
    last: i128,
}

impl Deadline {
    /// Whether it has struck; `shown` says it where both are allowed.
    fn has_struck(self, now: i128, shown: bool) -> bool {
        now >= self.last || (now >= self.first && shown)
    }
}

/// What state it is in, and what belongs to that state alone.
#[derive(Clone, Debug)]
enum Phase {
    Closed,
    Open { until: Deadline },
    HalfOpen { in_flight: u32, successes: u32 },
    Recovering(Climb),
    ForcedOpen,
    Disabled,
}

/// A recovery ramp under way.
#[derive(Clone, Copy, Debug, Default)]
struct Climb {
    step: usize,
    calls: u64,
    admitted: u64,
    /// The counts of this step are not known: it was restored.
    unknown: bool,
}

/// Sums of everything that ever happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub admitted: u64,
    pub succeeded: u64,
    pub errors: u64,
    pub slow: u64,
    pub timeouts: u64,
    pub panics: u64,
    pub ignored: u64,
    pub cancelled: u64,
    pub late: u64,
    pub bypassed: u64,
    pub shadowed: u64,
    pub rejected: u64,
    pub would_reject: u64,
}

/// The model.
#[derive(Clone)]
pub struct Model {
    spec: Spec,
    phase: Phase,
    /// When it entered its state, exactly.
    entered: Moment,
    /// The latest instant that it may have written down.
    stamped: i128,
    generation: u16,
    /// Failures in a row.
    row: u32,
    window: Outcomes,
    /// How often it opened since it was last closed.
    openings: u32,
    opened: Option<Moment>,
    first_opened: Option<Moment>,
    /// Since the latest opening; none where that is not known.
    rejections: Option<u64>,
    shadow: bool,
    tally: Tally,
}

/// What one operation showed: what was told, and how the breaker looked before and after.
#[derive(Debug)]
pub struct Seen<'a> {
    pub now: i128,
    pub events: &'a [Event],
    pub before: &'a Status,
}

impl Model {
    pub fn new(spec: Spec, status: &Status) -> Self {
        Self {
            spec,
            phase: Phase::Closed,
            entered: Moment::exact(0),
            stamped: 0,
            generation: status.generation,
            row: 0,
            window: Outcomes::default(),
            openings: 0,
            opened: None,
            first_opened: None,
            rejections: Some(0),
            shadow: false,
            tally: Tally::default(),
        }
    }

    pub fn set_shadow(&mut self, on: bool) {
        self.shadow = on;
    }

    /// The instants at which something may change by itself: where a test looks closely.
    pub fn deadlines(&self) -> Vec<i128> {
        let own = match self.phase {
            Phase::Open { until } => vec![until.first],
            Phase::HalfOpen { .. } => self.timeout().into_iter().map(|timeout| timeout.first).collect(),
            Phase::Recovering(_) => {
                let ramp = self.spec.ramp.as_ref().expect("a ramp is climbed");
                (1..=ramp.percents.len() as i128)
                    .map(|step| self.entered.deadline(ramp.step * step).first)
                    .collect()
            }
            Phase::Closed | Phase::ForcedOpen | Phase::Disabled => Vec::new(),
        };
        own.into_iter().chain(self.departures()).collect()
    }

    fn departures(&self) -> Vec<i128> {
        match self.spec.trip {
            spec::Trip::Rate { window, .. } => self.window.departures(window),
            spec::Trip::Row(_) => Vec::new(),
        }
    }

    fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::Recovering(_) => State::Recovering,
            Phase::ForcedOpen => State::ForcedOpen,
            Phase::Disabled => State::Disabled,
        }
    }

    /// When the half-open state gives up.
    fn timeout(&self) -> Option<Deadline> {
        Some(self.entered.deadline(self.spec.half_open_timeout?))
    }

    /// Whether the state has ended by itself: a half-open without a verdict, a ramp that is over.
    fn is_over(&self, now: i128, shown: State) -> bool {
        match self.phase {
            Phase::HalfOpen { .. } => {
                self.timeout().is_some_and(|it| it.has_struck(now, shown == State::Open))
            }
            Phase::Recovering(_) => {
                let length = self.spec.ramp_end(0).expect("a ramp is climbed");
                self.entered.deadline(length).has_struck(now, shown == State::Closed)
            }
            _ => false,
        }
    }

    /// The state ends by itself, at its own instant, and tells so.
    fn settle(&mut self, told: &mut Told<'_>) -> Result<(), Wrong> {
        match self.phase {
            Phase::HalfOpen { .. } => {
                let timeout = self.spec.half_open_timeout.expect("it has struck");
                let at = Moment { at: self.entered.at + timeout, slack: self.entered.slack };
                self.open(at, &[Why::HalfOpenTimeout], told)
            }
            Phase::Recovering(_) => {
                let end = self.spec.ramp_end(self.entered.at).expect("a ramp is climbed");
                self.close(Moment { at: end, slack: self.entered.slack }, Why::RampDone, told)
            }
            _ => Ok(()),
        }
    }

    /// Opens at `at`.
    fn open(&mut self, at: Moment, whys: &[Why], told: &mut Told<'_>) -> Result<(), Wrong> {
        self.change(State::Open, whys, at, None, told)?;
        self.enter_open(at);
        Ok(())
    }

    fn enter_open(&mut self, at: Moment) {
        self.openings += 1;
        let least = self.spec.open_duration(self.openings);
        let most = least + self.spec.jitter(least);
        let until = Deadline { first: at.deadline(least).first, last: at.deadline(most).last };
        self.enter(Phase::Open { until }, at);
        self.opened = Some(at);
        self.first_opened.get_or_insert(at);
        self.rejections = Some(0);
    }

    /// Closes at `at`, with everything forgotten.
    fn close(&mut self, at: Moment, why: Why, told: &mut Told<'_>) -> Result<(), Wrong> {
        let outage = self.first_opened.map(|first| (first, at));
        self.change(State::Closed, &[why], at, outage, told)?;
        self.enter(Phase::Closed, at);
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.row = 0;
        self.openings = 0;
        self.opened = None;
        self.first_opened = None;
        self.window.clear();
    }

    fn enter(&mut self, phase: Phase, at: Moment) {
        self.phase = phase;
        self.entered = at;
        self.stamped = at.latest();
    }

    /// A change must be told: whence, whither, why, when, with the next generation, and how long it was out.
    fn change(
        &mut self,
        to: State,
        whys: &[Why],
        at: Moment,
        outage: Option<(Moment, Moment)>,
        told: &mut Told<'_>,
    ) -> Result<(), Wrong> {
        let change = told.change()?;
        let from = self.state();
        ensure!(change.from == from && change.to == to, "{from} -> {to} should be told, told {change:?}");
        ensure!(whys.contains(&change.why), "one of {whys:?} should be told, told {change:?}");
        ensure!(tells(change.at.as_nanos(), at), "a change at {at:?} should be told, told {change:?}");
        let next = self.generation.wrapping_add(1);
        ensure!(change.generation == next, "generation {next} should be told, told {change:?}");
        self.generation = next;
        match (outage, change.outage) {
            (Some((first, end)), Some(told)) => {
                let least = (down_to_milli(end.at) - up_to_milli(first.latest())).max(0);
                let most = up_to_milli(end.latest()) - down_to_milli(first.at);
                let told = told.as_nanos() as i128;
                ensure!(
                    (least..=most).contains(&told),
                    "an outage of {least}..={most} should be told, told {told}"
                );
                Ok(())
            }
            (None, None) => Ok(()),
            (expected, seen) => Err(format!("the outage should be {expected:?}, told {seen:?}")),
        }
    }
}

/// Whether an instant that was told, in whole milliseconds or exactly, is this moment.
fn tells(told: u64, moment: Moment) -> bool {
    let clock = |instant: i128| instant.clamp(0, i128::from(u64::MAX));
    (clock(down_to_milli(moment.at))..=clock(up_to_milli(moment.latest()))).contains(&i128::from(told))
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, entered, generation, row, openings, opened, first_opened, shadow, .. } = self;
        write!(f, "{phase:?} since {entered:?}, generation {generation}, row {row}, openings {openings}, ")?;
        write!(f, "opened {opened:?}, first {first_opened:?}, shadow {shadow}")
    }
}
