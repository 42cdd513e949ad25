//! How a policy is told: setters in sentences, which `check.rs` then checks.

use core::marker::PhantomData;
use core::time::Duration;

use crate::breaker::policy::{FullPolicy, MOST_STEPS, Policy, Span};
use crate::invalid::{InvalidPolicy, refuse_to_compile};

/// Marks a builder whose policy is a [`Policy`].
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// Marks a builder whose policy is a [`FullPolicy`].
#[derive(Clone, Copy, Debug)]
pub struct Full;

/// Builds a policy: [`Policy`] from [`Plain`] settings, [`FullPolicy`] as soon as one asks for more.
///
/// | setting | unless told otherwise |
/// |---|---|
/// | `open_duration` | 30 s |
/// | `half_open_calls` | 1 |
/// | `success_threshold` | 1 |
/// | `half_open_timeout` | 30 s |
/// | slow calls, growth, jitter, ramp | none |
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct PolicyBuilder<Shape> {
    pub(super) failures: u32,
    pub(super) rate: Option<(u32, Span, u32)>,
    pub(super) open: Duration,
    pub(super) half_open_calls: u32,
    pub(super) success_threshold: u32,
    pub(super) half_open_timeout: Option<Duration>,
    pub(super) slow: Option<(Duration, Option<u32>)>,
    pub(super) growth: Option<(f64, Duration)>,
    pub(super) jitter: Option<(f64, Option<u64>)>,
    pub(super) ramp: Option<Steps>,
    shape: PhantomData<Shape>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    pub(super) percents: [u32; MOST_STEPS],
    pub(super) given: usize,
    pub(super) step: Duration,
}

impl PolicyBuilder<Plain> {
    pub(super) const fn consecutive(failures: u32) -> Self {
        Self { failures, ..Self::NEW }
    }
}

impl PolicyBuilder<Full> {
    #[cfg(feature = "alloc")]
    pub(super) const fn rated(percent: u32, span: Span, minimum_calls: u32) -> Self {
        Self { rate: Some((percent, span, minimum_calls)), ..Self::NEW }
    }
}

impl<Shape> PolicyBuilder<Shape> {
    const NEW: Self = Self {
        failures: 0,
        rate: None,
        open: Duration::from_secs(30),
        half_open_calls: 1,
        success_threshold: 1,
        half_open_timeout: Some(Duration::from_secs(30)),
        slow: None,
        growth: None,
        jitter: None,
        ramp: None,
        shape: PhantomData,
    };

    /// How long it rejects before it lets a probe through.
    pub const fn open_duration(mut self, duration: Duration) -> Self {
        self.open = duration;
        self
    }

    /// How many probes may be in flight at once while half-open, from 1 to 63.
    pub const fn half_open_calls(mut self, calls: u32) -> Self {
        self.half_open_calls = calls;
        self
    }

    /// How many successes close it again, from 1 to 63.
    pub const fn success_threshold(mut self, successes: u32) -> Self {
        self.success_threshold = successes;
        self
    }

    /// How long half-open may last without a verdict before it opens again, so that a probe that never reports
    /// cannot wedge it.
    pub const fn half_open_timeout(mut self, timeout: Duration) -> Self {
        self.half_open_timeout = Some(timeout);
        self
    }

    /// Lets half-open last for ever. A probe whose permit is forgotten (`mem::forget`) then wedges the breaker until
    /// it is reset by hand.
    pub const fn without_half_open_timeout(mut self) -> Self {
        self.half_open_timeout = None;
        self
    }

    /// A success that took longer than `limit` is a failure of kind `Slow`.
    ///
    /// Each call then reads the clock at its start and at its end.
    pub const fn slow_call_as_failure(mut self, limit: Duration) -> Self {
        self.slow = Some((limit, None));
        self
    }

    /// Opens, too, when calls longer than `limit` are `percent` (1 to 100) of those in the window, or more.
    ///
    /// Needs [`Policy::failure_rate`], whose window it shares. Each call then reads the clock at its start and at its
    /// end.
    pub const fn slow_call_percent(mut self, limit: Duration, percent: u32) -> PolicyBuilder<Full> {
        self.slow = Some((limit, Some(percent)));
        self.full()
    }

    /// Each opening in a row lasts `factor` times as long as the one before, at most `cap`. A close resets it.
    pub const fn open_growth(mut self, factor: f64, cap: Duration) -> PolicyBuilder<Full> {
        self.growth = Some((factor, cap));
        self.full()
    }

    /// Adds up to `fraction` of the open duration at random to each opening, so that a fleet does not probe in step.
    /// Seeded by the system's entropy.
    #[cfg(feature = "std")]
    pub const fn open_jitter(mut self, fraction: f64) -> PolicyBuilder<Full> {
        self.jitter = Some((fraction, None));
        self.full()
    }

    /// As `open_jitter`, with the caller's seed: equal seeds jitter alike, so give each instance its own.
    pub const fn open_jitter_seeded(mut self, fraction: f64, seed: u64) -> PolicyBuilder<Full> {
        self.jitter = Some((fraction, Some(seed)));
        self.full()
    }

    /// Instead of closing at once, admits these percents of the calls (1 to 100 each, up to 16 of them) for a `step`
    /// each, then closes.
    pub const fn ramp(mut self, percents: &[u32], step: Duration) -> PolicyBuilder<Full> {
        let mut kept = [0; MOST_STEPS];
        let (mut rest, mut index) = (percents, 0);
        while let ([first, others @ ..], true) = (rest, index < MOST_STEPS) {
            #[expect(clippy::indexing_slicing, reason = "the loop's own condition")]
            {
                kept[index] = *first;
            }
            (rest, index) = (others, index + 1);
        }
        self.ramp = Some(Steps { percents: kept, given: percents.len(), step });
        self.full()
    }

    /// The same settings, as a builder of a [`FullPolicy`].
    pub const fn full(self) -> PolicyBuilder<Full> {
        PolicyBuilder {
            failures: self.failures,
            rate: self.rate,
            open: self.open,
            half_open_calls: self.half_open_calls,
            success_threshold: self.success_threshold,
            half_open_timeout: self.half_open_timeout,
            slow: self.slow,
            growth: self.growth,
            jitter: self.jitter,
            ramp: self.ramp,
            shape: PhantomData,
        }
    }
}

impl PolicyBuilder<Plain> {
    /// The policy, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Policy, InvalidPolicy> {
        match self.check() {
            Ok(policy) => Ok(policy.base),
            Err(invalid) => Err(invalid),
        }
    }

    /// The policy, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Policy {
        self.full().constant().base
    }
}

impl PolicyBuilder<Full> {
    /// The policy, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<FullPolicy, InvalidPolicy> {
        self.check()
    }

    /// The policy, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> FullPolicy {
        match self.check() {
            Ok(policy) => policy,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}
