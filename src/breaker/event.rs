//! What an observer is told: every event with its facts.

use core::fmt;
use core::time::Duration;

use crate::breaker::outcome::{FailureKind, Rejected, State};
use crate::time::Instant;

/// Something a breaker did, told after it took effect.
///
/// Of one operation the order is: the failure, the warning, the change; and a change that was found to be due comes
/// before what it led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A call was rejected.
    Rejected(Rejected),
    /// In shadow: a call that would have been rejected was let through.
    WouldReject(Rejected),
    /// A failure was recorded (in the generation then current; late outcomes are not told).
    Failure(Failure),
    /// One of the last two failures in a row before the threshold.
    NearTrip(NearTrip),
    /// The state changed.
    Changed(Change),
}

/// A recorded failure. (A success that is slow under a percentage is judged, but is no failure and not told.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind it was.
    pub kind: FailureKind,
    /// The failures so far: in a row, or under a rate in the window.
    pub failures: u32,
    /// How many open the breaker; under a rate, at the calls now in the window (at least the minimum).
    pub threshold: u32,
    /// The generation it was recorded in.
    pub generation: u16,
}

/// A warning that the breaker is about to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearTrip {
    /// The failures so far.
    pub failures: u32,
    /// How many open the breaker.
    pub threshold: u32,
    /// The generation they were recorded in.
    pub generation: u16,
}

/// A change of state; told exactly once, by the caller whose swap won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// What made it change.
    pub why: Why,
    /// The instant it took effect: its own, however late it was found.
    pub at: Instant,
    /// The generation that began.
    pub generation: u16,
    /// When it closed: the time since it first opened. Up to 1 ms long.
    pub outage: Option<Duration>,
}

/// Why a state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// Failures in a row reached the threshold.
    Failures,
    /// The failure rate in the window reached the percentage.
    FailureRate,
    /// The rate of slow calls in the window reached the percentage.
    SlowRate,
    /// The open duration had passed.
    OpenElapsed,
    /// A probe failed.
    ProbeFailed,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// Half-open lasted its timeout without a verdict.
    HalfOpenTimeout,
    /// A call of the recovery ramp failed.
    RampFailed,
    /// The recovery ramp came to its end.
    RampDone,
    /// By hand.
    ForcedOpen,
    /// By hand.
    Disabled,
    /// By hand.
    Reset,
    /// A snapshot was restored.
    Restored,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Failures => "failures in a row",
            Self::FailureRate => "failure rate",
            Self::SlowRate => "rate of slow calls",
            Self::OpenElapsed => "open duration passed",
            Self::ProbeFailed => "a probe failed",
            Self::ProbesSucceeded => "probes succeeded",
            Self::HalfOpenTimeout => "no verdict while half-open",
            Self::RampFailed => "a call of the ramp failed",
            Self::RampDone => "the ramp ended",
            Self::ForcedOpen => "forced open",
            Self::Disabled => "disabled",
            Self::Reset => "reset",
            Self::Restored => "restored",
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::WouldReject(rejected) => write!(f, "in shadow: {rejected}"),
            Self::Failure(Failure { kind, failures, threshold, .. }) => {
                write!(f, "failure ({kind}), {failures} of {threshold}")
            }
            Self::NearTrip(NearTrip { failures, threshold, .. }) => {
                write!(f, "about to open: {failures} failures of {threshold}")
            }
            Self::Changed(change) => change.fmt(f),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.why)?;
        match self.outage {
            Some(outage) => write!(f, " (outage of {outage:.1?})"),
            None => Ok(()),
        }
    }
}
