//! The bugs that other breakers, limiters, retries and pipelines have or had, each as a test that shows that this one has not.
//!
//! Above each test stands whose bug it was, with the version or the issue it was seen in.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it did not expect"
)]

mod peers_bugs {
    mod clocks;
    #[cfg(feature = "cache")]
    mod guards;
    mod half_open;
    mod hooks;
    mod keys;
    mod rates;
    mod retries;
    mod shedding;
    mod windows;

    use core::time::Duration;
    use std::sync::Arc;

    use fusebox::breaker::{CircuitBreaker, Counters, Plan, Policy};
    use fusebox::time::{Instant, ManualClock};

    /// A counted breaker on a clock of its own.
    type Watched<P = Policy> = CircuitBreaker<P, Arc<ManualClock>, (), Counters>;

    fn watched<P: Plan>(policy: P) -> Watched<P> {
        CircuitBreaker::new(policy).with_clock(Arc::new(ManualClock::new())).counted()
    }

    fn at(seconds: u64) -> Instant {
        Instant::ORIGIN.saturating_add(secs(seconds))
    }

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fail<P: Plan>(breaker: &Watched<P>, times: u32) {
        for _ in 0..times {
            breaker.acquire().expect("it lets calls through").failure();
        }
    }

    fn succeed<P: Plan>(breaker: &Watched<P>, times: u32) {
        for _ in 0..times {
            breaker.acquire().expect("it lets calls through").success();
        }
    }

    /// A breaker that one failure opened at second 0, at the instant when its next call is a probe.
    fn ready_to_probe(half_open_calls: u32, success_threshold: u32) -> Watched {
        let policy = Policy::consecutive_failures(1)
            .open_duration(secs(10))
            .half_open_calls(half_open_calls)
            .success_threshold(success_threshold);
        let breaker = watched(policy.build().expect("a valid policy"));
        fail(&breaker, 1);
        breaker.clock().set(at(10));
        breaker
    }
}
