//! fusebox's chores: `cargo xtask test` runs every check of the project, and installs what they need.

mod command;
mod old_rust;
mod plans;
mod report;
mod run;
mod site;
mod steps;
mod tools;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about, disable_help_subcommand = true)]
enum Xtask {
    Test(Choice),
    /// Counts the instructions of the hot paths and compares them with those recorded (one of the steps of `test`)
    Icount {
        /// Records what is counted, on purpose
        #[arg(long)]
        bless: bool,
    },
}

/// Runs every check of the project, from the cheapest to the dearest, and stops at the first that fails.
///
/// Tools that a check needs are fetched into target/tools (as Python wheels or crates) or installed with apt-get; each
/// such act is announced. A check that cannot run here fails, unless it was left out by name, or this operating
/// system can never run it (that is said, with the reason). Whole outputs lie in target/xtask.
#[derive(Debug, Args)]
struct Choice {
    /// Only these steps, in their usual order: --only loom,fuzz
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    only: Vec<String>,
    /// All but these steps: --skip icount,embedded
    #[arg(long, value_name = "STEP", value_delimiter = ',', conflicts_with = "only")]
    skip: Vec<String>,
    /// Leaves out the steps that take minutes (marked "slow" in the list)
    #[arg(long, conflicts_with = "only")]
    quick: bool,
    /// Goes on after a failure, to show all of them
    #[arg(long)]
    keep_going: bool,
    /// Lists the steps, and runs none
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let outcome = match Xtask::parse() {
        Xtask::Test(choice) => test(&choice),
        Xtask::Icount { bless } => icount(bless),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything chosen passed.
fn test(choice: &Choice) -> anyhow::Result<bool> {
    if choice.list {
        report::list(steps::STEPS);
        return Ok(true);
    }
    let chosen = steps::choose(&choice.only, &choice.skip, choice.quick)?;
    run::all(&root(), &chosen, choice.keep_going)
}

/// With the figures shown, since somebody wants to see them.
fn icount(bless: bool) -> anyhow::Result<bool> {
    let mut site = site::Site::open(&root(), "icount")?;
    for program in steps::INSTRUCTION_COUNTERS {
        tools::need(program, &mut site)?;
    }
    let flag = if bless { " -- --bless" } else { "" };
    println!("{}", site.run(&format!("{}{flag}", steps::COUNT_INSTRUCTIONS))?);
    Ok(true)
}

/// The checkout that is being tested: cargo says where this package lies, also when the checkout has moved since.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = PathBuf::from(package);
    package.parent().map_or_else(|| package.clone(), PathBuf::from)
}
