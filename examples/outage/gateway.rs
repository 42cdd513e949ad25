//! The gateway that fusebox keeps safe: this file is all there is to it, and it is meant to be copied.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use fusebox::breaker::{CircuitBreaker, Counters, FailureKind, Policy as Breaking, Verdict};
use fusebox::fallback::{Freshness, LastGood};
use fusebox::guard::{Counts, Error, Guard};
use fusebox::retry::{Allowed, Budget, Policy};
use fusebox::time::StdClock;

use crate::introspection::{AskError, IdentityClient};
use crate::journal::Journal;
use crate::reply::{Bearer, Reply};

type Breaker = CircuitBreaker<Breaking, StdClock, Journal, Counters>;

/// One breaker and one budget for the one service, shared by every request. A breaker made per request would see one call.
/// Half a second of open suits a run of half a minute; a real gateway may well wait longer.
pub static BREAKER: LazyLock<Arc<Breaker>> = LazyLock::new(|| {
    let policy = Breaking::consecutive_failures(5).open_duration(Duration::from_millis(500)).constant();
    Arc::new(CircuitBreaker::with_parts(policy, StdClock, Journal::new(), Counters::new()))
});
static BUDGET: Budget = Budget::new(Allowed::ratio(0.1).min_per_second(1).constant());

/// The routes, and what tells of the calls behind them.
pub fn routes(identity_service: SocketAddr) -> anyhow::Result<(Router, impl Fn() -> Counts)> {
    // The first reading of the clock takes a while, which is better spent now than in a request.
    BREAKER.warm_up();
    let identity = IdentityClient::new(identity_service)?;

    let guard = Guard::builder("identity")
        .deadline(Duration::from_millis(250)) // the longest a request waits, with all that follows
        .retry(Policy::attempts(2).initial_delay(Duration::from_millis(10)).constant())
        .budget(&BUDGET)
        .when(|error| !matches!(error, AskError::Unknown)) // an answer: not asked again, and nothing stands in
        .breaker(Arc::clone(&BREAKER))
        .judge(verdict)
        .limit(Duration::from_millis(100)) // of one attempt, which usually takes a few
        .sleep(tokio::time::sleep)
        .counted()
        .build()?;
    // Bounded, so that no flood of tokens fills the memory. A token revoked during an outage works for ten minutes at most.
    let owners = LastGood::new(Freshness::of(10_000).stale(Duration::from_secs(600)).build()?);

    let gateway = Arc::new((guard, owners, identity));
    let counted = Arc::clone(&gateway);
    let hello = move |Bearer(token): Bearer| {
        let gateway = Arc::clone(&gateway);
        async move {
            let (guard, owners, identity) = &*gateway;
            match guard.backed_by(owners).call(token.as_str(), || identity.introspect(&token)).await {
                Ok(served) => Reply::Served(served),
                Err(Error::Inner(AskError::Unknown)) => {
                    owners.forget(token.as_str());
                    Reply::Denied
                }
                Err(error) => Reply::Unanswered(Some(error.why())),
            }
        }
    };
    Ok((Router::new().route("/hello", get(hello)), move || counted.0.counts()))
}

/// An unknown token is a fault of the caller: the service that says so is well.
fn verdict(asked: &Result<String, AskError>) -> Verdict {
    match asked {
        Ok(_) | Err(AskError::Unknown) => Verdict::Success,
        Err(AskError::Http(_)) => Verdict::Failure(FailureKind::Error),
    }
}
