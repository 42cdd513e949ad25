//! What a throttle remembers of a slice of time, in one word.
//!
//! ```text
//!  63           44 43            22 21             0
//! ┌───────────────┬────────────────┬────────────────┐
//! │ slice       20│ requests     22│ accepts      22│
//! └───────────────┴────────────────┴────────────────┘
//! ```
//!
//! | field | what |
//! |---|---|
//! | slice | which slice of time this is of, wrapping: after a pause of 2^20 slices, to within a window, it is taken for new |
//! | requests | how many were asked for in it, those that were throttled included |
//! | accepts | how many the other side accepted in it |
//!
//! A count that is full is halved together with the other: what matters is their ratio.

use crate::bits::Field;
use crate::cell::Meaning;

const ACCEPTS: Field = Field::lowest(22);
const REQUESTS: Field = ACCEPTS.above(22);
const SLICE: Field = REQUESTS.above(20);
const _: () = assert!(SLICE.end() == u64::BITS, "the fields tile the word");

/// A slice of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) number: u64,
    pub(super) requests: u64,
    pub(super) accepts: u64,
}

impl Slice {
    /// How many slices ago this one was; `now` is never before it.
    pub(super) const fn age(self, now: u64) -> u64 {
        now.wrapping_sub(self.number) & SLICE.max()
    }

    /// This slice with a request more, or an accept; begun anew where the word is of an older one.
    pub(super) const fn with(self, now: u64, requests: u64, accepts: u64) -> Self {
        let number = now & SLICE.max();
        let held = if self.number == number { self } else { Self { number, requests: 0, accepts: 0 } };
        let full = held.requests + requests > REQUESTS.max() || held.accepts + accepts > ACCEPTS.max();
        let (had, took) =
            if full { (held.requests / 2, held.accepts / 2) } else { (held.requests, held.accepts) };
        Self { number, requests: had + requests, accepts: took + accepts }
    }
}

impl Meaning for Slice {
    #[inline]
    fn encode(self) -> u64 {
        SLICE.put_wrapping(self.number) | REQUESTS.put(self.requests) | ACCEPTS.put(self.accepts)
    }

    #[inline]
    fn decode(word: u64) -> Self {
        Self { number: SLICE.get(word), requests: REQUESTS.get(word), accepts: ACCEPTS.get(word) }
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use super::Slice;
    use crate::cell::Meaning;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn properties_every_word_means_one_slice_and_every_slice_one_word(word: u64) {
            prop_assert_eq!(Slice::decode(word).encode(), word);
        }

        #[test]
        fn properties_counts_fit_and_a_full_one_keeps_the_ratio(word: u64, ahead in 0..1_u64 << 20) {
            let slice = Slice::decode(word);
            let next = slice.with(slice.number.wrapping_add(ahead), 1, 1);
            prop_assert_eq!(Slice::decode(next.encode()), next);
            if ahead > 0 {
                prop_assert_eq!((next.requests, next.accepts), (1, 1));
            } else if next.requests <= slice.requests {
                prop_assert_eq!((next.requests, next.accepts), (slice.requests / 2 + 1, slice.accepts / 2 + 1));
            }
        }
    }
}
