//! The identity service: a real HTTP server on loopback that tells who a token belongs to, and that can be
//! slowed, made to fail, hung, killed and brought back while it is being asked.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::sync::watch;

pub const TOKENS: u32 = 1000;
const BACKLOG: u32 = 1024;

/// What the service does to whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Answering { latency: Duration, error_percent: u8 },
    Hanging,
    Dead,
}

pub struct Identity {
    pub address: SocketAddr,
    /// Ends by itself only when it cannot go on, which ends the run too.
    pub thread: JoinHandle<io::Result<()>>,
}

pub fn token(number: u32) -> String {
    format!("token-{number:04}")
}

/// Starts a service in a thread and a runtime of its own, so that it can die without taking anyone along.
pub fn start(mode: watch::Receiver<Mode>) -> io::Result<Identity> {
    let socket = hold(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = socket.local_addr()?;
    let (up, is_up) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("identity".to_owned())
        .spawn(move || live(socket, address, &mode, &up))?;
    // A thread that could not even begin is found to be over by whoever watches it.
    let _ = is_up.recv();
    Ok(Identity { address, thread })
}

/// A socket that is bound but does not listen: callers are refused, and nobody else is given the port
/// (it may lie in the range from which the system serves outgoing connections).
fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn live(
    mut socket: TcpSocket,
    address: SocketAddr,
    mode: &watch::Receiver<Mode>,
    up: &Sender<()>,
) -> io::Result<()> {
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let goes_on = runtime.block_on(one_life(socket, mode.clone(), up))?;
        // The listener and every connection go with the runtime, as with a process that is killed.
        drop(runtime);
        if !goes_on {
            return Ok(());
        }
        socket = hold(address)?;
    }
}

/// From birth to death; tells whether there will be another life.
async fn one_life(socket: TcpSocket, mut mode: watch::Receiver<Mode>, up: &Sender<()>) -> io::Result<bool> {
    if mode.wait_for(|mode| *mode != Mode::Dead).await.is_err() {
        return Ok(false);
    }
    let listener = socket.listen(BACKLOG)?;
    // Only the first life is waited for.
    let _ = up.send(());
    let routes = Router::new().route("/introspect", post(introspect)).with_state(mode.clone());
    tokio::select! {
        served = axum::serve(listener, routes) => served.map(|()| false),
        goes_on = killed(mode) => Ok(goes_on),
    }
}

async fn killed(mut mode: watch::Receiver<Mode>) -> bool {
    mode.wait_for(|mode| *mode == Mode::Dead).await.is_ok()
}

#[derive(Deserialize)]
struct Question {
    token: String,
}

/// Token introspection in the manner of RFC 7662: an unknown token is an answer, not an error.
async fn introspect(State(mode): State<watch::Receiver<Mode>>, Form(question): Form<Question>) -> Response {
    let now = *mode.borrow();
    match now {
        Mode::Answering { latency, error_percent } => {
            tokio::time::sleep(latency).await;
            if fastrand::u8(..100) < error_percent {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            match owner(&question.token) {
                Some(user) => Json(json!({ "active": true, "sub": user })).into_response(),
                None => Json(json!({ "active": false })).into_response(),
            }
        }
        Mode::Hanging | Mode::Dead => std::future::pending().await,
    }
}

fn owner(token: &str) -> Option<String> {
    let number: u32 = token.strip_prefix("token-")?.parse().ok()?;
    (number < TOKENS).then(|| format!("user-{number:04}"))
}
