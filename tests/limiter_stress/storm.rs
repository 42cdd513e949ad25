//! Callers that ask as fast as they can, and keep what they saw.

use core::time::Duration;
use std::sync::Barrier;

use fusebox::limiter::{Decision, Quota};
use fusebox::time::{Clock, StdClock};

use crate::record::{Admission, Seen};

/// More than run at once.
pub const THREADS: usize = 4;
/// So many admissions are kept of each thread.
const KEPT: usize = 50_000;

fn lasts() -> Duration {
    Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 400 })
}

/// Lets the callers loose on a limiter, and puts together what they saw.
pub fn storm(quota: Quota, ask: impl Fn(u32) -> Decision + Sync) -> Seen {
    let (ask, together) = (&ask, &Barrier::new(THREADS));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS as u64)
            .map(|seed| {
                scope.spawn(move || {
                    together.wait();
                    call(quota, seed, ask)
                })
            })
            .collect();
        let seen = threads.into_iter().map(|thread| thread.join().expect("a caller only asks"));
        seen.reduce(Seen::join).expect("there are callers")
    })
}

fn call(quota: Quota, seed: u64, ask: &(impl Fn(u32) -> Decision + Sync)) -> Seen {
    let from = StdClock.now();
    let end = from.saturating_add(lasts());
    let mut seen = Seen { from: from.as_nanos(), ..Seen::default() };
    let mut random = seed;
    loop {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = cells(random >> 33, quota);
        let before = StdClock.now();
        let decision = ask(n);
        let after = StdClock.now();
        match decision {
            Decision::Allowed(_) => {
                seen.admitted += 1;
                seen.cells += u64::from(n);
                if seen.admissions.len() < KEPT {
                    let (before, after) = (before.as_nanos(), after.as_nanos());
                    seen.admissions.push(Admission { before, after, cells: n });
                }
            }
            Decision::Denied(_) => seen.denied += 1,
            Decision::NeverFits(_) => seen.never_fits += 1,
        }
        seen.to = after.as_nanos();
        if after >= end {
            return seen;
        }
    }
}

/// Mostly one; sometimes some, none, the burst, or too many.
fn cells(random: u64, quota: Quota) -> u32 {
    match random % 64 {
        0 => 0,
        1 => quota.burst(),
        2 => quota.burst() + 1,
        3..8 => (random >> 8) as u32 % quota.burst() + 1,
        _ => 1,
    }
}
