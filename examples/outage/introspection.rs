//! The client of the identity service, used by both gateways: one question, and what can come of it.

use std::net::SocketAddr;

use axum::http::StatusCode;
use serde::Deserialize;

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The service is well, and says that nobody owns this token.
    #[error("nobody owns this token")]
    Unknown,
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

    /// Asks once who owns a token, and waits for as long as it takes: how long that may be is for the caller to say.
    pub async fn introspect(&self, token: &str) -> Result<String, AskError> {
        let response = self.http.post(&self.url).form(&[("token", token)]).send().await?;
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND) {
            return Err(AskError::Unknown);
        }
        match response.error_for_status()?.json().await? {
            Told { active: true, sub: Some(user) } => Ok(user),
            Told { .. } => Err(AskError::Unknown),
        }
    }
}
