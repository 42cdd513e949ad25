//! Counts the instructions of the hot paths under callgrind and compares them with `recorded.json`; `--bless` writes
//! it anew.

use std::{
    env,
    error::Error,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use fusebox_icount::gate::{Judgement, Record, counted};
use lexopt::prelude::{Long, Short};

/// The version of the runner that this package's `gungraun` speaks with.
const RUNNER: &str = "0.20.0";

const USAGE: &str = "\
Counts the instructions of the hot paths and compares them with benches/icount/recorded.json.

Usage: gate [--bless]

  --bless  record what is counted, on purpose
";

fn main() -> ExitCode {
    match run() {
        Ok(passes) => ExitCode::from(u8::from(!passes)),
        Err(error) => {
            eprintln!("gate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn Error>> {
    let Some(bless) = blessing()? else {
        print!("{USAGE}");
        return Ok(true);
    };
    let home = home();
    tools_are_there()?;
    let now = Record { rustc: compiler()?, instructions: counted(&benchmark(&home)?)? };
    let path = home.join("recorded.json");
    if bless {
        fs::write(&path, serde_json::to_string_pretty(&now)? + "\n")?;
        println!("{} figures recorded in {}", now.instructions.len(), path.display());
        return Ok(true);
    }
    let told = fs::read_to_string(&path)
        .map_err(|error| format!("{}: {error}; `--bless` records what is counted", path.display()))?;
    let recorded: Record =
        serde_json::from_str(&told).map_err(|error| format!("{}: {error}", path.display()))?;
    let judgement = Judgement::of(&recorded, &now);
    report(&judgement, &recorded, &now);
    Ok(judgement.passes())
}

fn report(judgement: &Judgement, recorded: &Record, now: &Record) {
    print!("{}", judgement.table);
    let gravity = if judgement.binding { "error" } else { "warning" };
    for complaint in &judgement.complaints {
        println!("{gravity}: {complaint}");
    }
    if !judgement.binding {
        println!("warning: recorded by {}, counted by {}: nothing fails", recorded.rustc, now.rustc);
    }
    if !judgement.passes() {
        println!("If that is meant, record it: the same command with `-- --bless`");
    }
}

/// None: only the usage was asked for.
fn blessing() -> Result<Option<bool>, Box<dyn Error>> {
    let mut parser = lexopt::Parser::from_env();
    let mut bless = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("bless") => bless = true,
            Short('h') | Long("help") => return Ok(None),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected()).into()),
        }
    }
    Ok(Some(bless))
}

/// The folder of this package in the checkout that is being run, not in the one the program was first built in.
fn home() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

fn tools_are_there() -> Result<(), String> {
    let missing = |program: &str, cure: &str| format!("{program} cannot be run; {cure}");
    let install = format!("cargo install --locked gungraun-runner --version {RUNNER}");
    let cure = format!("install it with `{install}`");
    version_of("valgrind")
        .map_err(|_| missing("valgrind", "install it (Debian: apt-get install valgrind)"))?;
    let runner = version_of("gungraun-runner").map_err(|_| missing("gungraun-runner", &cure))?;
    if runner.split_whitespace().any(|word| word == RUNNER) {
        Ok(())
    } else {
        Err(format!("{runner} does not fit this package; {cure}"))
    }
}

fn version_of(program: &str) -> std::io::Result<String> {
    let told = Command::new(program).arg("--version").stdin(Stdio::null()).output()?;
    if !told.status.success() {
        return Err(ErrorKind::Other.into());
    }
    Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
}

/// The compiler and what it compiles for: both decide about every instruction.
fn compiler() -> Result<String, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = Command::new(rustc).args(["--version", "--verbose"]).output()?;
    let told = String::from_utf8(told.stdout)?;
    let field = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("unknown");
    Ok(format!("{} (LLVM {}, {})", field("rustc "), field("LLVM version: "), field("host: ")))
}

/// Builds and runs the benchmarks; what they printed. The build's progress goes to the terminal.
fn benchmark(home: &Path) -> Result<String, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["bench", "--locked", "--bench", "hot_paths", "--bench", "whole_calls", "--manifest-path"])
        .arg(home.join("Cargo.toml"));
    command.env("GUNGRAUN_OUTPUT_FORMAT", "json").stdin(Stdio::null()).stderr(Stdio::inherit());
    // Flags and profiles from outside would compile something else than what is recorded.
    for (name, _) in env::vars_os() {
        let name_told = name.to_string_lossy();
        if name_told.contains("RUSTFLAGS") || name_told.starts_with("CARGO_PROFILE_") {
            command.env_remove(&name);
        }
    }
    let ran = command.output()?;
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    if ran.status.success() { Ok(printed) } else { Err(format!("the benchmark failed\n{printed}").into()) }
}
