//! What a throttle was told: how many requests for each accepted one, over which window. Checked once, `Copy`, `const`.

use core::time::Duration;

use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};
use crate::pressure::throttle::SLICES;
use crate::ratio::Ratio;
use crate::time::saturating_nanos;

/// How much a client asks of a service that refuses.
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::pressure::Throttling;
///
/// const USUAL: Throttling = Throttling::new().constant();
/// let eager = Throttling::new().ratio(1.1).window(Duration::from_secs(30)).build()?;
/// assert_eq!(Throttling::new().ratio(0.5).build().unwrap_err().field(), "ratio");
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttling {
    pub(super) ratio: Ratio,
    /// The length of a slice of the window, in nanoseconds.
    pub(super) slice: u64,
    pub(super) seed: Option<u64>,
}

/// Builds a [`Throttling`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct ThrottlingBuilder {
    ratio: f64,
    window: Duration,
    seed: Option<u64>,
}

impl Throttling {
    /// Twice as many requests as were accepted, over two minutes: what the source takes.
    #[expect(clippy::new_ret_no_self, reason = "a builder, as of every policy")]
    pub const fn new() -> ThrottlingBuilder {
        ThrottlingBuilder { ratio: 2.0, window: Duration::from_secs(120), seed: None }
    }
}

impl ThrottlingBuilder {
    /// So many requests for each that was accepted (K): 2 lets the service see as many in vain as it accepts; nearer to 1 spares
    /// it more, and is later to notice that it is well again.
    pub const fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// How far back requests and accepts count: in eighths, of which the oldest is dropped as a whole.
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The caller's seed, for a throttle that can be replayed; equal seeds draw alike. Unless told, the system's entropy with
    /// `std`, and zero without.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The throttling, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Throttling, InvalidPolicy> {
        let ratio = match Ratio::nearest(self.ratio) {
            Some(ratio) if ratio.billionths() >= Ratio::ONE.billionths() => ratio,
            _ => {
                return Err(crate::invalid::invalid!(
                    "ratio",
                    Value::Number(self.ratio),
                    "must be from 1 to a billion"
                ));
            }
        };
        let slice = saturating_nanos(self.window) / SLICES as u64;
        refuse_unless!(slice >= 1, "window", Value::Duration(self.window), "must be 8 ns at least");
        Ok(Throttling { ratio, slice, seed: self.seed })
    }

    /// The throttling, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Throttling {
        match self.build() {
            Ok(throttling) => throttling,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}
