//! The one check of a policy: what can never work is refused, by its field, its value and the rule.

use core::time::Duration;

use crate::breaker::builder::{PolicyBuilder, Steps};
use crate::breaker::policy::{FullPolicy, Growth, Jitter, MOST_STEPS, NEVER, Policy, Ramp, Rate, Span};
use crate::invalid::{InvalidPolicy, Value, invalid, refuse_unless};
use crate::ratio::Ratio;
use crate::time::saturating_nanos;

/// The longest duration a policy takes: a hundred years of 365 days.
const LONGEST_NANOS: u64 = 100 * 365 * 24 * 3_600 * 1_000_000_000;

const fn takes(duration: Duration) -> bool {
    let nanos = duration.as_nanos();
    nanos >= 1 && nanos <= LONGEST_NANOS as u128
}

impl<Shape> PolicyBuilder<Shape> {
    pub(super) const fn check(self) -> Result<FullPolicy, InvalidPolicy> {
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
