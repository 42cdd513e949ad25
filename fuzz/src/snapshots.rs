//! Any snapshot is restored, or refused with the breaker as it was; and what a breaker kept comes back from its own.

use core::time::Duration;
use std::sync::Arc;

use arbitrary::{Arbitrary, Result, Unstructured};
use fusebox::breaker::{
    Change, CircuitBreaker, Event, FullPolicy, RestoreError, Snapshot, State, Status, Why, WindowSnapshot,
};
use fusebox::time::{Clock, Instant, ManualClock};

use crate::faces::{self, Step};
use crate::input;
use crate::model::spec::{Spec, Trip, Window};
use crate::subject::{self, Log, full_policy};

type Subject<'a> = faces::Subject<'a, FullPolicy, Arc<Log>>;

/// A breaker with a past, a snapshot from anywhere, and what is done afterwards.
#[derive(Debug)]
pub struct Restart {
    spec: Spec,
    before: Vec<Step>,
    snapshot: Snapshot,
    now: u64,
    wall: Duration,
    after: Vec<Step>,
}

impl<'a> Arbitrary<'a> for Restart {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            spec: input::spec(u)?,
            before: steps(u)?,
            snapshot: snapshot(u)?,
            now: input::far(u)?,
            wall: duration(u)?,
            after: steps(u)?,
        })
    }
}

fn steps(u: &mut Unstructured<'_>) -> Result<Vec<Step>> {
    let most = u.int_in_range(0..=16_usize)?;
    u.arbitrary_iter()?.take(most).collect()
}

fn snapshot(u: &mut Unstructured<'_>) -> Result<Snapshot> {
    use State::{Closed, Disabled, ForcedOpen, HalfOpen, Open, Recovering};
    Ok(Snapshot {
        primitive: if u.ratio(1, 16_u8)? { "rate_limiter" } else { Snapshot::PRIMITIVE },
        version: if u.ratio(1, 16_u8)? { u.arbitrary()? } else { Snapshot::VERSION },
        wall: duration(u)?,
        state: *u.choose(&[Closed, Open, HalfOpen, Recovering, ForcedOpen, Disabled])?,
        remaining: maybe(u)?,
        age: duration(u)?,
        open_for: maybe(u)?,
        outage: maybe(u)?,
        consecutive_failures: small(u, 65_535)?,
        opened_in_a_row: small(u, 4_095)?,
        successes: small(u, 63)?,
        ramp_step: small(u, 15)?,
        ramp_position: small(u, 99)?,
        window: match u.int_in_range(0..=2_u8)? {
            0 => None,
            1 => Some(WindowSnapshot::Calls { calls: wide(u)?, marks: few(u, mark)? }),
            _ => Some(WindowSnapshot::Time { slices: few(u, slice)? }),
        },
    })
}

fn duration(u: &mut Unstructured<'_>) -> Result<Duration> {
    Ok(if u.ratio(1, 8_u8)? { u.arbitrary()? } else { Duration::from_nanos(input::pause(u)?) })
}

fn maybe(u: &mut Unstructured<'_>) -> Result<Option<Duration>> {
    Ok(if u.ratio(1, 4_u8)? { None } else { Some(duration(u)?) })
}

/// Few, up to what a breaker tells, or more than that.
fn small(u: &mut Unstructured<'_>, most: u32) -> Result<u32> {
    match u.int_in_range(0..=15_u8)? {
        0 => u.arbitrary(),
        1 => Ok(most + 1),
        2 => Ok(most),
        3..=5 => u.int_in_range(0..=most),
        _ => u.int_in_range(0..=3),
    }
}

fn wide(u: &mut Unstructured<'_>) -> Result<u64> {
    if u.ratio(1, 6_u8)? { u.arbitrary() } else { u.int_in_range(0..=50) }
}

fn few<T>(u: &mut Unstructured<'_>, one: fn(&mut Unstructured<'_>) -> Result<T>) -> Result<Vec<T>> {
    let many = u.int_in_range(0..=24)?;
    (0..many).map(|_| one(u)).collect()
}

fn mark(u: &mut Unstructured<'_>) -> Result<(u64, bool, bool)> {
    Ok((wide(u)?, u.arbitrary()?, u.arbitrary()?))
}

fn slice(u: &mut Unstructured<'_>) -> Result<(Duration, u64, u64, u64)> {
    Ok((duration(u)?, wide(u)?, wide(u)?, wide(u)?))
}

impl Restart {
    pub fn check(&self) {
        let (clock, log, now) = (ManualClock::new(), Arc::new(Log::default()), Instant::from_nanos(self.now));
        let breaker = self.breaker(&clock, &log);
        faces::exercise(&breaker, &clock, &self.before);
        self.kept(&breaker, clock.now());
        let (look, kept, counts) =
            (breaker.look_at(now), breaker.snapshot_at(now, self.wall), breaker.counts());
        let told = self.state_told(&log);
        match breaker.restore_at(&self.snapshot, now, self.wall) {
            Ok(()) => self.restored(&breaker, told, &look, &log),
            Err(error) => {
                assert!(self.is_damaged(error), "{error} {self:#?}");
                let seen = (breaker.look_at(now), breaker.snapshot_at(now, self.wall), breaker.counts());
                assert_eq!(
                    seen,
                    (look, kept, counts),
                    "{error}, and the breaker is not as it was: {self:#?}"
                );
                assert_eq!(log.take(), [], "{error}, and something was told");
            }
        }
        clock.set(now);
        self.kept(&breaker, now);
        faces::exercise(&breaker, &clock, &self.after);
        self.kept(&breaker, clock.now());
    }

    fn breaker<'a>(&self, clock: &'a ManualClock, log: &Arc<Log>) -> Subject<'a> {
        CircuitBreaker::new(full_policy(&self.spec))
            .with_clock(clock)
            .with_observer(Arc::clone(log))
            .counted()
    }

    /// The state after all that was told: a look may be ahead of it.
    fn state_told(&self, log: &Log) -> State {
        let events = log.take();
        let last = events.iter().rev().find_map(|event| match event {
            Event::Changed(change) => Some(change.to),
            _ => None,
        });
        last.unwrap_or(State::Closed)
    }

    /// A restore is one change of state, to that of the snapshot.
    fn restored(&self, breaker: &Subject<'_>, told: State, before: &Status, log: &Log) {
        assert!(self.damage().is_empty(), "restored, though {:?}: {self:#?}", self.damage());
        let events = log.take();
        let [Event::Changed(Change { from, to, why: Why::Restored, at, outage: None, .. })] = events[..]
        else {
            panic!("a restore told {events:?}");
        };
        assert_eq!((from, to, at.as_nanos()), (told, self.snapshot.state, self.now), "{self:#?}");
        let status = breaker.look_at(Instant::from_nanos(self.now));
        let alike = match (self.snapshot.state, status.state) {
            (State::HalfOpen, State::Open) | (State::Recovering, State::Closed) => true,
            (kept, shown) => kept == shown,
        };
        assert!(alike && status.shadow == before.shadow && status.in_flight == 0, "{status:?} {self:#?}");
    }

    /// The fields that hold what no breaker ever tells.
    fn damage(&self) -> Vec<&'static str> {
        let it = &self.snapshot;
        let trials = matches!(it.state, State::Open | State::HalfOpen | State::Recovering);
        let rules = [
            ("consecutive_failures", it.consecutive_failures <= 65_535),
            ("opened_in_a_row", it.opened_in_a_row <= 4_095 && (it.opened_in_a_row > 0 || !trials)),
            ("successes", it.successes <= 63),
            ("ramp_position", it.ramp_position <= 99),
            ("ramp_step", it.ramp_step <= 15),
            ("remaining", it.state != State::Open || it.remaining.is_some()),
            ("primitive", it.primitive == Snapshot::PRIMITIVE),
            ("version", it.version == Snapshot::VERSION),
        ];
        rules.into_iter().filter(|(_, holds)| !holds).map(|(field, _)| field).collect()
    }

    /// Whether this is a reason to refuse it. What does not fit together may be refused, too.
    fn is_damaged(&self, error: RestoreError) -> bool {
        assert!(!error.to_string().is_empty());
        match error {
            RestoreError::Damaged { field: "window" } => self.snapshot.window.is_some(),
            RestoreError::Damaged { field: "open_for" | "outage" } => {
                let closed = matches!(self.snapshot.state, State::Closed | State::Disabled);
                let (open_for, outage) = (self.snapshot.open_for, self.snapshot.outage);
                open_for.is_none() != closed || outage.is_none() != closed || outage < open_for
            }
            RestoreError::Foreign { primitive } => primitive != Snapshot::PRIMITIVE,
            RestoreError::Newer { version } => {
                version > Snapshot::VERSION && version == self.snapshot.version
            }
            RestoreError::Damaged { field } => self.damage().contains(&field),
            _ => false,
        }
    }

    /// A breaker's own snapshot makes another breaker what it was; what that one keeps is the same again.
    fn kept(&self, breaker: &Subject<'_>, now: Instant) {
        let wall = Duration::from_secs(1_700_000_000);
        let kept = breaker.snapshot_at(now, wall);
        let (clock, log) = (ManualClock::new(), Arc::new(Log::default()));
        let other = self.breaker(&clock, &log);
        // A wall clock that went backwards takes off nothing.
        let earlier = wall - Duration::from_secs(self.now % 1_000);
        assert_eq!(other.restore_at(&kept, now, earlier), Ok(()), "a breaker's own snapshot: {kept:?}");
        let again = other.snapshot_at(now, wall);
        // A slice holds 2^36 calls at most; a ramp of another policy is over at once; an outage that began three hundred
        // years before the clock did is not told.
        let is_odd = most_calls(&kept) >= (1 << 36) - 1
            || (kept.state == State::Recovering && self.spec.ramp.is_none())
            || kept.open_for > Some(Duration::from_nanos(i64::MAX as u64));
        if is_odd {
            return;
        }
        let came = mended(again.clone(), &kept, self.slice());
        assert_eq!(came, kept, "kept {kept:?}, which came back as {again:?}: {self:#?}");
    }
}

/// The largest number in a window of time.
fn most_calls(snapshot: &Snapshot) -> u64 {
    let Some(WindowSnapshot::Time { slices }) = &snapshot.window else { return 0 };
    slices.iter().map(|(_, calls, failures, slow)| *calls.max(failures).max(slow)).max().unwrap_or(0)
}

impl Restart {
    /// The longest a slice of its window may be.
    fn slice(&self) -> Duration {
        match self.spec.trip {
            Trip::Rate { window: Window::Time(length), .. } => subject::duration(length) / 10,
            _ => Duration::ZERO,
        }
    }
}

/// What came back, less what is allowed of it: most instants are held in whole milliseconds, and an open state's age is
/// not told.
fn mended(again: Snapshot, kept: &Snapshot, slice: Duration) -> Snapshot {
    const MILLI: Duration = Duration::from_millis(1);
    let near = |again: Option<Duration>, kept: Option<Duration>| match (again, kept) {
        (Some(told), Some(was)) if was <= told && told < was + MILLI => kept,
        _ => again,
    };
    let any_age = match again.state {
        State::Open => true,
        State::HalfOpen | State::Recovering => false,
        State::Closed | State::ForcedOpen | State::Disabled => {
            again.age <= kept.age && kept.age < again.age + MILLI
        }
    };
    let window = match (again.window, &kept.window) {
        // While the clock stands before the newest slice, time stands still at its beginning.
        (Some(WindowSnapshot::Time { slices: told }), Some(WindowSnapshot::Time { slices: was })) => {
            let pairs = told.into_iter().zip(was);
            let slices = pairs.map(|(told, was)| match told.0 {
                age if was.0 <= age && age < was.0 + slice => (was.0, told.1, told.2, told.3),
                _ => told,
            });
            Some(WindowSnapshot::Time { slices: slices.collect() })
        }
        (window, _) => window,
    };
    Snapshot {
        window,
        remaining: near(again.remaining, kept.remaining),
        open_for: near(again.open_for, kept.open_for),
        outage: near(again.outage, kept.outage),
        age: if any_age { kept.age } else { again.age },
        ..again
    }
}
