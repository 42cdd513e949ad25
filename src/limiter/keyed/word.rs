//! What a bucket of the table remembers: a header, and a slot for each key, one word each.
//!
//! ```text
//!          63      48 47    46  44 43                       0
//!         ┌──────────┬─────┬──────┬──────────────────────────┐
//! Timed   │ tag    16│  1  │ tier3│ TAT, in ticks, wrapping44│  a key's quota
//!         ├──────────┼─────┼──────┼──────────────────────────┤
//! Claimed │ tag    16│  0  │ 1    │ since 12│ ticket       32│  somebody is about to write this key here
//!         ├──────────┼─────┼──────┼──────────────────────────┤
//! Free    │ 0        │  0  │ 0    │ ticket                 32│
//!         └──────────┴─────┴──────┴──────────────────────────┘
//!          63                    32 31                      0
//!         ┌────────────────────────┬─────────────────────────┐
//! Header  │ tickets given out    32│ epoch last touched    32│
//!         └────────────────────────┴─────────────────────────┘
//! ```
//!
//! A claim's ticket is a thread's (see `ticket`), an emptied slot's is its bucket's: either is given out once, until all come
//! round, so that none is taken for another. `since` counts units of 2^26 ns, wrapping. The zero words are fresh.

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
const SINCE: Field = TICKET.above(12);
const _: () = assert!(TAG.end() == u64::BITS && TIMED_TAG.end() == u64::BITS, "the fields tile the word");
const _: () = assert!(SINCE.end() == TIME.end(), "a claim fills what time does");

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
    Claimed { tag: u16, since: Since, ticket: u32 },
    Timed { tag: u16, tier: u8, time: Wrapping },
}

/// When a slot was claimed, of which the lowest bits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since(u16);

impl Since {
    /// What is so many units ahead, a second, is a clock's that stepped back; the others of 275 s are past.
    const AHEAD: u64 = 16;

    /// A unit is 2^26 ns, some 67 ms.
    #[expect(clippy::cast_possible_truncation, reason = "twelve bits")]
    pub(super) const fn of(nanos: u64) -> Self {
        Self(((nanos >> 26) & SINCE.max()) as u16)
    }

    /// Whether so many units have passed.
    pub(super) const fn passed(self, units: u64, now: u64) -> bool {
        let passed = (Self::of(now).0 as u64).wrapping_sub(self.0 as u64) & SINCE.max();
        passed >= units && passed <= SINCE.max() - Self::AHEAD
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
        if ahead <= FARTHEST { ahead } else { 0 }
    }

    /// How long this is past: nothing if it is not.
    pub(super) const fn behind(self, now: u64) -> u64 {
        let behind = now.wrapping_sub(self.0) & TIME.max();
        if behind <= TIME.max() - FARTHEST { behind } else { 0 }
    }
}

/// What is ahead is no farther than three eighths of the field.
const FARTHEST: u64 = (TIME.max() / 8 + 1) * 3;

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
pub(super) const fn is_of_tier(word: u64, tier: u8) -> bool {
    Owner::are_equals(Owner::of(0, tier).apart(word))
}

/// Whether a slot's word is nobody's.
#[inline]
pub(super) const fn is_free(word: u64) -> bool {
    TIMED_TIER.get(word) == 0
}

/// Whether a slot's word has this tag, whatever it is; a free slot has tag 0.
#[inline]
pub(super) const fn has_tag(word: u64, tag: u16) -> bool {
    // Nothing is left of the tag: one instruction less than reading it.
    word ^ TAG.put(tag as u64) <= TAG.below()
}

/// What a slot's word bears above the arrival time where it is a key's quota in a tier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner(u64);

impl Owner {
    #[inline]
    pub(super) const fn of(tag: u16, tier: u8) -> Self {
        Self(TAG.put(tag as u64) | TIMED.put(1) | TIER.put(tier as u64))
    }

    /// Whether a slot's word is this key's quota in this tier.
    #[inline]
    pub(super) const fn has(self, word: u64) -> bool {
        // Nothing is left but time: one instruction less than reading the fields.
        self.apart(word) <= TIME.max()
    }

    /// This key's word with this arrival time.
    #[inline]
    pub(super) const fn word(self, ticks: u64) -> u64 {
        self.0 | TIME.put_wrapping(ticks)
    }

    /// The bits in which a word differs: those of several words are gathered before the one decision, since in a flood each
    /// word's would be a guess.
    #[inline]
    pub(super) const fn apart(self, word: u64) -> u64 {
        word ^ self.0
    }

    /// Whether words that differ in no other bits are quotas in this tier.
    #[inline]
    pub(super) const fn are_equals(apart: u64) -> bool {
        TIMED_TIER.get(apart) == 0
    }
}

/// When a quota's key has recovered, and which slot it is in: compared whole, so that who has recovered long ago is before who
/// just has, and those before who will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Recovery(u64);

impl Recovery {
    const SLOT: Field = Field::lowest(3);
    /// From half a field before the bucket's epoch to half a field after its beginning: uppermost, so that it wraps by itself.
    const WHEN: Field = Field::lowest(u64::BITS - TIME.end()).above(TIME.end());
    const BEGINNING: u64 = TIME.max() / 2 + 1;
    pub(super) const NEVER: Self = Self(u64::MAX);
    /// Slots that can be told apart.
    pub(super) const SLOTS: usize = 1 << Self::SLOT.end();

    /// Of a word that is timed, in a bucket whose epoch began at this unit.
    #[inline]
    pub(super) const fn of(word: u64, beginning: u64, slot: usize) -> Self {
        let when = word.wrapping_sub(beginning.wrapping_sub(Self::BEGINNING));
        Self(Self::WHEN.put_wrapping(when) | Self::SLOT.put_wrapping(slot as u64))
    }

    /// In units, so many after the epoch began, until its key has recovered.
    #[inline]
    pub(super) const fn wait(self, passed: u64) -> u64 {
        Self::WHEN.get(self.0).saturating_sub(Self::BEGINNING + passed)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "three bits")]
    pub(super) const fn slot(self) -> usize {
        Self::SLOT.get(self.0) as usize
    }
}

/// Some of a table's tiers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tiers(u8);

const _: () = assert!(TIERS == u8::BITS as usize, "a bit for each");

impl Tiers {
    #[inline]
    pub(super) const fn add(&mut self, tier: u8) {
        self.0 |= 1_u8.wrapping_shl(tier as u32);
    }

    pub(super) fn each(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |tier| self.0 >> tier & 1 == 1)
    }
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
            Self::Claimed { tag, since, ticket } => {
                let claim = SINCE.put(since.0.into()) | TICKET.put_wrapping(ticket.into());
                TAG.put(tag.into()) | TIER.put(1) | claim
            }
            Self::Free { ticket } => TICKET.put(ticket.into()),
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each field is no wider than the type it is read as")]
    fn decode(word: u64) -> Self {
        let tag = TAG.get(word) as u16;
        match (TIMED.get(word), TIER.get(word)) {
            (1, tier) => Self::Timed { tag, tier: tier as u8, time: Wrapping(TIME.get(word)) },
            (_, 0) => Self::Free { ticket: TICKET.get(word) as u32 },
            _ => {
                let since = Since(SINCE.get(word) as u16);
                Self::Claimed { tag, since, ticket: TICKET.get(word) as u32 }
            }
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
    use super::{
        Header, Owner, Recovery, Since, Slot, TIME_BITS, Tiers, Wrapping, has_tag, is_of_tier, is_timed,
        retimed, tier_of, time_of,
    };
    use crate::cell::Meaning;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// In ticks from an epoch's beginning: half a field.
    const RECOVERY: core::ops::Range<i64> = -(4 << (TIME_BITS - 3))..4 << (TIME_BITS - 3);

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn properties_every_slot_comes_back(tag: u16, ticket: u32, tier in 0..8_u8, ticks: u64) {
            let (time, since) = (Wrapping::of(ticks), Since::of(ticks));
            let claimed = Slot::Claimed { tag, since, ticket };
            for slot in [Slot::Free { ticket }, claimed, Slot::Timed { tag, tier, time }] {
                prop_assert_eq!(Slot::decode(slot.encode()), slot);
                prop_assert_eq!(is_timed(slot.encode(), tag), matches!(slot, Slot::Timed { .. }));
                prop_assert!(!is_timed(slot.encode(), tag ^ 1));
                prop_assert!(has_tag(slot.encode(), tag) || slot == Slot::Free { ticket }, "{slot:?}");
                if let Slot::Timed { tag, tier, time } = slot {
                    let word = slot.encode();
                    prop_assert_eq!((tier_of(word), time_of(word)), (tier, time));
                    prop_assert!(Owner::of(tag, tier).has(word) && Owner::of(tag, tier).word(ticks) == word);
                    prop_assert!(!Owner::of(tag ^ 1, tier).has(word) && !Owner::of(tag, tier ^ 1).has(word));
                    prop_assert!(is_of_tier(word, tier) && !is_of_tier(word, tier ^ 4));
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
        fn properties_who_recovers_first_comes_first(
            beginning: u64, one in RECOVERY, other in RECOVERY, slots in (0..7_usize, 0..7_usize), passed in 0..1_u64 << (TIME_BITS - 3),
        ) {
            let of = |when: i64, slot| {
                let time = Wrapping::of(beginning.wrapping_add_signed(when));
                Recovery::of(Slot::Timed { tag: 7, tier: 3, time }.encode(), beginning, slot)
            };
            let (first, second) = (of(one, slots.0), of(other, slots.1));
            prop_assert_eq!(first.cmp(&second), (one, slots.0).cmp(&(other, slots.1)));
            let wait = one.saturating_sub_unsigned(passed).max(0).unsigned_abs();
            prop_assert_eq!((first.wait(passed), first.slot()), (wait, slots.0));
            prop_assert!(first < Recovery::NEVER);
        }

        #[test]
        fn properties_tiers_are_those_that_were_added(added in proptest::collection::btree_set(0..8_u8, 0..8)) {
            let mut tiers = Tiers::default();
            for &tier in &added {
                tiers.add(tier);
            }
            prop_assert_eq!(tiers.each().collect::<Vec<_>>(), added.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn properties_a_claim_is_so_old_across_the_wrap(then in 0..u64::MAX / 2, passed in 0..1_u64 << 40, units in 1..9_u64) {
            let now = then + passed;
            let exact = (now >> 26) - (then >> 26);
            // For a second in 275 it is taken for one of a clock that stepped back.
            prop_assume!(exact % 4_096 < 4_096 - 16);
            prop_assert_eq!(Since::of(then).passed(units, now), units <= exact % 4_096);
            let back = then.saturating_sub(passed % 1_000_000_000);
            prop_assert!(!Since::of(then).passed(units, back), "a clock that stepped back");
        }

        #[test]
        fn properties_what_is_ahead_is_ahead_across_the_wrap(now: u64, way in 0..1_u64 << (TIME_BITS - 3)) {
            for eighths in 0..3 {
                let ahead = way + (eighths << (TIME_BITS - 3));
                prop_assert_eq!(Wrapping::of(now.wrapping_add(ahead)).ahead_of(now), ahead);
            }
            for eighths in 0..5 {
                let past = way + (eighths << (TIME_BITS - 3));
                let time = Wrapping::of(now.wrapping_sub(past));
                prop_assert_eq!((time.ahead_of(now), time.behind(now)), (0, past));
            }
        }
    }
}
