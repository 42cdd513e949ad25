//! What a budget was told. Checked once, `Copy`, `const`.

use crate::invalid::{InvalidPolicy, Value, refuse_to_compile, refuse_unless};
use crate::ratio::Ratio;
use crate::retry::budget::word::TOKEN;

/// How many retries are allowed, as a share of the first calls.
///
/// # Examples
/// ```
/// use fusebox::retry::Allowed;
///
/// // One retry for every ten calls, one a second besides, and never more than a hundred at once.
/// const A_TENTH: Allowed = Allowed::ratio(0.1).min_per_second(1).capacity(100).constant();
/// assert_eq!(Allowed::ratio(0.1).capacity(0).build().unwrap_err().field(), "capacity");
/// # let _ = A_TENTH;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// What a first call deposits, in billionths of a token, as capacity and initial balance.
    pub(super) deposit: u64,
    pub(super) capacity: u64,
    pub(super) initial: u64,
    /// Tokens a second: billionths a nanosecond.
    pub(super) rate: u64,
}

/// Builds an [`Allowed`].
#[must_use = "a builder does nothing until `build` or `constant`"]
#[derive(Clone, Copy, Debug)]
pub struct AllowedBuilder {
    ratio: f64,
    capacity: u32,
    min_per_second: u32,
    initial: f64,
}

impl Allowed {
    /// So many retries for each first call: 0.1 is one for every ten. At most ten at once, unless told otherwise, and none to begin with.
    pub const fn ratio(ratio: f64) -> AllowedBuilder {
        AllowedBuilder { ratio, capacity: 10, min_per_second: 0, initial: 0.0 }
    }
}

impl AllowedBuilder {
    /// The most tokens there are at once.
    pub const fn capacity(mut self, tokens: u32) -> Self {
        self.capacity = tokens;
        self
    }

    /// Tokens that come by time alone, so that those who seldom call may retry, too. Counted from the origin of the budget's clock.
    pub const fn min_per_second(mut self, tokens: u32) -> Self {
        self.min_per_second = tokens;
        self
    }

    /// The tokens there are to begin with; beside them those that came by time since the origin of the budget's clock, so that one made
    /// late, with [`min_per_second`](Self::min_per_second), begins full.
    pub const fn initial(mut self, tokens: f64) -> Self {
        self.initial = tokens;
        self
    }

    /// What is allowed, checked. Fractions are held as decimals of nine places.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub const fn build(self) -> Result<Allowed, InvalidPolicy> {
        let Some(ratio) = Ratio::nearest(self.ratio) else {
            return Err(crate::invalid::invalid!(
                "ratio",
                Value::Number(self.ratio),
                "must be from 0 to a billion"
            ));
        };
        refuse_unless!(self.capacity >= 1, "capacity", Value::Count(0), "must be 1 at least");
        let capacity = self.capacity as u64 * TOKEN;
        let initial = match Ratio::nearest(self.initial) {
            Some(initial) if initial.billionths() <= capacity => initial.billionths(),
            _ => {
                return Err(crate::invalid::invalid!(
                    "initial",
                    Value::Number(self.initial),
                    "must be from 0 to the capacity, a billion at most"
                ));
            }
        };
        refuse_unless!(
            ratio.billionths() > 0 || self.min_per_second > 0 || initial > 0,
            "ratio",
            Value::Number(self.ratio),
            "must not be 0 where no token ever comes otherwise"
        );
        Ok(Allowed { deposit: ratio.billionths(), capacity, initial, rate: self.min_per_second as u64 })
    }

    /// What is allowed, for const items: a setting that can never work does not compile.
    ///
    /// Use [`build`](Self::build) for values that are known only at run time.
    #[must_use]
    pub const fn constant(self) -> Allowed {
        match self.build() {
            Ok(allowed) => allowed,
            Err(invalid) => refuse_to_compile(&invalid),
        }
    }
}
