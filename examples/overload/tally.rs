//! What became of the arrivals of one run, priority by priority.

use std::time::Duration;

use fusebox::pressure::Priority;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::latency::{latencies, record};

/// Why the last try of a client was no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It was not let in.
    Shed,
    /// The answer came too late, or never.
    Late,
}

/// Each arrival ends in one of three ways.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Row {
    pub arrivals: u64,
    pub served: u64,
    pub shed: u64,
    pub late: u64,
}

pub struct Tally {
    rows: [Row; 5],
    /// Tries in all, and those that were let in.
    pub tries: u64,
    pub admitted: u64,
    /// From each try that was let in to its answer, whether anybody still waited for it or not.
    pub latency: Histogram<u64>,
    /// The limits that the arrivals met.
    limits: f64,
}

impl Tally {
    pub fn new() -> Self {
        Self { rows: [Row::default(); 5], tries: 0, admitted: 0, latency: latencies(), limits: 0.0 }
    }

    fn row(&mut self, priority: Priority) -> &mut Row {
        let [background, low, normal, high, critical] = &mut self.rows;
        match priority {
            Priority::Background => background,
            Priority::Low => low,
            Priority::Normal => normal,
            Priority::High => high,
            Priority::Critical => critical,
        }
    }

    pub fn arrived(&mut self, priority: Priority, limit: Option<u32>) {
        self.row(priority).arrivals += 1;
        self.limits += f64::from(limit.unwrap_or_default());
    }

    pub fn answered(&mut self, nanos: u64) {
        record(&mut self.latency, Duration::from_nanos(nanos));
    }

    pub fn served(&mut self, priority: Priority) {
        self.row(priority).served += 1;
    }

    pub fn lost(&mut self, priority: Priority, loss: Loss) {
        let row = self.row(priority);
        match loss {
            Loss::Shed => row.shed += 1,
            Loss::Late => row.late += 1,
        }
    }

    /// From the lowest priority up.
    pub fn rows(&self) -> impl Iterator<Item = (Priority, Row)> + '_ {
        Priority::ALL.into_iter().zip(self.rows)
    }

    pub fn all(&self) -> Row {
        self.rows.iter().fold(Row::default(), |sum, row| Row {
            arrivals: sum.arrivals + row.arrivals,
            served: sum.served + row.served,
            shed: sum.shed + row.shed,
            late: sum.late + row.late,
        })
    }

    /// The limit that an arrival met, on average.
    pub fn mean_limit(&self) -> Option<f64> {
        let met = self.all().arrivals;
        (met > 0 && self.limits > 0.0).then(|| self.limits / met as f64)
    }
}

impl Row {
    pub fn share_served(&self) -> Option<f64> {
        (self.arrivals > 0).then(|| self.served as f64 / self.arrivals as f64)
    }
}
