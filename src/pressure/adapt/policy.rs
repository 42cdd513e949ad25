//! What an adaptive capacity was told: an algorithm, and the bounds it keeps to. Checked once, `Copy`, `const`.

use core::fmt;
use core::time::Duration;

use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};
use crate::pressure::adapt::word::MOST_LATENCY;
use crate::pressure::policy::Capacity;
use crate::pressure::word::MOST_SLOTS;
use crate::ratio::Ratio;
use crate::time::saturating_nanos;

/// A window lasts so many times what was told, at most.
pub(super) const LONGEST_WINDOW: u64 = 10;

/// How a capacity follows from latencies.
///
/// All of them shrink by a tenth when a call ends in overload, once for each congestion event: a call that began before the
/// last such decrease is part of the same event. None of them grows while fewer than half of the slots are ever taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// The gradient of the latency: shrinks in proportion once the mean is above one and a half times the baseline, and grows by
    /// the square root of the limit, four at least. (Netflix, `concurrency-limits`, `Gradient2Limit`; the square root is that of Envoy's
    /// adaptive concurrency filter.) The default: in the simulation of `examples/overload` it serves as much as any of the three,
    /// within half a percent, at half the latency of `Aimd`.
    #[default]
    Gradient,
    /// The queue that the latency betrays, `limit * (1 - baseline / mean)`, is kept between three and six times the logarithm of the
    /// limit. (Brakmo and Peterson, "TCP Vegas", 1995; constants of Netflix, `concurrency-limits`, `VegasLimit`.)
    Vegas,
    /// One slot more each round trip, a tenth less on overload, or when the latency is not healthy. Without a
    /// [healthy latency](AdaptationBuilder::healthy_latency) it knows overload only by outcomes. (Chiu and Jain, "Analysis of the increase
    /// and decrease algorithms", 1989.)
    Aimd,
}

/// A capacity that finds itself, and its bounds.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::pressure::{Adaptation, Algorithm, Capacity};
///
/// let adaptation = Adaptation::of(Capacity::of(32).build()?) // to begin with
///     .between(4, 512)
///     .healthy_latency(Duration::from_millis(250))
///     .build()?;
/// assert_eq!(adaptation.algorithm(), Algorithm::Gradient);
/// let refused = Adaptation::of(Capacity::of(32).build()?).between(64, 512).build().unwrap_err();
/// assert_eq!(refused.field(), "capacity");
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptation {
    pub(super) capacity: Capacity,
    pub(super) algorithm: Algorithm,
    pub(super) floor: u32,
    pub(super) ceiling: u32,
    /// In nanoseconds, as all that follow.
    pub(super) healthy: u64,
    pub(super) window: u64,
    pub(super) samples: u64,
    /// How much the baseline may rise a minute, as a share of itself.
    pub(super) drift: f64,
    /// How far above the lowest baseline.
    pub(super) most: f64,
}

/// Builds an [`Adaptation`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct AdaptationBuilder {
    capacity: Capacity,
    algorithm: Algorithm,
    bounds: Option<(u32, u32)>,
    healthy: Option<Duration>,
    window: Duration,
    samples: u32,
    drift: (f64, f64),
}

impl Adaptation {
    /// This capacity to begin with: what it was when the process stopped, say. Begin low where nothing is known: what is too
    /// low grows within seconds, and a latency that is measured in a queue makes a bad baseline.
    pub const fn of(capacity: Capacity) -> AdaptationBuilder {
        AdaptationBuilder {
            capacity,
            algorithm: Algorithm::Gradient,
            bounds: None,
            healthy: None,
            window: Duration::from_millis(100),
            samples: 16,
            drift: (0.5, 2.0),
        }
    }

    /// How the capacity follows from latencies.
    ///
    /// # Examples
    /// ```
    /// use fusebox::pressure::{Adaptation, Algorithm, Capacity};
    ///
    /// let told = Adaptation::of(Capacity::of(20).build()?).algorithm(Algorithm::Vegas).build()?;
    /// assert_eq!((told.algorithm(), told.bounds()), (Algorithm::Vegas, (4, 1_000)));
    /// # Ok::<(), fusebox::InvalidPolicy>(())
    /// ```
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The capacity it begins with.
    #[must_use]
    pub const fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// The least and the most slots there will be.
    #[must_use]
    pub const fn bounds(&self) -> (u32, u32) {
        (self.floor, self.ceiling)
    }
}

impl AdaptationBuilder {
    /// Another algorithm than the default.
    pub const fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The least and the most slots, whatever the latencies. Unless told, 4 and 1000, or as few or as many as it begins with.
    pub const fn between(mut self, floor: u32, ceiling: u32) -> Self {
        self.bounds = Some((floor, ceiling));
        self
    }

    /// A mean latency above this is overload, whatever was usual before; the baseline never rises above it.
    pub const fn healthy_latency(mut self, latency: Duration) -> Self {
        self.healthy = Some(latency);
        self
    }

    /// How long latencies are gathered for one decision, and how many of them there must be: unless told, 100 ms (or twice the
    /// mean latency, if that is longer, up to ten times what was told) and 16.
    pub const fn window(mut self, least: Duration, samples: u32) -> Self {
        self.window = least;
        self.samples = samples;
        self
    }

    /// How fast the baseline latency may rise, as a share of itself a minute, and how far, as a multiple of the lowest one that
    /// was ever measured. Unless told, 0.5 and 2: a dependency that stays four times as slow does not win its slots back. Only
    /// windows in which half of the slots were taken count, so that a quiet night's health checks are no baseline. Give calls of
    /// very different cost a shedder each.
    pub const fn drift(mut self, a_minute: f64, most: f64) -> Self {
        self.drift = (a_minute, most);
        self
    }

    /// The adaptation, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Adaptation, InvalidPolicy> {
        let slots = self.capacity.slots();
        let (floor, ceiling) = match self.bounds {
            Some(bounds) => bounds,
            None => (if slots < 4 { slots } else { 4 }, if slots > 1_000 { slots } else { 1_000 }),
        };
        let (a_minute, most) = self.drift;
        refuse_unless!(floor >= 1, "floor", Value::Count(0), "must be 1 at least");
        refuse_unless!(
            ceiling <= MOST_SLOTS,
            "ceiling",
            Value::Count(ceiling as u64),
            "must be 16777215 at most"
        );
        refuse_unless!(
            floor <= ceiling,
            "floor",
            Value::Count(floor as u64),
            "must not be above the ceiling"
        );
        refuse_unless!(
            floor <= slots && slots <= ceiling,
            "capacity",
            Value::Count(slots as u64),
            "must be from the floor to the ceiling"
        );
        let window = saturating_nanos(self.window);
        refuse_unless!(
            window >= 1 && window <= MOST_LATENCY / (2 * LONGEST_WINDOW) / ceiling as u64,
            "window",
            Value::Duration(self.window),
            "must be above zero, and times the ceiling 14073 s at most"
        );
        refuse_unless!(self.samples >= 1, "window", Value::Count(0), "must have a sample at least");
        let healthy = match self.healthy {
            Some(healthy) => saturating_nanos(healthy),
            None => u64::MAX,
        };
        refuse_unless!(
            healthy >= 1,
            "healthy_latency",
            Value::Duration(Duration::ZERO),
            "must be above zero"
        );
        refuse_unless!(
            Ratio::nearest(a_minute).is_some(),
            "drift",
            Value::Number(a_minute),
            "must be a share of at least zero a minute"
        );
        refuse_unless!(
            Ratio::nearest(most).is_some() && most >= 1.0,
            "drift",
            Value::Number(most),
            "must be a multiple of at least one"
        );
        Ok(Adaptation {
            capacity: self.capacity,
            algorithm: self.algorithm,
            floor,
            ceiling,
            healthy,
            window,
            samples: self.samples as u64,
            drift: a_minute,
            most,
        })
    }

    /// The adaptation, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Adaptation {
        match self.build() {
            Ok(adaptation) => adaptation,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gradient => "gradient",
            Self::Vegas => "vegas",
            Self::Aimd => "aimd",
        })
    }
}
