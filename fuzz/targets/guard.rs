//! Fuzzes calls through several layers at once, by what the property tests say of them.
#![no_main]

#[path = "../src/guard.rs"]
mod guard;

libfuzzer_sys::fuzz_target!(|script: guard::Script| script.check());
