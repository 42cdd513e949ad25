//! What a lane knows of latencies: how many, and their sum, in one word, so that no window sees one without the other.
//!
//! ```text
//!  63          40 39                                        0
//! ┌──────────────┬───────────────────────────────────────────┐
//! │ samples    24│ latencies, in units of 256 ns           40│
//! └──────────────┴───────────────────────────────────────────┘
//! ```
//!
//! The word is only ever added to, and wraps as a whole: a carry goes where the next difference takes it off again. So the
//! difference of two readings, or of two sums over lanes, is right as long as it fits by itself: 16 million samples, and 78 hours
//! of latency.

use crate::bits::Field;

const LATENCY: Field = Field::lowest(40);
const SAMPLES: Field = LATENCY.above(24);
const _: () = assert!(SAMPLES.end() == u64::BITS, "the fields tile the word");

/// Nanoseconds.
const UNIT: u64 = 256;

/// The longest sum of latencies between two readings, in nanoseconds.
pub(super) const MOST_LATENCY: u64 = LATENCY.max() * UNIT;

/// What is added between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) samples: u64,
    pub(super) nanos: u64,
}

/// What to add for one latency.
#[inline]
pub(super) const fn one(nanos: u64) -> u64 {
    SAMPLES.put(1) | LATENCY.put(nanos.div_ceil(UNIT))
}

/// What lies between two readings.
pub(super) const fn between(before: u64, after: u64) -> Added {
    let added = after.wrapping_sub(before);
    Added { samples: SAMPLES.get(added), nanos: LATENCY.get(added) * UNIT }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use super::{Added, between, one};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn properties_a_difference_is_what_was_added_wherever_the_word_stood(
            before: u64,
            latencies in proptest::collection::vec(0..1_u64 << 32, 0..64),
        ) {
            let after = latencies.iter().fold(before, |word, nanos| word.wrapping_add(one(*nanos)));
            let nanos = latencies.iter().map(|nanos| nanos.div_ceil(256) * 256).sum();
            prop_assert_eq!(between(before, after), Added { samples: latencies.len() as u64, nanos });
        }
    }
}
