//! What the figures were measured on.

use std::{env::consts, fs, process::Command, thread};

use serde::Serialize;

/// The machine and the compiler of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name, as it gives it.
    pub cpu: String,
    /// How many threads can run at once.
    pub cores: usize,
    /// Operating system, its version where it tells it, and instruction set.
    pub os: String,
    /// The compiler that built the contestants.
    pub rustc: &'static str,
    /// Whether they were built with optimisation.
    pub optimised: bool,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn here() -> Self {
        Self {
            cpu: cpu().unwrap_or_else(|| "unknown".to_owned()),
            cores: cores(),
            os: format!("{} {} {}", consts::OS, release().unwrap_or_default(), consts::ARCH),
            rustc: env!("BUILT_BY"),
            optimised: !cfg!(debug_assertions),
        }
    }
}

/// How many threads can run at once.
#[must_use]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn cpu() -> Option<String> {
    if let Ok(told) = fs::read_to_string("/proc/cpuinfo") {
        let line = told.lines().find(|line| line.starts_with("model name"))?;
        return Some(line.split_once(':')?.1.trim().to_owned());
    }
    let said = Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
    said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

fn release() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|told| told.trim().to_owned())
}
