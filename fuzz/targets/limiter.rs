//! Fuzzes the rate limiters against exact arithmetic.
#![no_main]

#[path = "../src/limiter.rs"]
mod limiter;

libfuzzer_sys::fuzz_target!(|script: limiter::Script| script.check());
