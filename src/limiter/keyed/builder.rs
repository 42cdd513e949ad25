//! How a keyed limiter is told: its quotas, its capacity, what to do when it is full.

use core::hash::Hash;
use core::marker::PhantomData;

use crate::invalid::{InvalidPolicy, Value, invalid, refuse_unless};
use crate::lanes::Tallies;
use crate::limiter::keyed::KeyedRateLimiter;
use crate::limiter::keyed::plan::Plans;
use crate::limiter::keyed::secret::Secret;
use crate::limiter::keyed::table::Table;
use crate::limiter::policy::Quota;
use crate::sync::Shown;
use crate::time::DEFAULT_CLOCK;

/// What happens to a new key when all its places hold live ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenFull {
    /// The key that would recover soonest is evicted, and with it its debt.
    #[default]
    EvictSoonest,
    /// The new key is denied until one of them has recovered.
    Deny,
}

/// Builds a [`KeyedRateLimiter`].
///
/// # Examples
/// ```
/// use fusebox::limiter::{Keyed, Quota, WhenFull};
///
/// let (free, paid) = (Quota::per_minute(1).constant(), Quota::per_second(50).constant());
/// let limiter = Keyed::of(free, 10_000)
///     .tiers(&[free, paid], |user: &str| u8::from(user.ends_with("@paid")))
///     .when_full(WhenFull::Deny)
///     .build()?;
/// assert_eq!(limiter.peek("ada").remaining(), 1);
/// assert_eq!(limiter.peek("bob@paid").remaining(), 50);
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
#[derive(Clone, Debug)]
pub struct Keyed<T = OneTier> {
    quotas: [Quota; 8],
    told: usize,
    capacity: usize,
    when_full: WhenFull,
    seed: Option<u64>,
    tiers: T,
}

/// Which of a limiter's quotas a key has: [`OneTier`], or what [`Keyed::tiers`] makes of a function. Sealed.
pub trait Tiers<K: ?Sized>: sealed::Told {
    /// The number of the key's quota.
    fn tier(&self, key: &K) -> u8;
}

mod sealed {
    /// What a builder made.
    pub trait Told {}
    impl Told for super::OneTier {}
    impl<F> Told for super::ByFunction<F> {}
}

/// All keys have the same quota.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneTier;

impl<K: ?Sized> Tiers<K> for OneTier {
    #[inline]
    fn tier(&self, _: &K) -> u8 {
        0
    }
}

/// A function among the quotas given.
#[derive(Clone, Copy)]
pub struct ByFunction<F> {
    function: F,
    told: u8,
}

impl<F> core::fmt::Debug for ByFunction<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "one of {} by a function", self.told)
    }
}

impl<K: ?Sized, F: Fn(&K) -> u8> Tiers<K> for ByFunction<F> {
    #[inline]
    fn tier(&self, key: &K) -> u8 {
        let tier = (self.function)(key);
        if tier < self.told { tier } else { 0 }
    }
}

impl Keyed {
    /// The same quota for each of `capacity` keys.
    pub const fn of(quota: Quota, capacity: usize) -> Self {
        Self {
            quotas: [quota; 8],
            told: 1,
            capacity,
            when_full: WhenFull::EvictSoonest,
            seed: None,
            tiers: OneTier,
        }
    }
}

impl<T> Keyed<T> {
    /// Instead of the one quota, one of up to 8 for each key: a function of the key says the number in this list, and is called
    /// once a check. A number beyond the list is the first one. (So few, since each key's word counts in units of its own quota,
    /// in which nothing drifts.) A key whose number changes keeps its debt, in cells, up to the burst of the quota it changes
    /// to.
    ///
    /// Keys on a slow quota take long to recover, and so outlast the debts of keys on a fast one when the table is full: see
    /// [`KeyedRateLimiter`], and choose [`WhenFull::Deny`] where anybody may make up keys on the slow one.
    pub fn tiers<K: ?Sized, F: Fn(&K) -> u8>(self, quotas: &[Quota], function: F) -> Keyed<ByFunction<F>> {
        let mut kept = self.quotas;
        for (kept, quota) in kept.iter_mut().zip(quotas) {
            *kept = *quota;
        }
        #[expect(clippy::cast_possible_truncation, reason = "more than 8 are refused")]
        let tiers = ByFunction { function, told: quotas.len().min(8) as u8 };
        Keyed {
            quotas: kept,
            told: quotas.len(),
            capacity: self.capacity,
            when_full: self.when_full,
            seed: self.seed,
            tiers,
        }
    }

    /// What happens to a new key when all its places hold live ones.
    pub const fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// The secret under which keys are hashed, instead of one from the system's entropy; without `std` there is none, and this
    /// is needed. Who knows it can choose keys that share a bucket.
    pub const fn seed(mut self, secret: u64) -> Self {
        self.seed = Some(secret);
        self
    }

    /// The limiter, checked.
    ///
    /// # Errors
    /// The first setting that can never work, with its value and the rule.
    pub fn build<K: ?Sized + Hash>(self) -> Result<KeyedRateLimiter<K, T>, InvalidPolicy>
    where
        T: Tiers<K>,
    {
        let value = Value::Count(self.capacity as u64);
        refuse_unless!(self.capacity >= 1, "capacity", value, "must be 1 at least");
        let told = self.quotas.get(..self.told).unwrap_or(&[]);
        refuse_unless!(self.told <= 8, "tiers", Value::Count(self.told as u64), "must be 8 at most");
        let plans = Plans::new(told)?;
        let Some(table) = Table::new(self.capacity) else {
            return Err(invalid!("capacity", value, "must fit in memory"));
        };
        #[cfg(feature = "std")]
        let secret = self.seed.map_or_else(Secret::drawn, Secret::of);
        #[cfg(not(feature = "std"))]
        let secret = match self.seed {
            Some(seed) => Secret::of(seed),
            None => {
                return Err(invalid!(
                    "seed",
                    Value::Missing,
                    "must be given where there is no std to draw one"
                ));
            }
        };
        Ok(KeyedRateLimiter {
            table,
            plans,
            when_full: self.when_full,
            secret,
            tallies: Tallies::zero(),
            shadow: Shown::zero(),
            tiers: self.tiers,
            clock: DEFAULT_CLOCK,
            observer: (),
            counters: (),
            keys: PhantomData,
        })
    }
}
