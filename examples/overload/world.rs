//! The world of the simulation: a service of so many servers, and clients who wait for so long and try so often.

use std::time::Duration;

use fusebox::pressure::Priority;

/// Requests that are served at the same time; those behind them wait in the order they came.
pub const SERVERS: u32 = 64;
/// What one request costs a server, on average: log-normal, as service times are.
pub const MEAN_WORK: Duration = Duration::from_millis(20);
/// The standard deviation of its logarithm.
pub const SIGMA: f64 = 0.5;
/// How long a client waits for an answer. One that comes later is waste, and costs as much.
pub const PATIENCE: Duration = Duration::from_millis(200);
/// How often a client asks in all, until it has an answer.
pub const TRIES: u8 = 3;
/// What it pauses for before it asks again, give or take a half; twice as much the next time.
pub const PAUSE: Duration = Duration::from_millis(50);
/// The share of each priority among the arrivals, in percent, from `Background` up.
pub const MIX: [u32; 5] = [10, 20, 40, 20, 10];

/// Bursts: for a third of the time twice as many arrivals as on average, else half as many.
pub const BURST_RATE: f64 = 2.0;
pub const CALM_RATE: f64 = 0.5;
pub const MEAN_BURST: Duration = Duration::from_millis(250);
pub const MEAN_CALM: Duration = Duration::from_millis(500);

/// The most requests a second that the service can answer.
pub fn capacity() -> f64 {
    f64::from(SERVERS) / MEAN_WORK.as_secs_f64()
}

/// How long a request can stay undecided: each try takes its patience, each pause is longest.
pub fn longest_story() -> Duration {
    let pauses: Duration = (1..TRIES).map(|tried| pause(tried) * 3 / 2).sum();
    PATIENCE * u32::from(TRIES) + pauses
}

/// The pause on average after so many tries.
pub fn pause(tried: u8) -> Duration {
    PAUSE * 2u32.pow(u32::from(tried.saturating_sub(1)))
}

/// Whose request it is, by lot: `lot` is from 0 to 99.
pub fn drawn(lot: u32) -> Priority {
    let mut upto = 0;
    for (priority, share) in Priority::ALL.into_iter().zip(MIX) {
        upto += share;
        if lot < upto {
            return priority;
        }
    }
    Priority::Critical
}
