//! What follows from a window of latencies: pure functions of what was known and what was measured.
//!
//! The baseline is the latency of a service that is not overloaded. It falls by a tenth of the way to any lower mean (more would
//! follow the luckiest window), and rises slowly, by a share of itself a minute, to a multiple of the lowest one ever measured
//! at most, and never above what is healthy.

use crate::pressure::adapt::policy::{Adaptation, Algorithm};

/// What is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    /// Slots, with their fraction.
    pub(super) limit: f64,
    /// In nanoseconds; zero while nothing was measured.
    pub(super) baseline: f64,
    /// The lowest baseline.
    pub(super) lowest: f64,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// The mean latency, in nanoseconds; above zero.
    pub(super) mean: f64,
    /// How long it lasted, in nanoseconds.
    pub(super) lasted: f64,
    /// Whether at least half of the slots were ever taken, or somebody was refused.
    pub(super) used: bool,
}

/// What a limit is multiplied with where the latency is not healthy.
const BACKOFF: f64 = 0.9;
/// By how much the mean may be above the baseline before the gradient shrinks the limit.
const TOLERANCE: f64 = 1.5;
/// The share of a window's verdict that takes effect.
const SMOOTHING: f64 = 0.2;
/// The share of the way to a lower mean that the baseline falls in a window.
const FALL: f64 = 0.1;
const A_MINUTE: f64 = 60e9;

/// The next state of what is known.
pub(super) fn next(told: &Adaptation, known: Known, window: Window) -> Known {
    let (baseline, lowest) = baseline(told, known, window);
    let asked = if is_above(window.mean, told.healthy) {
        known.limit * BACKOFF
    } else if baseline <= 0.0 {
        known.limit
    } else {
        match told.algorithm {
            Algorithm::Gradient => gradient(known.limit, baseline, window.mean),
            Algorithm::Vegas => vegas(known.limit, baseline, window.mean),
            Algorithm::Aimd => known.limit + (window.lasted / window.mean).max(1.0).min(known.limit),
        }
    };
    let limit = if window.used || asked < known.limit { asked } else { known.limit };
    Known { limit: bounded(told, limit), baseline, lowest }
}

fn bounded(told: &Adaptation, limit: f64) -> f64 {
    limit.max(told.floor.into()).min(told.ceiling.into())
}

fn baseline(told: &Adaptation, known: Known, window: Window) -> (f64, f64) {
    let Known { baseline, lowest, .. } = known;
    if !window.used {
        return (baseline, lowest);
    }
    let moved = if baseline <= 0.0 {
        window.mean
    } else if window.mean < baseline {
        baseline + (window.mean - baseline) * FALL
    } else {
        (baseline * (1.0 + told.drift * window.lasted / A_MINUTE)).min(window.mean)
    };
    let moved = if is_above(moved, told.healthy) { nanos(told.healthy) } else { moved };
    let lowest = if lowest <= 0.0 { moved } else { lowest.min(moved) };
    (moved.min(lowest * told.most), lowest)
}

fn gradient(limit: f64, baseline: f64, mean: f64) -> f64 {
    let gradient = (TOLERANCE * baseline / mean).clamp(0.5, 1.0);
    let target = limit * gradient + f64::from(whole(limit).isqrt().max(4));
    limit + (target - limit) * SMOOTHING
}

fn vegas(limit: f64, baseline: f64, mean: f64) -> f64 {
    let queue = limit * (1.0 - baseline / mean);
    let step = f64::from(whole(limit).max(1).ilog10().max(1));
    let (alpha, beta) = (3.0 * step, 6.0 * step);
    if queue <= step {
        limit + beta
    } else if queue < alpha {
        limit + step
    } else if queue > beta {
        limit - step
    } else {
        limit
    }
}

fn is_above(latency: f64, most: u64) -> bool {
    most != u64::MAX && latency > nanos(most)
}

#[expect(clippy::cast_precision_loss, reason = "53 bits of nanoseconds are 104 days")]
pub(super) const fn nanos(nanos: u64) -> f64 {
    nanos as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; a limit is not negative"
)]
pub(super) const fn whole(limit: f64) -> u32 {
    limit as u32
}
