//! One word, and the ways to change it: the only compare-and-swap loops of the crate.
//!
//! A rule is a pure function from a word's meaning to (its next meaning, what that says). The loop tries it until its
//! swap wins or it changes nothing, and returns what the rule said of the change that took effect: to exactly the one
//! caller whose swap won.

use crate::sync::{AtomicU64, Ordering, const_fn, fence};

/// What a packed word means: decoding never fails, and encoding what was decoded decodes to the same again.
pub(crate) trait Meaning: Copy {
    fn encode(self) -> u64;
    fn decode(word: u64) -> Self;
}

/// Of two threads that each write a word (or see one written), pass this, and read the other's, one at least sees what the other
/// wrote (or saw).
#[cfg(feature = "alloc")]
#[inline]
pub(crate) fn full_fence() {
    // SeqCst: pairs with itself on the other thread.
    fence(Ordering::SeqCst);
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

    /// As `replace`, before looks at other words. Of two threads that each announce one word, and then look at the other's, one
    /// at least sees what the other announced.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn announce(&self, seen: u64, next: u64) -> bool {
        // SeqCst: pairs with `look` on the other thread: all four have one order, and nobody's look comes before its own swap.
        let swapped = self.0.compare_exchange(seen, next, Ordering::SeqCst, Ordering::Relaxed).is_ok();
        // Loom gives SeqCst accesses no such order, and fences one: its models hold the protocol, not these two orderings.
        #[cfg(fusebox_loom)]
        if swapped {
            full_fence();
        }
        swapped
    }

    /// The word, after a word was announced.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn look(&self) -> u64 {
        // SeqCst: pairs with `announce`, or with a full fence.
        self.0.load(Ordering::SeqCst)
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

/// Words that are written together and read together, by any number of threads, of whom none waits: a reader gets all of one
/// writing, or nothing.
///
/// The version is even while the words stand, and odd while somebody writes them. Before the first writing all are zero.
///
/// *No reader gets half.* Take one that read some word of a later writing than the version it began with. Its fence, and the
/// writer's before that word, make it see the writer's odd version (or a later one) when it looks again.
#[derive(Debug)]
pub(crate) struct Versioned<const HEAD: usize, const BODY: usize> {
    version: AtomicU64,
    head: [AtomicU64; HEAD],
    body: [AtomicU64; BODY],
}

/// A version at which words were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(u64);

impl<const HEAD: usize, const BODY: usize> Versioned<HEAD, BODY> {
    #[cfg(not(fusebox_loom))]
    pub(crate) const fn fresh() -> Self {
        Self {
            version: AtomicU64::new(0),
            head: [const { AtomicU64::new(0) }; HEAD],
            body: [const { AtomicU64::new(0) }; BODY],
        }
    }

    #[cfg(fusebox_loom)]
    pub(crate) fn fresh() -> Self {
        Self {
            version: AtomicU64::new(0),
            head: core::array::from_fn(|_| AtomicU64::new(0)),
            body: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// The first words; nothing if somebody writes.
    pub(crate) fn read_head(&self) -> Option<(Version, [u64; HEAD])> {
        self.read_words(|| read_all(&self.head))
    }

    /// All words; nothing if somebody writes.
    pub(crate) fn read(&self) -> Option<(Version, [u64; HEAD], [u64; BODY])> {
        let (version, (head, body)) = self.read_words(|| (read_all(&self.head), read_all(&self.body)))?;
        Some((version, head, body))
    }

    fn read_words<T>(&self, words: impl FnOnce() -> T) -> Option<(Version, T)> {
        // Acquire: pairs with the Release store at the end of `write`: who sees a version sees its words, or later ones.
        // Loom: `a_reader_gets_all_of_one_writing_or_nothing`.
        let version = self.version.load(Ordering::Acquire);
        if version % 2 == 1 {
            return None;
        }
        let read = words();
        // Acquire: pairs with the Release fence in `write`: who read a later word sees that somebody wrote.
        fence(Ordering::Acquire);
        // Relaxed: the fence has ordered it.
        (self.version.load(Ordering::Relaxed) == version).then_some((Version(version), read))
    }

    /// Writes all words, unless somebody writes, or has written since that version; whether it did.
    pub(crate) fn write(&self, seen: Version, head: [u64; HEAD], body: [u64; BODY]) -> bool {
        // Acquire: pairs with the Release of the last writer, whose words come before ours. Relaxed on failure: nothing is read.
        let odd = seen.0.wrapping_add(1);
        let claimed = self.version.compare_exchange(seen.0, odd, Ordering::Acquire, Ordering::Relaxed);
        if claimed.is_err() {
            return false;
        }
        // Release: pairs with the Acquire fence in `read_words`: a reader of any word below sees the odd version.
        fence(Ordering::Release);
        // Relaxed: the fence before and the store after order them.
        for (word, value) in self.head.iter().zip(head).chain(self.body.iter().zip(body)) {
            word.store(value, Ordering::Relaxed);
        }
        // Release: pairs with the Acquire load in `read_words`.
        self.version.store(odd.wrapping_add(1), Ordering::Release);
        true
    }
}

fn read_all<const WORDS: usize>(words: &[AtomicU64; WORDS]) -> [u64; WORDS] {
    // Relaxed: the version is looked at before and after.
    words.each_ref().map(|word| word.load(Ordering::Relaxed))
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
