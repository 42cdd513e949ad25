//! The gateway that fusebox keeps safe: this file is all there is to it, and it is meant to be copied.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use fusebox::breaker::{CircuitBreaker, Counters, Error, FailureKind, Policy, Rejected, Verdict};
use fusebox::time::StdClock;
use moka::sync::Cache;

use crate::introspection::{Answer, AskError, IdentityClient};
use crate::journal::Journal;
use crate::reply::{Bearer, Reply};

/// The longest a request waits for the identity service, which usually takes a few milliseconds.
const LIMIT: Duration = Duration::from_millis(250);
/// The oldest answer that may stand in for a fresh one. A token revoked during an outage works for this long.
const STALE_LIMIT: Duration = Duration::from_secs(600);
/// Bounded, so that no flood of tokens fills the memory.
const REMEMBERED: u64 = 10_000;

/// Where the breaker tells its changes of state.
pub static JOURNAL: Journal = Journal::new();

/// One breaker for the one service, shared by every request. A breaker made per request would see one call.
/// Half a second of open suits a run of half a minute; a real gateway may well wait longer.
pub static BREAKER: CircuitBreaker<Policy, StdClock, &Journal, Counters> = CircuitBreaker::with_parts(
    Policy::consecutive_failures(5).open_duration(Duration::from_millis(500)).constant(),
    StdClock,
    &JOURNAL,
    Counters::new(),
);

struct Gateway {
    identity: IdentityClient,
    last_good: Cache<String, String>,
}

impl Gateway {
    async fn authenticate(&self, token: &str) -> Reply {
        // The limit is inside the breaker, which is so told of the call that was given up.
        let asking = self.identity.introspect_within(LIMIT, token);
        match BREAKER.call_async_with(verdict, asking).await {
            Ok(Answer::Active { user }) => {
                self.last_good.insert(token.to_owned(), user.clone());
                Reply::Live { user }
            }
            Ok(Answer::Unknown) => {
                self.last_good.invalidate(token);
                Reply::Denied
            }
            Err(error) => self.fall_back(token, &error),
        }
    }

    fn fall_back(&self, token: &str, error: &Error<AskError>) -> Reply {
        let breaker = error.rejected().map(Rejected::state);
        match self.last_good.get(token) {
            Some(user) => Reply::Cached { user, breaker },
            None => Reply::Unanswered { breaker },
        }
    }
}

fn verdict(asked: &Result<Answer, AskError>) -> Verdict {
    match asked {
        // An unknown token is a fault of the caller: the service that says so is well.
        Ok(Answer::Active { .. } | Answer::Unknown) => Verdict::Success,
        Err(AskError::TimedOut(_)) => Verdict::Failure(FailureKind::Timeout),
        Err(AskError::Http(_)) => Verdict::Failure(FailureKind::Error),
    }
}

async fn hello(State(gateway): State<Arc<Gateway>>, Bearer(token): Bearer) -> Reply {
    gateway.authenticate(&token).await
}

pub fn routes(identity_service: SocketAddr) -> reqwest::Result<Router> {
    // The first reading of the clock takes a while, which is better spent now than in a request.
    BREAKER.warm_up();
    let last_good = Cache::builder().max_capacity(REMEMBERED).time_to_live(STALE_LIMIT).build();
    let gateway = Gateway { identity: IdentityClient::new(identity_service)?, last_good };
    Ok(Router::new().route("/hello", get(hello)).with_state(Arc::new(gateway)))
}
