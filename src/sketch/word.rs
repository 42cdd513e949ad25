//! What a sketch remembers: a word for each bucket, and one for the epoch.
//!
//! ```text
//!  63                  40 39                             0
//! ┌──────────────────────┬────────────────────────────────┐
//! │ stamp              24│ weight                       40│   a bucket
//! ├──────────────────────┴────────┬───────────────────────┤
//! │ started                     40│ number              24│   the epoch
//! └───────────────────────────────┴───────────────────────┘
//!  63                           24 23                    0
//! ```
//!
//! | field | what |
//! |---|---|
//! | weight | samples, each worth 2^16, halved once an epoch; stops at its maximum |
//! | stamp | the epoch to which the weight has been halved, wrapping |
//! | started | when the epoch began, in milliseconds, wrapping after 34 years |
//! | number | the epoch, wrapping; the word zero is before the first |
//!
//! Wrapping numbers are compared by their distance: one that seems to lie ahead is no distance behind.

use crate::bits::Field;
use crate::cell::Meaning;
use crate::time::Instant;

const WEIGHT: Field = Field::lowest(40);
const STAMP: Field = WEIGHT.above(24);
const _: () = assert!(STAMP.end() == u64::BITS, "the fields tile the word");

const NUMBER: Field = Field::lowest(24);
const STARTED: Field = NUMBER.above(40);
const _: () = assert!(STARTED.end() == u64::BITS, "the fields tile the word");
const _: () = assert!(STAMP.max() == NUMBER.max(), "a stamp is an epoch's number");

/// What one sample weighs.
pub(super) const ONE: u64 = 1 << 16;

/// So full, and the next epoch begins at once: half of what fits.
#[cfg(not(fusebox_loom))]
const NEARLY_FULL: u64 = WEIGHT.max() / 2;
/// A model fills it.
#[cfg(fusebox_loom)]
const NEARLY_FULL: u64 = 8 * ONE;
#[cfg(not(fusebox_loom))]
const _: () =
    assert!(NEARLY_FULL / ONE / 4 >= super::Fading::MOST, "the minimum fits, and is left after a halving");

/// A bucket: how much was in it when it was last halved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) weight: u64,
    pub(super) stamp: u64,
}

/// An epoch: its number, and when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch {
    pub(super) number: u64,
    pub(super) started: u64,
}

/// How far a wrapping number has come since an earlier one; nothing where that is not earlier.
const fn distance(now: u64, then: u64, field: Field) -> u64 {
    let ahead = now.wrapping_sub(then) & field.max();
    if ahead > field.max() / 2 { 0 } else { ahead }
}

impl Weight {
    /// What is left of it in this epoch.
    #[inline]
    pub(super) const fn at(self, epoch: Epoch) -> u64 {
        let halvings = distance(epoch.number, self.stamp, STAMP);
        if halvings < u64::BITS as u64 { self.weight >> halvings } else { 0 }
    }

    /// With a sample more. One that comes from an epoch that has ended meanwhile counts in the next.
    #[inline]
    pub(super) const fn with_one_more(self, epoch: Epoch) -> Self {
        // An empty bucket has no stamp of its own: the zero in it is no epoch.
        let ahead = self.weight > 0 && distance(self.stamp, epoch.number, STAMP) > 0;
        let stamp = if ahead { self.stamp } else { epoch.number };
        Self { weight: self.at(epoch).saturating_add(ONE), stamp }
    }

    /// Whole samples.
    #[inline]
    pub(super) const fn samples(self) -> u64 {
        self.weight / ONE
    }

    #[inline]
    pub(super) const fn is_nearly_full(self) -> bool {
        self.weight >= NEARLY_FULL
    }

    pub(super) const fn is_of(self, epoch: Epoch) -> bool {
        self.stamp == epoch.number
    }
}

impl Epoch {
    /// The longest age that can be told from a clock that stepped back, in milliseconds.
    pub(super) const LONGEST: u64 = STARTED.max() / 2;

    /// Before the first sample.
    #[inline]
    pub(super) const fn is_fresh(self) -> bool {
        self.number == 0 && self.started == 0
    }

    /// How long ago it began, in milliseconds; nothing for a clock that stepped back.
    #[inline]
    pub(super) const fn age(self, now: Instant) -> u64 {
        distance(millis(now), self.started, STARTED)
    }

    /// So many halvings later, begun now.
    pub(super) const fn next(self, halvings: u64, now: Instant) -> Self {
        Self { number: self.number.wrapping_add(halvings), started: millis(now) }.wrapped()
    }

    /// One halving later, at no other time.
    pub(super) const fn halved(self) -> Self {
        Self { number: self.number.wrapping_add(1), ..self }.wrapped()
    }

    const fn wrapped(self) -> Self {
        Self { number: self.number & NUMBER.max(), started: self.started & STARTED.max() }
    }

    pub(super) const fn word(self) -> u64 {
        NUMBER.put_wrapping(self.number) | STARTED.put_wrapping(self.started)
    }
}

const fn millis(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000
}

impl Meaning for Weight {
    #[inline]
    fn encode(self) -> u64 {
        WEIGHT.put(self.weight) | STAMP.put_wrapping(self.stamp)
    }

    #[inline]
    fn decode(word: u64) -> Self {
        Self { weight: WEIGHT.get(word), stamp: STAMP.get(word) }
    }
}

impl Meaning for Epoch {
    #[inline]
    fn encode(self) -> u64 {
        self.word()
    }

    #[inline]
    fn decode(word: u64) -> Self {
        Self { number: NUMBER.get(word), started: STARTED.get(word) }
    }
}

#[cfg(all(test, not(any(fusebox_loom, fusebox_fuzz))))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn epoch(number: u64) -> Epoch {
        Epoch { number, started: 0 }.wrapped()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn properties_every_word_means_one_thing_and_every_thing_one_word(word: u64) {
            prop_assert_eq!(Weight::decode(word).encode(), word);
            prop_assert_eq!(Epoch::decode(word).encode(), word);
        }

        #[test]
        fn properties_a_weight_is_halved_once_an_epoch_and_never_grows_but_by_one(word: u64, ahead in 0_u64..100) {
            let held = Weight::decode(word);
            let later = epoch(held.stamp + ahead);
            prop_assert_eq!(held.at(later), if ahead < 64 { held.weight >> ahead } else { 0 });
            let next = Weight::decode(held.with_one_more(later).encode());
            prop_assert_eq!(next.at(later), (held.at(later) + ONE).min(WEIGHT.max()));
        }

        #[test]
        fn properties_a_sample_of_an_epoch_that_has_ended_takes_nothing_off(word: u64, behind in 1_u64..1_000) {
            let held = Weight::decode(word);
            let late = epoch(held.stamp.wrapping_sub(behind));
            let next = held.with_one_more(late);
            prop_assert_eq!((next.stamp, next.weight), (held.stamp, held.weight + ONE));
        }
    }

    #[test]
    fn a_clock_that_steps_back_has_waited_for_nothing() {
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let began = epoch(0).next(1, at(5_000));
        assert_eq!((began.age(at(7_000)), began.age(at(4_999)), began.age(at(0))), (2_000, 0, 0));
        let late = epoch(0).next(1, Instant::from_nanos(u64::MAX));
        assert_eq!(late.age(Instant::from_nanos(u64::MAX)), 0);
    }
}
