//! What fusebox claims of itself under overload, and whether the simulation bears it out.

use fusebox::pressure::Priority;
use serde::Serialize;

use crate::arrivals::Process;
use crate::guard::{Control, Policy};
use crate::slowdown::Slowdown;
use crate::sweep::Point;

/// The load that the claims are about.
pub const OVERLOAD: f64 = 3.0;
const GOODPUT_PERCENT: f64 = 90.0;
const CRITICAL_PERCENT: f64 = 99.0;
/// From here on a policy has something to do.
const OVERLOADED_FROM: f64 = 1.5;
/// Of two means over all loads, a difference of less than half a percent is one of chance.
const CHANCE: f64 = 0.005;

#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub claimed: String,
    pub found: String,
    pub met: bool,
}

/// How much an adaptive control served in overload, over all loads and arrivals.
#[derive(Debug, Clone, Serialize)]
pub struct Rank {
    pub control: Control,
    /// As a share of what the service can answer, the mean over all of them.
    pub goodput: f64,
    /// The mean of theirs.
    pub p99_ms: f64,
}

pub fn all(points: &[Point], slowdowns: &[Slowdown]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for process in Process::ALL {
        verdicts.extend(goodput(points, process));
        verdicts.extend(critical(points, process));
    }
    verdicts.extend(ranking(points));
    verdicts.extend(slowdowns.iter().filter(|it| it.is_default()).map(outage));
    verdicts
}

/// The points of one line of the picture.
pub fn line(points: &[Point], process: Process, policy: Policy) -> impl Iterator<Item = &Point> {
    points.iter().filter(move |point| point.process == process && point.policy == policy)
}

fn defaults(points: &[Point], process: Process) -> impl Iterator<Item = &Point> {
    let is_default = |point: &&Point| point.policy.control.is_default() && point.policy.priorities;
    points.iter().filter(move |point| point.process == process).filter(is_default)
}

fn overloaded(points: &[Point], process: Process) -> Option<&Point> {
    defaults(points, process).find(|point| point.load >= OVERLOAD)
}

fn goodput(points: &[Point], process: Process) -> Option<Verdict> {
    let peak = defaults(points, process).map(|point| point.goodput).fold(0.0, f64::max);
    let point = overloaded(points, process)?;
    let share = point.goodput / peak * 100.0;
    Some(Verdict {
        claimed: format!(
            "{} arrivals, {OVERLOAD} times the capacity: at least {GOODPUT_PERCENT} % of the peak goodput",
            process.name()
        ),
        found: format!("{share:.1} %, which is {:.1} % of the capacity", point.goodput * 100.0),
        met: share >= GOODPUT_PERCENT,
    })
}

fn critical(points: &[Point], process: Process) -> Option<Verdict> {
    let share = overloaded(points, process)?.share(Priority::Critical)? * 100.0;
    Some(Verdict {
        claimed: format!(
            "{} arrivals, {OVERLOAD} times the capacity: at least {CRITICAL_PERCENT} % of Critical served",
            process.name()
        ),
        found: format!("{share:.2} %"),
        met: share >= CRITICAL_PERCENT,
    })
}

/// The adaptive controls, the best first.
pub fn ranks(points: &[Point]) -> Vec<Rank> {
    let rank = |control: Control| {
        let of = |point: &&Point| {
            point.policy == Policy { control, priorities: true } && point.load >= OVERLOADED_FROM
        };
        let met: Vec<&Point> = points.iter().filter(of).collect();
        let mean = |sum: f64| (sum / met.len().max(1) as f64 * 1e4).round() / 1e4;
        Rank {
            control,
            goodput: mean(met.iter().map(|point| point.goodput).sum()),
            p99_ms: mean(met.iter().filter_map(|point| point.p99_ms).sum()),
        }
    };
    let adaptive = Control::ALL.into_iter().filter(|control| control.algorithm().is_some());
    let mut ranks: Vec<Rank> = adaptive.map(rank).collect();
    ranks.sort_by(|one, other| other.goodput.total_cmp(&one.goodput));
    ranks
}

fn ranking(points: &[Point]) -> Option<Verdict> {
    let ranks = ranks(points);
    let best = ranks.first()?;
    let default = ranks.iter().find(|rank| rank.control.is_default())?;
    let told = |Rank { control, goodput, p99_ms }: &Rank| {
        let algorithm = control.algorithm().unwrap_or_default();
        format!("{algorithm} {:.1} % (p99 {p99_ms:.0} ms)", goodput * 100.0)
    };
    let found: Vec<String> = ranks.iter().map(told).collect();
    Some(Verdict {
        claimed: format!(
            "no adaptive control serves {} % more than the default, at {OVERLOADED_FROM} times and above",
            CHANCE * 100.0
        ),
        found: found.join(", "),
        met: default.goodput >= best.goodput * (1.0 - CHANCE),
    })
}

fn outage(slowdown: &Slowdown) -> Verdict {
    Verdict {
        claimed: format!(
            "four times as slow for {} s: the limit does not win back its ceiling of {}",
            slowdown.seconds, slowdown.ceiling
        ),
        found: format!("{} at most", slowdown.highest),
        met: slowdown.highest < slowdown.ceiling / 2,
    }
}
