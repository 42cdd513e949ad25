//! The rounds of one row: in each, every contestant is sampled once, in turn, so that what the machine does meanwhile
//! befalls all.

use std::time::Duration;

use crate::{contest::Contestant, crew::Crew};

/// How long and how often is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds; a figure is their median.
    pub rounds: usize,
    /// About how long one sample takes.
    pub sample: Duration,
}

impl Plan {
    /// What the figures in the README are made with.
    pub const THOROUGH: Self = Self { rounds: 31, sample: Duration::from_millis(10) };

    /// The fewest rounds that count, of short samples.
    pub const QUICK: Self = Self { rounds: 9, sample: Duration::from_millis(2) };
}

/// Nanoseconds an operation: for each contestant, in order, one figure a round. For those who are weighed: one weight.
#[must_use]
pub fn fight(
    crew: &Crew,
    contestants: &[&Contestant],
    plan: Plan,
    mut round_done: impl FnMut(usize),
) -> Vec<Vec<f64>> {
    if let Some(weights) = contestants.iter().map(|who| who.weigh).collect::<Option<Vec<_>>>() {
        return weights.into_iter().map(|weigh| vec![weigh()]).collect();
    }
    let counts: Vec<u64> = contestants.iter().map(|who| calibrated(crew, who, plan.sample)).collect();
    let mut nanos = vec![Vec::with_capacity(plan.rounds); contestants.len()];
    for round in 0..plan.rounds {
        for turn in 0..contestants.len() {
            // Another one begins each round: nobody always runs behind the same neighbour's dirty caches.
            let who = (round + turn) % contestants.len();
            nanos[who].push(crew.sample(&contestants[who].begin(), counts[who]));
        }
        round_done(round + 1);
    }
    nanos
}

/// How many operations fill the time of a sample.
fn calibrated(crew: &Crew, contestant: &Contestant, sample: Duration) -> u64 {
    let wanted = sample.as_nanos() as f64;
    let mut count = 64.min(contestant.longest_batch);
    loop {
        let nanos = crew.sample(&contestant.begin(), count);
        let took = nanos * count as f64;
        let fitting = if nanos > 0.0 { (wanted / nanos).ceil() } else { wanted };
        if took * 8.0 >= wanted || count == contestant.longest_batch {
            return whole(fitting).clamp(64, contestant.longest_batch.max(64)).min(contestant.longest_batch);
        }
        count = count.saturating_mul(8).min(contestant.longest_batch);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of operations, at least 1"
)]
fn whole(count: f64) -> u64 {
    count as u64
}
