//! Any calls through any layers, on any clock: what the property tests say of them holds.

#[path = "../../tests/guard_properties/check.rs"]
mod check;
#[path = "../../tests/guard_properties/layers.rs"]
mod layers;
#[path = "../../tests/guard_properties/play.rs"]
mod play;
#[path = "../../tests/guard_properties/script.rs"]
mod script;

pub use script::Script;
