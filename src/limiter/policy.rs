//! What a limiter was told: so many cells a period, and how many of them at once. Checked once, `Copy`, `const`.

use core::fmt;
use core::time::Duration;

use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};
use crate::limiter::scale::Scale;
use crate::time::saturating_nanos;

/// So many cells a period, and up to `burst` of them at once.
///
/// A quota of 10 a second with a burst of 5 admits 5 cells at once, then one every 100 ms; after half a second without
/// any, 5 at once again. In any interval of length d it admits `burst + d / T` cells at most, where `T` is the interval
/// between two cells.
///
/// Nothing drifts: where `T` in nanoseconds, in lowest terms, has a denominator up to 16, every decision is exact to the
/// nanosecond; elsewhere (17 a second, say) a cell may be admitted up to 4 ns late, never early. So there, of a burst that is
/// asked for cell by cell at one and the same nanosecond, the last cell may come only after it.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::limiter::Quota;
///
/// const PER_TENANT: Quota = Quota::per_second(50).burst(100).constant();
/// assert_eq!((PER_TENANT.burst(), PER_TENANT.interval()), (100, Duration::from_millis(20)));
///
/// let told = Quota::with_period(3, Duration::from_secs(3_600)).build()?;
/// assert_eq!(told.burst(), 3, "unless told otherwise, a whole period's cells at once");
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub(super) scale: Scale,
    /// One cell, in units.
    pub(super) interval: u64,
    /// The burst but for one cell, in units: how far the arrival time may be ahead of the clock for one more.
    tau: u64,
}

/// Builds a [`Quota`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct QuotaBuilder {
    rate: u32,
    period: Duration,
    burst: Option<u32>,
}

impl Quota {
    /// `rate` cells a second.
    pub const fn per_second(rate: u32) -> QuotaBuilder {
        Self::with_period(rate, Duration::from_secs(1))
    }

    /// `rate` cells a minute.
    pub const fn per_minute(rate: u32) -> QuotaBuilder {
        Self::with_period(rate, Duration::from_secs(60))
    }

    /// `rate` cells an hour.
    pub const fn per_hour(rate: u32) -> QuotaBuilder {
        Self::with_period(rate, Duration::from_secs(3_600))
    }

    /// `rate` cells a day of 24 hours.
    pub const fn per_day(rate: u32) -> QuotaBuilder {
        Self::with_period(rate, Duration::from_secs(24 * 3_600))
    }

    /// `rate` cells each `period`: up to one a nanosecond.
    pub const fn with_period(rate: u32, period: Duration) -> QuotaBuilder {
        QuotaBuilder { rate, period, burst: None }
    }

    /// The most cells at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.cells_in(self.limit())
    }

    /// A quota of what fits; `burst` is 1 at least.
    pub(super) const fn of(scale: Scale, interval: u64, burst: u32) -> Self {
        Self { scale, interval, tau: interval.saturating_mul(burst as u64 - 1) }
    }

    /// Whether there ever are so many cells at once.
    #[inline]
    pub(super) const fn fits(&self, cells: u32) -> bool {
        match (cells as u64).saturating_sub(1).checked_mul(self.interval) {
            Some(units) => units <= self.tau,
            None => false,
        }
    }

    /// The time between two cells, rounded up to whole nanoseconds.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        Duration::from_nanos(self.scale.nanos(self.interval))
    }

    /// The burst in units: how far ahead of the clock the arrival time may run.
    #[inline]
    pub(super) const fn limit(&self) -> u64 {
        // It fits, or there would be no such quota.
        self.tau.wrapping_add(self.interval)
    }

    /// So many cells in units; of no more than the burst.
    #[inline]
    pub(super) const fn units_of(&self, cells: u32) -> u64 {
        self.interval.wrapping_mul(cells as u64)
    }

    /// The whole cells in so many units.
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    pub(super) const fn cells_in(&self, units: u64) -> u32 {
        let cells = units / self.interval;
        if cells > u32::MAX as u64 { u32::MAX } else { cells as u32 }
    }

    /// The same rate with another burst, no greater.
    #[cfg(feature = "alloc")]
    pub(super) const fn with_less(self, burst: u32) -> Self {
        Self::of(self.scale, self.interval, burst)
    }
}

impl QuotaBuilder {
    /// The most cells at once. Unless told, as many as the rate: a whole period's.
    pub const fn burst(mut self, burst: u32) -> Self {
        self.burst = Some(burst);
        self
    }

    /// The quota, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Quota, InvalidPolicy> {
        let (rate, period) = (self.rate, saturating_nanos(self.period));
        let burst = match self.burst {
            Some(burst) => burst,
            None => rate,
        };
        refuse_unless!(rate >= 1, "rate", Value::Count(0), "must be 1 at least");
        refuse_unless!(
            period >= 1 && period < u64::MAX,
            "period",
            Value::Duration(self.period),
            "must be from 1 ns to 584 years"
        );
        refuse_unless!(
            rate as u64 <= period,
            "rate",
            Value::Count(rate as u64),
            "must be one cell a nanosecond at most"
        );
        refuse_unless!(burst >= 1, "burst", Value::Count(0), "must be 1 at least");
        let (scale, interval) = Scale::of(rate, period);
        refuse_unless!(
            interval.checked_mul(burst as u64).is_some(),
            "burst",
            Value::Count(burst as u64),
            "must be refilled within the clock's range: 584 years, and 36 at least where a cell's nanoseconds have a fraction"
        );
        Ok(Quota::of(scale, interval, burst))
    }

    /// The quota, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Quota {
        match self.build() {
            Ok(quota) => quota,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota")
            .field("interval", &self.interval())
            .field("burst", &self.burst())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a cell every {:?}, {} at once", self.interval(), self.burst())
    }
}
