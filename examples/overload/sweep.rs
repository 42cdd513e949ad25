//! Every policy under every load: each run is a world of its own, so as many run at the same time as there are cores.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fusebox::pressure::Priority;
use rayon::prelude::*;
use serde::Serialize;

use crate::arrivals::Process;
use crate::guard::Policy;
use crate::latency::quantile_ms;
use crate::simulation::{Conditions, Simulation};
use crate::tally::{Row, Tally};
use crate::world;

/// What is simulated, and for how long.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    /// Arrivals in multiples of what the service can answer.
    pub loads: &'static [f64],
    /// Virtual time of each run: the first half lets things settle, the second one counts.
    pub length: Duration,
}

/// What one run came to. Counts are of those who came in the second half; what became of them is followed to its end.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    pub process: Process,
    #[serde(flatten)]
    pub policy: Policy,
    pub load: f64,
    pub arrivals: u64,
    /// Answered in time, at whichever try.
    pub served: u64,
    /// The last try was not let in.
    pub shed: u64,
    /// The last try was not answered in time.
    pub late: u64,
    pub tries: u64,
    pub admitted: u64,
    /// Answers in time, as a share of what the service can answer.
    pub goodput: f64,
    /// Of each try that was let in, until its answer; those still without one count as they stand.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// On average, as arrivals met it.
    pub limit: Option<f64>,
    pub by_priority: Vec<OfPriority>,
}

#[derive(Debug, Clone, Serialize)]
pub struct OfPriority {
    pub priority: &'static str,
    #[serde(flatten)]
    pub row: Row,
    pub share_served: Option<f64>,
}

impl Plan {
    fn settling(&self) -> Duration {
        self.length / 2
    }

    pub fn measured(&self) -> Duration {
        self.length.saturating_sub(self.settling())
    }
}

impl Point {
    fn new(process: Process, policy: Policy, load: f64, measured: Duration, tally: &Tally) -> Self {
        let Row { arrivals, served, shed, late } = tally.all();
        let of_priority = |(priority, row): (Priority, Row)| OfPriority {
            priority: priority.name(),
            row,
            share_served: row.share_served().map(rounded),
        };
        Self {
            process,
            policy,
            load,
            arrivals,
            served,
            shed,
            late,
            tries: tally.tries,
            admitted: tally.admitted,
            goodput: rounded(served as f64 / measured.as_secs_f64() / world::capacity()),
            p50_ms: quantile_ms(&tally.latency, 0.5),
            p99_ms: quantile_ms(&tally.latency, 0.99),
            limit: tally.mean_limit().map(rounded),
            by_priority: tally.rows().map(of_priority).collect(),
        }
    }

    pub fn share(&self, priority: Priority) -> Option<f64> {
        self.by_priority.iter().find(|share| share.priority == priority.name())?.share_served
    }
}

/// All of them, in the order of processes, policies and loads.
pub fn run(plan: &Plan) -> anyhow::Result<Vec<Point>> {
    let mut runs = Vec::new();
    for process in Process::ALL {
        for policy in Policy::all() {
            runs.extend(plan.loads.iter().map(|load| (process, policy, *load)));
        }
    }
    let (all, done) = (runs.len(), AtomicUsize::new(0));
    let watched = stderr().is_terminal();
    let points = runs
        .into_par_iter()
        .map(|(process, policy, load)| {
            let point = simulate(plan, process, policy, load);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if watched {
                // A progress that nobody sees is no reason to stop.
                let _ = write!(stderr(), "\r{done} of {all} simulations\r");
            }
            point
        })
        .collect();
    if watched {
        let _ = write!(stderr(), "\r{:40}\r", "");
    }
    points
}

fn simulate(plan: &Plan, process: Process, policy: Policy, load: f64) -> anyhow::Result<Point> {
    let guard = policy.control.guard()?;
    let rate = load * world::capacity();
    let under = Conditions { process, rate, priorities: policy.priorities, seed: plan.seed };
    let mut simulation = Simulation::new(&guard, under)?;
    simulation.run_to(plan.settling());
    simulation.measuring = true;
    simulation.run_to(plan.length);
    // Others keep coming while the last ones that count find out what becomes of them.
    simulation.measuring = false;
    let end = plan.length + world::longest_story();
    simulation.run_to(end);
    Ok(Point::new(process, policy, load, plan.measured(), &simulation.finish(end)))
}

/// To four places, which is more than was measured.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
