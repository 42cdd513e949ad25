//! The rows: every operation that is measured, with all who have it.

use crate::{
    contest::{Contestant, Unfit},
    floors, ours,
    peers::{circuitbreaker_rs, execution_policy, failsafe, recloser, tower_resilience},
};

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

impl Operation {
    /// Makes the contestants and puts each on trial.
    pub fn lineup(&self) -> Result<Lineup, Unfit> {
        (self.lineup)()
    }
}

/// All operations, in the order they are measured.
pub const ALL: [Operation; 11] = [
    Operation { name: "floor/load", lineup: || Ok(alone(floors::load())) },
    Operation { name: "floor/cas", lineup: || Ok(alone(floors::cas())) },
    Operation { name: "floor/tsc", lineup: || Ok(alone(floors::tsc())) },
    Operation { name: "floor/instant", lineup: || Ok(alone(floors::instant())) },
    Operation { name: "breaker/closed/success/consecutive", lineup: success_consecutive },
    Operation { name: "breaker/closed/success/window", lineup: success_window },
    Operation { name: "breaker/closed/success/time_window", lineup: success_time_window },
    Operation { name: "breaker/closed/failure/consecutive", lineup: failure_consecutive },
    Operation { name: "breaker/open/reject", lineup: || rejecting(ours::reject()) },
    Operation { name: "breaker/open/reject/coarse", lineup: || rejecting(ours::reject_coarse()) },
    Operation {
        name: "breaker/open/reject/coarse/counting",
        lineup: || rejecting(ours::reject_coarse_counting()),
    },
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

fn success_consecutive() -> Result<Lineup, Unfit> {
    let peers = vec![
        recloser::success_consecutive()?,
        failsafe::success_consecutive()?,
        tower_resilience::success_consecutive()?,
        circuitbreaker_rs::success_consecutive()?,
        execution_policy::success_consecutive()?,
    ];
    Ok(Lineup { ours: ours::success_consecutive()?, peers, load: Some(floors::load()) })
}

fn success_window() -> Result<Lineup, Unfit> {
    Ok(Lineup { ours: ours::success_window()?, peers: vec![recloser::success_window()?], load: None })
}

fn success_time_window() -> Result<Lineup, Unfit> {
    let peers = vec![
        failsafe::success_time_window()?,
        tower_resilience::success_time_window()?,
        execution_policy::success_time_window()?,
    ];
    Ok(Lineup { ours: ours::success_time_window()?, peers, load: None })
}

fn failure_consecutive() -> Result<Lineup, Unfit> {
    let peers = vec![
        recloser::failure_consecutive()?,
        failsafe::failure_consecutive()?,
        tower_resilience::failure_consecutive()?,
        circuitbreaker_rs::failure_consecutive()?,
        execution_policy::failure_consecutive()?,
    ];
    Ok(Lineup { ours: ours::failure_consecutive()?, peers, load: None })
}

/// No peer has a coarse clock, so beside ours on a coarse clock they stand on their own.
fn rejecting(ours: Result<Contestant, Unfit>) -> Result<Lineup, Unfit> {
    let peers = vec![
        recloser::reject()?,
        failsafe::reject()?,
        tower_resilience::reject()?,
        circuitbreaker_rs::reject()?,
        execution_policy::reject()?,
    ];
    Ok(Lineup { ours: ours?, peers, load: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_chooses_and_a_wrong_one_lists_what_there_is() {
        assert_eq!(chosen("floor/").unwrap().len(), 4);
        assert_eq!(chosen("").unwrap().len(), ALL.len());
        assert!(chosen("limiter/").unwrap_err().contains("breaker/open/reject/coarse"));
    }
}
