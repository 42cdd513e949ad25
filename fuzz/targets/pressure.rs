//! Fuzzes the load shedder against a plain count of its slots.
#![no_main]

#[path = "../src/pressure.rs"]
mod pressure;
#[path = "../src/slots.rs"]
mod slots;

libfuzzer_sys::fuzz_target!(|script: pressure::Script| script.check());
