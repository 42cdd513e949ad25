//! The steps whose command lines depend on what the checkout and the machine hold.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{old_rust::OldRust, site::Site};

/// Enough for the shallow faults; long runs are done by hand.
const FUZZ_RUNS: u32 = 300_000;
const FUZZ_SECONDS: u32 = 60;

/// One without compare-and-swap, one with 32-bit atomics at most, one of another family. The features are those that a
/// user of such a chip would ask for.
const CHIPS: &[(&str, &str)] = &[
    ("thumbv6m-none-eabi", "critical-section"),
    ("thumbv6m-none-eabi", "critical-section,alloc,stream"),
    ("thumbv7em-none-eabihf", ""),
    ("thumbv7em-none-eabihf", "alloc,stream"),
    ("riscv32imac-unknown-none-elf", "alloc,stream"),
];

/// All traces in one run of the runner.
pub(crate) fn conformance(site: &mut Site) -> Result<Vec<String>> {
    let pattern = site.root().join("conformance/traces/*.json");
    let mut traces = Vec::new();
    for trace in glob::glob(&pattern.to_string_lossy())? {
        let trace = trace?;
        let name = trace.file_name().context("a trace without a name")?.to_string_lossy();
        traces.push(shell_words::quote(&format!("conformance/traces/{name}")).into_owned());
    }
    if traces.is_empty() {
        bail!("no trace in conformance/traces");
    }
    Ok(vec![format!("cargo run --release --package fusebox-conformance -- {}", traces.join(" "))])
}

/// The library, with the fewest features and with all.
pub(crate) fn msrv(site: &mut Site) -> Result<Vec<String>> {
    let variables = OldRust::get(site)?.variables();
    let check = format!("{variables} cargo check --package fusebox --lib --target-dir target/msrv");
    Ok(["--no-default-features", "", "--all-features"].map(|features| format!("{check} {features}")).into())
}

/// The library, compiled by the oldest Rust that is promised, since a target brings its own `core`.
pub(crate) fn embedded(site: &mut Site) -> Result<Vec<String>> {
    let rust = OldRust::get(site)?;
    let mut targets: Vec<&str> = CHIPS.iter().map(|(target, _)| *target).collect();
    targets.dedup();
    rust.add_targets(&targets, site)?;
    let variables = rust.variables();
    let line = |(target, features): &(&str, &str)| {
        format!(
            "{variables} cargo build --package fusebox --lib --target-dir target/msrv --target {target} \
             --no-default-features --features '{features}'"
        )
    };
    Ok(CHIPS.iter().map(line).collect())
}

/// What was once found stays found; then a short run of every target in `fuzz/Cargo.toml`, from its seeds.
pub(crate) fn fuzz(site: &mut Site) -> Result<Vec<String>> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(site.root().join("fuzz/Cargo.toml"))
        .no_deps()
        .exec()
        .context("reading fuzz/Cargo.toml")?;
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    let targets: Vec<_> = targets.filter(|target| target.is_bin()).map(|target| &target.name).collect();
    if targets.is_empty() {
        bail!("fuzz/Cargo.toml has no target");
    }
    let mut lines = vec!["cargo test --manifest-path fuzz/Cargo.toml".to_owned()];
    for target in targets {
        // libFuzzer writes what it finds into the first folder, and only reads the second.
        fs::create_dir_all(site.root().join("fuzz/corpus").join(target))?;
        let seeds = format!(" fuzz/seeds/{target}");
        let seeds = if site.root().join(seeds.trim()).exists() { seeds } else { String::new() };
        // cargo-fuzz asks for unstable flags. Without `unsafe` in the crate, the address sanitizer would only make it
        // six times slower.
        lines.push(format!(
            "RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none {target} fuzz/corpus/{target}{seeds} -- \
             -runs={FUZZ_RUNS} -max_total_time={FUZZ_SECONDS} -max_len=512 -seed=1"
        ));
    }
    Ok(lines)
}
