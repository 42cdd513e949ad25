//! What a gateway is asked and what it replies, over HTTP: the same for both gateways.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use fusebox::fallback::{Served, Why};
use serde_json::json;

/// The token of an `authorization: Bearer …` header.
pub struct Bearer(pub String);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        token.map(|token| Self(token.to_owned())).ok_or(StatusCode::UNAUTHORIZED)
    }
}

pub enum Reply {
    /// By the identity service, or by our memory of what it said.
    Served(Served<String>),
    Denied,
    /// Nobody could say who this is.
    Unanswered(Option<Why>),
}

/// Header: who answered, the identity service (`live`) or our memory of it (`cache`).
pub const SERVED_BY: &str = "x-served-by";
/// Header: why the identity service did not answer, as the name of a [`Reason`]; absent when it did.
pub const BECAUSE: &str = "x-because";

/// Why the identity service did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The breaker did not let the call through.
    Refused,
    TimedOut,
    Failed,
}

impl Reason {
    pub const ALL: [Self; 3] = [Self::Refused, Self::TimedOut, Self::Failed];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TimedOut => "timed-out",
            Self::Failed => "failed",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    const fn of(why: Why) -> Self {
        match why {
            Why::Refused(_) => Self::Refused,
            Why::TimedOut => Self::TimedOut,
            _ => Self::Failed,
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Served(served) => {
                let by = if served.is_live() { "live" } else { "cache" };
                let hello = Json(json!({ "hello": served.value }));
                because(([(SERVED_BY, by)], hello).into_response(), served.why)
            }
            Self::Denied => StatusCode::UNAUTHORIZED.into_response(),
            Self::Unanswered(why) => because(StatusCode::SERVICE_UNAVAILABLE.into_response(), why),
        }
    }
}

fn because(response: Response, why: Option<Why>) -> Response {
    match why {
        Some(why) => ([(BECAUSE, Reason::of(why).name())], response).into_response(),
        None => response,
    }
}
