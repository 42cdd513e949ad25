//! Fuzzes the packed word.
#![no_main]

#[path = "../src/word.rs"]
mod word;

libfuzzer_sys::fuzz_target!(|words: word::Words| words.check());
