//! The breaker under test: everything a trace does to it goes through the public API, in two manners and on
//! two forms of the policy.
//!
//! The manners: every instant is given (`…_at`), or the breaker reads it from a manual clock. The forms: the
//! plain `Policy`, where it can say what the config says, and the `FullPolicy`, which can say everything.

use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use fusebox::InvalidPolicy;
use fusebox::breaker::{
    CircuitBreaker, Counters, Counts, Error, FailureKind, FullPolicy, Permit, Policy, Rejected, RestoreError,
    Snapshot, Status, Verdict, Window,
};
use fusebox::time::{Instant, ManualClock};

use super::log::Log;
use super::script::{Config, Growth, Outcome, PolicyConfig, Ramp, Rate, SlowCall, WindowConfig};
use crate::format::Span;

/// How the breaker learns what time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Given,
    Read,
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "instants given",
            Self::Read => "clock read",
        })
    }
}

/// What is done to a breaker by hand.
#[derive(Clone, Copy, Debug)]
pub enum Hand {
    ForceOpen,
    Disable,
    Reset,
}

/// A breaker of one form of policy. `now` is given in the one manner and read from the clock in the other.
pub trait Subject: Sized {
    type Held;
    const FORM: &'static str;

    fn make(config: &Config, clock: Arc<ManualClock>, log: Arc<Log>) -> Result<Arc<Self>, InvalidPolicy>;
    fn acquire(self: &Arc<Self>, now: Option<Instant>) -> Result<Self::Held, Rejected>;
    fn complete(held: Self::Held, outcome: Outcome, now: Option<Instant>);
    fn by_hand(&self, hand: Hand, now: Option<Instant>);
    fn look(&self, now: Option<Instant>) -> Status;
    fn counts(&self) -> Counts;
    fn snapshot(&self, now: Instant, wall: Span) -> Snapshot;
    fn restore(&self, snapshot: &Snapshot, now: Instant, wall: Span) -> Result<(), RestoreError>;
    /// One whole call, which moves the clock on to its end.
    fn call(&self, outcome: Outcome, end: impl FnOnce()) -> Result<(), Rejected>;
}

/// A breaker that is watched, counted and driven by hand.
type Watched<P> = CircuitBreaker<P, Arc<ManualClock>, Arc<Log>, Counters>;

macro_rules! subject {
    ($policy:ty, $form:literal, $build:path) => {
        impl Subject for Watched<$policy> {
            type Held = Permit<Arc<Self>>;
            const FORM: &'static str = $form;

            fn make(
                config: &Config,
                clock: Arc<ManualClock>,
                log: Arc<Log>,
            ) -> Result<Arc<Self>, InvalidPolicy> {
                let policy = $build(config)?;
                Ok(Arc::new(CircuitBreaker::new(policy).with_clock(clock).with_observer(log).counted()))
            }

            fn acquire(self: &Arc<Self>, now: Option<Instant>) -> Result<Self::Held, Rejected> {
                match now {
                    Some(now) => self.acquire_owned_at(now),
                    None => self.acquire_owned(),
                }
            }

            fn complete(held: Self::Held, outcome: Outcome, now: Option<Instant>) {
                match (outcome, now) {
                    (Outcome::Success, Some(now)) => held.success_at(now),
                    (Outcome::Success, None) => held.success(),
                    (Outcome::Failure, Some(now)) => held.failure_at(now),
                    (Outcome::Failure, None) => held.failure(),
                    (Outcome::Ignored, Some(now)) => held.ignore_at(now),
                    (Outcome::Ignored, None) => held.ignore(),
                }
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

            fn look(&self, now: Option<Instant>) -> Status {
                match now {
                    Some(now) => self.look_at(now),
                    None => self.look(),
                }
            }

            fn counts(&self) -> Counts {
                self.counts()
            }

            fn snapshot(&self, now: Instant, wall: Span) -> Snapshot {
                self.snapshot_at(now, wall.0)
            }

            fn restore(&self, snapshot: &Snapshot, now: Instant, wall: Span) -> Result<(), RestoreError> {
                self.restore_at(snapshot, now, wall.0)
            }

            fn call(&self, outcome: Outcome, end: impl FnOnce()) -> Result<(), Rejected> {
                let answer = self.call_with(classified, || {
                    end();
                    Err::<(), _>(outcome)
                });
                match answer {
                    Err(Error::Rejected(rejected)) => Err(rejected),
                    Ok(()) | Err(Error::Inner(_)) => Ok(()),
                }
            }
        }
    };
}

subject!(Policy, "plain policy", plain);
subject!(FullPolicy, "full policy", full);

/// The outcome that the call was told to have.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as `Classify` asks for it")]
fn classified(result: &Result<(), Outcome>) -> Verdict {
    match result {
        Ok(()) | Err(Outcome::Success) => Verdict::Success,
        Err(Outcome::Failure) => Verdict::Failure(FailureKind::Error),
        Err(Outcome::Ignored) => Verdict::Ignored,
    }
}

/// Drops what is held while a panic unwinds, without a word on the terminal.
pub fn drop_in_panic<T>(held: T) {
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _held = held;
        resume_unwind(Box::new("a step of a trace"));
    }));
    debug_assert!(unwound.is_err(), "the unwinding ends here");
}

/// Whether the plain policy can say what the config says.
pub fn plain_can_say(config: &Config) -> bool {
    matches!(config.policy, PolicyConfig::ConsecutiveFailures(_))
        && !matches!(config.slow_call, Some(SlowCall::Percent { .. }))
        && config.open_growth.is_none()
        && config.ramp.is_none()
}

macro_rules! common {
    ($builder:expr, $config:expr) => {{
        let builder = $builder
            .open_duration($config.open_duration.0)
            .half_open_calls($config.half_open_calls)
            .success_threshold($config.success_threshold);
        let builder = match $config.half_open_timeout {
            Some(timeout) => builder.half_open_timeout(timeout.0),
            None => builder.without_half_open_timeout(),
        };
        match $config.slow_call {
            Some(SlowCall::AsFailure { limit }) => builder.slow_call_as_failure(limit.0),
            _ => builder,
        }
    }};
}

/// The plain policy of a config that it can say.
fn plain(config: &Config) -> Result<Policy, InvalidPolicy> {
    match config.policy {
        PolicyConfig::ConsecutiveFailures(failures) => {
            common!(Policy::consecutive_failures(failures), config).build()
        }
        PolicyConfig::FailureRate(_) => unreachable!("`plain_can_say` was asked"),
    }
}

/// The full policy of any config.
fn full(config: &Config) -> Result<FullPolicy, InvalidPolicy> {
    let mut builder = match config.policy {
        PolicyConfig::ConsecutiveFailures(failures) => {
            common!(Policy::consecutive_failures(failures).full(), config)
        }
        PolicyConfig::FailureRate(Rate { percent, window, minimum_calls }) => {
            common!(Policy::failure_rate(percent, window.into(), minimum_calls), config)
        }
    };
    if let Some(SlowCall::Percent { limit, percent }) = config.slow_call {
        builder = builder.slow_call_percent(limit.0, percent);
    }
    if let Some(Growth { factor, cap }) = config.open_growth {
        builder = builder.open_growth(factor, cap.0);
    }
    if let Some(Ramp { percents, step }) = &config.ramp {
        builder = builder.ramp(percents, step.0);
    }
    builder.build()
}

impl From<WindowConfig> for Window {
    fn from(window: WindowConfig) -> Self {
        match window {
            WindowConfig::Calls(calls) => Self::calls(calls),
            WindowConfig::Time(time) => Self::time(time.0),
        }
    }
}
