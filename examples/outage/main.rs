//! A real outage, survived: an HTTP identity service is slowed, broken, killed, hung and restored while two gateways
//! ask it about every request they get, one through a circuit breaker with the last good answer to fall back to,
//! the other without. `cargo run --release --example outage -- --help` tells the options.
//!
//! Each gateway has an identity service of its own, and both services live the same script at the same time: what
//! one gateway does to its service is no help and no harm to the other.

mod bare;
mod clients;
mod gateway;
mod identity;
mod introspection;
mod journal;
mod keys;
mod latency;
mod output;
mod picture;
mod reply;
mod report;
mod screen;
mod script;
mod tally;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use clap::Parser;
use fusebox::guard::Counts;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::clients::Clients;
use crate::gateway::BREAKER;
use crate::identity::{Identity, Mode};
use crate::output::Output;
use crate::report::Report;
use crate::screen::Screen;
use crate::script::Script;
use crate::tally::{Both, Tally, Told};

/// Every request under way holds four sockets of this process: both ends of two connections. The gateways let none
/// wait for much more than two seconds.
const SOCKETS_PER_RATE: u64 = 4 * 3;
const OTHER_FILES: u64 = 200;
const WARMING_UP: Mode = Mode::Answering { latency: Duration::from_millis(2), error_percent: 0 };

/// An HTTP service goes down and comes back, while its callers are kept safe by a circuit breaker
#[derive(Debug, Parser)]
#[command(name = "outage")]
struct Options {
    /// Length of the whole run: the script is stretched or shortened to it
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<f64>,
    /// Requests a second to each gateway
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rate: u32,
    /// What happens to the service, in TOML (the built-in script, examples/outage/script.toml, tells the format)
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
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
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", format!("{error:#}").trim_end());
            ExitCode::FAILURE
        }
    }
}

/// Whoever read our output has had enough, as in `outage | head`: nothing to complain of.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(options: &Options) -> anyhow::Result<()> {
    let script = match &options.script {
        Some(path) => Script::read(path)?,
        None => Script::ordinary()?,
    };
    let script = match options.seconds {
        Some(seconds) => script.lasting(seconds),
        None => script,
    };
    if options.svg.is_some() && options.svg == options.json {
        anyhow::bail!("--svg and --json name the same file");
    }
    let svg = Output::open("--svg", options.svg.as_deref())?;
    let json = Output::open("--json", options.json.as_deref())?;

    let interrupted = Arc::new(AtomicBool::new(false));
    let by_hand = Arc::clone(&interrupted);
    ctrlc::set_handler(move || by_hand.store(true, Ordering::Relaxed)).context("watching for Ctrl-C")?;
    raise_socket_limit(options.rate);

    let (tally, calls) = play(script, options.rate, &interrupted)?;

    let transitions = tally.breaker_clock.map_or_else(Vec::new, |began| BREAKER.observer().since(began));
    let report = Report::new(&tally, options.rate, &transitions, &calls, &BREAKER.counts());
    if let Some(output) = svg {
        output.write(&picture::draw(&tally, options.rate, &transitions)?)?;
    }
    if let Some(output) = json {
        output.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    report.print(&mut io::stdout().lock())?;
    Ok(())
}

/// Hundreds of hanging calls are more sockets than many systems allow a process unless it asks.
fn raise_socket_limit(rate: u32) {
    let wanted = u64::from(rate) * SOCKETS_PER_RATE + OTHER_FILES;
    // Where there is no such limit there is nothing to warn of.
    let allowed = rlimit::increase_nofile_limit(wanted).unwrap_or(wanted);
    if allowed < wanted {
        eprintln!(
            "warning: {allowed} open files are allowed and {wanted} may be needed; a lower --rate takes fewer"
        );
    }
}

/// Brings up everything, plays the script and shows it, until its end or until somebody ends it.
fn play(script: Script, rate: u32, interrupted: &AtomicBool) -> anyhow::Result<(Tally, Counts)> {
    let (mode, watched) = watch::channel(WARMING_UP);
    let services = Both {
        protected: identity::start(watched.clone()).context("starting an identity service")?,
        unprotected: identity::start(watched).context("starting an identity service")?,
    };
    let guarded = Runtime::new().context("starting a gateway")?;
    let unguarded = Runtime::new().context("starting a gateway")?;
    let (routes, counts) = gateway::routes(services.protected.address)?;
    let gateways = Both {
        protected: serve(&guarded, routes)?,
        unprotected: serve(&unguarded, bare::routes(services.unprotected.address)?)?,
    };

    let (told, news) = mpsc::channel();
    // The services live as long as somebody holds the other end of `mode`, and we do.
    let clients = Clients { gateways, script: script.clone(), rate, mode: mode.clone(), told };
    let crowd = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    crowd.spawn(clients.run());

    let mut screen = Screen::open(rate)?;
    let watched = watch(Tally::new(script), &news, &services, &mut screen, interrupted);
    screen.close();
    // Requests still under way are not waited for.
    for runtime in [crowd, guarded, unguarded] {
        runtime.shutdown_background();
    }
    Ok((watched?, counts()))
}

fn serve(runtime: &Runtime, routes: Router) -> anyhow::Result<SocketAddr> {
    let listener =
        runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).context("starting a gateway")?;
    let address = listener.local_addr()?;
    runtime.spawn(async { axum::serve(listener, routes).await });
    Ok(address)
}

/// Takes down what the clients tell and shows it, until they have no more to tell.
fn watch(
    mut tally: Tally,
    news: &Receiver<Told>,
    services: &Both<Identity>,
    screen: &mut Screen,
    interrupted: &AtomicBool,
) -> anyhow::Result<Tally> {
    let mut began = None;
    let mut next_look = Instant::now();
    loop {
        match news.recv_timeout(next_look.saturating_duration_since(Instant::now())) {
            Ok(told) => {
                if matches!(told, Told::Began { .. }) {
                    began = Some(Instant::now());
                }
                tally.take(told)?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(tally),
        }
        if Instant::now() < next_look {
            continue;
        }
        next_look = Instant::now() + Screen::PACE;
        let now = began.map(|began| began.elapsed());
        if screen.show(&mut tally, now)? || interrupted.load(Ordering::Relaxed) {
            tally.end_phase(now.unwrap_or_default());
            return Ok(tally);
        }
        if [&services.protected, &services.unprotected].iter().any(|service| service.thread.is_finished()) {
            anyhow::bail!("an identity service could not go on; is its port taken?");
        }
    }
}
