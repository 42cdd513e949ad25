//! What a keyed limiter was told, in the units of its table: the quotas, and where its epochs begin.
//!
//! A key's clock counts in the finest units that its slot holds: exactly, mostly; elsewhere in at most `T / 2048` (for
//! intervals under a microsecond, half a nanosecond), and the rules are late by two units at most: by `T / 1024`, or 1 ns.
//!
//! A slot holds the lowest 44 bits of its arrival time, which is at most a quarter of that field ahead of the clock. An epoch
//! is a sixteenth to an eighth of the field of the tier whose clock ticks fastest. What was written in one epoch lies a burst
//! ahead of it at most, so a burst and two epochs later it is over; and until then it is less than five eighths of its field
//! past (a slower tier's field is longer), which a comparison within the field tells from what is ahead. Whoever first touches
//! a bucket in a new epoch empties the slots that are over, so nothing older is ever compared.

use crate::invalid::{InvalidPolicy, Value, invalid, refuse_unless};
use crate::limiter::keyed::word::{TIERS, TIME_BITS};
use crate::limiter::policy::Quota;
use crate::limiter::scale::Span;

/// The quotas by tier, and the epochs.
#[derive(Clone, Debug)]
pub(super) struct Plans {
    quotas: [Quota; TIERS],
    /// An epoch is `2^epoch_bits` nanoseconds.
    epoch_bits: u32,
    /// By tier: so many epochs after it was written, every arrival time is over.
    over_after: [u32; TIERS],
}

/// An instant, and the epoch it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) nanos: u64,
    pub(super) epoch: u32,
}

impl Plans {
    pub(super) fn new(told: &[Quota]) -> Result<Self, InvalidPolicy> {
        let Some(first) = told.first() else {
            return Err(invalid!("tiers", Value::Empty, "must name a quota at least"));
        };
        refuse_unless!(told.len() <= TIERS, "tiers", Value::Count(told.len() as u64), "must be 8 at most");
        let mut quotas = [ticking(first)?; TIERS];
        for (quota, told) in quotas.iter_mut().zip(told) {
            *quota = ticking(told)?;
        }
        let eighth = 1 << (TIME_BITS - 3);
        let fits = |bits: &u32| quotas.iter().all(|quota| quota.scale.units(1 << bits).ceil <= eighth);
        let epoch_bits = (0..u64::BITS).take_while(fits).last().unwrap_or(0);
        let over_after = quotas.each_ref().map(|quota| {
            // Written at the end of its epoch, a whole burst ahead.
            let epochs = quota.scale.nanos(quota.limit()) >> epoch_bits;
            u32::try_from(epochs).unwrap_or(u32::MAX).saturating_add(2)
        });
        Ok(Self { quotas, epoch_bits, over_after })
    }

    #[inline]
    pub(super) fn quota(&self, tier: u8) -> &Quota {
        // A tier is three bits wide; the first one stands in for what cannot be.
        let [first, ..] = &self.quotas;
        self.quotas.get(usize::from(tier)).unwrap_or(first)
    }

    /// Whether everything of this tier that was written so many epochs ago is over.
    pub(super) fn is_over(&self, tier: u8, epochs: u32) -> bool {
        self.over_after.get(usize::from(tier)).is_none_or(|over| epochs >= *over)
    }

    pub(super) fn span(&self, tier: u8, now: Moment) -> Span {
        self.quota(tier).scale.units(now.nanos)
    }

    /// The unit of a tier at which an epoch begins.
    #[inline]
    pub(super) fn beginning(&self, tier: u8, epoch: u32) -> u64 {
        self.span(tier, self.start_of(epoch)).floor
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "an epoch is 2^32 ns at least")]
    pub(super) const fn moment(&self, nanos: u64) -> Moment {
        Moment { nanos, epoch: (nanos >> self.epoch_bits) as u32 }
    }

    /// The first moment of an epoch.
    pub(super) const fn start_of(&self, epoch: u32) -> Moment {
        Moment { nanos: (epoch as u64) << self.epoch_bits, epoch }
    }
}

/// The same quota in units of which the burst is a quarter of a key's clock at most.
fn ticking(quota: &Quota) -> Result<Quota, InvalidPolicy> {
    let Some((scale, interval)) =
        quota.scale.for_a_table(quota.interval, quota.burst(), 1 << (TIME_BITS - 2))
    else {
        return Err(invalid!(
            "burst",
            Value::Count(quota.burst().into()),
            "must fit a quarter of a key's clock, 2^42 units of a 2048th of an interval or of half a nanosecond"
        ));
    };
    Ok(Quota::of(scale, interval, quota.burst()))
}

#[cfg(all(test, not(fusebox_loom)))]
mod tests {
    use super::Plans;
    use crate::limiter::Quota;
    use core::time::Duration;

    #[test]
    fn two_units_are_less_than_a_1024th_of_the_interval_or_a_nanosecond_or_nothing_is_rounded() {
        let day = 86_400_000_000_000;
        let second = 1_000_000_000;
        for (rate, period, burst) in [
            (1, 1, 1),
            (1, second, 9),
            (7, second, 7),
            (999_983, second, 50),
            (1_000, day, 1_000),
            (1, 365 * day, 40),
        ] {
            let told = Quota::with_period(rate, Duration::from_nanos(period)).burst(burst).constant();
            let quota = *Plans::new(&[told]).unwrap().quota(0);
            let exact = (0..1_000).map(|nanos| quota.scale.units(nanos)).all(|span| span.floor == span.ceil);
            // A unit is `period / (rate * interval)` ns.
            let (unit, fine) = (2 * period, quota.interval * u64::from(rate));
            assert!(exact || quota.interval >= 2_048 || unit <= fine, "{told}: {quota:?}");
            assert!(quota.limit() <= 1 << 42, "{told}: {quota:?}");
        }
    }

    #[test]
    fn the_instants_people_choose_are_whole_units_of_a_daily_quota() {
        let told = Quota::per_day(1_000).constant();
        let quota = *Plans::new(&[told]).unwrap().quota(0);
        for millis in [0, 1, 999, 86_400, 123_456_789] {
            let span = quota.scale.units(millis * 1_000_000);
            assert_eq!(span.floor, span.ceil, "{millis} ms");
        }
    }

    #[test]
    fn epochs_fit_their_field() {
        for (rate, period) in
            [(1, 1), (255, 256), (1, 1_000_000_000), (999_983, 1_000_000_000), (1, u64::MAX - 1)]
        {
            let quota = Quota::with_period(rate, Duration::from_nanos(period)).burst(1).constant();
            let plans = Plans::new(&[quota]).unwrap();
            assert!(plans.epoch_bits >= 32 && plans.epoch_bits < 64, "{}", plans.epoch_bits);
        }
    }
}
