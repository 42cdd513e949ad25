//! A program without std that takes a breaker through its life, and a guarded call through its layers.
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
    called::life();
    Ok(())
}

/// A call with retries, a budget, a breaker and a last good value, on a clock of its own.
mod called {
    use core::cell::Cell;

    use fusebox::{
        CircuitBreaker,
        breaker::Policy as Breaking,
        fallback::{Freshness, LastGoodTable},
        guard::Guard,
        retry::{Allowed, Budget, Policy},
        time::{ManualClock, NoClock},
    };

    use super::{Duration, Instant};

    static CLOCK: ManualClock = ManualClock::new();
    static BREAKER: CircuitBreaker<Breaking, &ManualClock> =
        CircuitBreaker::with_parts(Breaking::consecutive_failures(3).constant(), &CLOCK, (), ());
    static BUDGET: Budget<NoClock> =
        Budget::with_parts(Allowed::ratio(0.1).initial(5.0).constant(), NoClock, ());
    static READINGS: LastGoodTable<8, 1, NoClock> =
        LastGoodTable::with_parts(Freshness::of(8).stale(Duration::from_secs(60)).constant(), NoClock);

    /// Two failures, then a reading; then the sensor is gone, and the last one serves.
    pub fn life() {
        let serial_number = 7;
        let guard = Guard::builder("sensor")
            .retry(Policy::attempts(3).constant().seeded(serial_number))
            .budget(&BUDGET)
            .breaker(&BREAKER)
            .clock(&CLOCK)
            .build();
        let Ok(guard) = guard else { unreachable!("nothing contradicts") };
        let calls = Cell::new(0);
        let read = || {
            calls.set(calls.get() + 1);
            if calls.get() == 3 { Ok(21) } else { Err("no answer") }
        };
        let report = guard.call_blocking_with(|wait| CLOCK.advance(wait), read);
        assert_eq!((report.result.ok(), report.attempts), (Some(21), 3));
        let now = Instant::from_nanos(0);
        assert!(READINGS.put_at(serial_number, [21], now));
        let gone = guard.call_blocking_with(|wait| CLOCK.advance(wait), read);
        assert!(gone.result.is_err_and(|error| error.is_inner()));
        assert!(READINGS.get_at(serial_number, now).is_some_and(|held| held.value == [21]));
    }
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
