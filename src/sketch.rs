//! Quantiles of what was seen, without a lock: a histogram of durations whose old samples fade by themselves.
//!
//! Buckets are log-linear, eight to each octave from 2^10 ns up, as in HDR histograms (Gil Tene, 2012): a bucket is at most an
//! eighth as wide as its least value, so its upper edge is no more than 12.5 % above whatever fell into it. What is shorter than
//! 1.024 us falls under, what is longer than the last edge falls over; that edge is 18 minutes with [`BUCKETS`] of them.
//!
//! 1. Each bucket is one word, its weight stamped with an epoch. Whoever writes first halves the weight once for each epoch that
//!    has passed since its stamp; whoever reads does so for itself. So nobody ever sweeps weights, and no sample is lost.
//! 2. An epoch ends once, by one compare-and-swap, at a record that finds the half-life over *and* so much weight that what is
//!    left after the halving is still the minimum. So a service that is seldom called keeps its estimate.
//! 3. A bucket that is nearly full ends its epoch early: all are halved together, and what matters is their ratio.
//!
//! | do | cost |
//! |---|---|
//! | record | one load, one compare-and-swap; once in a half-life a walk |
//! | a quantile | two walks over the buckets, loads alone |

mod word;

use crate::cell::Cell;
use crate::ratio::Ratio;
use crate::time::Instant;

use word::{Epoch, ONE, Weight};

/// From 2^10 to 2^40 ns, with what falls under and what falls over.
#[cfg(not(fusebox_loom))]
pub const BUCKETS: usize = 30 * STEPS + 2;
/// Each is a schedule point.
#[cfg(fusebox_loom)]
pub const BUCKETS: usize = 4;

/// The octave at which the buckets begin, and how many there are to each.
const LOWEST: u32 = 10;
const SPLIT: u32 = 3;
const STEPS: usize = 1 << SPLIT;
/// No edge lies beyond 64 bits.
const MOST_BUCKETS: usize = (64 - LOWEST as usize) * STEPS;

/// How old samples fade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fading {
    /// In milliseconds: from 1 to half of what an epoch's start can tell apart.
    pub half_life: u64,
    /// So many samples are never faded away: from 1 to [`Fading::MOST`].
    pub minimum: u64,
}

impl Fading {
    /// The most samples that can be wanted: a bucket holds so many before it is halved, and as many again afterwards.
    pub const MOST: u64 = 1_000_000;
    /// The longest half-life, in milliseconds: seventeen years.
    pub const LONGEST: u64 = Epoch::LONGEST;
}

/// Whether a sample after which its bucket holds so many is worth a new look at a quantile: each of the first sixteen is, then
/// a sixteenth more, or an eighth where the count has just doubled.
pub(crate) fn moves_quantiles(held: u64) -> bool {
    let step = held.checked_next_power_of_two().unwrap_or(u64::MAX) / 16;
    held % step.max(1) == 0
}

/// A quantile sketch of durations in nanoseconds: eight bytes a bucket, in place.
#[derive(Debug)]
pub struct Sketch<const B: usize = BUCKETS> {
    epoch: Cell,
    buckets: [Cell; B],
    told: Fading,
}

impl<const B: usize> Sketch<B> {
    /// One that has seen nothing.
    #[cfg(not(fusebox_loom))]
    #[must_use]
    pub const fn new(told: Fading) -> Self {
        const { assert!(B > 2 && B <= MOST_BUCKETS, "a bucket at least, and no edge beyond 64 bits") }
        Self { epoch: Cell::fresh(), buckets: [const { Cell::fresh() }; B], told }
    }

    /// One that has seen nothing.
    #[cfg(fusebox_loom)]
    #[must_use]
    pub fn new(told: Fading) -> Self {
        const { assert!(B > 2 && B <= MOST_BUCKETS, "a bucket at least, and no edge beyond 64 bits") }
        Self { epoch: Cell::fresh(), buckets: core::array::from_fn(|_| Cell::fresh()), told }
    }

    /// Adds a sample; tells how many are in its bucket now, in whole ones.
    #[inline]
    pub fn record(&self, nanos: u64, now: Instant) -> u64 {
        let epoch = self.epoch_at(now);
        let Some(bucket) = self.buckets.get(bucket::<B>(nanos)) else { return 0 };
        let held = bucket.apply(|held: Weight| {
            let next = held.with_one_more(epoch);
            (next, next)
        });
        if held.is_nearly_full() {
            self.halve_early(held);
        }
        held.samples()
    }

    /// How much is held, as samples that have not faded: whole ones.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.total(self.epoch.view::<Epoch>()) / ONE
    }

    /// How often an epoch ended, and began.
    #[cfg(any(test, fusebox_loom, fusebox_fuzz))]
    #[must_use]
    pub fn epochs(&self) -> u64 {
        self.epoch.view::<Epoch>().number
    }

    /// The upper edge of the bucket that holds the sample of this quantile: never below it, and at most 12.5 % above, for
    /// samples between the first edge and the last. Nothing where there are fewer samples than the minimum; `u64::MAX` where
    /// it is beyond the last edge.
    ///
    /// Beside others that record it may be that of any moment of the walk, or, if an epoch ends meanwhile, that of a higher
    /// quantile.
    pub(crate) fn quantile(&self, quantile: Ratio) -> Option<u64> {
        let epoch = self.epoch.view();
        let total = self.total(epoch);
        if total < self.least() {
            return None;
        }
        let wanted = share(total, quantile);
        let (mut sum, mut last) = (0_u64, 0);
        for (number, weight) in self.weights(epoch).enumerate().filter(|(_, weight)| *weight > 0) {
            sum = sum.saturating_add(weight);
            last = number;
            if sum >= wanted {
                break;
            }
        }
        Some(upper_edge::<B>(last))
    }

    /// The weight below which nothing fades.
    const fn least(&self) -> u64 {
        self.told.minimum.saturating_mul(ONE)
    }

    fn weights(&self, epoch: Epoch) -> impl Iterator<Item = u64> {
        self.buckets.iter().map(move |bucket| bucket.view::<Weight>().at(epoch))
    }

    fn total(&self, epoch: Epoch) -> u64 {
        self.weights(epoch).fold(0, u64::saturating_add)
    }

    /// The epoch of a sample that comes now.
    #[inline]
    fn epoch_at(&self, now: Instant) -> Epoch {
        let seen = self.epoch.view::<Epoch>();
        if seen.age(now) < self.told.half_life && !seen.is_fresh() { seen } else { self.end_of(seen, now) }
    }

    /// Ends the epoch, if its time has come and there is enough to fade; tells the one that is then.
    #[cold]
    fn end_of(&self, seen: Epoch, now: Instant) -> Epoch {
        if seen.is_fresh() {
            return self.turn(seen, seen.next(1, now));
        }
        let due = seen.age(now) / self.told.half_life.max(1);
        // Each halving leaves the minimum.
        let spare = (self.total(seen) / self.least().max(1)).checked_ilog2().unwrap_or(0);
        match due.min(spare.into()) {
            0 => seen,
            halvings => self.turn(seen, seen.next(halvings, now)),
        }
    }

    /// Ends the epoch for a bucket that filled up in it. One that filled up in an earlier epoch is halved by then.
    #[cold]
    fn halve_early(&self, full: Weight) {
        let seen = self.epoch.view::<Epoch>();
        if full.is_of(seen) {
            self.turn(seen, seen.halved());
        }
    }

    /// Replaces the epoch that was seen, if nobody else has; tells the one that is then.
    fn turn(&self, seen: Epoch, next: Epoch) -> Epoch {
        if !self.epoch.replace(seen.word(), next.word()) {
            return self.epoch.view();
        }
        self.forget_the_faded(next);
        next
    }

    /// Empties the buckets whose weight has faded to nothing: so no stamp grows so old that it would look new again.
    fn forget_the_faded(&self, epoch: Epoch) {
        for bucket in &self.buckets {
            let seen = bucket.load();
            if seen != 0 && bucket.view::<Weight>().at(epoch) == 0 {
                // Whoever wrote meanwhile has stamped it anew.
                bucket.replace(seen, 0);
            }
        }
    }
}

/// The bucket that a duration falls into.
#[inline]
const fn bucket<const B: usize>(nanos: u64) -> usize {
    match nanos.checked_ilog2() {
        Some(octave) if octave >= LOWEST => {
            // The leading bit and the three behind it.
            #[expect(clippy::cast_possible_truncation, reason = "from 8 to 15")]
            let step = (nanos >> (octave - SPLIT)) as usize - STEPS;
            let number = 1 + (octave - LOWEST) as usize * STEPS + step;
            if number < B { number } else { B - 1 }
        }
        _ => 0,
    }
}

/// The first duration that is too long for this bucket.
const fn upper_edge<const B: usize>(number: usize) -> u64 {
    if number + 1 >= B {
        return u64::MAX;
    }
    let Some(above) = number.checked_sub(1) else { return 1 << LOWEST };
    #[expect(clippy::cast_possible_truncation, reason = "an octave is less than 64")]
    let octave = LOWEST + (above / STEPS) as u32;
    (STEPS as u64 + 1 + (above % STEPS) as u64) << (octave - SPLIT)
}

/// This share of a weight, rounded up: at most all of it.
fn share(total: u64, quantile: Ratio) -> u64 {
    let below = quantile.of(total);
    // `of` rounds down; one more where that lost something.
    let exact = u128::from(below) * u128::from(Ratio::ONE.billionths())
        == u128::from(total) * u128::from(quantile.billionths());
    below.saturating_add((!exact).into()).min(total)
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests;
