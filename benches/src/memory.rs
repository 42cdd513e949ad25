//! The scales: how many bytes a value holds on the heap.
//!
//! The program's allocator is the system's, and looks at one flag of the thread on the way: nothing that any peer
//! allocates while it is timed would show that.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// The system's allocator, counting for the thread that weighs.
struct Scales;

#[global_allocator]
static SCALES: Scales = Scales;

thread_local! {
    static WEIGHING: Cell<bool> = const { Cell::new(false) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

/// What `make` makes, and the bytes that the calling thread allocated for it and has not given back.
pub fn weigh<T>(make: impl FnOnce() -> T) -> (T, i64) {
    BYTES.set(0);
    WEIGHING.set(true);
    let value = make();
    WEIGHING.set(false);
    (value, BYTES.get())
}

/// So many bytes more (or fewer, below zero) are held.
#[inline]
fn count(sign: i64, bytes: usize) {
    if WEIGHING.get() {
        BYTES.set(BYTES.get() + sign * i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

#[expect(unsafe_code, reason = "an allocator is one; each call goes on to the system's as it came")]
// SAFETY: every method hands its arguments on to the system's allocator, and its answer back; counting neither allocates
// nor panics.
unsafe impl GlobalAlloc for Scales {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size());
        // SAFETY: the caller's promise is the one that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-1, layout.size());
        // SAFETY: as above; what is given back came from the system's allocator, by one of these methods.
        unsafe { System.dealloc(memory, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(-1, layout.size());
        count(1, size);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_weighs_and_what_was_given_back_does_not() {
        let (held, bytes) = weigh(|| {
            drop(std::hint::black_box(vec![7_u8; 1_000]));
            let mut grown = vec![0_u64; 1];
            grown.reserve_exact(99);
            grown
        });
        assert_eq!(bytes, 800);
        let ((), back) = weigh(|| drop(held));
        assert_eq!(back, -800);
    }
}
