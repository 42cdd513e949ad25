//! Who comes when: arrivals at random at a steady rate (Poisson), or in bursts, each with its priority and its work.

use std::time::Duration;

use fusebox::pressure::Priority;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, LogNormal};
use serde::Serialize;

use crate::world::{BURST_RATE, CALM_RATE, MEAN_BURST, MEAN_CALM, MEAN_WORK, SIGMA, drawn};

/// The stream of chance that the bursts are drawn from.
const TURNS: u64 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Process {
    Poisson,
    /// A Poisson process whose rate itself changes at random between two states, with the same rate on average.
    Bursty,
}

impl Process {
    pub const ALL: [Self; 2] = [Self::Poisson, Self::Bursty];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Poisson => "Poisson",
            Self::Bursty => "bursty",
        }
    }
}

/// One who comes.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Since the beginning, in nanoseconds.
    pub at: u64,
    pub priority: Priority,
    /// What it costs a server, in nanoseconds.
    pub work: u64,
}

/// All who come, one after the other, for ever. The same seed draws the same ones.
pub struct Arrivals {
    process: Process,
    /// On average, a nanosecond.
    rate: f64,
    bursting: bool,
    /// When the state changes.
    turns: f64,
    now: f64,
    work: LogNormal<f64>,
    draws: ChaCha8Rng,
    /// Of their own, so that the bursts are the same ones whatever the rate.
    turn_draws: ChaCha8Rng,
}

impl Arrivals {
    pub fn new(process: Process, per_second: f64, seed: u64) -> anyhow::Result<Self> {
        // So that the mean is the mean: that of a log-normal lies above its median.
        let median = (MEAN_WORK.as_nanos() as f64).ln() - SIGMA * SIGMA / 2.0;
        let mut turn_draws = ChaCha8Rng::seed_from_u64(seed);
        turn_draws.set_stream(TURNS);
        let mut arrivals = Self {
            process,
            rate: per_second / 1e9,
            bursting: true,
            turns: 0.0,
            now: 0.0,
            work: LogNormal::new(median, SIGMA)?,
            draws: ChaCha8Rng::seed_from_u64(seed),
            turn_draws,
        };
        arrivals.turn();
        Ok(arrivals)
    }

    /// From calm to burst, or back.
    fn turn(&mut self) {
        self.bursting = !self.bursting;
        let mean: Duration = if self.bursting { MEAN_BURST } else { MEAN_CALM };
        self.turns += waiting(&mut self.turn_draws, mean.as_nanos() as f64);
    }

    fn next_at(&mut self) -> f64 {
        if self.process == Process::Poisson {
            return self.now + waiting(&mut self.draws, 1.0 / self.rate);
        }
        loop {
            let rate = self.rate * if self.bursting { BURST_RATE } else { CALM_RATE };
            let at = self.now + waiting(&mut self.draws, 1.0 / rate);
            if at < self.turns {
                return at;
            }
            // Nobody came before the rate changed, and a Poisson process does not remember that.
            self.now = self.turns;
            self.turn();
        }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    #[expect(clippy::cast_sign_loss, reason = "time and work are above zero")]
    fn next(&mut self) -> Option<Arrival> {
        self.now = self.next_at();
        let priority = drawn(self.draws.random_range(0..100));
        let work = self.work.sample(&mut self.draws);
        Some(Arrival { at: self.now as u64, priority, work: work.max(1.0) as u64 })
    }
}

fn waiting(draws: &mut ChaCha8Rng, mean: f64) -> f64 {
    let exponential: f64 = Exp1.sample(draws);
    exponential * mean
}
