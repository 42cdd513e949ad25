//! Who takes part in the load shedders' rows.

use super::Lineup;
use crate::{
    contest::Unfit,
    ours::pressure as ours,
    peers::{congestion_limiter, throttle_net, tokio, tower_resilience_bulkhead},
    shedding::Case,
};

/// A fixed capacity.
pub(super) fn fixed(case: Case) -> Result<Lineup, Unfit> {
    let peers = vec![
        tokio::fixed(case)?,
        throttle_net::fixed(case)?,
        congestion_limiter::fixed(case)?,
        tower_resilience_bulkhead::fixed(case)?,
    ];
    Ok(Lineup { ours: ours::fixed(case)?, peers, load: None })
}

/// A capacity that finds itself.
pub(super) fn adaptive() -> Result<Lineup, Unfit> {
    let peers = vec![throttle_net::adaptive()?, congestion_limiter::adaptive()?];
    Ok(Lineup { ours: ours::adaptive()?, peers, load: None })
}
