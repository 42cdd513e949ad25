//! Fractions as a caller gives them, held as the nearest decimals of nine places: integers, so that nothing drifts.

/// A number of at least zero in steps of 0.000 000 001.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ratio(u64);

impl Ratio {
    pub(crate) const ONE: Self = Self(1_000_000_000);

    /// The nearest decimal of nine places; nothing for what is negative, not a number, or above a billion.
    pub(crate) const fn nearest(value: f64) -> Option<Self> {
        if !(value >= 0.0 && value <= 1e9) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= value <= 1e18 here"
        )]
        let nanos = (value * 1e9 + 0.5) as u64;
        Some(Self(nanos))
    }

    /// The number in billionths.
    pub(crate) const fn billionths(self) -> u64 {
        self.0
    }

    /// `value` times this, rounded down; `u64::MAX` where that does not fit.
    pub(crate) const fn of(self, value: u64) -> u64 {
        let product = value as u128 * self.0 as u128 / Self::ONE.0 as u128;
        #[expect(clippy::cast_possible_truncation, reason = "it fits in the branch that casts it")]
        if product > u64::MAX as u128 { u64::MAX } else { product as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::Ratio;

    #[test]
    fn the_nearest_decimal_is_kept() {
        assert_eq!(Ratio::nearest(0.55).map(|r| r.of(100)), Some(55));
        assert_eq!(Ratio::nearest(0.1).map(Ratio::billionths), Some(100_000_000));
        assert_eq!(Ratio::nearest(1.0), Some(Ratio::ONE));
    }

    #[test]
    fn what_is_no_such_number_is_refused() {
        for bad in [-0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e10] {
            assert_eq!(Ratio::nearest(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_product_that_does_not_fit_saturates() {
        assert_eq!(Ratio::nearest(3.0).map(|r| r.of(u64::MAX)), Some(u64::MAX));
    }
}
