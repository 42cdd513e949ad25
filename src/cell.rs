//! One word, and the ways to change it: the only compare-and-swap loops of the crate.
//!
//! A rule is a pure function from a word's meaning to (its next meaning, what that says). The loop tries it until its
//! swap wins or it changes nothing, and returns what the rule said of the change that took effect: to exactly the one
//! caller whose swap won.

use crate::sync::{AtomicU64, Ordering, const_fn};

/// What a packed word means: decoding never fails, and encoding what was decoded decodes to the same again.
pub(crate) trait Meaning: Copy {
    fn encode(self) -> u64;
    fn decode(word: u64) -> Self;
}

/// Of two threads that each write a word, pass this, and read the other's, one at least sees what the other wrote.
#[cfg(feature = "alloc")]
#[inline]
pub(crate) fn full_fence() {
    // SeqCst: pairs with itself on the other thread.
    crate::sync::fence(Ordering::SeqCst);
}

/// A word that threads share.
#[derive(Debug)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    const_fn! {
        /// The zero word, which is every primitive's fresh state.
        pub(crate) const fn fresh() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    const_fn! {
        /// A word that is not fresh at the beginning.
        pub(crate) const fn holding(word: u64) -> Self {
            Self(AtomicU64::new(word))
        }
    }

    /// The raw word.
    #[inline]
    pub(crate) fn load(&self) -> u64 {
        // Acquire: pairs with the Release of the swap in `apply`: who sees a state sees what its winner had seen
        // and published before (companion words, marks in a window).
        // Loom: `a_clock_reading_delayed_across_a_transition_frees_nobody_early`.
        self.0.load(Ordering::Acquire)
    }

    /// What the word means now.
    #[inline]
    pub(crate) fn view<M: Meaning>(&self) -> M {
        M::decode(self.load())
    }

    /// Replaces the word with what `rule` makes of it, and returns what `rule` said of the change that took effect.
    /// A rule that returns the meaning it was given writes nothing.
    #[inline]
    pub(crate) fn apply<M: Meaning, T>(&self, mut rule: impl FnMut(M) -> (M, T)) -> T {
        let mut seen = self.load();
        loop {
            let (next, said) = rule(M::decode(seen));
            let next = next.encode();
            if next == seen {
                return said;
            }
            // AcqRel: Release for whoever loads this state (see `load`), Acquire so that the winner has seen what
            // the winner before it had. Acquire on failure: the rule runs again on what was found.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return said,
                Err(found) => seen = found,
            }
        }
    }

    /// Replaces the word with what `rule` makes of it, where it makes something of it; tells what it was. As `apply`, for rules
    /// of which only yes or no is wanted.
    #[inline]
    pub(crate) fn attempt<M: Meaning>(&self, rule: impl Fn(M) -> Option<M>) -> Result<M, M> {
        let mut seen = self.load();
        loop {
            let before = M::decode(seen);
            let Some(next) = rule(before) else { return Err(before) };
            // AcqRel, and Acquire on failure: as in `apply`.
            match self.0.compare_exchange_weak(seen, next.encode(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(before),
                Err(found) => seen = found,
            }
        }
    }

    /// Takes one off the lowest field, which is above zero, whatever else changes meanwhile; tells what it was.
    #[inline]
    pub(crate) fn take_one_off<M: Meaning>(&self) -> M {
        // AcqRel: as in `apply`.
        M::decode(self.0.fetch_sub(1, Ordering::AcqRel))
    }

    /// Replaces the word, if it is still what was seen; whether it was.
    #[inline]
    pub(crate) fn replace(&self, seen: u64, next: u64) -> bool {
        // AcqRel: as in `apply`. Relaxed on failure: what was found instead is not read.
        self.0.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// As `apply`, for a word that only the calling thread writes: one load and one store, no swap.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn apply_owned<M: Meaning>(&self, rule: impl FnOnce(M) -> M) {
        // Relaxed: the last write was our own (or the last owner's, which `lanes` has made visible).
        let next = rule(M::decode(self.0.load(Ordering::Relaxed)));
        // Release: pairs with the Acquire of `load`: who sees a count sees what was counted before it.
        self.0.store(next.encode(), Ordering::Release);
    }
}

#[cfg(all(test, not(fusebox_loom)))]
mod tests {
    use super::{Cell, Meaning};

    impl Meaning for u64 {
        fn encode(self) -> u64 {
            self
        }
        fn decode(word: u64) -> Self {
            word
        }
    }

    #[test]
    fn what_the_rule_said_of_the_winning_change_is_returned() {
        let cell = Cell::fresh();
        assert_eq!(cell.apply(|n: u64| (n + 5, "added")), "added");
        assert_eq!(cell.apply(|n: u64| (n, n)), 5);
        assert_eq!(cell.view::<u64>(), 5);
    }
}
