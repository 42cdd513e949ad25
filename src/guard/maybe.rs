//! Layers that may be missing, for guards whose layers are known only at run time.

use core::time::Duration;

use crate::breaker::{Rejected, State, Verdict};
use crate::guard::layers::{BreakerLayer, LimitLayer, LimiterLayer, ShedderLayer};
use crate::limiter;
use crate::pressure::{self, Outcome, Priority};
use crate::time::Instant;

impl<L: BreakerLayer> BreakerLayer for Option<L> {
    type Pass = L::Pass;

    #[inline]
    fn enter(&self, place: &mut Option<L::Pass>) -> Result<(), Rejected> {
        self.as_ref().map_or(Ok(()), |layer| layer.enter(place))
    }

    #[inline]
    fn leave(&self, place: &mut Option<L::Pass>, verdict: Option<Verdict>) {
        if let Some(layer) = self {
            layer.leave(place, verdict);
        }
    }

    fn state(&self) -> Option<State> {
        self.as_ref().and_then(L::state)
    }
}

impl<L: ShedderLayer> ShedderLayer for Option<L> {
    type Pass = Option<L::Pass>;

    #[inline]
    fn enter(&self, priority: Priority) -> Result<Option<L::Pass>, pressure::Refused> {
        self.as_ref().map(|layer| layer.enter(priority)).transpose()
    }

    #[inline]
    fn leave(&self, pass: Option<L::Pass>, outcome: Outcome) {
        if let Some((layer, pass)) = self.as_ref().zip(pass) {
            layer.leave(pass, outcome);
        }
    }

    fn look(&self) -> Option<pressure::Look> {
        self.as_ref().and_then(L::look)
    }

    fn limit(&self, priority: Priority) -> u32 {
        self.as_ref().map_or(u32::MAX, |layer| layer.limit(priority))
    }
}

impl<L: LimiterLayer> LimiterLayer for Option<L> {
    #[inline]
    fn check(&self) -> Result<(), limiter::Refused> {
        self.as_ref().map_or(Ok(()), L::check)
    }
}

impl<L: LimitLayer> LimitLayer for Option<L> {
    const LEARNS: bool = L::LEARNS;

    #[inline]
    fn limit(&self) -> Option<Duration> {
        self.as_ref().and_then(L::limit)
    }

    fn succeeded(&self, took: Duration, now: Instant) {
        if let Some(layer) = self {
            layer.succeeded(took, now);
        }
    }

    fn timed_out(&self, limit: Duration, now: Instant) {
        if let Some(layer) = self {
            layer.timed_out(limit, now);
        }
    }

    fn is_at_its_ceiling(&self) -> bool {
        self.as_ref().is_some_and(L::is_at_its_ceiling)
    }
}
