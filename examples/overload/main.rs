//! Overload, survived: a service gets up to four times the requests it can serve, from clients who ask again, behind no
//! control, a fixed cap, or a load shedder that finds its capacity itself. Simulated in virtual time, and on request against
//! a real HTTP server. `cargo run --release --example overload -- --help` tells the options.

mod arrivals;
mod guard;
#[path = "../outage/latency.rs"]
mod latency;
#[path = "../outage/output.rs"]
mod output;
mod picture;
mod real;
mod report;
mod service;
mod simulation;
mod slowdown;
mod sweep;
mod tally;
mod verdicts;
mod world;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::output::Output;
use crate::report::Report;
use crate::sweep::Plan;

const LOADS: [f64; 10] = [0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0];
const FEW_LOADS: [f64; 4] = [0.5, 1.0, 2.0, 3.0];
const SECONDS: f64 = 30.0;
const FEW_SECONDS: f64 = 10.0;

/// A service keeps serving under several times its capacity, and what matters most first
#[derive(Debug, Parser)]
#[command(name = "overload")]
struct Options {
    /// What all chance is drawn from: the same seed gives the same figures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fewer loads, and a third of the time
    #[arg(long)]
    quick: bool,
    /// Virtual seconds of each simulation, the first half to settle [default: 30, quick: 10]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<f64>,
    /// Afterwards the same against a real HTTP server on this machine
    #[arg(long)]
    real: bool,
    /// Where to draw the picture of the simulation
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
        // What falls short is told already.
        Ok(false) => ExitCode::FAILURE,
        Err(error) if is_closed_pipe(&error) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", format!("{error:#}").trim_end());
            ExitCode::FAILURE
        }
    }
}

/// Whoever read our output has had enough, as in `overload | head`: nothing to complain of.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Tells whether all that was claimed held.
fn run(options: &Options) -> anyhow::Result<bool> {
    if options.svg.is_some() && options.svg == options.json {
        anyhow::bail!("--svg and --json name the same file");
    }
    let svg = Output::open("--svg", options.svg.as_deref())?;
    let json = Output::open("--json", options.json.as_deref())?;
    let plan = plan(options);

    let points = sweep::run(&plan)?;
    let slowdowns = slowdown::run(&plan)?;
    let measured = if options.real { Some(real::run(options.seed, options.quick)?) } else { None };
    let report = Report::new(&plan, points, slowdowns, measured);
    if let Some(output) = svg {
        output.write(&picture::draw(&plan, &report.points)?)?;
    }
    if let Some(output) = json {
        output.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    report.print(&mut io::stdout().lock())?;
    Ok(report.holds())
}

fn plan(options: &Options) -> Plan {
    let (loads, seconds): (&[f64], f64) =
        if options.quick { (&FEW_LOADS, FEW_SECONDS) } else { (&LOADS, SECONDS) };
    let length = Duration::from_secs_f64(options.seconds.unwrap_or(seconds));
    Plan { seed: options.seed, loads, length }
}
