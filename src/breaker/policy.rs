//! What a breaker was told: checked once, `Copy`, `const`.
//!
//! Two shapes, so that the plain breaker fits a cache line: [`Policy`] holds a row of failures and the waits, all a
//! consecutive breaker needs; [`FullPolicy`] adds rates over a window, growth, jitter and the ramp. The builder gives
//! (`builder.rs`) gives whichever its settings ask for.

use core::fmt;
use core::time::Duration;

#[cfg(feature = "alloc")]
use crate::breaker::builder::Full;
use crate::breaker::builder::{Plain, PolicyBuilder};
use crate::ratio::Ratio;
use crate::time::saturating_nanos;

/// Stands for "no limit" in a policy's waits.
pub(super) const NEVER: u64 = u64::MAX;
/// Steps a ramp may have.
pub(super) const MOST_STEPS: usize = 16;

/// Opens after failures in a row; the policy of a breaker in one cache line.
///
/// Made by [`Policy::consecutive_failures`]; slow calls may count as failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) open_nanos: u64,
    pub(super) half_open_nanos: u64,
    pub(super) slow_nanos: u64,
    pub(super) threshold: u16,
    pub(super) half_open_calls: u8,
    pub(super) success_threshold: u8,
}

/// Everything a breaker can be told: what [`Policy`] holds, and rates over a window, a growing or jittered open
/// duration, a recovery ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullPolicy {
    pub(super) base: Policy,
    pub(super) rate: Option<Rate>,
    /// Percent of slow calls that opens; the limit stands in `base`.
    pub(super) slow_percent: Option<u8>,
    pub(super) growth: Option<Growth>,
    pub(super) jitter: Option<Jitter>,
    pub(super) ramp: Option<Ramp>,
}

/// Which calls a failure rate looks at: the last so many, or those of the last while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(pub(super) Span);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Calls(u32),
    Time { nanos: u64 },
}

impl Window {
    /// The last `calls` calls, from 1 to 1 048 576.
    ///
    /// Exact on one thread; over several it is the last so many to within one call a thread.
    #[must_use]
    pub const fn calls(calls: u32) -> Self {
        Self(Span::Calls(calls))
    }

    /// The calls that ended less than `duration` ago, up to 100 years.
    ///
    /// Kept in 32 slices or more: an outcome may leave up to a sixteenth of `duration` early (a restore may cost as much
    /// again), never late.
    #[must_use]
    pub const fn time(duration: Duration) -> Self {
        Self(Span::Time { nanos: saturating_nanos(duration) })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub(super) percent: u8,
    pub(super) span: Span,
    pub(super) minimum_calls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) factor: Ratio,
    pub(super) cap_nanos: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Jitter {
    pub(super) fraction: Ratio,
    /// Nothing: the process's own entropy.
    pub(super) seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    pub(super) percents: [u8; MOST_STEPS],
    pub(super) steps: u8,
    pub(super) step_nanos: u64,
}

impl Ramp {
    pub(super) fn percent(&self, step: u8) -> u8 {
        self.percents.get(usize::from(step)).copied().unwrap_or(100)
    }

    pub(super) const fn steps(&self) -> u8 {
        self.steps
    }
}

impl Policy {
    /// Opens at the `failures`-th failure in a row, from 1 to 65 535. Any success sets the row to zero.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::breaker::Policy;
    ///
    /// const POLICY: Policy = Policy::consecutive_failures(5)
    ///     .open_duration(Duration::from_secs(10))
    ///     .half_open_calls(2)
    ///     .constant();
    /// let same = Policy::consecutive_failures(5)
    ///     .open_duration(Duration::from_secs(10))
    ///     .half_open_calls(2)
    ///     .build();
    /// assert_eq!(same, Ok(POLICY));
    /// ```
    pub const fn consecutive_failures(failures: u32) -> PolicyBuilder<Plain> {
        PolicyBuilder::consecutive(failures)
    }

    /// Opens when failures are `percent` (1 to 100) of the calls in `window`, or more, and the window holds
    /// `minimum_calls` at least. Judged when a failure is recorded, never on a success.
    ///
    /// # Examples
    /// ```
    /// use core::time::Duration;
    /// use fusebox::breaker::{FullPolicy, Policy, Window};
    ///
    /// const LAST_HUNDRED: FullPolicy = Policy::failure_rate(50, Window::calls(100), 10).constant();
    /// const LAST_MINUTE: FullPolicy =
    ///     Policy::failure_rate(20, Window::time(Duration::from_secs(60)), 100).constant();
    /// # let _ = (LAST_HUNDRED, LAST_MINUTE);
    /// ```
    #[cfg(feature = "alloc")]
    pub const fn failure_rate(percent: u32, window: Window, minimum_calls: u32) -> PolicyBuilder<Full> {
        PolicyBuilder::rated(percent, window.0, minimum_calls)
    }

    pub(super) const fn half_open_nanos(&self) -> Option<u64> {
        if self.half_open_nanos == NEVER { None } else { Some(self.half_open_nanos) }
    }

    /// The longest a call may take without being slow.
    #[inline]
    pub(super) const fn slow_nanos(&self) -> Option<u64> {
        if self.slow_nanos == NEVER { None } else { Some(self.slow_nanos) }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Span::Calls(calls) => write!(f, "last {calls} calls"),
            Span::Time { nanos } => write!(f, "last {:?}", Duration::from_nanos(nanos)),
        }
    }
}
