//! Runs conformance traces through fusebox's public API and says which of them hold.
//!
//! `fusebox-conformance FILES…`: prints each failing trace and ends with `N passed, N failed`. Exits with 0
//! when all passed, 1 when any failed (a file that cannot be read is a failure), 2 when it was asked wrongly.

#![allow(unreachable_pub, reason = "the modules of a binary are nobody else's")]
#![allow(clippy::multiple_crate_versions, reason = "what serde and fusebox bring")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::runner::Tally;

mod adaptive;
mod breaker;
mod budget;
mod format;
mod limiter;
mod order;
mod pressure;
mod retry;
mod runner;
#[cfg(test)]
mod tests;
mod verdict;

const USAGE: &str = "usage: fusebox-conformance FILES…
Runs each trace of each file (conformance/FORMAT.md says what a trace is) and prints those that fail.
Exits with 0 when all passed, 1 when any failed, 2 when asked wrongly.";

/// What the arguments ask for.
enum Asked {
    Files(Vec<PathBuf>),
    Help,
    Nonsense(String),
}

fn main() -> ExitCode {
    match asked(std::env::args_os().skip(1)) {
        Asked::Files(files) => run(&files),
        Asked::Help => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Asked::Nonsense(why) => {
            eprintln!("{why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn asked(arguments: impl Iterator<Item = OsString>) -> Asked {
    let mut files = Vec::new();
    let mut options = true;
    for argument in arguments {
        match argument.to_str() {
            Some("-h" | "--help") if options => return Asked::Help,
            Some("--") if options => options = false,
            Some(option) if options && option.starts_with('-') => {
                return Asked::Nonsense(format!("there is no option {option}"));
            }
            _ => files.push(PathBuf::from(argument)),
        }
    }
    if files.is_empty() { Asked::Nonsense("no file is named".into()) } else { Asked::Files(files) }
}

fn run(files: &[PathBuf]) -> ExitCode {
    let mut tally = Tally::default();
    for file in files {
        run_file(file, &mut tally);
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_file(file: &Path, tally: &mut Tally) {
    match std::fs::read_to_string(file) {
        Ok(text) => runner::suite(&text, tally, |failure| println!("FAILED {}: {failure}", file.display())),
        Err(error) => {
            tally.failed += 1;
            println!("FAILED {}: cannot be read: {error}", file.display());
        }
    }
}
