//! What a shedder remembers, in one word.
//!
//! ```text
//!  63      62       48 47                24 23                 0
//! ┌───────┬───────────┬────────────────────┬────────────────────┐
//! │closed1│ waiting 15│ capacity         24│ depth            24│
//! └───────┴───────────┴────────────────────┴────────────────────┘
//! ```
//!
//! | field | what |
//! |---|---|
//! | closed | admits nobody any more |
//! | waiting | how many wait for a slot; where it is zero, a release looks at nothing else |
//! | capacity | slots in all; it may be lowered below the depth, which revokes nothing |
//! | depth | slots taken; the lowest field, so that a release is one subtraction, which never borrows: each permit is in it |

use crate::bits::Field;
use crate::cell::Meaning;

const DEPTH: Field = Field::lowest(24);
const CAPACITY: Field = DEPTH.above(24);
const WAITING: Field = CAPACITY.above(15);
const CLOSED: Field = WAITING.above(1);
const _: () = assert!(CLOSED.end() == u64::BITS, "the fields tile the word");

/// The most slots there can be.
#[expect(clippy::cast_possible_truncation, reason = "24 bits")]
pub(super) const MOST_SLOTS: u32 = CAPACITY.max() as u32;
/// The most that can wait.
#[expect(clippy::cast_possible_truncation, reason = "15 bits")]
pub(super) const MOST_WAITING: u32 = WAITING.max() as u32;

/// The slots at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    pub(super) depth: u32,
    pub(super) capacity: u32,
    pub(super) waiting: u32,
    pub(super) closed: bool,
}

impl Slots {
    /// All free.
    pub(super) const fn fresh(capacity: u32) -> Self {
        Self { depth: 0, capacity, waiting: 0, closed: false }
    }

    pub(super) const fn word(self) -> u64 {
        DEPTH.put(self.depth as u64)
            | CAPACITY.put(self.capacity as u64)
            | WAITING.put(self.waiting as u64)
            | CLOSED.put(self.closed as u64)
    }
}

impl Meaning for Slots {
    #[inline]
    fn encode(self) -> u64 {
        self.word()
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each field is no wider than the type it is read as")]
    fn decode(word: u64) -> Self {
        Self {
            depth: DEPTH.get(word) as u32,
            capacity: CAPACITY.get(word) as u32,
            waiting: WAITING.get(word) as u32,
            closed: CLOSED.get(word) == 1,
        }
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use super::Slots;
    use crate::cell::Meaning;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn properties_every_word_means_one_state_and_every_state_one_word(word: u64) {
            let slots = Slots::decode(word);
            prop_assert_eq!(slots.encode(), word);
            prop_assert_eq!(Slots::decode(slots.encode()), slots);
        }
    }
}
