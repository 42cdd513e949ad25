//! What a hedge was told: after which delay, how many copies. Checked once, `Copy`, `const`.

use core::time::Duration;

use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};
use crate::ratio::Ratio;
use crate::sketch::Fading;
use crate::time::saturating_nanos;

/// The most copies of one call.
const MOST_COPIES: u32 = 16;

/// When a call is made a second time beside the first.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::retry::Hedging;
///
/// const FIXED: Hedging = Hedging::after(Duration::from_millis(50)).constant();
/// // Once a call takes longer than nineteen of twenty do, and after 50 ms while nothing is known:
/// let learnt = Hedging::after(Duration::from_millis(50)).at_quantile(0.95).copies(3).build()?;
/// assert_eq!(Hedging::after(Duration::ZERO).copies(1).build().unwrap_err().field(), "copies");
/// # let _ = (FIXED, learnt);
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedging {
    /// In nanoseconds.
    pub(super) delay: u64,
    pub(super) quantile: Option<Ratio>,
    pub(super) copies: u32,
}

/// Builds a [`Hedging`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct HedgingBuilder {
    delay: Duration,
    quantile: Option<f64>,
    copies: u32,
}

impl Hedging {
    /// How a hedge's latencies fade: they halve every ten minutes, and 20 are always kept.
    pub(super) const FADING: Fading = Fading { half_life: 600_000, minimum: 20 };

    /// A second copy after this delay; with a [quantile](HedgingBuilder::at_quantile) only until it is known.
    pub const fn after(delay: Duration) -> HedgingBuilder {
        HedgingBuilder { delay, quantile: None, copies: 2 }
    }
}

impl HedgingBuilder {
    /// Once a call takes longer than this share of the recent ones did: 0.95 makes a copy of one call in twenty, about.
    pub const fn at_quantile(mut self, quantile: f64) -> Self {
        self.quantile = Some(quantile);
        self
    }

    /// So many copies at most, the first included, each after the same delay. Unless told, 2.
    pub const fn copies(mut self, copies: u32) -> Self {
        self.copies = copies;
        self
    }

    /// The hedging, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Hedging, InvalidPolicy> {
        refuse_unless!(
            self.copies >= 2 && self.copies <= MOST_COPIES,
            "copies",
            Value::Count(self.copies as u64),
            "must be from 2 to 16"
        );
        let quantile = match self.quantile {
            None => None,
            Some(told) => match Ratio::nearest(told) {
                Some(ratio) if ratio.billionths() >= 1 && ratio.billionths() <= Ratio::ONE.billionths() => {
                    Some(ratio)
                }
                _ => {
                    return Err(crate::invalid::invalid!(
                        "quantile",
                        Value::Number(told),
                        "must be above 0, and 1 at most"
                    ));
                }
            },
        };
        Ok(Hedging { delay: saturating_nanos(self.delay), quantile, copies: self.copies })
    }

    /// The hedging, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Hedging {
        match self.build() {
            Ok(hedging) => hedging,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}
