//! Who takes part in the rows of whole calls, and of limits that follow them.

use super::Lineup;
use crate::{
    contest::Unfit,
    ours,
    peers::{execution_policy, tower_resilience_stack},
};

/// A timeout, a retry and a breaker around a call that is ready at once.
pub(super) fn success() -> Result<Lineup, Unfit> {
    let peers = vec![ours::retry::bare(), execution_policy::guarded()?, tower_resilience_stack::guarded()?];
    Ok(Lineup { ours: ours::guard::success()?, peers, load: None })
}

/// A latency for a limit that follows the calls; nobody else has one.
pub(super) fn adaptive_record() -> Result<Lineup, Unfit> {
    let peers = vec![ours::timeout::reading_and_swap()];
    Ok(Lineup { ours: ours::timeout::record()?, peers, load: None })
}
