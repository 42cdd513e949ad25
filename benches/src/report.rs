//! How a run is told: a row as soon as it is measured, and all rows as JSON.

use serde::Serialize;

use crate::{
    contest::Contestant,
    duel::Plan,
    expectations,
    machine::Machine,
    operations::BYTES,
    statistics::{median, quotients, spread},
};

/// All of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// How.
    pub method: Method,
    /// What came out.
    pub rows: Vec<Row>,
}

/// How long and how often was measured.
#[derive(Debug, Serialize)]
pub struct Method {
    /// Rounds, interleaved; every figure is their median.
    pub rounds: usize,
    /// About how long one sample of one round took.
    pub sample_ms: u64,
}

impl From<Plan> for Method {
    fn from(plan: Plan) -> Self {
        let sample_ms = u64::try_from(plan.sample.as_millis()).unwrap_or(u64::MAX);
        Self { rounds: plan.rounds, sample_ms }
    }
}

/// One operation on so many threads, of ours and of at most one peer.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The operation.
    pub name: &'static str,
    /// How many threads made it at once, of one breaker.
    pub threads: usize,
    /// Nanoseconds one operation of ours (or of the floor) took: the median of the rounds. In the row [`BYTES`], bytes a
    /// key, as in `peer_ns`.
    pub ours_ns: f64,
    /// The peer's crate.
    pub peer: Option<&'static str>,
    /// Its version.
    pub peer_version: Option<&'static str>,
    /// Nanoseconds one operation of the peer took: the median of the rounds.
    pub peer_ns: Option<f64>,
    /// `peer_ns` over `ours_ns`.
    pub ratio: Option<f64>,
    /// The distance between the quartiles of the ratio of each round (for a floor, of its figure) over their median.
    pub spread: f64,
}

impl Row {
    /// Ours alone.
    #[must_use]
    pub fn alone(name: &'static str, threads: usize, ours: &[f64]) -> Self {
        Self {
            name,
            threads,
            ours_ns: median(ours),
            peer: None,
            peer_version: None,
            peer_ns: None,
            ratio: None,
            spread: spread(ours),
        }
    }

    /// Ours beside a peer, round by round.
    #[must_use]
    pub fn beside(
        name: &'static str,
        threads: usize,
        ours: &[f64],
        peer: &Contestant,
        theirs: &[f64],
    ) -> Self {
        Self {
            peer: Some(peer.name),
            peer_version: Some(peer.version),
            peer_ns: Some(median(theirs)),
            ratio: Some(median(theirs) / median(ours)),
            spread: spread(&quotients(theirs, ours)),
            ..Self::alone(name, threads, ours)
        }
    }

    /// The line of the table.
    #[must_use]
    pub fn line(&self) -> String {
        let (name, threads, ours) = (self.name, self.threads, self.ours_ns);
        let spread = self.spread * 100.0;
        let start = format!("{name:<36} {threads:>3} {ours:>9.2}");
        let (Some(peer), Some(version), Some(theirs), Some(ratio)) =
            (self.peer, self.peer_version, self.peer_ns, self.ratio)
        else {
            return format!("{start} {:<38} {:>9} {:>8} {spread:>6.1}%", "-", "-", "-");
        };
        let unit = if name == BYTES { "bytes, not ns; " } else { "" };
        let verdict = expectations::verdict(name, threads, peer, ratio);
        let who = format!("{peer} {version}");
        format!("{start} {who:<38} {theirs:>9.2} {ratio:>7.2}x {spread:>6.1}%  {unit}{verdict}")
            .trim_end_matches([' ', ';'])
            .to_owned()
    }
}

/// The table's first lines.
#[must_use]
pub fn heading(report: &Report) -> String {
    let Machine { cpu, cores, os, rustc, .. } = &report.machine;
    let Method { rounds, sample_ms } = report.method;
    let columns = format!(
        "{:<36} {:>3} {:>9} {:<38} {:>9} {:>8} {:>7}  {}",
        "operation", "thr", "ours ns", "peer", "peer ns", "ratio", "spread", "to reach"
    );
    format!("{cpu}, {cores} cores, {os}, {rustc}\nmedian of {rounds} rounds of {sample_ms} ms\n\n{columns}")
}
