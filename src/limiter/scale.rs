//! Units of a quota: nanoseconds counted so finely that the interval between two cells is a whole number of them.
//!
//! The interval is `p/q` nanoseconds in lowest terms. Where `q` is small a unit is `1/q` ns, and every instant is a whole
//! number of units too: nothing is ever rounded. Elsewhere a unit is a tick of `interval / 2^k`, and an instant lies
//! between two ticks: the rules take the lower one where time frees and the upper one where time binds.
//!
//! Either way cells are counted in whole units, so nothing drifts, however long it runs.

use core::time::Duration;

/// Denominators up to this one are counted exactly: the clock's 584 years of nanoseconds are then still 36.
const FINEST: u64 = 16;

/// How nanoseconds become units, and units nanoseconds: a unit is `per / (q * 2^k)` ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    per: u64,
    /// What of units a nanosecond is beyond `whole`, as a binary fraction of 128 bits, rounded up in the last.
    part: [u64; 2],
    q: u32,
    k: u8,
    /// Whole units a nanosecond.
    whole: u8,
    /// A unit is a nanosecond: nothing needs be worked out.
    plain: bool,
}

/// An instant in units: the last one it has reached, and the first one it has not passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) floor: u64,
    pub(super) ceil: u64,
}

impl Scale {
    /// The scale of `rate` cells a `period`, both above zero and at most one a nanosecond, and the interval in its units:
    /// exact where it can be, in ticks of 1 to 2 ns elsewhere.
    pub(super) const fn of(rate: u32, period: u64) -> (Self, u64) {
        let (p, q) = lowest(period, rate as u64);
        if q <= FINEST { (Self::with_unit(1, q, 0), p) } else { Self::ticking(p, q, (p / q).ilog2()) }
    }

    /// The interval's `2^k`-th part.
    const fn ticking(p: u64, q: u64, k: u32) -> (Self, u64) {
        (Self::with_unit(p, q, k), 1 << k)
    }

    /// A unit of `per / (q * 2^k)` ns, above 1/256.
    const fn with_unit(per: u64, q: u64, k: u32) -> Self {
        let (num, per_wide) = ((q as u128) << k, per as u128);
        let (whole, rest) = (num / per_wide, num % per_wide);
        // Two digits of a long division in base 2^64, and one unit in the last place for what is left.
        let (high, rest) = ((rest << 64) / per_wide, (rest << 64) % per_wide);
        let (low, rest) = ((rest << 64) / per_wide, (rest << 64) % per_wide);
        let part = (high << 64 | low) + (rest > 0) as u128;
        #[expect(clippy::cast_possible_truncation, reason = "halves; q < 2^32, k < 64, whole < 256")]
        Self {
            per,
            part: [(part >> 64) as u64, part as u64],
            q: q as u32,
            k: k as u8,
            whole: whole as u8,
            plain: num == per_wide,
        }
    }

    /// An instant in units. What does not fit is the end of time, at which nothing is admitted.
    #[inline]
    pub(super) const fn units(self, nanos: u64) -> Span {
        if self.plain {
            return Span { floor: nanos, ceil: nanos };
        }
        let whole = nanos.saturating_mul(self.whole as u64);
        if self.per == 1 {
            return Span { floor: whole, ceil: whole };
        }
        let [high, low] = self.part;
        let lower = (nanos as u128 * low as u128) >> 64;
        // The product's middle and upper words. `part` is too large by less than one in its last place, so the product is
        // by less than 2^-64: below the smallest fraction `1/per` there can be, the middle word is zero.
        let product = nanos as u128 * high as u128 + lower;
        #[expect(clippy::cast_possible_truncation, reason = "the upper word, and on purpose the middle one")]
        let (upper, between) = ((product >> 64) as u64, product as u64 != 0);
        let floor = whole.saturating_add(upper);
        Span { floor, ceil: floor.saturating_add(between as u64) }
    }

    /// The first whole nanosecond at which `units` are reached; the clock's end where that is later.
    pub(super) const fn nanos(self, units: u64) -> u64 {
        let (num, den) = (units as u128 * self.per as u128, (self.q as u128) << self.k);
        if num <= u64::MAX as u128 && den <= u64::MAX as u128 {
            // As below, by a division of half the width.
            #[expect(clippy::cast_possible_truncation, reason = "both fit")]
            return (num as u64).div_ceil(den as u64);
        }
        let nanos = num.div_ceil(den);
        #[expect(clippy::cast_possible_truncation, reason = "it fits in the branch that casts it")]
        if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
    }

    /// The time from the instant `now` until `units` are reached.
    pub(super) const fn until(self, units: u64, now: u64) -> Duration {
        Duration::from_nanos(self.nanos(units).saturating_sub(now))
    }
}

/// Scales for a table's narrow clocks.
#[cfg(feature = "alloc")]
impl Scale {
    /// So many of the nearest divisors are tried.
    const TRIES: u64 = 4_096;
    /// An interval is so many units at least, or a unit half a nanosecond at most: two of them late is nothing.
    const FEWEST: u64 = 1 << 11;

    /// The finest scale in which `burst` intervals are `most` units or fewer, and the interval in its units: exact if it can
    /// be, else in whole parts of a nanosecond's `q`-th, so that the instants people choose are whole units; else in ticks.
    pub(super) fn for_a_table(self, interval: u64, burst: u32, most: u64) -> Option<(Self, u64)> {
        let (p, q) = (if self.per == 1 { interval } else { self.per }, u64::from(self.q));
        let least = u64::try_from((u128::from(p) * u128::from(burst)).div_ceil(u128::from(most))).ok()?;
        // No finer than the clock's 36 years allow.
        let least = least.max(q.div_ceil(FINEST));
        let fits = |unit: &u64| p % unit == 0 && (*unit == 1 || p / unit >= Self::FEWEST);
        if let Some(unit) = (0..Self::TRIES).map(|more| least.saturating_add(more)).find(fits) {
            return Some((Self::with_unit(unit, q, 0), p / unit));
        }
        // Half a nanosecond at most: one more than the least `k` with `p/q <= 2^k`.
        let finest = u64::BITS - (p.div_ceil(q) - 1).leading_zeros() + 1;
        let narrow = (most / u64::from(burst)).checked_ilog2()?;
        let k = finest.min(narrow);
        (k == finest || 1 << k >= Self::FEWEST).then(|| Self::ticking(p, q, k))
    }
}

/// `period / rate` in lowest terms.
const fn lowest(period: u64, rate: u64) -> (u64, u64) {
    let (mut a, mut b) = (period, rate);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    (period / a, rate / a)
}
