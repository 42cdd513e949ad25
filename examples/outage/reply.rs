//! What a gateway is asked and what it replies, over HTTP: the same for both gateways.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use fusebox::breaker::State;
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
    Live {
        user: String,
    },
    Cached {
        user: String,
        breaker: Option<State>,
    },
    Denied,
    /// Nobody could say who this is.
    Unanswered {
        breaker: Option<State>,
    },
}

/// Header: who answered, the identity service (`live`) or our memory of it (`cache`).
pub const SERVED_BY: &str = "x-served-by";
/// Header: the state of the breaker that refused the call; absent when none did.
pub const REFUSED_BY: &str = "x-breaker";

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Live { user } => ([(SERVED_BY, "live")], hello(&user)).into_response(),
            Self::Cached { user, breaker } => {
                with_breaker(([(SERVED_BY, "cache")], hello(&user)).into_response(), breaker)
            }
            Self::Denied => StatusCode::UNAUTHORIZED.into_response(),
            Self::Unanswered { breaker } => {
                with_breaker(StatusCode::SERVICE_UNAVAILABLE.into_response(), breaker)
            }
        }
    }
}

fn hello(user: &str) -> Json<serde_json::Value> {
    Json(json!({ "hello": user }))
}

fn with_breaker(response: Response, breaker: Option<State>) -> Response {
    match breaker {
        Some(state) => ([(REFUSED_BY, state.to_string())], response).into_response(),
        None => response,
    }
}
