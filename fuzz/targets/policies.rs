//! Fuzzes the builder, and whatever policy comes of it.
#![no_main]

#[path = "../src/faces.rs"]
mod faces;
#[path = "../src/policies.rs"]
mod policies;

libfuzzer_sys::fuzz_target!(|settings: policies::Settings| settings.check());
