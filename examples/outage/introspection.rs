//! The client of the identity service, used by both gateways: one question, and what can come of it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;

#[derive(Debug, Clone)]
pub enum Answer {
    Active { user: String },
    Unknown,
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

#[derive(Clone)]
pub struct IdentityClient {
    http: reqwest::Client,
    url: String,
}

#[derive(Deserialize)]
struct Told {
    active: bool,
    sub: Option<String>,
}

impl IdentityClient {
    pub fn new(service: SocketAddr) -> reqwest::Result<Self> {
        // The service is on loopback, whatever proxy the environment names.
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, url: format!("http://{service}/introspect") })
    }

    /// Asks once and waits for as long as it takes: how long that may be is for the caller to say.
    pub async fn introspect(&self, token: &str) -> Result<Answer, AskError> {
        let response = self.http.post(&self.url).form(&[("token", token)]).send().await?;
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND) {
            return Ok(Answer::Unknown);
        }
        let told: Told = response.error_for_status()?.json().await?;
        Ok(match told {
            Told { active: true, sub: Some(user) } => Answer::Active { user },
            _ => Answer::Unknown,
        })
    }

    pub async fn introspect_within(&self, limit: Duration, token: &str) -> Result<Answer, AskError> {
        match tokio::time::timeout(limit, self.introspect(token)).await {
            Ok(asked) => asked,
            Err(_) => Err(AskError::TimedOut(limit)),
        }
    }
}
