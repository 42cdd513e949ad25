//! What a limiter knows beside its arrival time.
//!
//! ```text
//! ┌─────────────────────────────────────────────────────────┬────────┐
//! │ units given back by refunds so far, wrapping          63│ shadow1│
//! └─────────────────────────────────────────────────────────┴────────┘
//! ```
//!
//! A reservation knows how many units had been given back when it was made (from the midst of the queue: behind its end there
//! is nobody to know). What was given back since may have stood before
//! it in the queue, which is then shorter by as much: its own cells come up that much earlier, and are used up earlier.
//!
//! The units are counted before the arrival time is set back, at each try: who sees the time set back has seen them counted.
//! A try that fails counts them again: later refunds give back less then, never more.

use crate::bits::Field;
use crate::cell::{Cell, Meaning};
use crate::sync::const_fn;

const SHADOW: Field = Field::lowest(1);
const REFUNDED: Field = SHADOW.above(63);
const _: () = assert!(REFUNDED.end() == u64::BITS, "the fields tile the word");

/// The word beside the word.
#[derive(Debug)]
pub struct Notes(Cell);

#[derive(Clone, Copy)]
struct Noted {
    shadow: bool,
    refunded: u64,
}

impl Meaning for Noted {
    #[inline]
    fn encode(self) -> u64 {
        SHADOW.put(self.shadow.into()) | REFUNDED.put_wrapping(self.refunded)
    }

    #[inline]
    fn decode(word: u64) -> Self {
        Self { shadow: SHADOW.get(word) == 1, refunded: REFUNDED.get(word) }
    }
}

impl Notes {
    const_fn! {
        pub(super) const fn none() -> Self {
            Self(Cell::fresh())
        }
    }

    #[inline]
    pub(super) fn shadow(&self) -> bool {
        self.0.view::<Noted>().shadow
    }

    pub(super) fn set_shadow(&self, shadow: bool) {
        self.0.apply(|noted: Noted| (Noted { shadow, ..noted }, ()));
    }

    /// How many units were given back so far.
    pub(super) fn refunded(&self) -> u64 {
        self.0.view::<Noted>().refunded
    }

    /// How many units were given back since there were `before`.
    pub(super) fn refunded_since(&self, before: u64) -> u64 {
        REFUNDED.get(REFUNDED.put_wrapping(self.refunded().wrapping_sub(before)))
    }

    pub(super) fn refund(&self, units: u64) {
        if units > 0 {
            self.0
                .apply(|noted: Noted| (Noted { refunded: noted.refunded.wrapping_add(units), ..noted }, ()));
        }
    }
}
