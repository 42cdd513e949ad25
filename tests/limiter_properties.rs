//! Random quotas, requests and instants: a limiter is what the specification says.
//!
//! 1. A strict limiter, an adjustable one and the state alone decide and tell what the model does: to the nanosecond where
//!    the interval's nanoseconds have a denominator up to 16, elsewhere up to 4 ns late and never early.
//! 2. So they do while the clock stands, jumps, steps back, and at its ends.
//! 3. In no interval, of the clock or of what was done, are there more cells than `burst + d / T`.
//! 4. Waiting as long as a denial says suffices, and a nanosecond less does not.
//! 5. Nothing drifts: cells that are taken as they come are due at whole multiples of the interval.
//! 6. A quota is refused where its burst does not fit, and nowhere else.
//! 7. Reservations keep the bound at the instants they are due; a refund takes back its own, and frees nobody early.
//! 8. A change of the quota keeps the debt, in cells.
//! 9. A leased limiter keeps the bound, admits the burst when it is new, and after idling what no lease holds.
//! 10. Each key of a keyed limiter does what the model does, late by its clock's tick at most; in a table that is too small
//!     it starts afresh as often as evictions are counted, and never where new keys are denied instead. So do keys of
//!     different quotas in one table.
//!
//! The model is `model.rs`: one thread, whole numbers of `1/q` ns in 128 bits, nothing rounded.

#![cfg(feature = "std")]
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test may stop at what it did not expect, and its modules are nobody else's"
)]

mod limiter_properties {
    mod driver;
    mod keyed;
    mod leased;
    mod model;
    mod reserved;
    mod strategies;
    mod subject;
    mod words;

    use proptest::prelude::*;

    /// As many cases as are asked for by `PROPTEST_CASES`, and at least 10 000 (1 000 without optimisation).
    fn config() -> ProptestConfig {
        let least = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
        let asked = ProptestConfig::default();
        ProptestConfig { cases: asked.cases.max(least), failure_persistence: None, ..asked }
    }
}
