//! What fusebox claims of itself in a storm, and whether the simulation bears it out.

use serde::Serialize;

use crate::clients::Kind;
use crate::service::Death;
use crate::tally::Tally;

/// The most that the service may get, relative to good times.
pub const MOST: f64 = 1.2;
/// By how much naive retries exceed good times, at least: what would be hard to bear for any service.
const FAR: f64 = 3.0;
/// How soon all has to be well again.
const WELL_AFTER_S: u32 = 5;

#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub claimed: String,
    pub found: String,
    pub met: bool,
}

pub fn all(tallies: &[Tally]) -> Vec<Verdict> {
    let of = |death, kind| tallies.iter().find(|tally| tally.death == death && tally.kind == kind);
    let mut verdicts = Vec::new();
    for death in Death::ALL {
        verdicts.extend(of(death, Kind::Guard).into_iter().flat_map(guard));
        verdicts.extend(of(death, Kind::Naive).map(naive));
    }
    verdicts
}

fn guard(tally: &Tally) -> [Verdict; 2] {
    let name = tally.death.name();
    [
        Verdict {
            claimed: format!(
                "it {name}, guard: never over {MOST} times the normal load, in outage and recovery"
            ),
            found: format!("{:.2} in the outage, {:.2} after it", tally.outage_peak, tally.recovery_peak),
            met: tally.peak() <= MOST,
        },
        Verdict {
            claimed: format!("it {name}, guard: all is well within {WELL_AFTER_S} s of the return"),
            found: well_after(tally),
            met: tally.well_after_s.is_some_and(|seconds| seconds <= WELL_AFTER_S),
        },
    ]
}

/// The claim is that there is something to be kept from.
fn naive(tally: &Tally) -> Verdict {
    Verdict {
        claimed: format!("it {}, naive retry: over {FAR} times the normal load", tally.death.name()),
        found: format!(
            "{:.2} in the outage, {:.2} after it; well {}",
            tally.outage_peak,
            tally.recovery_peak,
            well_after(tally)
        ),
        met: tally.peak() >= FAR,
    }
}

pub fn well_after(tally: &Tally) -> String {
    tally.well_after_s.map_or_else(|| "never".to_owned(), |seconds| format!("after {seconds} s"))
}
