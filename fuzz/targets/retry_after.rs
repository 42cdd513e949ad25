//! Fuzzes the reading of `Retry-After`.
#![no_main]

#[path = "../src/retry_after.rs"]
mod retry_after;

libfuzzer_sys::fuzz_target!(|reading: retry_after::Reading| reading.check());
