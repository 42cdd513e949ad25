//! Fuzzes what a breaker takes for a snapshot, and what comes back from its own.
#![no_main]

#[path = "../src/faces.rs"]
mod faces;
#[path = "../src/input.rs"]
#[allow(dead_code, reason = "the other targets use more of it")]
mod input;
#[path = "../../tests/model/mod.rs"]
#[allow(dead_code, unused_imports, reason = "only its policies are used here")]
mod model;
#[path = "../src/snapshots.rs"]
mod snapshots;
#[path = "../../tests/properties/subject.rs"]
#[allow(dead_code, reason = "only its breakers are used here")]
mod subject;

libfuzzer_sys::fuzz_target!(|restart: snapshots::Restart| restart.check());
