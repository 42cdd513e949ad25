//! A load shedder as one who counts its slots on paper would keep it: the rules once more, in plain numbers.

use fusebox::pressure::{Counts, Outcome};

/// A share is in billionths.
pub const ONE: u32 = 1_000_000_000;

/// How it stands, and what it should have counted.
#[derive(Clone, Debug)]
pub struct Model {
    shares: [u32; 5],
    pub capacity: u32,
    pub depth: u32,
    pub highest: u32,
    pub closed: bool,
    pub shadow: bool,
    pub counts: Counts,
}

/// What a request must meet.
#[derive(Clone, Copy, Debug)]
pub enum Due {
    Slot,
    Shed { limit: u32 },
    Closed,
}

impl Model {
    /// All slots free.
    pub fn fresh(shares: [u32; 5], capacity: u32) -> Self {
        let counts = Counts::default();
        Self { shares, capacity, depth: 0, highest: 0, closed: false, shadow: false, counts }
    }

    pub fn limit(&self, priority: usize) -> u32 {
        let billionths = u128::from(self.shares[priority]) * u128::from(self.capacity);
        u32::try_from(billionths.div_ceil(ONE.into())).expect("a share of a capacity")
    }

    fn due(&self, priority: usize) -> Due {
        let limit = self.limit(priority);
        if self.closed {
            Due::Closed
        } else if self.depth < limit {
            Due::Slot
        } else {
            Due::Shed { limit }
        }
    }

    /// Does it, with what it leaves in the counts.
    pub fn ask(&mut self, priority: usize) -> Due {
        let due = self.due(priority);
        match due {
            Due::Slot => {
                self.depth += 1;
                self.highest = self.highest.max(self.depth);
                self.counts.admitted[priority] += 1;
            }
            // Shadow or not.
            Due::Closed => self.counts.closed[priority] += 1,
            Due::Shed { .. } if self.shadow => {
                self.counts.admitted[priority] += 1;
                self.counts.shadowed += 1;
            }
            Due::Shed { .. } => self.counts.shed[priority] += 1,
        }
        due
    }

    pub fn end(&mut self, outcome: Outcome) {
        self.depth -= 1;
        match outcome {
            Outcome::Success => self.counts.succeeded += 1,
            Outcome::Overload => self.counts.overloaded += 1,
            Outcome::Ignored => self.counts.ignored += 1,
        }
    }
}
