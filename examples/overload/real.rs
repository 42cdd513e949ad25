//! The same against a real HTTP service on this machine, with and without fusebox: clients who come at their own pace,
//! whatever becomes of others, and are as impatient as in the simulation. Latencies count from the instant at which a try was
//! due, so a late client hides nothing.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::http::StatusCode;
use comfy_table::Table;
use fusebox::pressure::Priority;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::arrivals::{Arrival, Arrivals, Process};
use crate::latency::{latencies, milliseconds, quantile_ms, record};
use crate::report::{aligned, table};
use crate::service::{PRIORITY, Service, WORK, rounds};
use crate::world::{PATIENCE, TRIES, pause};

const LOADS: [f64; 5] = [0.5, 1.0, 1.5, 2.0, 3.0];
const FEW_LOADS: [f64; 2] = [0.5, 3.0];
/// Every run begins with ordinary load, which does not count.
const ORDINARY: f64 = 0.5;
const SETTLING: Duration = Duration::from_secs(2);
const COUNTED: Duration = Duration::from_secs(4);
/// To find the capacity: so many ask without a pause.
const AT_ONCE: usize = 4;
const FINDING: Duration = Duration::from_secs(2);
/// Requests under way hold two sockets of this process, and clients who gave up leave some behind for a while.
const SOCKETS: u64 = 4000;

#[derive(Debug, Serialize)]
pub struct Measured {
    cores: usize,
    seconds: f64,
    rows: Vec<Row>,
}

#[derive(Debug, Default, Serialize)]
struct Row {
    load: f64,
    /// Answers a second, to clients who ask one request after the other, just before.
    capacity_per_second: f64,
    fusebox: bool,
    sent: u64,
    /// In time.
    served: u64,
    /// The last try was answered with 503.
    shed: u64,
    /// The last try was not answered in time, or not at all.
    late: u64,
    tries: u64,
    critical_sent: u64,
    critical_served: u64,
    /// As a share of the capacity.
    goodput: f64,
    /// Of answers in time.
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    limit: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Served,
    Shed,
    Late,
}

/// One request that counts, and what became of it.
struct Ended {
    priority: Priority,
    end: End,
    tries: u8,
    /// The last try.
    took: Duration,
}

#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    url: String,
}

pub fn run(seed: u64, quick: bool) -> anyhow::Result<Measured> {
    // Where there is no such limit there is nothing to raise.
    let _ = rlimit::increase_nofile_limit(SOCKETS);
    let crowd = Builder::new_current_thread().enable_all().build().context("starting the clients")?;
    let rounds = rounds();
    let loads: &[f64] = if quick { &FEW_LOADS } else { &LOADS };
    let mut rows = Vec::new();
    for load in loads {
        // Anew each time: others may use the machine as well.
        let capacity = crowd.block_on(find_capacity(&Service::start(rounds, false)?))?;
        for fusebox in [false, true] {
            rows.push(measure(&crowd, rounds, capacity, *load, fusebox, seed)?);
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Measured { cores, seconds: COUNTED.as_secs_f64(), rows })
}

async fn find_capacity(service: &Service) -> anyhow::Result<f64> {
    let client = Client::new(service.address)?;
    let ends = Instant::now() + FINDING;
    let mut asking = JoinSet::new();
    for _ in 0..AT_ONCE {
        let client = client.clone();
        asking.spawn(async move {
            let mut answers = 0u32;
            while Instant::now() < ends {
                answers += u32::from(client.ask(Priority::Normal).await == Some(StatusCode::OK));
            }
            answers
        });
    }
    let answers: u32 = asking.join_all().await.into_iter().sum();
    anyhow::ensure!(answers > 0, "the service does not answer");
    Ok(f64::from(answers) / FINDING.as_secs_f64())
}

fn measure(
    crowd: &Runtime,
    rounds: u64,
    capacity: f64,
    load: f64,
    fusebox: bool,
    seed: u64,
) -> anyhow::Result<Row> {
    let service = Service::start(rounds, fusebox)?;
    let client = Client::new(service.address)?;
    let ended = crowd.block_on(async {
        let ordinary = Arrivals::new(Process::Poisson, ORDINARY * capacity, seed)?;
        client.pour(ordinary, SETTLING).await;
        anyhow::Ok(client.pour(Arrivals::new(Process::Poisson, load * capacity, seed)?, COUNTED).await)
    })?;
    let mut row = Row {
        load,
        capacity_per_second: capacity.round(),
        fusebox,
        limit: service.limit(),
        ..Row::default()
    };
    let mut latency = latencies();
    for ended in &ended {
        row.count(ended, &mut latency);
    }
    let goodput = row.served as f64 / COUNTED.as_secs_f64() / capacity;
    row.goodput = (goodput * 1e4).round() / 1e4;
    (row.p50_ms, row.p99_ms) = (quantile_ms(&latency, 0.5), quantile_ms(&latency, 0.99));
    Ok(row)
}

impl Client {
    fn new(service: SocketAddr) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, url: format!("http://{service}/work") })
    }

    /// Sends whoever arrives in this time, whatever becomes of those before.
    async fn pour(&self, arrivals: Arrivals, length: Duration) -> Vec<Ended> {
        let began = Instant::now();
        let mut under_way = JoinSet::new();
        let mut ended = Vec::new();
        for Arrival { at, priority, .. } in arrivals {
            let at = Duration::from_nanos(at);
            if at >= length {
                break;
            }
            // If we are late we make up for it: the rate is the world's, not ours.
            sleep_until(began + at).await;
            under_way.spawn(self.clone().send(priority, began + at));
            while let Some(Ok(one)) = under_way.try_join_next() {
                ended.push(one);
            }
        }
        ended.extend(under_way.join_all().await);
        ended
    }

    /// Asks, and asks again after a pause, until it is served or has had enough.
    async fn send(self, priority: Priority, mut due: Instant) -> Ended {
        let mut tries = 1;
        loop {
            let end = match timeout_at(due + PATIENCE, self.ask(priority)).await {
                Ok(Some(StatusCode::OK)) => End::Served,
                Ok(Some(StatusCode::SERVICE_UNAVAILABLE)) => End::Shed,
                Ok(_) | Err(_) => End::Late,
            };
            if end == End::Served || tries == TRIES {
                return Ended { priority, end, tries, took: due.elapsed() };
            }
            due = Instant::now() + pause(tries).mul_f64(0.5 + fastrand::f64());
            sleep_until(due).await;
            tries += 1;
        }
    }

    /// `None` where there is no answer.
    async fn ask(&self, priority: Priority) -> Option<StatusCode> {
        let response = self.http.get(&self.url).header(PRIORITY, priority.name()).send().await.ok()?;
        let status = response.status();
        // Read to its end, so that the connection can serve the next request.
        response.bytes().await.ok()?;
        Some(status)
    }
}

impl Row {
    fn count(&mut self, ended: &Ended, latency: &mut Histogram<u64>) {
        let critical = u64::from(ended.priority == Priority::Critical);
        self.sent += 1;
        self.critical_sent += critical;
        self.tries += u64::from(ended.tries);
        match ended.end {
            End::Served => {
                self.served += 1;
                self.critical_served += critical;
                record(latency, ended.took);
            }
            End::Shed => self.shed += 1,
            End::Late => self.late += 1,
        }
    }
}

impl Measured {
    pub fn introduce(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "A real HTTP service on this machine: {} ms of hashing each, one worker.\n\
             Clients wait {} ms and ask {TRIES} times; {} s for each line.\n",
            WORK.as_millis(),
            PATIENCE.as_millis(),
            self.seconds
        )
    }

    pub fn table(&self) -> Table {
        let head = [
            "load", "", "sent", "tries", "served", "shed", "late", "goodput", "critical", "p50", "p99",
            "limit",
        ];
        let mut table = table(head.map(str::to_owned));
        for row in &self.rows {
            let critical = row.critical_served as f64 / row.critical_sent.max(1) as f64;
            table.add_row([
                format!("{}x of {:.0}/s", row.load, row.capacity_per_second),
                if row.fusebox { "fusebox" } else { "no control" }.to_owned(),
                row.sent.to_string(),
                format!("{:.2}", row.tries as f64 / row.sent.max(1) as f64),
                row.served.to_string(),
                row.shed.to_string(),
                row.late.to_string(),
                format!("{:.1}", row.goodput * 100.0),
                format!("{:.1}", critical * 100.0),
                milliseconds(row.p50_ms),
                milliseconds(row.p99_ms),
                row.limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string()),
            ]);
        }
        aligned(table)
    }

    pub fn conclude(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "\nGoodput in % of the capacity, critical served in %, latencies of answers in time in ms.\n\
             The worker shares {} cores with the HTTP server and with all clients, who take the more of them\n\
             the more they send: that is missing from the goodput under overload.",
            self.cores
        )
    }
}
