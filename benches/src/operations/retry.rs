//! Who takes part in the rows of retries.

use super::Lineup;
use crate::{
    contest::Unfit,
    ours::retry as ours,
    peers::{backon, execution_policy, tower},
};

/// The first call succeeds.
pub(super) fn success() -> Result<Lineup, Unfit> {
    let peers = vec![ours::bare(), backon::success()?, tower::success()?, execution_policy::retry_success()?];
    Ok(Lineup { ours: ours::success()?, peers, load: None })
}

/// A deposit, and a retry that is granted.
pub(super) fn budget() -> Result<Lineup, Unfit> {
    Ok(Lineup { ours: ours::budget()?, peers: vec![tower::budget()?], load: None })
}
