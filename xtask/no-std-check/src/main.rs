//! A program without std that takes a breaker through its life.
//!
//! It brings its own panic handler and, with `alloc`, its own allocator, as firmware does. If anything below it pulled
//! in `std`, there would be two panic handlers, and it would not build. libc only starts it, ends it, prints, and
//! gives memory.

#![no_std]
#![no_main]

use core::{panic::PanicInfo, time::Duration};

use fusebox::{
    CircuitBreaker,
    breaker::{Policy, Rejected},
    time::{Instant, NoClock},
};

static BREAKER: CircuitBreaker<Policy, NoClock> =
    CircuitBreaker::new(Policy::consecutive_failures(2).open_duration(Duration::from_secs(1)).constant());

#[unsafe(no_mangle)]
extern "C" fn main(_arguments: i32, _values: *const *const u8) -> i32 {
    match life() {
        Ok(()) => {
            say("without std: linked, and lived through\n");
            0
        }
        Err(_) => {
            say("without std: a call was rejected that should not have been\n");
            1
        }
    }
}

/// Closed, open, half-open, closed. What should not be ends in the panic handler.
fn life() -> Result<(), Rejected> {
    let second = |seconds: u64| Instant::from_nanos(seconds * 1_000_000_000);
    BREAKER.acquire_at(second(1))?.failure_at(second(1));
    BREAKER.acquire_at(second(2))?.failure_at(second(2));
    assert!(BREAKER.acquire_at(second(2)).is_err(), "two failures open it");
    let probe = BREAKER.acquire_at(second(4))?;
    assert!(BREAKER.acquire_at(second(4)).is_err(), "one probe at a time");
    probe.success_at(second(4));
    BREAKER.acquire_at(second(4))?.success_at(second(4));
    #[cfg(feature = "alloc")]
    windowed::life(second(5))?;
    Ok(())
}

/// What an allocator adds: a failure rate over a window, and permits that own their breaker.
#[cfg(feature = "alloc")]
mod windowed {
    extern crate alloc;

    use alloc::sync::Arc;
    use core::alloc::{GlobalAlloc, Layout};

    use fusebox::breaker::{FullPolicy, Window};

    use super::{CircuitBreaker, Instant, NoClock, Policy, Rejected};

    pub fn life(now: Instant) -> Result<(), Rejected> {
        const POLICY: FullPolicy = Policy::failure_rate(50, Window::calls(10), 4).constant();
        let breaker: Arc<CircuitBreaker<FullPolicy, NoClock>> = Arc::new(CircuitBreaker::new(POLICY));
        for call in 0..4 {
            let permit = breaker.acquire_owned_at(now)?;
            if call % 2 == 0 { permit.success_at(now) } else { permit.failure_at(now) }
        }
        assert!(breaker.acquire_owned_at(now).is_err(), "two failures of four open it");
        Ok(())
    }

    struct Libc;

    #[global_allocator]
    static MEMORY: Libc = Libc;

    // SAFETY: `posix_memalign` gives memory of the size and alignment asked for, or says that it did not.
    unsafe impl GlobalAlloc for Libc {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let mut memory = core::ptr::null_mut();
            let alignment = layout.align().max(size_of::<*mut u8>());
            match unsafe { posix_memalign(&mut memory, alignment, layout.size()) } {
                0 => memory,
                _ => core::ptr::null_mut(),
            }
        }

        unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
            unsafe { free(memory) }
        }
    }

    unsafe extern "C" {
        fn posix_memalign(memory: *mut *mut u8, alignment: usize, size: usize) -> i32;
        fn free(memory: *mut u8);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    say("without std: panicked\n");
    unsafe { abort() }
}

/// The toolchain's own `core` and `alloc` are compiled for unwinding, and name these two. Nobody unwinds here.
mod unwinding {
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Resume() -> ! {
        unsafe { super::abort() }
    }
}

fn say(line: &str) {
    // A line that cannot be written changes nothing of the verdict, which is the exit status.
    let _ = unsafe { write(2, line.as_ptr(), line.len()) };
}

// SAFETY: as in every libc's headers. `std` would link it; without `std`, this does.
#[link(name = "c")]
unsafe extern "C" {
    fn write(file: i32, bytes: *const u8, count: usize) -> isize;
    fn abort() -> !;
}
