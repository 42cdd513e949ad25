//! Two tenants and a flood at one gateway, which gives every tenant a quota: one tenant keeps to it, the other wants
//! several times as much, and halfway through come hundreds of made-up tenants a second, each of a new name, into a
//! table that has places for a few. `cargo run --release --example limits -- --help` tells the options.

mod gateway;
#[path = "../outage/keys.rs"]
mod keys;
#[path = "../outage/latency.rs"]
mod latency;
#[path = "../outage/output.rs"]
mod output;
mod picture;
mod plan;
mod report;
mod screen;
mod tally;
mod tenants;

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::gateway::PerTenant;
use crate::output::Output;
use crate::plan::{CAPACITY, Plan};
use crate::report::{Kept, Report};
use crate::screen::{Screen, Table};
use crate::tally::{Tally, Told};
use crate::tenants::Tenants;

/// Every request under way holds two sockets of this process, and on a busy machine may be under way for seconds.
const SOCKETS_PER_RATE: u64 = 2 * 3;
const OTHER_FILES: u64 = 200;

/// A gateway gives each tenant its quota, and a flood of made-up tenants changes nothing
#[derive(Debug, Parser)]
#[command(name = "limits")]
struct Options {
    /// Length of the whole run; the flood comes halfway
    #[arg(long, value_name = "SECONDS", default_value = "12", value_parser = seconds)]
    seconds: f64,
    /// Requests a second in each tenant's quota; one tenant sends 4/5 of them, the other 4 times as many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(10..=200))]
    rate: u32,
    /// Made-up tenants a second [default: 16 times the rate]
    #[arg(long, value_name = "NAMES", value_parser = clap::value_parser!(u32).range(1..=5000))]
    flood: Option<u32>,
    /// Where to draw the picture of the run
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Where to write the figures
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds @ 1.0..=3600.0) => Ok(seconds),
        _ => Err("it must be a number of seconds from 1 to 3600".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        // What fell short is told already.
        Ok(false) => ExitCode::FAILURE,
        Err(error) if is_closed_pipe(&error) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", format!("{error:#}").trim_end());
            ExitCode::FAILURE
        }
    }
}

/// Whoever read our output has had enough, as in `limits | head`: nothing to complain of.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Tells whether all that was claimed held.
fn run(options: &Options) -> anyhow::Result<bool> {
    let plan = Plan::new(options.seconds, options.rate, options.flood);
    if options.svg.is_some() && options.svg == options.json {
        anyhow::bail!("--svg and --json name the same file");
    }
    let svg = Output::open("--svg", options.svg.as_deref())?;
    let json = Output::open("--json", options.json.as_deref())?;

    let interrupted = Arc::new(AtomicBool::new(false));
    let by_hand = Arc::clone(&interrupted);
    ctrlc::set_handler(move || by_hand.store(true, Ordering::Relaxed)).context("watching for Ctrl-C")?;
    raise_socket_limit(&plan);

    let quota = plan.quota()?;
    let limiter = Arc::new(gateway::per_tenant(quota, CAPACITY)?);
    let places_at_first = limiter.places();
    let tally = play(plan, &limiter, &interrupted)?;

    let kept = Kept {
        places_at_first,
        places: limiter.places(),
        keyed: limiter.keyed_counts(),
        all: limiter.counts(),
    };
    let report = Report::new(&tally, &kept);
    if let Some(output) = svg {
        output.write(&picture::draw(&tally, &kept)?)?;
    }
    if let Some(output) = json {
        output.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    report.print(&mut io::stdout().lock())?;
    Ok(report.holds())
}

/// Requests that a busy machine keeps waiting are more sockets than many systems allow a process unless it asks.
fn raise_socket_limit(plan: &Plan) {
    let wanted = u64::from(plan.greedy_rate() + plan.flood) * SOCKETS_PER_RATE + OTHER_FILES;
    // Where there is no such limit there is nothing to warn of.
    let allowed = rlimit::increase_nofile_limit(wanted).unwrap_or(wanted);
    if allowed < wanted {
        eprintln!(
            "warning: {allowed} open files are allowed and {wanted} may be needed; a lower --rate or --flood takes fewer"
        );
    }
}

/// Brings up the gateway, lets the tenants at it and shows it, until their end or until somebody ends it.
fn play(plan: Plan, limiter: &Arc<PerTenant>, interrupted: &AtomicBool) -> anyhow::Result<Tally> {
    let serving = Runtime::new().context("starting the gateway")?;
    let listener =
        serving.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).context("starting the gateway")?;
    let gateway = listener.local_addr()?;
    let routes = gateway::routes(Arc::clone(limiter), plan.quota()?);
    serving.spawn(async { axum::serve(listener, routes).await });

    let (told, news) = mpsc::channel();
    let crowd = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    crowd.spawn(Tenants { gateway, plan: plan.clone(), told }.run());

    let mut screen = Screen::open()?;
    let shown = watch(Tally::new(plan), &news, limiter, &mut screen, interrupted);
    screen.close();
    // Requests still under way are not waited for.
    for runtime in [crowd, serving] {
        runtime.shutdown_background();
    }
    shown
}

/// Takes down what the tenants tell and shows it, until they have no more to tell.
fn watch(
    mut tally: Tally,
    news: &Receiver<Told>,
    limiter: &PerTenant,
    screen: &mut Screen,
    interrupted: &AtomicBool,
) -> anyhow::Result<Tally> {
    let mut began = None;
    let mut next_look = Instant::now();
    loop {
        match news.recv_timeout(next_look.saturating_duration_since(Instant::now())) {
            Ok(told) => tally.take(told)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                tally.evictions.push((tally.lasted, limiter.keyed_counts().evictions));
                return Ok(tally);
            }
        }
        if tally.began && began.is_none() {
            began = Some(Instant::now());
        }
        if Instant::now() < next_look {
            continue;
        }
        next_look = Instant::now() + Screen::PACE;
        let now = began.map_or(Duration::ZERO, |began| began.elapsed());
        let evictions = limiter.keyed_counts().evictions;
        tally.evictions.push((now, evictions));
        let table = Table { places: limiter.places(), evictions };
        if screen.show(&mut tally, now, table)? || interrupted.load(Ordering::Relaxed) {
            tally.end(now);
            return Ok(tally);
        }
    }
}
