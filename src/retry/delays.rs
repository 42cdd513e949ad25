//! The delays of one call, as a plain iterator: pure arithmetic, no clock and no sleep.

use core::time::Duration;

use crate::random;
use crate::ratio::Ratio;
use crate::retry::policy::{Policy, Spread};

/// The delays between the attempts of one call, in order: one less than there are attempts.
///
/// For those who drive their retries themselves; made by [`Plan::delays`](crate::retry::Plan::delays).
///
/// # Examples
/// ```
/// use core::time::Duration;
/// use fusebox::retry::{Plan, Policy};
///
/// let policy = Policy::attempts(5).initial_delay(Duration::from_secs(1)).build()?;
/// for delay in policy.seeded(7).delays() {
///     // try; if it failed, wait for `delay`
///     assert!(delay >= Duration::from_secs(1));
/// }
/// assert_eq!(policy.seeded(7).delays().len(), 4);
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "delays are for waiting"]
pub struct Delays {
    policy: Policy,
    seed: Seed,
    retries: u32,
    base: Grown,
    /// What was drawn last, for jitter that depends on it.
    last: u64,
}

/// Where the jitter begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seed {
    Given(u64),
    /// From the system's entropy, when the first delay is asked for.
    #[cfg(feature = "std")]
    ToDraw,
}

impl Seed {
    fn given(self) -> u64 {
        match self {
            Self::Given(seed) => seed,
            #[cfg(feature = "std")]
            Self::ToDraw => random::fresh_seed(),
        }
    }
}

impl Delays {
    pub(super) const fn new(policy: Policy, seed: Seed) -> Self {
        let base = Grown { whole: policy.initial, fraction: 0 };
        Self { policy, seed, retries: 0, base, last: policy.initial }
    }

    fn random(&mut self) -> u64 {
        let seed = self.seed.given();
        self.seed = Seed::Given(seed);
        random::number(seed, u64::from(self.retries))
    }

    /// The next delay in nanoseconds, however many there were.
    pub(super) fn draw(&mut self) -> u64 {
        let policy = self.policy;
        let base = self.base.floor().min(policy.max);
        let up_to = |most: u64, delays: &mut Self| random::up_to(most, delays.random());
        let delay = match policy.spread {
            Spread::None => base,
            Spread::Proportional(share) => base.saturating_add(up_to(share.of(base), self)),
            Spread::Full => up_to(base, self),
            Spread::Equal => base / 2 + up_to(base - base / 2, self),
            Spread::Decorrelated => {
                let most = self.last.saturating_mul(3).max(policy.initial);
                (policy.initial + up_to(most - policy.initial, self)).min(policy.max)
            }
        };
        self.last = delay;
        self.base = if base < policy.max { self.base.times(policy.multiplier) } else { self.base };
        self.retries = self.retries.saturating_add(1);
        delay
    }

    const fn left(&self) -> u32 {
        (self.policy.attempts - 1).saturating_sub(self.retries)
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        (self.left() > 0).then(|| Duration::from_nanos(self.draw()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Delays {}
impl core::iter::FusedIterator for Delays {}

/// A delay with 64 bits behind the point, so that growing it again and again stays exact to the nanosecond.
#[derive(Clone, Copy, Debug)]
struct Grown {
    whole: u64,
    fraction: u64,
}

impl Grown {
    /// What the last bits may have lost on the way.
    const LOST: u64 = 1 << 40;

    /// Whole nanoseconds, rounded down.
    const fn floor(self) -> u64 {
        self.whole.saturating_add(self.fraction.overflowing_add(Self::LOST).1 as u64)
    }

    /// To the nearest; what does not fit stops at the end of the clock.
    fn times(self, factor: Ratio) -> Self {
        let (factor, one) = (u128::from(factor.billionths()), u128::from(Ratio::ONE.billionths()));
        let whole = u128::from(self.whole) * factor;
        let below = ((whole % one) << 64) + u128::from(self.fraction) * factor + one / 2;
        let below = below / one;
        let whole = whole / one + (below >> 64);
        #[expect(clippy::cast_possible_truncation, reason = "the part behind the point is cut off here")]
        match u64::try_from(whole) {
            Ok(whole) => Self { whole, fraction: below as u64 },
            Err(_) => Self { whole: u64::MAX, fraction: 0 },
        }
    }
}
