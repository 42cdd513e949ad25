//! What a run is: the quota of every tenant, what each sends, and when the flood comes.

use std::time::Duration;

use fusebox::InvalidPolicy;
use fusebox::limiter::Quota;

/// Keys that the gateway's table is told to hold: so few that the flood fills it. A real gateway tells as many as it
/// has tenants, or ten times as many, at 16 bytes each.
pub const CAPACITY: usize = 8;
/// Names a second for each cell a second, unless told: a name lives for one cell's time, so these are more than the
/// table has places for.
const FLOOD_PER_RATE: u32 = 16;

#[derive(Debug, Clone)]
pub struct Plan {
    pub length: Duration,
    /// Cells a second of each tenant's quota.
    pub rate: u32,
    /// Made-up tenants a second.
    pub flood: u32,
}

impl Plan {
    pub fn new(seconds: f64, rate: u32, flood: Option<u32>) -> Self {
        let flood = flood.unwrap_or(rate * FLOOD_PER_RATE);
        Self { length: Duration::from_secs_f64(seconds), rate, flood }
    }

    pub fn quota(&self) -> Result<Quota, InvalidPolicy> {
        Quota::per_second(self.rate).burst(self.burst()).build()
    }

    pub fn burst(&self) -> u32 {
        self.rate * 2 / 5
    }

    /// Below its quota.
    pub fn steady_rate(&self) -> u32 {
        self.rate * 4 / 5
    }

    /// Far beyond it.
    pub fn greedy_rate(&self) -> u32 {
        self.rate * 4
    }

    pub fn flood_begins(&self) -> Duration {
        self.length / 2
    }

    /// The most cells that a quota may give in so long a time, both ends included.
    pub fn allowed(&self, time: Duration) -> u64 {
        let refilled = time.as_nanos() * u128::from(self.rate) / Duration::from_secs(1).as_nanos();
        u64::from(self.burst()) + refilled as u64
    }

    /// Whether no stretch of time, however short or long, holds more of these instants than a quota allows. They come
    /// in order.
    pub fn bounds(&self, instants: &[Duration]) -> bool {
        let second = Duration::from_secs(1).as_nanos() as i128;
        // From the i-th to the k-th there are k - i + 1, and that is to be at most burst + time * rate: so no height
        // may be above an earlier one by more than burst - 1 cells. In whole numbers, so that one cell is one cell.
        let heights = instants
            .iter()
            .enumerate()
            .map(|(k, at)| k as i128 * second - at.as_nanos() as i128 * i128::from(self.rate));
        let room = (i128::from(self.burst()) - 1) * second;
        let mut lowest = i128::MAX;
        heights.into_iter().all(|height| {
            lowest = lowest.min(height);
            height - lowest <= room
        })
    }
}
