//! How a policy is told: setters in sentences, then one check that names the field, the value and the rule.

use core::marker::PhantomData;
use core::time::Duration;

use crate::breaker::policy::{FullPolicy, Growth, Jitter, MOST_STEPS, NEVER, Policy, Ramp, Rate, Span};
use crate::invalid::{InvalidPolicy, Value};
use crate::ratio::Ratio;
use crate::time::saturating_nanos;

/// The longest duration a policy takes: a hundred years of 365 days.
const LONGEST_NANOS: u64 = 100 * 365 * 24 * 3_600 * 1_000_000_000;

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
    failures: u32,
    rate: Option<(u32, Span, u32)>,
    open: Duration,
    half_open_calls: u32,
    success_threshold: u32,
    half_open_timeout: Option<Duration>,
    slow: Option<(Duration, Option<u32>)>,
    growth: Option<(f64, Duration)>,
    jitter: Option<(f64, Option<u64>)>,
    ramp: Option<Steps>,
    shape: PhantomData<Shape>,
}

#[derive(Clone, Copy, Debug)]
struct Steps {
    percents: [u32; MOST_STEPS],
    given: usize,
    step: Duration,
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

#[expect(clippy::panic, reason = "in a const item this is a compile error, which is its purpose")]
const fn refuse_to_compile(invalid: &InvalidPolicy) -> ! {
    panic!("{}", invalid.told())
}

macro_rules! invalid {
    ($field:literal, $value:expr, $rule:literal) => {
        InvalidPolicy::new($field, $value, $rule, concat!($field, " ", $rule))
    };
}

/// The error of a const check whose other outcome goes on.
macro_rules! refuse_unless {
    ($holds:expr, $field:literal, $value:expr, $rule:literal) => {
        if !$holds {
            return Err(invalid!($field, $value, $rule));
        }
    };
}

const fn takes(duration: Duration) -> bool {
    let nanos = duration.as_nanos();
    nanos >= 1 && nanos <= LONGEST_NANOS as u128
}

impl<Shape> PolicyBuilder<Shape> {
    const fn check(self) -> Result<FullPolicy, InvalidPolicy> {
        let (open, calls, successes) = (self.open, self.half_open_calls, self.success_threshold);
        refuse_unless!(takes(open), "open_duration", Value::Duration(open), "must be from 1 ns to 100 years");
        refuse_unless!(
            calls >= 1 && calls <= 63,
            "half_open_calls",
            Value::Count(calls as u64),
            "must be from 1 to 63"
        );
        refuse_unless!(
            successes >= 1 && successes <= 63,
            "success_threshold",
            Value::Count(successes as u64),
            "must be from 1 to 63"
        );
        let half_open_nanos = match self.half_open_timeout {
            None => NEVER,
            Some(timeout) => {
                let value = Value::Duration(timeout);
                refuse_unless!(takes(timeout), "half_open_timeout", value, "must be from 1 ns to 100 years");
                saturating_nanos(timeout)
            }
        };
        let rate = match self.check_rate() {
            Ok(rate) => rate,
            Err(invalid) => return Err(invalid),
        };
        let (slow_nanos, slow_percent) = match self.check_slow() {
            Ok(slow) => slow,
            Err(invalid) => return Err(invalid),
        };
        let (growth, jitter) = match self.check_growth() {
            Ok(checked) => checked,
            Err(invalid) => return Err(invalid),
        };
        let ramp = match self.check_ramp() {
            Ok(ramp) => ramp,
            Err(invalid) => return Err(invalid),
        };
        #[expect(clippy::cast_possible_truncation, reason = "all three are checked above and in check_rate")]
        let base = Policy {
            open_nanos: saturating_nanos(open),
            half_open_nanos,
            slow_nanos,
            threshold: self.failures as u16,
            half_open_calls: calls as u8,
            success_threshold: successes as u8,
        };
        Ok(FullPolicy { base, rate, slow_percent, growth, jitter, ramp })
    }

    const fn check_rate(&self) -> Result<Option<Rate>, InvalidPolicy> {
        let Some((percent, span, minimum_calls)) = self.rate else {
            let failures = self.failures;
            refuse_unless!(
                failures >= 1 && failures <= 65_535,
                "consecutive_failures",
                Value::Count(failures as u64),
                "must be from 1 to 65535"
            );
            return Ok(None);
        };
        refuse_unless!(
            percent >= 1 && percent <= 100,
            "percent",
            Value::Count(percent as u64),
            "must be from 1 to 100"
        );
        refuse_unless!(minimum_calls >= 1, "minimum_calls", Value::Count(0), "must be 1 at least");
        match span {
            Span::Calls(calls) => {
                let value = Value::Count(calls as u64);
                refuse_unless!(
                    calls >= 1 && calls <= 1 << 20,
                    "window",
                    value,
                    "must be from 1 to 1048576 calls"
                );
                refuse_unless!(
                    minimum_calls <= calls,
                    "minimum_calls",
                    Value::Count(minimum_calls as u64),
                    "must not be more calls than the window holds"
                );
            }
            Span::Time { nanos } => {
                let duration = Duration::from_nanos(nanos);
                let value = Value::Duration(duration);
                refuse_unless!(takes(duration), "window", value, "must be from 1 ns to 100 years");
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 100")]
        let percent = percent as u8;
        Ok(Some(Rate { percent, span, minimum_calls }))
    }

    const fn check_slow(&self) -> Result<(u64, Option<u8>), InvalidPolicy> {
        let Some((limit, percent)) = self.slow else {
            return Ok((NEVER, None));
        };
        refuse_unless!(takes(limit), "limit", Value::Duration(limit), "must be from 1 ns to 100 years");
        let Some(percent) = percent else {
            return Ok((saturating_nanos(limit), None));
        };
        let value = Value::Count(percent as u64);
        refuse_unless!(percent >= 1 && percent <= 100, "percent", value, "must be from 1 to 100");
        refuse_unless!(
            self.rate.is_some(),
            "percent",
            value,
            "must come with a failure rate, whose window it shares"
        );
        #[expect(clippy::cast_possible_truncation, reason = "at most 100")]
        let percent = percent as u8;
        Ok((saturating_nanos(limit), Some(percent)))
    }

    const fn check_growth(&self) -> Result<(Option<Growth>, Option<Jitter>), InvalidPolicy> {
        let growth = match self.growth {
            None => None,
            Some((factor, cap)) => {
                let Some(checked) = Ratio::nearest(factor) else {
                    let value = Value::Number(factor);
                    return Err(invalid!("factor", value, "must be from 1 to a billion"));
                };
                refuse_unless!(
                    checked.billionths() >= Ratio::ONE.billionths(),
                    "factor",
                    Value::Number(factor),
                    "must be from 1 to a billion"
                );
                let value = Value::Duration(cap);
                refuse_unless!(takes(cap), "cap", value, "must be from 1 ns to 100 years");
                let reaches = saturating_nanos(cap) >= saturating_nanos(self.open);
                refuse_unless!(reaches, "cap", value, "must not be under the open duration");
                Some(Growth { factor: checked, cap_nanos: saturating_nanos(cap) })
            }
        };
        let jitter = match self.jitter {
            None => None,
            Some((fraction, seed)) => {
                let Some(checked) = Ratio::nearest(fraction) else {
                    let value = Value::Number(fraction);
                    return Err(invalid!("jitter", value, "must be from 0 to a billion"));
                };
                Some(Jitter { fraction: checked, seed })
            }
        };
        Ok((growth, jitter))
    }

    const fn check_ramp(&self) -> Result<Option<Ramp>, InvalidPolicy> {
        let Some(Steps { percents: given, given: count, step }) = self.ramp else {
            return Ok(None);
        };
        refuse_unless!(count >= 1, "percents", Value::Empty, "must name at least one step");
        refuse_unless!(
            count <= MOST_STEPS,
            "percents",
            Value::Count(count as u64),
            "must be 16 steps at most"
        );
        let mut percents = [0; MOST_STEPS];
        let mut index = 0;
        while index < count {
            #[expect(
                clippy::indexing_slicing,
                clippy::cast_possible_truncation,
                reason = "index < 16, percent <= 100"
            )]
            {
                let percent = given[index];
                let value = Value::Count(percent as u64);
                refuse_unless!(
                    percent >= 1 && percent <= 100,
                    "percents",
                    value,
                    "must be from 1 to 100 each"
                );
                percents[index] = percent as u8;
            }
            index += 1;
        }
        refuse_unless!(takes(step), "step", Value::Duration(step), "must be from 1 ns to 100 years");
        #[expect(clippy::cast_possible_truncation, reason = "at most 16")]
        let steps = count as u8;
        Ok(Some(Ramp { percents, steps, step_nanos: saturating_nanos(step) }))
    }
}
