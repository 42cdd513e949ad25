//! The clients of both gateways, and the clock of the script: requests go out at a fixed rate whatever comes of
//! them, each to both gateways at the same instant with the same token, while the service lives its phases.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::Context;
use axum::http::StatusCode;
use fusebox::time::{Clock, StdClock};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::identity::{self, Mode, TOKENS};
use crate::reply::{BECAUSE, Reason, SERVED_BY};
use crate::script::Script;
use crate::tally::{Both, Gateway, Outcome, Sample, Told};

/// How long a client waits before it goes away: longer than either gateway lets it.
const PATIENCE: Duration = Duration::from_secs(3);
/// One in so many requests is followed by one with a token that nobody ever gave out.
const UNKNOWN_EVERY: u32 = 50;
/// Coprime to `TOKENS`, so that every token comes up, and neighbours in time are strangers.
const STRIDE: u32 = 619;
const WARM_UP_AT_ONCE: u32 = 8;
const WARM_UP_PAUSE: Duration = Duration::from_millis(20);
const WARM_UP_LIMIT: Duration = Duration::from_secs(20);

pub struct Clients {
    pub gateways: Both<SocketAddr>,
    pub script: Script,
    pub rate: u32,
    pub mode: watch::Sender<Mode>,
    pub told: Sender<Told>,
}

#[derive(Clone)]
struct Caller {
    gateway: Gateway,
    http: reqwest::Client,
    url: String,
}

impl Clients {
    /// Plays the script to its end, then waits for those still on their way.
    pub async fn run(self) {
        if let Err(error) = self.play().await {
            // Nobody listens any more when the run was ended by hand.
            let _ = self.told.send(Told::Unable(error));
        }
    }

    async fn play(&self) -> anyhow::Result<()> {
        let callers = [self.caller(Gateway::Protected)?, self.caller(Gateway::Unprotected)?];
        for caller in &callers {
            warm_up(caller).await?;
        }

        let began = Instant::now();
        self.told.send(Told::Began { breaker_clock: StdClock.now() })?;
        let mut under_way = JoinSet::new();
        let mut number = 0;
        let mut ends = began;

        for (phase, told) in self.script.phases.iter().enumerate() {
            self.mode.send_replace(told.mode);
            self.told.send(Told::Phase { at: began.elapsed() })?;
            ends += told.length;
            loop {
                // If we are late we make up for it: the rate is the world's, not ours.
                let due = began + Duration::from_secs(1) * number / self.rate;
                if due >= ends {
                    break;
                }
                sleep_until(due).await;
                for token in tokens(number) {
                    for caller in &callers {
                        let request = Request { token: token.clone(), phase, began, due };
                        self.told.send(request.departure(caller.gateway))?;
                        under_way.spawn(request.send(caller.clone(), self.told.clone()));
                    }
                }
                number += 1;
                while under_way.try_join_next().is_some() {}
            }
            sleep_until(ends).await;
        }
        self.told.send(Told::ScriptEnded { at: began.elapsed() })?;
        under_way.join_all().await;
        Ok(())
    }

    fn caller(&self, gateway: Gateway) -> reqwest::Result<Caller> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Caller { gateway, http, url: format!("http://{}/hello", self.gateways.of(gateway)) })
    }
}

#[derive(Debug, Clone)]
struct Token {
    text: String,
    known: bool,
}

/// The tokens of one tick: a known one, and now and then one that was made up.
fn tokens(number: u32) -> impl Iterator<Item = Token> {
    let known = Token { text: identity::token(number % TOKENS * STRIDE % TOKENS), known: true };
    let unknown = Token { text: format!("forged-{number}"), known: false };
    [known].into_iter().chain((number % UNKNOWN_EVERY == 0).then_some(unknown))
}

struct Request {
    token: Token,
    phase: usize,
    began: Instant,
    due: Instant,
}

impl Request {
    fn departure(&self, gateway: Gateway) -> Told {
        Told::Sent { gateway, phase: self.phase, known_token: self.token.known }
    }

    async fn send(self, caller: Caller, told: Sender<Told>) {
        let late = self.due.elapsed();
        let (outcome, reason) = caller.ask(&self.token).await;
        let _ = told.send(Told::Done(Sample {
            gateway: caller.gateway,
            phase: self.phase,
            known_token: self.token.known,
            due: self.due - self.began,
            late,
            latency: self.due.elapsed(),
            outcome,
            reason,
        }));
    }
}

impl Caller {
    /// Asks until the service itself answers: on a busy machine it may not be up yet, or slow at first.
    async fn live_answer(&self, token: &Token) {
        while self.ask(token).await.0 != Outcome::Live {
            sleep(WARM_UP_PAUSE).await;
        }
    }

    async fn ask(&self, token: &Token) -> (Outcome, Option<Reason>) {
        let request = self.http.get(&self.url).bearer_auth(&token.text);
        let Ok(response) = request.send().await else { return (Outcome::Failed, None) };
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let reason = header(BECAUSE).and_then(Reason::named);
        let outcome = match (response.status(), header(SERVED_BY), token.known) {
            (StatusCode::OK, Some("live"), true) => Outcome::Live,
            (StatusCode::OK, Some("cache"), true) => Outcome::Cached,
            (StatusCode::UNAUTHORIZED, ..) => Outcome::Denied,
            // To let in a token that nobody gave out is no answer.
            _ => Outcome::Failed,
        };
        // Read to its end, so that the connection can serve the next request.
        match response.bytes().await {
            Ok(_) => (outcome, reason),
            Err(_) => (Outcome::Failed, reason),
        }
    }
}

/// Every known token once, so that each has a last good answer when the trouble begins.
async fn warm_up(caller: &Caller) -> anyhow::Result<()> {
    let mut workers = JoinSet::new();
    for first in 0..WARM_UP_AT_ONCE {
        let caller = caller.clone();
        workers.spawn(async move {
            for number in (first..TOKENS).step_by(WARM_UP_AT_ONCE as usize) {
                caller.live_answer(&Token { text: identity::token(number), known: true }).await;
            }
        });
    }
    timeout(WARM_UP_LIMIT, workers.join_all()).await.context("the gateways could not be warmed up")?;
    Ok(())
}
