//! The tenants: one that keeps to its quota, one that does not, and a flood of names that nobody ever heard of.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::Context;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use fusebox::time::{Clock, StdClock};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use crate::gateway::{DECIDED_AT, REMAINING, TENANT};
use crate::plan::Plan;
use crate::tally::{Answer, Decided, Sample, Tenant, Told};

/// How long a client waits before it goes away: longer than a gateway without a dependency ever takes.
const PATIENCE: Duration = Duration::from_secs(3);

pub struct Tenants {
    pub gateway: SocketAddr,
    pub plan: Plan,
    pub told: Sender<Told>,
}

/// One tenant's client, with connections of its own.
#[derive(Clone)]
struct Caller {
    tenant: Tenant,
    http: reqwest::Client,
    url: String,
    began: Instant,
    /// The same instant by the gateway's clock.
    clock_began: fusebox::time::Instant,
    told: Sender<Told>,
}

impl Tenants {
    /// Sends until the end, then waits for those requests still on their way.
    pub async fn run(self) {
        if let Err(error) = self.play().await {
            // Nobody listens any more when the run was ended by hand.
            let _ = self.told.send(Told::Unable(error));
        }
    }

    async fn play(&self) -> anyhow::Result<()> {
        let ready = client()?.get(format!("http://{}/ready", self.gateway)).send().await;
        ready.and_then(reqwest::Response::error_for_status).context("the gateway does not answer")?;

        let (began, clock_began) = (Instant::now(), StdClock.now());
        let ends = began + self.plan.length;
        let caller = |tenant| {
            let url = format!("http://{}/hello", self.gateway);
            let told = self.told.clone();
            anyhow::Ok(Caller { tenant, http: client()?, url, began, clock_began, told })
        };
        let (steady, greedy) = (caller(Tenant::Steady)?, caller(Tenant::Greedy)?);
        let flood = caller(Tenant::MadeUp)?;
        self.told.send(Told::Began)?;

        let flood_begins = began + self.plan.flood_begins();
        let ((), greedy, flood) = tokio::join!(
            steady.keep_to(self.plan.steady_rate(), ends),
            greedy.pour(self.plan.greedy_rate(), began, ends, |_| "greedy".to_owned()),
            flood.pour(self.plan.flood, flood_begins, ends, |number| format!("made-up-{number}")),
        );
        sleep_until(ends).await;
        self.told.send(Told::Ended { at: began.elapsed() })?;
        greedy.join_all().await;
        flood.join_all().await;
        Ok(())
    }
}

impl Caller {
    /// One request after the other, and none made up for: what is well-behaved on a busy machine as well.
    async fn keep_to(self, rate: u32, ends: Instant) {
        let every = Duration::from_secs(1) / rate;
        let mut pace = interval_at(self.began, every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let due = pace.tick().await;
            if due >= ends {
                return;
            }
            self.depart();
            self.clone().send("steady".to_owned(), due).await;
        }
    }

    /// So many requests a second whatever comes of them; those still under way are given back.
    async fn pour(
        self,
        rate: u32,
        begins: Instant,
        ends: Instant,
        name: impl Fn(u32) -> String,
    ) -> JoinSet<()> {
        let mut under_way = JoinSet::new();
        if rate == 0 {
            return under_way;
        }
        for number in 0.. {
            // If we are late we make up for it: the rate is the world's, not ours.
            let due = begins + Duration::from_secs(1) * number / rate;
            if due >= ends {
                break;
            }
            sleep_until(due).await;
            self.depart();
            under_way.spawn(self.clone().send(name(number), due));
            while under_way.try_join_next().is_some() {}
        }
        under_way
    }

    fn depart(&self) {
        let _ = self.told.send(Told::Sent(self.tenant));
    }

    async fn send(self, name: String, due: Instant) {
        let late = due.elapsed();
        let answer = self.ask(&name).await.unwrap_or(Answer::Failed);
        let _ =
            self.told.send(Told::Done(Sample { tenant: self.tenant, late, latency: due.elapsed(), answer }));
    }

    /// `None` of an answer that cannot be made sense of.
    async fn ask(&self, name: &str) -> Option<Answer> {
        let response = self.http.get(&self.url).header(TENANT, name).send().await.ok()?;
        let number = |header| response.headers().get(header)?.to_str().ok()?.parse::<u64>().ok();
        let at = fusebox::time::Instant::from_nanos(number(DECIDED_AT)?).saturating_since(self.clock_began);
        let decided = Decided { at, remaining: number(REMAINING)? };
        let retry_after = number(RETRY_AFTER.as_str());
        let answer = match response.status() {
            StatusCode::OK => Answer::Admitted(decided),
            StatusCode::TOO_MANY_REQUESTS => Answer::Denied { decided, retry_after },
            _ => return None,
        };
        // Read to its end, so that the connection can serve the next request.
        response.bytes().await.ok()?;
        Some(answer)
    }
}

fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()
}
