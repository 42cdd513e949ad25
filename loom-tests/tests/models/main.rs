//! Loom runs each of these models in every order that its threads' accesses can take, weak memory included. How they
//! are bounded, replayed, and shown to fail when a protocol is weakened: ../../README.md.

mod harness;

mod counters;
mod fallback_flight;
mod fallback_naive;
mod fallback_table;
mod half_open;
mod hand;
mod hooks;
mod instants;
mod lanes;
mod late;
mod limiter_adjust;
mod limiter_keyed;
mod limiter_leased;
mod limiter_strict;
mod naive;
mod opening;
mod pressure;
mod pressure_adaptive;
mod pressure_naive;
mod pressure_queue;
mod probes;
mod retry_budget;
mod retry_budget_naive;
mod sketch;
mod snapshot;
mod window_by_count;
mod window_by_time;
