//! Fuzzes the policy of retries, its delays and its courses.
#![no_main]

#[path = "../src/delays.rs"]
mod delays;

libfuzzer_sys::fuzz_target!(|settings: delays::Settings| settings.check());
