//! What an adaptive limit was told. Checked once, `Copy`, `const`.

use core::time::Duration;

use crate::invalid::{InvalidPolicy, Value, invalid, refuse_to_compile, refuse_unless};
use crate::ratio::Ratio;
use crate::sketch::Fading;
use crate::time::saturating_nanos;

/// How a limit follows what calls take.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::timeout::Adapting;
///
/// const USUAL: Adapting = Adapting::from(Duration::from_secs(1)).constant();
/// let patient = Adapting::from(Duration::from_secs(5))
///     .operation("report")
///     .quantile(0.999)
///     .margin(3.0)
///     .between(Duration::from_millis(50), Duration::from_secs(60))
///     .build()?;
/// assert_eq!(Adapting::from(Duration::from_secs(1)).quantile(0.0).build().unwrap_err().field(), "quantile");
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adapting {
    pub(super) operation: &'static str,
    /// All in nanoseconds.
    pub(super) initial: u64,
    pub(super) floor: u64,
    pub(super) ceiling: u64,
    pub(super) quantile: Ratio,
    pub(super) margin: Ratio,
    pub(super) fading: Fading,
}

/// Builds an [`Adapting`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct AdaptingBuilder {
    operation: &'static str,
    initial: Duration,
    bounds: Option<(Duration, Duration)>,
    quantile: f64,
    margin: f64,
    minimum_samples: u32,
    half_life: Duration,
}

impl Adapting {
    /// This is the limit until enough is known. Unless told otherwise: twice the quantile 0.99, from a hundredth to ten times the
    /// initial limit, of at least 20 samples, with a half-life of ten minutes.
    pub const fn from(initial: Duration) -> AdaptingBuilder {
        AdaptingBuilder {
            operation: "",
            initial,
            bounds: None,
            quantile: 0.99,
            margin: 2.0,
            minimum_samples: 20,
            half_life: Duration::from_secs(600),
        }
    }
}

impl AdaptingBuilder {
    /// What is called, for the errors and the observer.
    pub const fn operation(mut self, name: &'static str) -> Self {
        self.operation = name;
        self
    }

    /// The quantile of the durations of successful calls: above 0, and 1 at most.
    pub const fn quantile(mut self, quantile: f64) -> Self {
        self.quantile = quantile;
        self
    }

    /// The limit is so many times the quantile: 1 at least.
    pub const fn margin(mut self, margin: f64) -> Self {
        self.margin = margin;
        self
    }

    /// The limit is never under the floor, and never above the ceiling.
    ///
    /// What takes longer than 18 minutes is not told apart: a ceiling beyond that is the limit as soon as the quantile is.
    pub const fn between(mut self, floor: Duration, ceiling: Duration) -> Self {
        self.bounds = Some((floor, ceiling));
        self
    }

    /// So many samples are wanted before the limit leaves its initial value; from 1 to a million. They do not fade below that.
    ///
    /// Until then each record walks over the sketch.
    pub const fn minimum_samples(mut self, samples: u32) -> Self {
        self.minimum_samples = samples;
        self
    }

    /// A sample so old weighs half; from a millisecond to ten years, in whole milliseconds. Shorter follows faster.
    pub const fn half_life(mut self, half_life: Duration) -> Self {
        self.half_life = half_life;
        self
    }

    /// The policy, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Adapting, InvalidPolicy> {
        let (floor, ceiling) = match self.bounds {
            Some(bounds) => bounds,
            None => (hundredth(self.initial), self.initial.saturating_mul(10)),
        };
        refuse_unless!(
            floor.as_nanos() <= ceiling.as_nanos(),
            "floor",
            Value::Duration(floor),
            "must not be above the ceiling"
        );
        refuse_unless!(!ceiling.is_zero(), "ceiling", Value::Duration(ceiling), "must be above zero");
        refuse_unless!(
            !self.initial.is_zero()
                && floor.as_nanos() <= self.initial.as_nanos()
                && self.initial.as_nanos() <= ceiling.as_nanos(),
            "initial",
            Value::Duration(self.initial),
            "must be above zero, and from the floor to the ceiling"
        );
        let (quantile, margin) = match (self.checked_quantile(), self.checked_margin()) {
            (Ok(quantile), Ok(margin)) => (quantile, margin),
            (Err(invalid), _) | (_, Err(invalid)) => return Err(invalid),
        };
        match self.fading() {
            Ok(fading) => Ok(Adapting {
                operation: self.operation,
                initial: saturating_nanos(self.initial),
                floor: saturating_nanos(floor),
                ceiling: saturating_nanos(ceiling),
                quantile,
                margin,
                fading,
            }),
            Err(invalid) => Err(invalid),
        }
    }

    /// The policy, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Adapting {
        match self.build() {
            Ok(adapting) => adapting,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }

    const fn checked_quantile(&self) -> Result<Ratio, InvalidPolicy> {
        match Ratio::nearest(self.quantile) {
            Some(it) if it.billionths() > 0 && it.billionths() <= Ratio::ONE.billionths() => Ok(it),
            _ => Err(invalid!("quantile", Value::Number(self.quantile), "must be above 0 and 1 at most")),
        }
    }

    const fn checked_margin(&self) -> Result<Ratio, InvalidPolicy> {
        match Ratio::nearest(self.margin) {
            Some(it) if it.billionths() >= Ratio::ONE.billionths() => Ok(it),
            _ => Err(invalid!("margin", Value::Number(self.margin), "must be from 1 to a billion")),
        }
    }

    const fn fading(&self) -> Result<Fading, InvalidPolicy> {
        const LONGEST: Duration = Duration::from_secs(10 * 36_525 * 864);
        const _: () = assert!(LONGEST.as_millis() <= Fading::LONGEST as u128, "ten years fit");
        let minimum = self.minimum_samples as u64;
        refuse_unless!(
            minimum >= 1 && minimum <= Fading::MOST,
            "minimum_samples",
            Value::Count(minimum),
            "must be from 1 to 1000000"
        );
        let half_life = saturating_nanos(self.half_life) / 1_000_000;
        refuse_unless!(
            half_life >= 1 && self.half_life.as_nanos() <= LONGEST.as_nanos(),
            "half_life",
            Value::Duration(self.half_life),
            "must be from a millisecond to ten years"
        );
        Ok(Fading { half_life, minimum })
    }
}

const fn hundredth(whole: Duration) -> Duration {
    Duration::from_nanos(saturating_nanos(whole) / 100)
}
