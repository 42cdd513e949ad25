//! Tells the program what it was built with: the compiler, and from `Cargo.lock` the version of every contestant.

use std::{env, fs, path::Path, process::Command};

/// The crates whose versions the figures name, and the variable each version is handed over in.
const CONTESTANTS: [(&str, &str); 19] = [
    ("fusebox", "VERSION_FUSEBOX"),
    ("recloser", "VERSION_RECLOSER"),
    ("failsafe", "VERSION_FAILSAFE"),
    ("tower-resilience-circuitbreaker", "VERSION_TOWER_RESILIENCE"),
    ("circuitbreaker-rs", "VERSION_CIRCUITBREAKER_RS"),
    ("execution-policy", "VERSION_EXECUTION_POLICY"),
    ("governor", "VERSION_GOVERNOR"),
    ("ratelimit", "VERSION_RATELIMIT"),
    ("rate-net", "VERSION_RATE_NET"),
    ("better-bucket", "VERSION_BETTER_BUCKET"),
    ("ratelock", "VERSION_RATELOCK"),
    ("atomic_token_bucket", "VERSION_ATOMIC_TOKEN_BUCKET"),
    ("gcra", "VERSION_GCRA"),
    ("tokio", "VERSION_TOKIO"),
    ("throttle-net", "VERSION_THROTTLE_NET"),
    ("congestion-limiter", "VERSION_CONGESTION_LIMITER"),
    ("tower-resilience-bulkhead", "VERSION_TOWER_RESILIENCE_BULKHEAD"),
    ("backon", "VERSION_BACKON"),
    ("tower", "VERSION_TOWER"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");
    let home = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let lock = fs::read_to_string(Path::new(&home).join("Cargo.lock")).expect("cargo wrote Cargo.lock");
    for (name, variable) in CONTESTANTS {
        let version = locked(&lock, name).unwrap_or_else(|| panic!("Cargo.lock has no version of {name}"));
        println!("cargo::rustc-env={variable}={version}");
    }
    println!("cargo::rustc-env=BUILT_BY={}", compiler());
}

/// The version on the line after `name = "…"`.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let wanted = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != wanted).skip(1);
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')
}

fn compiler() -> String {
    let rustc = env::var("RUSTC").expect("cargo sets RUSTC");
    let said = Command::new(rustc).arg("--version").output().expect("the compiler tells its version");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}
