//! The instants of a state, in three companion words beside the breaker's one word.
//!
//! | state | `mark` | `opened` | `first` |
//! |---|---|---|---|
//! | Closed, Disabled | when it was entered | latest opening | nanoseconds that rounding added to `mark` |
//! | Open | when it ends | latest opening | first opening of the outage |
//! | HalfOpen, Recovering, ForcedOpen | when it was entered | latest opening | first opening of the outage |
//!
//! Each word is stamped with the generation of the state it belongs to:
//!
//! ```text
//! ┌──────────────┬──────────────────────────────────────────────────┐
//! │ generation 16│ milliseconds since the clock's origin, biased  48│
//! └──────────────┴──────────────────────────────────────────────────┘
//! ```
//!
//! 1. Whoever wins the swap into a state publishes its instants, `mark` last, before it hands anything out.
//! 2. A reader that finds another stamp on any of them does not know the instants (yet, or any more), and refuses.
//! 3. An older stamp never replaces a newer one: a winner that was held up cannot undo a later state's instants.
//! 4. Marks are rounded up to whole milliseconds (what was added is remembered), openings down: nobody is freed early.
//!
//! A restored state may have begun before its new clock did, hence the bias.

use crate::bits::Field;
use crate::breaker::word::Generation;
use crate::cell::{Cell, Meaning};
use crate::sync::const_fn;

const MILLIS: Field = Field::lowest(48);
const STAMP: Field = MILLIS.above(16);
const _: () = assert!(STAMP.end() == u64::BITS, "the fields tile the word");
const BIAS: i64 = 1 << 47;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// The instants of one state, in milliseconds since the clock's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) mark: Millis,
    pub(super) opened: Millis,
    pub(super) first: Millis,
}

/// Whole milliseconds since the clock's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Millis(pub(super) i64);

impl Millis {
    /// No instant: outside what a word holds.
    pub(super) const UNKNOWN: Self = Self(i64::MIN);

    /// The millisecond an exact instant lies in.
    pub(super) fn floor(nanos: i128) -> Self {
        Self::clamp(nanos.div_euclid(NANOS_PER_MILLI))
    }

    /// The first whole millisecond not before an exact instant, and how many nanoseconds that is later.
    pub(super) fn ceil(nanos: i128) -> (Self, u32) {
        let floor = nanos.div_euclid(NANOS_PER_MILLI);
        match nanos.rem_euclid(NANOS_PER_MILLI) {
            0 => (Self::clamp(floor), 0),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 999 999")]
            over => (Self::clamp(floor + 1), (NANOS_PER_MILLI - over) as u32),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "clamped to 48 bits")]
    fn clamp(millis: i128) -> Self {
        Self(millis.clamp(-i128::from(BIAS), i128::from(BIAS) - 1) as i64)
    }

    pub(super) fn nanos(self) -> i128 {
        i128::from(self.0) * NANOS_PER_MILLI
    }

    /// This instant on the clock; nothing for one the clock never shows. What is before its origin is its origin.
    #[inline]
    #[expect(clippy::cast_sign_loss, reason = "not negative")]
    pub(super) fn on_clock(self) -> Option<u64> {
        (self.0.max(0) as u64).checked_mul(1_000_000)
    }

    /// This instant on the clock, if it lies there: for the path that leaves all else to the rules.
    #[inline]
    #[expect(clippy::cast_sign_loss, reason = "what is negative comes out beyond the clock")]
    pub(super) fn within_clock(self) -> Option<u64> {
        (self.0 as u64).checked_mul(1_000_000)
    }

    /// How long ago this was, nothing if it was not.
    #[inline]
    pub(super) fn elapsed(self, now: u64) -> u64 {
        match (self.0 >= 0, self.on_clock()) {
            (true, Some(then)) => now.saturating_sub(then),
            (true, None) => 0,
            (false, _) => now.saturating_add(self.0.unsigned_abs().saturating_mul(1_000_000)),
        }
    }
}

/// The companion words.
#[derive(Debug)]
pub(super) struct Instants {
    mark: Cell,
    opened: Cell,
    first: Cell,
}

impl Instants {
    const_fn! {
        pub(super) const fn fresh() -> Self {
            Self { mark: Cell::fresh(), opened: Cell::fresh(), first: Cell::fresh() }
        }
    }

    /// When the open state of this generation ends and began: all that a rejection tells.
    #[inline]
    pub(super) fn of_open(&self, generation: Generation) -> Option<(Millis, Millis)> {
        let (mark, opened): (Stamped, Stamped) = (self.mark.view(), self.opened.view());
        (mark.generation == generation && opened.generation == generation)
            .then_some((mark.millis, opened.millis))
    }

    /// The instants of the state of this generation, once its winner has published them.
    #[inline]
    pub(super) fn known(&self, generation: Generation) -> Option<Known> {
        let mark: Stamped = self.mark.view();
        if mark.generation != generation {
            return None;
        }
        // These stand already; another stamp is a later one, and the state is over.
        let (opened, first): (Stamped, Stamped) = (self.opened.view(), self.first.view());
        if opened.generation != generation || first.generation != generation {
            return None;
        }
        Some(Known { mark: mark.millis, opened: opened.millis, first: first.millis })
    }

    /// Makes known the instants of the state of this generation.
    #[cold]
    pub(super) fn publish(&self, generation: Generation, known: Known) {
        // `mark` last: its stamp is what tells readers that the other two stand (see `Cell` for the orderings).
        for (word, millis) in
            [(&self.opened, known.opened), (&self.first, known.first), (&self.mark, known.mark)]
        {
            let ours = Stamped { generation, millis };
            word.apply(|there: Stamped| {
                (if there.generation.is_after(generation) { there } else { ours }, ())
            });
        }
    }
}

/// What one companion word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamped {
    generation: Generation,
    millis: Millis,
}

impl Meaning for Stamped {
    #[inline]
    #[expect(clippy::cast_sign_loss, reason = "the bias makes it positive, and `clamp` keeps it in 48 bits")]
    fn encode(self) -> u64 {
        STAMP.put_wrapping(self.generation.0.into()) | MILLIS.put((self.millis.0 + BIAS) as u64)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "16 and 48 bits")]
    fn decode(word: u64) -> Self {
        Self {
            generation: Generation(STAMP.get(word) as u16),
            millis: Millis(MILLIS.get(word) as i64 - BIAS),
        }
    }
}

#[cfg(all(test, not(fusebox_loom)))]
mod tests {
    use super::{BIAS, Instants, Known, Millis};
    use crate::breaker::word::Generation;

    fn all(millis: i64) -> Known {
        Known { mark: Millis(millis), opened: Millis(millis), first: Millis(millis) }
    }

    #[test]
    fn what_was_published_is_known_under_its_generation_alone() {
        let instants = Instants::fresh();
        instants.publish(Generation(3), all(-7));
        assert_eq!(instants.known(Generation(3)), Some(all(-7)));
        assert_eq!(instants.known(Generation(4)), None);
    }

    #[test]
    fn an_older_publisher_changes_nothing() {
        let instants = Instants::fresh();
        instants.publish(Generation(2), all(20));
        instants.publish(Generation(1), all(10));
        assert_eq!(instants.known(Generation(2)), Some(all(20)));
        instants.publish(Generation(u16::MAX), all(5));
        assert_eq!(instants.known(Generation(2)), Some(all(20)), "across the wrap");
    }

    #[test]
    fn a_mark_rounds_up_and_remembers_by_how_much() {
        assert_eq!(Millis::ceil(1), (Millis(1), 999_999));
        assert_eq!(Millis::ceil(2_000_000), (Millis(2), 0));
        assert_eq!(Millis::ceil(-1), (Millis(0), 1));
        assert_eq!(Millis::floor(-1), Millis(-1));
    }

    #[test]
    fn instants_beyond_the_clock_are_never_shown_and_never_elapse() {
        let late = Millis(BIAS - 1);
        assert_eq!((late.on_clock(), late.elapsed(u64::MAX)), (None, 0));
        assert_eq!(Millis(-3).elapsed(5_000_000), 8_000_000);
        assert_eq!(Millis(3).elapsed(5_000_000), 2_000_000);
        assert_eq!(Millis::ceil(i128::MAX).0, late);
    }
}
