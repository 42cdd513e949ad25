//! Every fuzz target over its seeds, and over some random bytes: without libFuzzer, by a plain `cargo test`.

use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};

#[path = "../src/breaker.rs"]
mod breaker;
#[path = "../src/clocks.rs"]
mod clocks;
#[path = "../src/delays.rs"]
mod delays;
#[path = "../../tests/properties/driver.rs"]
#[allow(dead_code, reason = "the property tests use more of it")]
mod driver;
#[path = "../src/faces.rs"]
mod faces;
#[path = "../src/guard.rs"]
mod guard;
#[path = "../src/input.rs"]
mod input;
#[path = "../src/invariants.rs"]
mod invariants;
#[path = "../src/limiter.rs"]
mod limiter;
#[path = "../../tests/model/mod.rs"]
#[allow(dead_code, reason = "the property tests use more of it")]
mod model;
#[path = "../src/policies.rs"]
mod policies;
#[path = "../src/pressure.rs"]
mod pressure;
#[path = "../src/retry_after.rs"]
mod retry_after;
#[path = "../src/slots.rs"]
mod slots;
#[path = "../src/snapshots.rs"]
mod snapshots;
#[path = "../../tests/properties/subject.rs"]
mod subject;
#[path = "../src/word.rs"]
mod word;

/// As libFuzzer does it: bytes that make no input are passed over.
fn replay<T: for<'a> Arbitrary<'a>>(bytes: &[u8], check: fn(&T)) {
    if bytes.len() < T::size_hint(0).0 {
        return;
    }
    if let Ok(input) = T::arbitrary_take_rest(Unstructured::new(bytes)) {
        check(&input);
    }
}

/// The seeds of a target, then a thousand random inputs.
fn replay_all<T: for<'a> Arbitrary<'a>>(target: &str, check: fn(&T)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut seeds: Vec<_> =
        folder.read_dir().expect("every target has seeds").map(|entry| entry.unwrap().path()).collect();
    assert!(!seeds.is_empty(), "{} holds nothing", folder.display());
    seeds.sort();
    for seed in seeds {
        println!("{}", seed.display());
        replay(&std::fs::read(&seed).unwrap(), check);
    }
    for number in 0..1_000 {
        println!("random input {number}");
        replay(&random_bytes(number), check);
    }
}

/// Up to half a kilobyte of what `SplitMix64` gives from this seed.
fn random_bytes(seed: u64) -> Vec<u8> {
    let numbers = (1_u64..).map(|position| {
        let mut mixed = seed.wrapping_mul(1 << 32).wrapping_add(position).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    });
    numbers.take((seed % 64) as usize + 1).flat_map(u64::to_le_bytes).collect()
}

#[test]
fn every_word_decodes_and_every_view_comes_back() {
    replay_all("word", word::Words::check);
}

#[test]
fn the_breaker_is_what_the_model_is() {
    replay_all("breaker", breaker::Script::check);
}

#[test]
fn a_clock_that_steps_back_is_never_looser() {
    replay_all("clocks", clocks::Script::check);
}

#[test]
fn every_policy_is_refused_with_reason_or_safe() {
    replay_all("policies", policies::Settings::check);
}

#[test]
fn every_snapshot_is_restored_or_changes_nothing() {
    replay_all("snapshots", snapshots::Restart::check);
}

#[test]
fn a_limiter_is_what_exact_arithmetic_says() {
    replay_all("limiter", limiter::Script::check);
}

#[test]
fn a_shedder_is_what_a_count_of_its_slots_says() {
    replay_all("pressure", pressure::Script::check);
}

#[test]
fn every_policy_of_retries_is_refused_with_reason_or_keeps_its_bounds() {
    replay_all("delays", delays::Settings::check);
}

#[test]
fn every_retry_after_is_read_plainly_and_capped() {
    replay_all("retry_after", retry_after::Reading::check);
}

#[test]
fn whatever_is_called_through_a_guard_all_layers_add_up() {
    replay_all("guard", guard::Script::check);
}
