//! Numbers for claims: two claims of one slot do not bear the same, so that neither is taken for the other.
//!
//! With `std` a thread takes them from a block of its own, without a swap; elsewhere each bucket counts. A number comes back when
//! all 2^26 blocks were drawn, by as many threads or for 64 claims each: and is mistaken only where somebody has stood still
//! halfway through a claim since, and the other claims the same slot for the same key, at the same time (of which a claim bears
//! twelve bits).

/// The number of a claim in a bucket whose own count is `next_of_bucket`.
#[cfg(not(all(feature = "std", not(fusebox_loom))))]
#[inline]
pub(super) fn next(next_of_bucket: impl FnOnce() -> u32) -> u32 {
    next_of_bucket()
}

#[cfg(all(feature = "std", not(fusebox_loom)))]
pub(super) use of_threads::next;

#[cfg(all(feature = "std", not(fusebox_loom)))]
mod of_threads {
    use core::cell::Cell;

    use crate::lanes::Count;

    /// Numbers in a block; the first is not used.
    const BLOCK: u32 = 1 << 6;

    static BLOCKS: Count = Count::zero();

    std::thread_local! {
        // No destructor, so that it works while the thread ends.
        static NEXT: Cell<u32> = const { Cell::new(0) };
    }

    /// A number that no thread was given, until all come round.
    #[inline]
    pub(in crate::limiter::keyed) fn next(_: impl FnOnce() -> u32) -> u32 {
        let next = NEXT.get();
        let number = if next % BLOCK == 0 { first_of_a_block() } else { next };
        NEXT.set(number.wrapping_add(1));
        number
    }

    #[cold]
    #[expect(clippy::cast_possible_truncation, reason = "on purpose the lowest bits")]
    fn first_of_a_block() -> u32 {
        (BLOCKS.add_shared() as u32).wrapping_mul(BLOCK).wrapping_add(1)
    }

    #[cfg(test)]
    mod tests {
        use super::{BLOCK, next};
        use std::collections::HashSet;

        #[test]
        fn no_number_is_given_twice() {
            let mine = || (0..3 * BLOCK).map(|_| next(|| 0)).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(mine)).collect();
            let all: Vec<u32> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
            assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        }
    }
}
