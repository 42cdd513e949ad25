//! Any script of operations on a clock that goes as it likes, beside the same script while time stands still: the
//! clock that steps back is never looser, and both breakers keep the rules that need no model (`invariants.rs`).
//!
//! Time stands still at the latest instant the breaker has written down: that of its latest change of state. What a
//! closed breaker did not look at (a healthy call reads no clock) did not happen for it.

use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use fusebox::breaker::{Event, Rejected, Snapshot, State, Why};
use fusebox::time::{Instant, ManualClock};

use crate::input;
use crate::invariants::{Answer, Invariants, Seen};
use crate::model::Hand;
use crate::model::spec::{Spec, Trip, Window};
use crate::subject::{self, Held, How, Log, Subject};

/// A policy, where the clock begins, and what is done to the breaker.
#[derive(Debug)]
pub struct Script {
    spec: Spec,
    plain: bool,
    begins: u64,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    tick: Tick,
    reads: bool,
    act: Act,
}

/// How time passes before a step.
#[derive(Clone, Copy, Debug)]
enum Tick {
    By(u64),
    Back(u64),
    To(u64),
    /// To where the breaker says that something is due, and so many nanoseconds beside it.
    Due {
        which: u8,
        offset: i64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Acquire,
    Finish {
        which: u8,
        how: How,
    },
    Call {
        took: u64,
        how: How,
    },
    Hand(Hand),
    Shadow(bool),
    /// In another process, `wall` nanoseconds later by the wall clock (earlier where negative), whose own clock then
    /// shows `clock`.
    Restore {
        wall: i64,
        clock: u64,
    },
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (plain, begins) = (u.arbitrary()?, input::pause(u)?);
        // Two openings that are not at the very same instant jitter apart.
        let spec = Spec { jitter: None, ..input::spec(u)? };
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < 64 {
            steps.push(Step { tick: tick(u)?, reads: u.arbitrary()?, act: act(u)? });
        }
        Ok(Self { spec, plain, begins, steps })
    }
}

fn tick(u: &mut Unstructured<'_>) -> Result<Tick> {
    Ok(match u.int_in_range(0..=9_u8)? {
        0 | 1 => Tick::Back(input::pause(u)?),
        2 => Tick::To(input::far(u)?),
        3..=5 => Tick::Due { which: u.arbitrary()?, offset: input::beside(u)? },
        _ => Tick::By(input::pause(u)?),
    })
}

fn act(u: &mut Unstructured<'_>) -> Result<Act> {
    Ok(match u.int_in_range(0..=10_u8)? {
        0..=2 => Act::Acquire,
        3 | 4 => Act::Finish { which: u.arbitrary()?, how: input::how(u)? },
        5..=7 => Act::Call { took: input::pause(u)?, how: input::how(u)? },
        8 => Act::Hand(input::hand(u)?),
        9 => Act::Shadow(u.ratio(1, 3_u8)?),
        _ => Act::Restore { wall: i64::from(u.arbitrary::<i32>()?) * 1_000_000, clock: input::pause(u)? },
    })
}

impl Script {
    pub fn check(&self) {
        let mut pair =
            Pair { strange: World::new(self), still: World::new(self), alike: true, now: self.begins };
        for (number, step) in self.steps.iter().enumerate() {
            pair.now = pair.strange.pass(step.tick, pair.now);
            if let Err(wrong) = pair.step(step) {
                let Pair { strange, still, now, .. } = pair;
                panic!(
                    "step {number} at {now} ns, {step:?}: {wrong}\nnow {strange}\nstill {still}\n{self:#?}"
                );
            }
        }
    }
}

/// The breaker on the strange clock, and the one beside it.
struct Pair {
    strange: World,
    still: World,
    /// Once the strange clock was stricter, the two go different ways.
    alike: bool,
    now: u64,
}

impl Pair {
    fn step(&mut self, step: &Step) -> Checked<()> {
        let (now, stood) = (self.now, self.now.max(self.still.stood));
        match step.act {
            Act::Restore { wall, clock } => {
                let snapshot = self.strange.breaker.snapshot(Instant::from_nanos(now), WALL);
                self.strange.restart(&snapshot, wall, clock)?;
                // Both are the same again.
                self.still.restart(&snapshot, wall, clock)?;
                (self.alike, self.now) = (true, clock);
                Ok(())
            }
            Act::Call { took, how } => {
                self.both(now, stood, |world, now| {
                    world.once(now, step.reads, |world, at| world.acquire(at))
                })?;
                self.now = now.saturating_add(took);
                let stood = self.now.max(self.still.stood);
                self.both(self.now, stood, |world, now| {
                    world.once(now, step.reads, |world, at| world.finish(usize::MAX, how, at))
                })
            }
            _ => self.both(now, stood, |world, now| world.step(step, now)),
        }
    }

    fn both(&mut self, now: u64, stood: u64, act: impl Fn(&mut World, u64) -> Checked<Seen>) -> Checked<()> {
        let strange = act(&mut self.strange, now)?;
        if self.alike {
            let alike = not_looser(&strange, &act(&mut self.still, stood)?)?;
            // A window of time stands still at its own newest outcome, not at the beginning of the state.
            let apart =
                now < stood && matches!(self.strange.spec.trip, Trip::Rate { window: Window::Time(_), .. });
            self.alike = alike && !apart;
        }
        Ok(())
    }
}

/// What is wrong, if something is.
type Checked<T> = std::result::Result<T, String>;

/// Where the wall clock stands in every snapshot.
const WALL: Duration = Duration::from_secs(1_700_000_000);

/// Of an opening the breaker remembers the millisecond alone.
const FORGOTTEN: Duration = Duration::from_millis(1);

/// Whether two breakers did the same; what is wrong where the first was let off more easily.
fn not_looser(strange: &Seen, still: &Seen) -> Checked<bool> {
    let wait = |answer: Answer| answer.refusal().and_then(|refusal| refusal.retry_after());
    if let (Some(here), Some(there)) = (strange.answer, still.answer) {
        match (here, there) {
            (Answer::Admitted { .. }, Answer::Admitted { .. }) => {}
            (Answer::Admitted { .. }, Answer::Refused(_)) => {
                let close = wait(there).is_some_and(|wait| wait <= FORGOTTEN);
                return if close {
                    Ok(false)
                } else {
                    Err(format!("looser: {there:?} where time stood still"))
                };
            }
            (Answer::Refused(_), Answer::Admitted { .. }) => return Ok(false),
            (Answer::Refused(_), Answer::Refused(_)) => {
                if wait(here).map(|wait| wait + FORGOTTEN) < wait(there) {
                    return Err(format!("looser: waits {:?}, not {:?}", wait(here), wait(there)));
                }
            }
        }
    }
    let (here, there) = (strange.after.state, still.after.state);
    match (here == there, there) {
        (true, _) => Ok(strange.after.generation == still.after.generation),
        (false, State::Open | State::HalfOpen) if here == State::Closed => {
            Err("looser: closed, and not so where time stood still".into())
        }
        (false, _) => Ok(false),
    }
}

/// One breaker with its clock, its permits and its rules.
struct World {
    spec: Spec,
    plain: bool,
    clock: Arc<ManualClock>,
    log: Arc<Log>,
    breaker: Box<dyn Subject>,
    held: Vec<Box<dyn Held>>,
    rules: Invariants,
    /// The instant of the latest change of state.
    stood: u64,
}

impl World {
    fn new(script: &Script) -> Self {
        Self::fresh(&script.spec, script.plain, script.begins)
    }

    fn fresh(spec: &Spec, plain: bool, now: u64) -> Self {
        let (clock, log) = (Arc::new(ManualClock::new()), Arc::new(Log::default()));
        let breaker = subject::make(spec, plain, &clock, &log);
        let rules = Invariants::new(spec, &breaker.look(Instant::from_nanos(now)));
        Self { spec: spec.clone(), plain, clock, log, breaker, held: Vec::new(), rules, stood: 0 }
    }

    /// What the clock shows after this tick.
    fn pass(&self, tick: Tick, now: u64) -> u64 {
        match tick {
            Tick::By(nanos) => now.saturating_add(nanos),
            Tick::Back(nanos) => now.saturating_sub(nanos),
            Tick::To(nanos) => nanos,
            Tick::Due { which, offset } => {
                let due = self.rules.due(now, &self.breaker.look(Instant::from_nanos(now)));
                let due = due.get(usize::from(which) % due.len().max(1)).copied().unwrap_or(now);
                due.saturating_add_signed(offset)
            }
        }
    }

    /// Does it, and checks what that showed.
    fn step(&mut self, step: &Step, now: u64) -> Checked<Seen> {
        self.once(now, step.reads, |world, at| match step.act {
            Act::Finish { which, how } => world.finish(usize::from(which), how, at),
            Act::Hand(hand) => {
                world.breaker.by_hand(hand, at);
                None
            }
            Act::Shadow(on) => {
                world.rules.shadow = on;
                world.breaker.set_shadow(on);
                None
            }
            Act::Acquire | Act::Call { .. } | Act::Restore { .. } => world.acquire(at),
        })
    }

    /// One operation, between two looks.
    fn once(
        &mut self,
        now: u64,
        reads: bool,
        act: impl FnOnce(&mut Self, Option<Instant>) -> Option<Answer>,
    ) -> Checked<Seen> {
        let instant = Instant::from_nanos(now);
        self.clock.set(instant);
        let before = self.breaker.look(instant);
        let answer = act(self, (!reads).then_some(instant));
        let events = self.log.take();
        let after = self.breaker.look(instant);
        let seen = Seen { now, before, answer, events, after };
        self.rules.check(&seen, &self.breaker.counts(), self.held.len() as u64)?;
        if self.breaker.look(instant) != after || !self.log.take().is_empty() {
            return Err("looking changed something".into());
        }
        self.stand(&seen.events);
        Ok(seen)
    }

    fn stand(&mut self, events: &[Event]) {
        for event in events {
            if let Event::Changed(change) = event {
                // A restored state may have begun at any time before.
                self.stood =
                    if change.why == Why::Restored { 0 } else { self.stood.max(change.at.as_nanos()) };
            }
        }
    }

    fn acquire(&mut self, at: Option<Instant>) -> Option<Answer> {
        Some(match self.breaker.acquire(at) {
            Ok(held) => {
                let answer = Answer::Admitted { generation: held.generation(), is_probe: held.is_probe() };
                self.held.push(held);
                answer
            }
            Err(refusal) => Answer::Refused(refusal),
        })
    }

    fn finish(&mut self, which: usize, how: How, at: Option<Instant>) -> Option<Answer> {
        if let Some(last) = self.held.len().checked_sub(1) {
            let held = self.held.swap_remove(if which > last { which.min(last) } else { which });
            held.finish(how, at);
        }
        None
    }

    /// Becomes another process, with a clock of its own.
    fn restart(&mut self, snapshot: &Snapshot, wall: i64, clock: u64) -> Checked<()> {
        *self = Self::fresh(&self.spec, self.plain, clock);
        let ahead = Duration::from_nanos(wall.unsigned_abs());
        let later = if wall < 0 { WALL.saturating_sub(ahead) } else { WALL + ahead };
        self.once(clock, true, |world, _| {
            let restored = world.breaker.restore(snapshot, Instant::from_nanos(clock), later);
            assert_eq!(restored, Ok(()), "a breaker's own snapshot: {snapshot:?}");
            None
        })?;
        Ok(())
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ns stood, {:?}", self.stood, self.rules)
    }
}

impl Answer {
    pub fn refusal(self) -> Option<Rejected> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Admitted { .. } => None,
        }
    }
}
