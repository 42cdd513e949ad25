//! Fuzzes the breaker on a strange clock beside one on a clock that stands still.
#![no_main]

#[path = "../src/clocks.rs"]
mod clocks;
#[path = "../src/input.rs"]
mod input;
#[path = "../src/invariants.rs"]
mod invariants;
#[path = "../../tests/model/mod.rs"]
#[allow(dead_code, unused_imports, reason = "only its policies are used here")]
mod model;
#[path = "../../tests/properties/subject.rs"]
#[allow(dead_code, reason = "only its breakers are used here")]
mod subject;

libfuzzer_sys::fuzz_target!(|script: clocks::Script| script.check());
