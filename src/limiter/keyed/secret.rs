//! The secret under which a limiter hashes its keys, so that nobody outside can simply choose keys that share a bucket.
//!
//! Foldhash resists such floods minimally, as its author says: it does not hold against who can watch the timing of many
//! guesses. What such a flood gains is bounded: it presses the 14 places of its keys, and slows no call.

use core::hash::{BuildHasher, Hash};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

use crate::random;

/// A hasher (foldhash, Orson Peters) and its seed.
pub(super) struct Secret {
    state: SeedableRandomState,
}

impl Secret {
    /// From the system's entropy, another one for each limiter.
    #[cfg(feature = "std")]
    pub(super) fn drawn() -> Self {
        use core::hash::Hasher;
        let seed = std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self { state: SeedableRandomState::with_seed(seed, SharedSeed::global_random()) }
    }

    /// From the caller's seed.
    pub(super) fn of(seed: u64) -> Self {
        Self { state: SeedableRandomState::with_seed(random::number(seed, 0), SharedSeed::global_fixed()) }
    }

    #[inline]
    pub(super) fn hash<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        self.state.hash_one(key)
    }
}
