//! The rows: every operation that is measured, with all who have it.

mod breaker;
mod guard;
mod limiter;
mod pressure;
mod retry;

use crate::{
    contest::{Contestant, Unfit},
    floors,
    keyed::{Asked, MILLION},
    limiting::Case::{Admit, Deny},
    ours::breaker as ours,
    shedding,
};

/// The row whose figures are bytes and not nanoseconds.
pub const BYTES: &str = "keyed/bytes";

/// One operation, under the name that the figures of every run share.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// `primitive/operation`, or `floor/…`.
    pub name: &'static str,
    lineup: fn() -> Result<Lineup, Unfit>,
}

/// Who is measured, interleaved, in one operation.
pub struct Lineup {
    /// fusebox, or the floor.
    pub ours: Contestant,
    /// Everybody who has the operation.
    pub peers: Vec<Contestant>,
    /// A bare load, where a figure is told in loads.
    pub load: Option<Contestant>,
}

impl Lineup {
    /// Whether they are weighed, once, instead of timed.
    #[must_use]
    pub fn weighed(&self) -> bool {
        self.ours.weigh.is_some()
    }
}

impl Operation {
    /// Makes the contestants and puts each on trial.
    pub fn lineup(&self) -> Result<Lineup, Unfit> {
        (self.lineup)()
    }
}

/// All operations, in the order they are measured.
pub const ALL: [Operation; 30] = [
    Operation { name: "floor/load", lineup: || Ok(alone(floors::load())) },
    Operation { name: "floor/cas", lineup: || Ok(alone(floors::cas())) },
    Operation { name: "floor/tsc", lineup: || Ok(alone(floors::tsc())) },
    Operation { name: "floor/instant", lineup: || Ok(alone(floors::instant())) },
    Operation { name: "breaker/closed/success/consecutive", lineup: breaker::success_consecutive },
    Operation { name: "breaker/closed/success/window", lineup: breaker::success_window },
    Operation { name: "breaker/closed/success/time_window", lineup: breaker::success_time_window },
    Operation { name: "breaker/closed/failure/consecutive", lineup: breaker::failure_consecutive },
    Operation { name: "breaker/open/reject", lineup: || breaker::rejecting(ours::reject()) },
    Operation { name: "breaker/open/reject/coarse", lineup: || breaker::rejecting(ours::reject_coarse()) },
    Operation {
        name: "breaker/open/reject/coarse/counting",
        lineup: || breaker::rejecting(ours::reject_coarse_counting()),
    },
    Operation { name: "limiter/strict/admit", lineup: || limiter::strict(Admit) },
    Operation { name: "limiter/strict/deny", lineup: || limiter::strict(Deny) },
    Operation { name: "limiter/coarse/admit", lineup: || limiter::coarse(Admit) },
    Operation { name: "limiter/coarse/deny", lineup: || limiter::coarse(Deny) },
    Operation { name: "limiter/leased/admit", lineup: || limiter::leased(Admit) },
    Operation { name: "limiter/leased/deny", lineup: || limiter::leased(Deny) },
    Operation { name: "keyed/1k", lineup: || limiter::keyed(Asked::Known(1_000)) },
    Operation { name: "keyed/100k", lineup: || limiter::keyed(Asked::Known(100_000)) },
    Operation { name: "keyed/1m", lineup: || limiter::keyed(Asked::Known(MILLION)) },
    Operation { name: "keyed/zipf", lineup: || limiter::keyed(Asked::Favourites) },
    Operation { name: "keyed/flood", lineup: || limiter::keyed(Asked::New) },
    Operation { name: BYTES, lineup: || limiter::keyed(Asked::Weighed) },
    Operation { name: "pressure/admit_release", lineup: || pressure::fixed(shedding::Case::Admit) },
    Operation { name: "pressure/shed", lineup: || pressure::fixed(shedding::Case::Shed) },
    Operation { name: "pressure/adaptive/admit_release", lineup: pressure::adaptive },
    Operation { name: "retry/success", lineup: retry::success },
    Operation { name: "budget/withdraw", lineup: retry::budget },
    Operation { name: "timeout/adaptive/record", lineup: guard::adaptive_record },
    Operation { name: "guard/success", lineup: guard::success },
];

/// The operations whose names begin with `prefix`; an error when there is none.
pub fn chosen(prefix: &str) -> Result<Vec<Operation>, String> {
    let chosen: Vec<_> = ALL.into_iter().filter(|operation| operation.name.starts_with(prefix)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = ALL.iter().map(|operation| format!("  {}", operation.name)).collect();
        return Err(format!("no operation begins with `{prefix}`; there are:\n{}", names.join("\n")));
    }
    Ok(chosen)
}

fn alone(floor: Contestant) -> Lineup {
    Lineup { ours: floor, peers: Vec::new(), load: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_chooses_and_a_wrong_one_lists_what_there_is() {
        assert_eq!(chosen("floor/").unwrap().len(), 4);
        assert_eq!(chosen("").unwrap().len(), ALL.len());
        assert!(chosen("bulkhead/").unwrap_err().contains("breaker/open/reject/coarse"));
    }
}
