//! Who takes part in the breakers' rows.

use super::Lineup;
use crate::{
    contest::{Contestant, Unfit},
    floors,
    ours::breaker as ours,
    peers::{circuitbreaker_rs, execution_policy, failsafe, recloser, tower_resilience},
};

pub(super) fn success_consecutive() -> Result<Lineup, Unfit> {
    let peers = vec![
        recloser::success_consecutive()?,
        failsafe::success_consecutive()?,
        tower_resilience::success_consecutive()?,
        circuitbreaker_rs::success_consecutive()?,
        execution_policy::success_consecutive()?,
    ];
    Ok(Lineup { ours: ours::success_consecutive()?, peers, load: Some(floors::load()) })
}

pub(super) fn success_window() -> Result<Lineup, Unfit> {
    Ok(Lineup { ours: ours::success_window()?, peers: vec![recloser::success_window()?], load: None })
}

pub(super) fn success_time_window() -> Result<Lineup, Unfit> {
    let peers = vec![
        failsafe::success_time_window()?,
        tower_resilience::success_time_window()?,
        execution_policy::success_time_window()?,
    ];
    Ok(Lineup { ours: ours::success_time_window()?, peers, load: None })
}

pub(super) fn failure_consecutive() -> Result<Lineup, Unfit> {
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
pub(super) fn rejecting(ours: Result<Contestant, Unfit>) -> Result<Lineup, Unfit> {
    let peers = vec![
        recloser::reject()?,
        failsafe::reject()?,
        tower_resilience::reject()?,
        circuitbreaker_rs::reject()?,
        execution_policy::reject()?,
    ];
    Ok(Lineup { ours: ours?, peers, load: None })
}
