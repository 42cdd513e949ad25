//! The world of the simulation: a fleet that calls one service at a steady rate, and a service that dies and comes back.

use std::time::Duration;

use fusebox::retry::Policy;

/// Processes of the fleet. Nothing is shared between them: each has a budget, a breaker of its own.
pub const PROCESSES: u32 = 10;
pub const CLIENTS: u32 = 1000;
/// How long from one call of a client to its next, give or take a half. It does not wait for the first to end.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Calls that the service works on at the same time; those behind them wait in the order they came.
pub const SERVERS: usize = 15;
/// What a call costs a server, give or take a half: so 1 500 calls a second is all it can bear.
pub const WORK: Duration = Duration::from_millis(10);
/// How soon it is known that nobody is there.
pub const REFUSED_AFTER: Duration = Duration::from_millis(1);

pub const BEFORE: Duration = Duration::from_secs(30);
pub const OUTAGE: Duration = Duration::from_secs(60);
pub const AFTER: Duration = Duration::from_secs(90);
/// The first calls find all clients idle; what is normal is measured from here to the outage.
pub const SETTLED: Duration = Duration::from_secs(5);
/// For how long after the return the load is looked at.
pub const RECOVERY: Duration = Duration::from_secs(60);

/// How long an attempt may take, of all kinds of clients.
pub const LIMIT: Duration = Duration::from_millis(250);
/// What those who retry naively wait for before they try again.
pub const NAIVE_PAUSE: Duration = Duration::from_millis(50);
/// How often a call is tried, by all kinds.
pub const ATTEMPTS: u32 = 5;

/// How the others wait: from 100 ms up, doubled each time, and spread by a quarter.
pub const BACKOFF: Policy = Policy::attempts(ATTEMPTS).initial_delay(Duration::from_millis(100)).constant();

/// What the service can bear, in calls a second.
pub fn capacity() -> f64 {
    SERVERS as f64 / WORK.as_secs_f64()
}

/// What it gets in good times.
pub fn normal() -> f64 {
    f64::from(CLIENTS) / PAUSE.as_secs_f64()
}

pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
