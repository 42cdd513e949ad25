//! Random numbers for jitter: a seed and a position give one number, so that nothing is shared between threads.
//!
//! The mixing function is the finalizer of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", OOPSLA 2014). It is good for spreading callers apart in time, and no secret.

/// The `position`-th number of the sequence that starts at `seed`.
pub(crate) const fn number(seed: u64, position: u64) -> u64 {
    let mut mixed = seed.wrapping_add(position.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number from 0 to `most`, both included, as evenly as 64 bits allow.
pub(crate) const fn up_to(most: u64, random: u64) -> u64 {
    let scaled = (random as u128 * (most as u128 + 1)) >> 64;
    scaled as u64
}

/// A seed from the system's entropy, drawn once a process.
#[cfg(feature = "std")]
pub(crate) fn process_seed() -> u64 {
    use core::hash::BuildHasher;
    static SEED: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    // The keys of std's hash maps are the system entropy that std offers.
    *SEED.get_or_init(|| std::collections::hash_map::RandomState::new().hash_one(0_u64))
}

/// A seed from the system's entropy, another one at each call.
#[cfg(feature = "std")]
pub(crate) fn fresh_seed() -> u64 {
    use core::hash::BuildHasher;
    // The keys of std's hash maps: drawn once a thread, and counted up for each map.
    std::collections::hash_map::RandomState::new().hash_one(0_u64)
}

#[cfg(test)]
mod tests {
    use super::{number, up_to};

    #[test]
    fn a_seed_gives_the_published_sequence() {
        // First numbers of SplitMix64 from seed 0, as printed by the authors' reference program.
        assert_eq!(number(0, 0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(number(0, 1), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn a_scaled_number_reaches_both_ends_and_no_further() {
        assert_eq!((up_to(10, 0), up_to(10, u64::MAX)), (0, 10));
        assert_eq!(up_to(u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(up_to(0, u64::MAX), 0);
    }
}
