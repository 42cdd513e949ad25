//! The figures of one storm.

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use crate::clients::Kind;
use crate::service::Death;
use crate::storm::length;
use crate::world::{BEFORE, OUTAGE, RECOVERY, SETTLED, nanos};

/// The share of what succeeds normally, from which on all is well again.
const WELL: f64 = 0.99;
const SECOND: u64 = 1_000_000_000;

#[derive(Debug, Clone, Serialize)]
pub struct Tally {
    pub kind: Kind,
    pub death: Death,
    /// Made by the clients in all, and what became of them.
    pub calls: u64,
    pub succeeded: u64,
    /// Attempts that reached the service.
    pub attempts: u64,
    /// Attempts a second in good times.
    pub normal: f64,
    /// The most and the mean in a second, relative to that.
    pub outage_peak: f64,
    pub outage_mean: f64,
    pub recovery_peak: f64,
    /// The same in a tenth of a second: in good times it is above 1 too, by chance.
    pub normal_peak_100ms: f64,
    pub outage_peak_100ms: f64,
    pub recovery_peak_100ms: f64,
    /// From the return until calls that begin succeed as they normally do, and go on to; `null` for never.
    pub well_after_s: Option<u32>,
    /// Attempts that reached the service in each second.
    pub load: Vec<u32>,
    /// Of the calls that began in each second, those that succeeded in the end; as a share.
    pub goodput: Vec<f64>,
}

impl Tally {
    pub fn new(kind: Kind, death: Death, begun: &[u64], succeeded: &[u64], reached: &[u64]) -> Self {
        let load = counted(reached, SECOND);
        let tenths = counted(reached, SECOND / 10);
        let calm = SETTLED..BEFORE;
        let outage = BEFORE..BEFORE + OUTAGE;
        let recovery = outage.end..outage.end + RECOVERY;
        let normal = mean(within(&load, &calm, 1));
        let peak = |during: &Range<Duration>| most(within(&load, during, 1)) / normal;
        let peak_100ms = |during: &Range<Duration>| most(within(&tenths, during, 10)) / (normal / 10.0);
        let goodput: Vec<f64> = counted(begun, SECOND)
            .into_iter()
            .zip(counted(succeeded, SECOND))
            .map(|(begun, succeeded)| rounded(f64::from(succeeded) / f64::from(begun.max(1))))
            .collect();
        Self {
            kind,
            death,
            calls: begun.len() as u64,
            succeeded: succeeded.len() as u64,
            attempts: reached.len() as u64,
            normal: rounded(normal),
            outage_peak: rounded(peak(&outage)),
            outage_mean: rounded(mean(within(&load, &outage, 1)) / normal),
            recovery_peak: rounded(peak(&recovery)),
            normal_peak_100ms: rounded(peak_100ms(&calm)),
            outage_peak_100ms: rounded(peak_100ms(&outage)),
            recovery_peak_100ms: rounded(peak_100ms(&recovery)),
            well_after_s: well_after(&goodput, &calm, outage.end),
            load,
            goodput,
        }
    }

    /// The most in a second of outage and recovery.
    pub fn peak(&self) -> f64 {
        self.outage_peak.max(self.recovery_peak)
    }
}

/// How many of these instants lie in each stretch of so many nanoseconds.
fn counted(instants: &[u64], stretch: u64) -> Vec<u32> {
    let mut counts = vec![0; (nanos(length()) / stretch) as usize];
    for at in instants {
        if let Some(count) = counts.get_mut((at / stretch) as usize) {
            *count += 1;
        }
    }
    counts
}

fn within<'a, T>(all: &'a [T], during: &Range<Duration>, per_second: u64) -> &'a [T] {
    let place = |at: Duration| (at.as_secs() * per_second) as usize;
    all.get(place(during.start)..place(during.end)).unwrap_or_default()
}

fn mean(counts: &[u32]) -> f64 {
    counts.iter().copied().map(f64::from).sum::<f64>() / counts.len().max(1) as f64
}

fn most(counts: &[u32]) -> f64 {
    counts.iter().copied().max().map_or(0.0, f64::from)
}

fn well_after(goodput: &[f64], calm: &Range<Duration>, returned: Duration) -> Option<u32> {
    let usual = within(goodput, calm, 1);
    let usual = usual.iter().sum::<f64>() / usual.len().max(1) as f64;
    let after = goodput.get(returned.as_secs() as usize..)?;
    let ill = after.iter().rposition(|share| *share < usual * WELL);
    let well = ill.map_or(0, |last| last + 1);
    (well < after.len()).then_some(well as u32)
}

/// To four places, which is what was counted.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
