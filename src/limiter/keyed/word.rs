//! What a bucket of the table remembers: a header, and a slot for each key, one word each.
//!
//! ```text
//!          63      48 47    46  44 43                       0
//!         ┌──────────┬─────┬──────┬──────────────────────────┐
//! Timed   │ tag    16│  1  │ tier3│ TAT, in ticks, wrapping44│  a key's quota
//!         ├──────────┼─────┼──────┼──────────────────────────┤
//! Claimed │ tag    16│  0  │ 1    │ ticket                   │  somebody is about to write this key here
//!         ├──────────┼─────┼──────┼──────────────────────────┤
//! Free    │ 0        │  0  │ 0    │ ticket                   │
//!         └──────────┴─────┴──────┴──────────────────────────┘
//!          63                    32 31                      0
//!         ┌────────────────────────┬─────────────────────────┐
//! Header  │ tickets given out    32│ epoch last touched    32│
//!         └────────────────────────┴─────────────────────────┘
//! ```
//!
//! A ticket is given out once (until 2^32 of them come round in one bucket), so no claim and no emptied slot is ever taken
//! for another one. The zero words are fresh.

use crate::bits::Field;
use crate::cell::Meaning;

const TIME: Field = Field::lowest(44);
const TIER: Field = TIME.above(3);
const TIMED: Field = TIER.above(1);
const TAG: Field = TIMED.above(16);
/// Tag and kind together: what a hit looks for.
const TIMED_TAG: Field = TIER.above(17);
/// Tier and kind together.
const TIMED_TIER: Field = TIME.above(4);
const TICKET: Field = Field::lowest(32);
const _: () = assert!(TAG.end() == u64::BITS && TIMED_TAG.end() == u64::BITS, "the fields tile the word");

const EPOCH: Field = Field::lowest(32);
const TICKETS: Field = EPOCH.above(32);

/// How many quotas a table tells apart.
pub(super) const TIERS: usize = 1 << 3;
/// How many bits of time a slot holds.
pub(super) const TIME_BITS: u32 = TIME.end();

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Free { ticket: u32 },
    Claimed { tag: u16, ticket: u32 },
    Timed { tag: u16, tier: u8, time: Wrapping },
}

impl Slot {
    pub(super) const fn is_free(self) -> bool {
        matches!(self, Self::Free { .. })
    }
}

/// An arrival time of which the lowest bits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrapping(u64);

impl Wrapping {
    pub(super) const fn of(ticks: u64) -> Self {
        Self(ticks & TIME.max())
    }

    /// How far this is ahead of `now`: nothing if it is not. Right for what is up to three eighths of the field ahead (a
    /// burst, and a clock that is an epoch behind), or less than five eighths past.
    #[inline]
    pub(super) const fn ahead_of(self, now: u64) -> u64 {
        let ahead = self.0.wrapping_sub(now) & TIME.max();
        if ahead <= (TIME.max() / 8 + 1) * 3 { ahead } else { 0 }
    }
}

/// Whether a slot's word is the quota of a key with this tag.
#[inline]
pub(super) const fn is_timed(word: u64, tag: u16) -> bool {
    TIMED_TAG.get(word) == (tag as u64) << 1 | 1
}

/// Whether a slot's word is a key's quota.
pub(super) const fn is_a_quota(word: u64) -> bool {
    TIMED.get(word) == 1
}

/// Whether a slot's word is a key's quota in this tier.
#[inline]
pub(super) const fn is_timed_in(word: u64, tier: u8) -> bool {
    TIMED_TIER.get(word) == TIERS as u64 | tier as u64
}

/// Whether a slot's word has this tag, whatever it is; a free slot has tag 0.
#[inline]
pub(super) const fn has_tag(word: u64, tag: u16) -> bool {
    TAG.get(word) == tag as u64
}

/// The tier of a word that is timed.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "three bits")]
pub(super) const fn tier_of(word: u64) -> u8 {
    TIER.get(word) as u8
}

/// The arrival time of a word that is timed.
#[inline]
pub(super) const fn time_of(word: u64) -> Wrapping {
    Wrapping(TIME.get(word))
}

/// The same key with another arrival time.
#[inline]
pub(super) const fn retimed(word: u64, tier: u8, ticks: u64) -> u64 {
    TAG.put(TAG.get(word)) | TIMED.put(1) | TIER.put(tier as u64) | TIME.put_wrapping(ticks)
}

impl Meaning for Slot {
    #[inline]
    fn encode(self) -> u64 {
        match self {
            Self::Timed { tag, tier, time } => {
                TAG.put(tag.into()) | TIMED.put(1) | TIER.put(tier.into()) | TIME.put(time.0)
            }
            Self::Claimed { tag, ticket } => TAG.put(tag.into()) | TIER.put(1) | TICKET.put(ticket.into()),
            Self::Free { ticket } => TICKET.put(ticket.into()),
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each field is no wider than the type it is read as")]
    fn decode(word: u64) -> Self {
        let (tag, ticket) = (TAG.get(word) as u16, TICKET.get(word) as u32);
        match (TIMED.get(word), TIER.get(word)) {
            (1, tier) => Self::Timed { tag, tier: tier as u8, time: Wrapping(TIME.get(word)) },
            (_, 0) => Self::Free { ticket },
            _ => Self::Claimed { tag, ticket },
        }
    }
}

/// What a bucket knows beside its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) tickets: u32,
    pub(super) epoch: u32,
}

impl Meaning for Header {
    #[inline]
    fn encode(self) -> u64 {
        TICKETS.put_wrapping(self.tickets.into()) | EPOCH.put(self.epoch.into())
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each field is 32 bits wide")]
    fn decode(word: u64) -> Self {
        Self { tickets: TICKETS.get(word) as u32, epoch: EPOCH.get(word) as u32 }
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use super::{Header, Slot, TIME_BITS, Wrapping, has_tag, is_timed, retimed, tier_of, time_of};
    use crate::cell::Meaning;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn properties_every_slot_comes_back(tag: u16, ticket: u32, tier in 0..8_u8, ticks: u64) {
            let time = Wrapping::of(ticks);
            for slot in [Slot::Free { ticket }, Slot::Claimed { tag, ticket }, Slot::Timed { tag, tier, time }] {
                prop_assert_eq!(Slot::decode(slot.encode()), slot);
                prop_assert_eq!(is_timed(slot.encode(), tag), matches!(slot, Slot::Timed { .. }));
                prop_assert!(!is_timed(slot.encode(), tag ^ 1));
                prop_assert!(has_tag(slot.encode(), tag) || slot == Slot::Free { ticket }, "{slot:?}");
                if let Slot::Timed { tag, tier, time } = slot {
                    let word = slot.encode();
                    prop_assert_eq!((tier_of(word), time_of(word)), (tier, time));
                    let moved = Slot::Timed { tag, tier: 7 - tier, time: Wrapping::of(ticks >> 3) };
                    prop_assert_eq!(retimed(word, 7 - tier, ticks >> 3), moved.encode());
                }
            }
        }

        #[test]
        fn properties_every_word_decodes_and_what_it_decoded_to_is_a_fixed_point(word: u64) {
            let (slot, header) = (Slot::decode(word), Header::decode(word));
            prop_assert_eq!(Slot::decode(slot.encode()), slot);
            prop_assert_eq!(header.encode(), word);
        }

        #[test]
        fn properties_what_is_ahead_is_ahead_across_the_wrap(now: u64, way in 0..1_u64 << (TIME_BITS - 3)) {
            for eighths in 0..3 {
                let ahead = way + (eighths << (TIME_BITS - 3));
                prop_assert_eq!(Wrapping::of(now.wrapping_add(ahead)).ahead_of(now), ahead);
            }
            for eighths in 0..5 {
                let past = way + (eighths << (TIME_BITS - 3));
                prop_assert_eq!(Wrapping::of(now.wrapping_sub(past)).ahead_of(now), 0);
            }
        }
    }
}
