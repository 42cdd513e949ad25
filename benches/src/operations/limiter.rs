//! Who takes part in the limiters' rows.

use super::Lineup;
use crate::{
    contest::{Contestant, Unfit},
    keyed::Asked,
    limiting::Case,
    ours::limiter as ours,
    peers::{atomic_token_bucket, better_bucket, gcra, governor, rate_net, ratelimit, ratelock},
};

/// One quota, everybody on the clock that they have by default.
pub(super) fn strict(case: Case) -> Result<Lineup, Unfit> {
    beside_one_quota(ours::strict(case), case)
}

/// As `strict`: no peer has leases.
pub(super) fn leased(case: Case) -> Result<Lineup, Unfit> {
    beside_one_quota(ours::leased(case), case)
}

fn beside_one_quota(ours: Result<Contestant, Unfit>, case: Case) -> Result<Lineup, Unfit> {
    let mut peers = vec![
        governor::strict(case)?,
        ratelimit::strict(case)?,
        rate_net::strict(case)?,
        better_bucket::strict(case)?,
        atomic_token_bucket::strict(case)?,
    ];
    if case == Case::Admit {
        peers.push(ratelock::strict()?);
    }
    Ok(Lineup { ours: ours?, peers, load: None })
}

/// One quota, everybody on a coarse clock.
pub(super) fn coarse(case: Case) -> Result<Lineup, Unfit> {
    let mut peers = vec![
        governor::coarse(case)?,
        ratelimit::coarse(case)?,
        rate_net::coarse(case)?,
        better_bucket::coarse(case)?,
    ];
    if case == Case::Admit {
        peers.push(ratelock::coarse()?);
    }
    Ok(Lineup { ours: ours::coarse(case)?, peers, load: None })
}

/// A quota a key.
pub(super) fn keyed(asked: Asked) -> Result<Lineup, Unfit> {
    let peers = vec![
        governor::keyed(asked)?,
        rate_net::keyed(asked)?,
        atomic_token_bucket::keyed(asked)?,
        gcra::keyed(asked)?,
    ];
    Ok(Lineup { ours: ours::keyed(asked)?, peers, load: None })
}
