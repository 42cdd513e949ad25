//! A long outage: the service becomes four times as slow and stays so, under a load that it carried with ease before. A limit
//! that took the new latency for the usual one would open up again, and the queue would grow without end.

use std::time::Duration;

use rayon::prelude::*;
use serde::Serialize;

use crate::arrivals::Process;
use crate::guard::{Control, Policy};
use crate::latency::quantile_ms;
use crate::simulation::{Conditions, Simulation};
use crate::sweep::Plan;
use crate::tally::Tally;
use crate::world;

/// Arrivals, in multiples of what the service can usually answer.
const LOAD: f64 = 0.6;
const SLOWNESS: u64 = 4;

/// What one policy made of it.
#[derive(Debug, Clone, Serialize)]
pub struct Slowdown {
    #[serde(flatten)]
    pub policy: Policy,
    pub seconds: u64,
    pub limit_before: u32,
    /// Second by second, while the service is slow.
    pub limits: Vec<u32>,
    pub highest: u32,
    pub limit_after: u32,
    pub ceiling: u32,
    /// Answers in time, as a share of what the slow service can answer.
    pub goodput: f64,
    pub p99_ms: Option<f64>,
}

/// How long it is slow: ten minutes of virtual time, unless the whole run is to be shorter.
fn length(plan: &Plan) -> Duration {
    plan.length * 20
}

pub fn run(plan: &Plan) -> anyhow::Result<Vec<Slowdown>> {
    let adaptive: Vec<_> =
        Policy::all().into_iter().filter(|it| it.priorities && it.control.algorithm().is_some()).collect();
    adaptive.into_par_iter().map(|policy| simulate(plan, policy)).collect()
}

fn simulate(plan: &Plan, policy: Policy) -> anyhow::Result<Slowdown> {
    let guard = policy.control.guard()?;
    let rate = LOAD * world::capacity();
    let under =
        Conditions { process: Process::Poisson, rate, priorities: policy.priorities, seed: plan.seed };
    let mut simulation = Simulation::new(&guard, under)?;
    let limit = || guard.limit().unwrap_or_default();

    let begins = plan.length;
    simulation.run_to(begins);
    let limit_before = limit();
    simulation.slowness = SLOWNESS;
    simulation.measuring = true;
    let seconds = length(plan).as_secs();
    let limits: Vec<u32> = (1..=seconds)
        .map(|second| {
            simulation.run_to(begins + Duration::from_secs(second));
            limit()
        })
        .collect();
    simulation.slowness = 1;
    simulation.measuring = false;
    let ends = begins + length(plan);
    simulation.run_to(ends + world::longest_story());
    let well_again = ends + plan.length;
    simulation.run_to(well_again);
    let limit_after = limit();
    let tally = simulation.finish(well_again);
    Ok(Slowdown {
        policy,
        seconds,
        limit_before,
        highest: limits.iter().copied().max().unwrap_or_default(),
        limits,
        limit_after,
        ceiling: guard.ceiling().unwrap_or_default(),
        goodput: goodput(&tally, seconds),
        p99_ms: quantile_ms(&tally.latency, 0.99),
    })
}

fn goodput(tally: &Tally, seconds: u64) -> f64 {
    let slow = world::capacity() / SLOWNESS as f64;
    (tally.all().served as f64 / seconds as f64 / slow * 1e4).round() / 1e4
}

impl Slowdown {
    pub fn is_default(&self) -> bool {
        self.policy.control.is_default()
    }

    pub fn name(&self) -> String {
        Control::name(self.policy.control)
    }
}
