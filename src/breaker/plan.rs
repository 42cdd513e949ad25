//! What the two shapes of a policy have in common, so that the plain one pays nothing for the full one.

use crate::breaker::policy::{FullPolicy, Policy, Ramp, Rate};
use crate::breaker::window::Memory;
use crate::breaker::word::Generation;
use crate::random;
use crate::ratio::Ratio;

/// A policy a breaker can have: [`Policy`] or [`FullPolicy`]. Sealed.
pub trait Plan: sealed::Shape {}

impl Plan for Policy {}
impl Plan for FullPolicy {}

pub(super) mod sealed {
    use super::{Policy, Ramp, Rate};
    use crate::breaker::window::Remember;
    use crate::breaker::word::Generation;

    /// What a breaker asks its policy. All defaults are those of a [`Policy`], and compile away.
    pub trait Shape: Copy + core::fmt::Debug {
        /// What a window is kept in; nothing for those who have none.
        type Memory: Remember;
        /// That memory, before its first use.
        const FRESH: Self::Memory;

        fn base(&self) -> &Policy;

        #[inline]
        fn rate(&self) -> Option<&Rate> {
            None
        }

        /// The percentage of slow calls that opens.
        #[inline]
        fn slow_percent(&self) -> Option<u8> {
            None
        }

        #[inline]
        fn ramp(&self) -> Option<Ramp> {
            None
        }

        /// How long the `streak`-th opening in a row lasts.
        #[inline]
        fn open_nanos(&self, streak: u16, generation: Generation, at: i128) -> i128 {
            let _ = (streak, generation, at);
            self.base().open_nanos.into()
        }
    }
}
use sealed::Shape;

impl Shape for Policy {
    type Memory = ();
    const FRESH: () = ();

    #[inline]
    fn base(&self) -> &Policy {
        self
    }
}

impl Shape for FullPolicy {
    type Memory = Memory;
    const FRESH: Memory = Memory::none_yet();

    #[inline]
    fn base(&self) -> &Policy {
        &self.base
    }

    #[inline]
    fn rate(&self) -> Option<&Rate> {
        self.rate.as_ref()
    }

    #[inline]
    fn slow_percent(&self) -> Option<u8> {
        self.slow_percent
    }

    #[inline]
    fn ramp(&self) -> Option<Ramp> {
        self.ramp
    }

    fn open_nanos(&self, streak: u16, generation: Generation, at: i128) -> i128 {
        let grown = self.grown_nanos(streak);
        i128::from(grown).saturating_add(i128::from(self.jitter_nanos(grown, generation, at)))
    }
}

impl FullPolicy {
    /// `open * factor^(streak - 1)` up to the cap, rounded up to whole milliseconds where it has grown.
    fn grown_nanos(&self, streak: u16) -> u64 {
        let open = self.base.open_nanos;
        let (Some(growth), 2..) = (self.growth, streak) else { return open };
        // In billionths of a nanosecond, so that no step's rounding can show in a millisecond.
        let one = u128::from(Ratio::ONE.billionths());
        let (cap, factor) = (u128::from(growth.cap_nanos) * one, u128::from(growth.factor.billionths()));
        let mut grown = u128::from(open) * one;
        for _ in 1..streak {
            if grown >= cap || factor == one {
                break;
            }
            grown = grown.checked_mul(factor).map_or(cap, |product| product / one);
        }
        let millis = grown.min(cap).div_ceil(one * 1_000_000);
        u64::try_from(millis * 1_000_000).unwrap_or(u64::MAX)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "only to tell openings apart"
    )]
    fn jitter_nanos(&self, duration: u64, generation: Generation, at: i128) -> u64 {
        let Some(jitter) = self.jitter else { return 0 };
        #[cfg(feature = "std")]
        let seed = jitter.seed.unwrap_or_else(random::process_seed);
        #[cfg(not(feature = "std"))]
        let seed = jitter.seed.unwrap_or_default();
        let opening = (at as u64).rotate_left(16) ^ u64::from(generation.0);
        random::up_to(jitter.fraction.of(duration), random::number(seed, opening))
    }
}
