//! What the peers' table says of the peers, shown: whoever mends one of these belongs in one row more.

use std::{panic::catch_unwind, time::Duration};

use fusebox_benches::{
    checks, operations,
    peers::{congestion_limiter, tower_resilience},
};

#[test]
fn every_contestant_passes_its_trials() {
    for operation in operations::ALL {
        if let Err(unfit) = operation.lineup() {
            panic!("{}: {unfit}", operation.name);
        }
    }
}

#[test]
fn the_count_window_of_tower_resilience_does_not_slide() {
    let found = checks::window_of_100_at_half(&tower_resilience::half_of_100());
    assert_eq!(
        found,
        Err("call 1 of 1000 with 50 failures in the last 100 calls was Served, not Rejected".into())
    );
}

#[test]
fn the_gradient_of_congestion_limiter_panics_where_a_latency_falls() {
    let slow = Duration::from_millis(20);
    let panicked = catch_unwind(|| congestion_limiter::a_quick_call_after_slow_ones(slow)).unwrap_err();
    let words = panicked.downcast_ref::<String>().map(String::as_str);
    assert_eq!(words, Some("overflow when subtracting durations"));
}
