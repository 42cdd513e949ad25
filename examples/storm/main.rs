//! A storm of retries, and what keeps it off: a thousand clients call one service, which dies for a minute and returns. They
//! retry naively, with backoff, with a budget, or behind a guard. Simulated in virtual time, by the real library.
//! `cargo run --release --example storm -- --help` tells the options.

mod agenda;
mod clients;
#[path = "../outage/output.rs"]
mod output;
mod picture;
mod report;
mod service;
mod storm;
mod tally;
mod verdicts;
mod world;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rayon::prelude::*;

use crate::clients::Kind;
use crate::output::Output;
use crate::report::Report;
use crate::service::Death;

/// A service dies and returns, and its clients do not finish it off
#[derive(Debug, Parser)]
#[command(name = "storm")]
struct Options {
    /// What all chance is drawn from: the same seed gives the same figures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to draw the picture of the storms
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Where to write the figures
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
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

/// Whoever read our output has had enough, as in `storm | head`: nothing to complain of.
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

    // Each storm is a world of its own, so as many rage at the same time as there are cores.
    let worlds = Death::ALL.map(|death| Kind::ALL.map(|kind| (death, kind))).concat();
    let storms = worlds
        .into_par_iter()
        .map(|(death, kind)| storm::run(kind, death, options.seed))
        .collect::<anyhow::Result<_>>()?;

    let report = Report::new(options.seed, storms);
    if let Some(output) = svg {
        output.write(&picture::draw(options.seed, &report.storms)?)?;
    }
    if let Some(output) = json {
        output.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    report.print(&mut io::stdout().lock())?;
    Ok(report.holds())
}
