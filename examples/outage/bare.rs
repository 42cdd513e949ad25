//! The same gateway without fusebox, as many are: a client timeout, and an error for whoever waited for it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use fusebox::fallback::Served;
use tokio::time::timeout;

use crate::introspection::{AskError, IdentityClient};
use crate::reply::{Bearer, Reply};

/// Kinder than most: HTTP clients are often left with 30 seconds, or with none at all.
const TIMEOUT: Duration = Duration::from_secs(2);

async fn hello(State(identity): State<IdentityClient>, Bearer(token): Bearer) -> Reply {
    match timeout(TIMEOUT, identity.introspect(&token)).await {
        Ok(Ok(user)) => Reply::Served(Served::live(user)),
        Ok(Err(AskError::Unknown)) => Reply::Denied,
        Ok(Err(AskError::Http(_))) | Err(_) => Reply::Unanswered(None),
    }
}

pub fn routes(identity_service: SocketAddr) -> reqwest::Result<Router> {
    Ok(Router::new().route("/hello", get(hello)).with_state(IdentityClient::new(identity_service)?))
}
