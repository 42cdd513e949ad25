//! Fuzzes the breaker beside its model.
#![no_main]

#[path = "../src/breaker.rs"]
mod breaker;
#[path = "../../tests/properties/driver.rs"]
#[allow(dead_code, reason = "the property tests use more of it")]
mod driver;
#[path = "../src/input.rs"]
mod input;
#[path = "../../tests/model/mod.rs"]
mod model;
#[path = "../../tests/properties/subject.rs"]
mod subject;

libfuzzer_sys::fuzz_target!(|script: breaker::Script| script.check());
