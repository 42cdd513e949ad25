//! What a cache was told: how many keys, and for how long a value is fresh and may stand in. Checked once, `Copy`, `const`.

use core::time::Duration;

use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};
use crate::time::saturating_nanos;

/// For how many keys, and how long, the last good value is held.
///
/// | age | what is served |
/// |---|---|
/// | up to `fresh` | the value that is held; the primary is not asked |
/// | up to `stale` | the primary's; the value that is held where the primary gives none |
/// | beyond | the primary's, or nothing |
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::fallback::Freshness;
///
/// const PRICES: Freshness =
///     Freshness::of(1_000).fresh(Duration::from_secs(5)).stale(Duration::from_secs(600)).constant();
/// let never = Freshness::of(0).stale(Duration::from_secs(1)).build().unwrap_err();
/// assert_eq!(never.to_string(), "capacity = 0: must be 1 at least");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    capacity: u32,
    fresh: u64,
    stale: u64,
}

/// Builds a [`Freshness`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct FreshnessBuilder {
    capacity: u32,
    fresh: Duration,
    stale: Duration,
}

/// What an age means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// Nobody need be asked.
    Fresh,
    /// It may stand in.
    Stale,
    /// It is never served.
    Beyond,
}

impl Freshness {
    /// Of so many keys. Unless told, nothing is fresh: every call asks the primary, and what is held only stands in.
    pub const fn of(capacity: u32) -> FreshnessBuilder {
        FreshnessBuilder { capacity, fresh: Duration::ZERO, stale: Duration::ZERO }
    }

    /// How many keys are held.
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// What an age in nanoseconds means. An age of exactly a limit is within it.
    #[inline]
    pub(super) const fn judge(&self, age: u64) -> Age {
        if age > self.stale {
            Age::Beyond
        } else if self.fresh > 0 && age <= self.fresh {
            Age::Fresh
        } else {
            Age::Stale
        }
    }
}

impl FreshnessBuilder {
    /// For so long the primary is not asked again. Zero: it always is.
    pub const fn fresh(mut self, fresh: Duration) -> Self {
        self.fresh = fresh;
        self
    }

    /// For so long a value may stand in for the primary, counted from when it came; never longer. Needed.
    pub const fn stale(mut self, stale: Duration) -> Self {
        self.stale = stale;
        self
    }

    /// The policy, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Freshness, InvalidPolicy> {
        let (fresh, stale) = (saturating_nanos(self.fresh), saturating_nanos(self.stale));
        refuse_unless!(
            self.capacity >= 1,
            "capacity",
            Value::Count(self.capacity as u64),
            "must be 1 at least"
        );
        refuse_unless!(stale > 0, "stale", Value::Duration(self.stale), "must be above zero");
        refuse_unless!(stale >= fresh, "stale", Value::Duration(self.stale), "must not be under fresh");
        Ok(Freshness { capacity: self.capacity, fresh, stale })
    }

    /// The policy, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Freshness {
        match self.build() {
            Ok(freshness) => freshness,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use core::time::Duration;

    use super::{Age, Freshness};

    const fn nanos(nanos: u64) -> Duration {
        Duration::from_nanos(nanos)
    }

    #[test]
    fn an_age_of_exactly_a_limit_is_within_it() {
        let told = Freshness::of(1).fresh(nanos(10)).stale(nanos(20)).constant();
        let judged = [0, 10, 11, 20, 21, u64::MAX].map(|age| told.judge(age));
        assert_eq!(judged, [Age::Fresh, Age::Fresh, Age::Stale, Age::Stale, Age::Beyond, Age::Beyond]);
    }

    #[test]
    fn where_nothing_is_fresh_an_age_of_nothing_is_not() {
        let told = Freshness::of(1).stale(nanos(20)).constant();
        assert_eq!(told.judge(0), Age::Stale);
    }

    #[test]
    fn limits_beyond_the_clock_are_its_end() {
        let told = Freshness::of(1).fresh(Duration::MAX).stale(Duration::MAX).constant();
        assert_eq!(told.judge(u64::MAX), Age::Fresh);
    }
}
