//! The gateway: a quota for each tenant in front of a handler. This file is all there is to it, and it is meant to be
//! copied.
//!
//! Here a tenant is whoever a header says, and anybody can make up names, which is what the flood does. A gateway that
//! knows its tenants asks the limiter once it knows who is there.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use fusebox::InvalidPolicy;
use fusebox::limiter::{Counters, Decision, KeyedRateLimiter, OneTier, Quota};
use fusebox::time::{Clock, StdClock};

pub const TENANT: &str = "x-tenant";
pub const REMAINING: &str = "ratelimit-remaining";
const LIMIT: &str = "ratelimit-limit";
const RESET: &str = "ratelimit-reset";
/// The instant of the decision, by the gateway's clock. It is here so that the clients can hold the gateway to its
/// quota to the nanosecond; no other gateway needs it, and `check` reads the clock by itself.
pub const DECIDED_AT: &str = "x-decided-at";

/// A name is hashed, not kept: a `&str` straight out of the header will do.
pub type PerTenant = KeyedRateLimiter<str, OneTier, StdClock, (), Counters>;

pub fn per_tenant(quota: Quota, capacity: usize) -> Result<PerTenant, InvalidPolicy> {
    let limiter = KeyedRateLimiter::new(quota, capacity)?.counted();
    // The first reading of the clock takes a while, which is better spent now than in a request.
    limiter.warm_up();
    Ok(limiter)
}

#[derive(Clone)]
struct Limits {
    per_tenant: Arc<PerTenant>,
    burst: u32,
}

async fn limited(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let name = request.headers().get(TENANT).and_then(|name| name.to_str().ok());
    let Some(tenant) = name.filter(|name| !name.is_empty()) else {
        return (StatusCode::BAD_REQUEST, format!("{TENANT}: who is asking?\n")).into_response();
    };
    let now = limits.per_tenant.clock().now();
    let (mut response, remaining, reset) = match limits.per_tenant.check_at(tenant, now) {
        Decision::Allowed(allowed) => {
            let full_in = allowed.full_in().unwrap_or_default();
            (next.run(request).await, allowed.remaining(), full_in)
        }
        Decision::Denied(denied) => {
            let full_in = limits.per_tenant.peek_at(tenant, now).full_in();
            (too_many(denied.retry_after()), 0, full_in)
        }
        // One cell always fits; whoever asks for several at once with `check_n` comes here.
        Decision::NeverFits(never) => {
            return (StatusCode::PAYLOAD_TOO_LARGE, format!("{never}\n")).into_response();
        }
    };
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(limits.burst));
    headers.insert(REMAINING, HeaderValue::from(remaining));
    headers.insert(RESET, HeaderValue::from(whole_seconds(reset)));
    headers.insert(DECIDED_AT, HeaderValue::from(now.as_nanos()));
    response
}

fn too_many(retry_after: Duration) -> Response {
    let wait = (RETRY_AFTER, HeaderValue::from(whole_seconds(retry_after)));
    (StatusCode::TOO_MANY_REQUESTS, [wait], "too many requests\n").into_response()
}

/// Rounded up: whoever came back after a wait rounded down would only be denied again. What is denied waits for a
/// nanosecond at least, so it is never told 0.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

async fn hello() -> &'static str {
    "hello\n"
}

pub fn routes(per_tenant: Arc<PerTenant>, quota: Quota) -> Router {
    let limits = Limits { per_tenant, burst: quota.burst() };
    Router::new()
        .route("/hello", get(hello))
        .layer(from_fn_with_state(limits, limited))
        // Below the layer, so it costs nobody a cell.
        .route("/ready", get(|| async { "ready\n" }))
}
