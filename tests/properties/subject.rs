//! The breaker under test, whatever the form of its policy: made, driven and looked at through the public
//! API.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use fusebox::breaker::{
    CircuitBreaker, Counters, Counts, Event, FailureKind, FullPolicy, Permit, Policy, Rejected, RestoreError,
    Snapshot, Status, Verdict, Window,
};
use fusebox::observe::Observer;
use fusebox::time::{Instant, ManualClock};

use crate::model::spec::{self, ONE, Slow, Spec, Trip};
use crate::model::{Finish, Hand};

/// Keeps what it is told.
#[derive(Debug, Default)]
pub struct Log(Mutex<Vec<Event>>);

impl Log {
    pub fn take(&self) -> Vec<Event> {
        core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer<Event> for Log {
    fn notice(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(*event);
    }
}

/// A permit that was given.
pub trait Held {
    fn generation(&self) -> u16;
    fn is_probe(&self) -> bool;
    fn finish(self: Box<Self>, how: How, now: Option<Instant>);
}

/// The ways to end a permit, by their names in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Success,
    Failure,
    Fail(FailureKind),
    Ignore,
    Panicked,
    TimedOut,
    Record(Verdict),
    Drop,
    DropInPanic,
}

impl How {
    /// What it means.
    pub fn finish(self) -> Finish {
        match self {
            Self::Success | Self::Record(Verdict::Success) => Finish::Success,
            Self::Failure => Finish::Failure(FailureKind::Error),
            Self::Fail(kind) | Self::Record(Verdict::Failure(kind)) => Finish::Failure(kind),
            Self::Ignore | Self::Record(Verdict::Ignored) => Finish::Ignored,
            Self::Panicked | Self::DropInPanic => Finish::Failure(FailureKind::Panic),
            Self::TimedOut => Finish::Failure(FailureKind::Timeout),
            Self::Drop => Finish::Cancelled,
        }
    }
}

/// A breaker; `now` is given, or read from the clock where it is not.
pub trait Subject {
    fn acquire(&self, now: Option<Instant>) -> Result<Box<dyn Held>, Rejected>;
    fn by_hand(&self, hand: Hand, now: Option<Instant>);
    fn set_shadow(&self, on: bool);
    fn look(&self, now: Instant) -> Status;
    fn counts(&self) -> Counts;
    fn snapshot(&self, now: Instant, wall: Duration) -> Snapshot;
    fn restore(&self, snapshot: &Snapshot, now: Instant, wall: Duration) -> Result<(), RestoreError>;
}

type Watched<P> = CircuitBreaker<P, Arc<ManualClock>, Arc<Log>, Counters>;

macro_rules! subject {
    ($policy:ty) => {
        impl Held for Permit<Arc<Watched<$policy>>> {
            fn generation(&self) -> u16 {
                Permit::generation(self)
            }

            fn is_probe(&self) -> bool {
                Permit::is_probe(self)
            }

            fn finish(self: Box<Self>, how: How, now: Option<Instant>) {
                match (how, now) {
                    (How::Success, Some(now)) => self.success_at(now),
                    (How::Success, None) => self.success(),
                    (How::Failure, Some(now)) => self.failure_at(now),
                    (How::Failure, None) => self.failure(),
                    (How::Fail(kind), Some(now)) => self.record_at(Verdict::Failure(kind), now),
                    (How::Fail(kind), None) => self.fail(kind),
                    (How::Ignore, Some(now)) => self.ignore_at(now),
                    (How::Ignore, None) => self.ignore(),
                    (How::Panicked, Some(now)) => self.panicked_at(now),
                    (How::Panicked, None) => self.panicked(),
                    (How::TimedOut, Some(now)) => self.timed_out_at(now),
                    (How::TimedOut, None) => self.timed_out(),
                    (How::Record(verdict), Some(now)) => self.record_at(verdict, now),
                    (How::Record(verdict), None) => self.record(verdict),
                    (How::Drop, Some(now)) => self.cancel_at(now),
                    (How::Drop, None) => drop(self),
                    (How::DropInPanic, _) => drop_in_panic(self),
                }
            }
        }

        impl Subject for Arc<Watched<$policy>> {
            fn acquire(&self, now: Option<Instant>) -> Result<Box<dyn Held>, Rejected> {
                let permit = match now {
                    Some(now) => self.acquire_owned_at(now),
                    None => self.acquire_owned(),
                };
                permit.map(|permit| Box::new(permit) as Box<dyn Held>)
            }

            fn by_hand(&self, hand: Hand, now: Option<Instant>) {
                match (hand, now) {
                    (Hand::ForceOpen, Some(now)) => self.force_open_at(now),
                    (Hand::ForceOpen, None) => self.force_open(),
                    (Hand::Disable, Some(now)) => self.disable_at(now),
                    (Hand::Disable, None) => self.disable(),
                    (Hand::Reset, Some(now)) => self.reset_at(now),
                    (Hand::Reset, None) => self.reset(),
                }
            }

            fn set_shadow(&self, on: bool) {
                CircuitBreaker::set_shadow(self, on);
            }

            fn look(&self, now: Instant) -> Status {
                self.look_at(now)
            }

            fn counts(&self) -> Counts {
                CircuitBreaker::counts(self)
            }

            fn snapshot(&self, now: Instant, wall: Duration) -> Snapshot {
                self.snapshot_at(now, wall)
            }

            fn restore(&self, snapshot: &Snapshot, now: Instant, wall: Duration) -> Result<(), RestoreError> {
                self.restore_at(snapshot, now, wall)
            }
        }
    };
}

subject!(Policy);
subject!(FullPolicy);

/// Drops what is held while a panic unwinds, without a word on the terminal.
fn drop_in_panic<T>(held: T) {
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _held = held;
        resume_unwind(Box::new("a call panics"));
    }));
    assert!(unwound.is_err());
}

/// Whether the plain policy can say it.
pub fn plain_can_say(spec: &Spec) -> bool {
    matches!(spec.trip, Trip::Row(_))
        && !matches!(spec.slow, Some(Slow::Percent { .. }))
        && spec.growth.is_none()
        && spec.jitter.is_none()
        && spec.ramp.is_none()
}

/// Makes the breaker that a spec describes, with a plain policy where it is asked for and can say it.
pub fn make(spec: &Spec, plain: bool, clock: &Arc<ManualClock>, log: &Arc<Log>) -> Box<dyn Subject> {
    fn watched<P: fusebox::breaker::Plan>(
        policy: P,
        clock: &Arc<ManualClock>,
        log: &Arc<Log>,
    ) -> Arc<Watched<P>> {
        Arc::new(
            CircuitBreaker::new(policy)
                .with_clock(Arc::clone(clock))
                .with_observer(Arc::clone(log))
                .counted(),
        )
    }
    if plain && plain_can_say(spec) {
        Box::new(watched(plain_policy(spec), clock, log))
    } else {
        Box::new(watched(full_policy(spec), clock, log))
    }
}

/// A duration of the model as the API takes it.
pub fn duration(nanos: i128) -> Duration {
    let seconds = u64::try_from(nanos / 1_000_000_000).expect("a duration is not negative");
    Duration::new(seconds, (nanos % 1_000_000_000) as u32)
}

macro_rules! common {
    ($builder:expr, $spec:expr) => {{
        let builder = $builder
            .open_duration(duration($spec.open))
            .half_open_calls($spec.half_open_calls)
            .success_threshold($spec.success_threshold);
        let builder = match $spec.half_open_timeout {
            Some(timeout) => builder.half_open_timeout(duration(timeout)),
            None => builder.without_half_open_timeout(),
        };
        match $spec.slow {
            Some(Slow::AsFailure { limit }) => builder.slow_call_as_failure(duration(limit)),
            _ => builder,
        }
    }};
}

fn plain_policy(spec: &Spec) -> Policy {
    match spec.trip {
        Trip::Row(failures) => {
            common!(Policy::consecutive_failures(failures), spec).build().expect("a valid spec")
        }
        Trip::Rate { .. } => unreachable!("a plain policy knows no rate"),
    }
}

/// The policy of any spec.
pub fn full_policy(spec: &Spec) -> FullPolicy {
    let mut builder = match spec.trip {
        Trip::Row(failures) => common!(Policy::consecutive_failures(failures).full(), spec),
        Trip::Rate { percent, window, minimum } => {
            common!(Policy::failure_rate(whole(percent), window_of(window), minimum), spec)
        }
    };
    if let Some(Slow::Percent { limit, percent }) = spec.slow {
        builder = builder.slow_call_percent(duration(limit), whole(percent));
    }
    if let Some(growth) = spec.growth {
        builder = builder.open_growth(growth.factor as f64 / ONE as f64, duration(growth.cap));
    }
    if let Some(fraction) = spec.jitter {
        builder = builder.open_jitter_seeded(fraction as f64 / ONE as f64, 7);
    }
    if let Some(ramp) = &spec.ramp {
        let percents: Vec<u32> = ramp.percents.iter().map(|percent| whole(*percent)).collect();
        builder = builder.ramp(&percents, duration(ramp.step));
    }
    builder.build().expect("a valid spec")
}

fn whole(percent: spec::Billionths) -> u32 {
    (percent / ONE) as u32
}

fn window_of(window: spec::Window) -> Window {
    match window {
        spec::Window::Calls(calls) => Window::calls(calls),
        spec::Window::Time(length) => Window::time(duration(length)),
    }
}
