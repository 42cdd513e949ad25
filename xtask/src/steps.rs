//! The checks of the project, in the order in which they run: the cheap ones first, so that a failure comes early.

use anyhow::{Result, bail};

use crate::{plans, site::Site};

/// One check: a name to choose it by, why it is there, and how it is done.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    pub(crate) how: How,
    /// Programs beyond a Rust toolchain; `tools.rs` knows where to get them.
    pub(crate) needs: &'static [&'static str],
    /// Files without which there is nothing to check, which is a failure and no reason to pass.
    pub(crate) checks: &'static [&'static str],
    pub(crate) place: Place,
    pub(crate) pace: Pace,
}

#[derive(Debug)]
pub(crate) enum How {
    /// These command lines.
    Lines(&'static [&'static str]),
    /// This command line in every workspace, `{manifest}` being its manifest.
    EachWorkspace(&'static str),
    /// What is to be run shows itself only when the step begins.
    Planned(fn(&mut Site) -> Result<Vec<String>>),
}

/// Where a step can run at all. Elsewhere it is left out, visibly.
#[derive(Debug)]
pub(crate) enum Place {
    Anywhere,
    /// Not on Windows, for the reason given.
    Unix(&'static str),
    /// Only on Linux, for the reason given.
    Linux(&'static str),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Quick,
    /// Minutes: left out by `--quick`.
    Slow,
}

/// Every workspace of the project: each has a lock file and a target folder of its own.
pub(crate) const WORKSPACES: &[&str] = &[
    "Cargo.toml",
    "loom-tests/Cargo.toml",
    "fuzz/Cargo.toml",
    "benches/Cargo.toml",
    "benches/icount/Cargo.toml",
    "xtask/no-std-check/Cargo.toml",
];

use How::{EachWorkspace, Lines, Planned};
use Pace::{Quick, Slow};
use Place::{Anywhere, Linux, Unix};

/// Compares with what is recorded; with `-- --bless` it records.
pub(crate) const COUNT_INSTRUCTIONS: &str =
    "cargo run --quiet --release --manifest-path benches/icount/Cargo.toml --bin gate";
/// What it needs.
pub(crate) const INSTRUCTION_COUNTERS: &[&str] = &["valgrind", "gungraun-runner"];

/// A step of which nothing more is said than its name, its reason and its way.
const fn step(name: &'static str, why: &'static str, how: How) -> Step {
    Step { name, why, how, needs: &[], checks: &[], place: Anywhere, pace: Quick }
}

pub(crate) const STEPS: &[Step] = &[
    step(
        "locks",
        "every lock file agrees with its manifest",
        EachWorkspace("cargo tree --locked --quiet --workspace --depth 0 --manifest-path {manifest}"),
    ),
    step(
        "format",
        "the code looks as rustfmt lays it out",
        EachWorkspace("cargo fmt --all --check --manifest-path {manifest}"),
    ),
    Step { needs: &["typos"], ..step("spelling", "no misspelt word", Lines(&["typos"])) },
    Step {
        needs: &["cargo-deny"],
        checks: &["deny.toml"],
        ..step(
            "licences",
            "every dependency has a licence that we accept, and comes from crates.io",
            EachWorkspace("cargo deny --manifest-path {manifest} --all-features check licenses bans sources"),
        )
    },
    step(
        "clippy",
        "no lint speaks up in any target of any workspace",
        EachWorkspace("cargo clippy --workspace --all-targets --manifest-path {manifest} -- -D warnings"),
    ),
    Step {
        needs: &["cargo-hack"],
        ..step(
            "features",
            "every combination of features builds, without a warning",
            Lines(&[
                "cargo hack clippy --package fusebox --lib --feature-powerset --group-features cache,http -- -D warnings",
                "cargo clippy --package fusebox --all-targets --all-features -- -D warnings",
            ]),
        )
    },
    step(
        "unit",
        "unit and integration tests pass",
        // The tests of an example run its program, which only a build of the examples leaves in its place.
        Lines(&[
            "cargo build --workspace --examples",
            // The same histories in every run, so that a change is judged by itself; `cargo test` alone draws new ones.
            "PROPTEST_RNG_SEED=1 cargo test --workspace --lib --bins --tests",
        ]),
    ),
    step(
        "doctests",
        "every example in the docs and in the README compiles and passes",
        Lines(&["cargo test --package fusebox --doc --all-features"]),
    ),
    step(
        "docs",
        "the docs build: everything public has some, and no link is broken",
        Lines(&["RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --all-features"]),
    ),
    Step {
        checks: &["xtask/no-std-check/Cargo.toml"],
        place: Unix("the program that is linked without std takes its start and its end from libc"),
        ..step(
            "no-std",
            "a program without std links, runs, and sees a breaker open and close",
            Lines(&[
                "cargo run --release --manifest-path xtask/no-std-check/Cargo.toml",
                "cargo run --release --features alloc --manifest-path xtask/no-std-check/Cargo.toml",
            ]),
        )
    },
    Step {
        checks: &["conformance/traces"],
        ..step("conformance", "the recorded traces replay exactly", Planned(plans::conformance))
    },
    step("msrv", "the oldest Rust that is promised builds the library", Planned(plans::msrv)),
    step(
        "embedded",
        "the library builds for microcontrollers, with and without compare-and-swap",
        Planned(plans::embedded),
    ),
    Step {
        needs: &["cargo-nextest"],
        checks: &["loom-tests/Cargo.toml"],
        ..step(
            "loom",
            "the models hold in every interleaving that is explored, each within its time limit",
            Lines(&["cd loom-tests && cargo nextest run --release"]),
        )
    },
    Step {
        // It calls a filter that fits no test a failure; cargo's own harness does not.
        needs: &["cargo-nextest"],
        ..step(
            "properties",
            "10 000 random histories a property agree with the plain models",
            Lines(&[
                "PROPTEST_RNG_SEED=1 PROPTEST_CASES=10000 cargo nextest run --release --package fusebox properties",
                "PROPTEST_RNG_SEED=1 PROPTEST_CASES=10000 cargo nextest run --release --package fusebox-conformance",
                // Each of them is a whole history of calls.
                "PROPTEST_RNG_SEED=1 PROPTEST_CASES=3000 cargo nextest run --release --package fusebox \
                 --test guard_properties --test retry_properties",
            ]),
        )
    },
    Step {
        checks: &[
            "tests/stress.rs",
            "tests/limiter_stress.rs",
            "tests/pressure_stress.rs",
            "tests/fallback_stress.rs",
        ],
        pace: Slow,
        ..step(
            "stress",
            "real threads and clocks, panics and cancellations: the sums come out right",
            Lines(&[
                "cargo test --release --package fusebox --test stress --test limiter_stress --test pressure_stress \
                 --test fallback_stress",
            ]),
        )
    },
    Step {
        checks: &["benches/Cargo.toml"],
        pace: Slow,
        ..step(
            "benches",
            "the benchmarks build and do what they claim, and the baseline measures",
            Lines(&[
                "cargo test --release --manifest-path benches/Cargo.toml",
                "cargo bench --no-run --manifest-path benches/Cargo.toml",
                "cargo run --release --manifest-path benches/Cargo.toml --bin baseline -- \
                 --quick --only floor --json target/xtask/floor.json",
            ]),
        )
    },
    Step {
        needs: &["c++", "cargo-fuzz"],
        checks: &["fuzz/Cargo.toml"],
        place: Unix("libFuzzer is only set up for systems of the Unix kind"),
        pace: Slow,
        ..step("fuzz", "no fuzz target falls over in its first minute", Planned(plans::fuzz))
    },
    Step {
        needs: INSTRUCTION_COUNTERS,
        checks: &["benches/icount/Cargo.toml"],
        place: Linux("instructions are counted by valgrind, which this system does not have"),
        pace: Slow,
        ..step(
            "icount",
            "the hot paths take no more instructions than recorded, and allocate nothing",
            Lines(&["cargo test --manifest-path benches/icount/Cargo.toml", COUNT_INSTRUCTIONS]),
        )
    },
];

/// The steps named by `only` (all if none is), less those in `skip`, less the slow ones if `quick`.
pub(crate) fn choose(only: &[String], skip: &[String], quick: bool) -> Result<Vec<&'static Step>> {
    for name in only.iter().chain(skip) {
        if !STEPS.iter().any(|step| step.name == name) {
            let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
            bail!("there is no step `{name}`; there are {}", names.join(", "));
        }
    }
    let names = |list: &[String], step: &Step| list.iter().any(|name| name == step.name);
    let chosen: Vec<_> = STEPS
        .iter()
        .filter(|step| only.is_empty() || names(only, step))
        .filter(|step| !names(skip, step))
        .filter(|step| !(quick && step.pace == Slow))
        .collect();
    if chosen.is_empty() {
        bail!("that leaves no step to run");
    }
    Ok(chosen)
}

impl Place {
    /// Why a step cannot run on this system, if so.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        match self {
            Unix(reason) if !cfg!(unix) => Some(reason),
            Linux(reason) if !cfg!(target_os = "linux") => Some(reason),
            Anywhere | Unix(_) | Linux(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::command::Command;

    #[test]
    fn no_two_steps_have_one_name() {
        let names: HashSet<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
    }

    #[test]
    fn every_written_line_is_a_command() {
        for step in STEPS {
            match step.how {
                Lines(lines) => {
                    for line in lines {
                        assert!(Command::parse(*line).is_ok(), "{line}");
                    }
                }
                EachWorkspace(line) => assert!(Command::parse(line).is_ok() && line.contains("{manifest}")),
                Planned(_) => {}
            }
        }
    }

    #[test]
    fn a_choice_keeps_the_order_and_knows_no_strangers() {
        let name = |name: &str| name.to_owned();
        let chosen = choose(&[name("fuzz"), name("loom")], &[], false).unwrap();
        assert_eq!(chosen.iter().map(|step| step.name).collect::<Vec<_>>(), ["loom", "fuzz"]);
        assert_eq!(choose(&[], &[name("loom")], false).unwrap().len(), STEPS.len() - 1);
        assert!(choose(&[], &[], true).unwrap().iter().all(|step| step.pace == Quick));
        assert!(choose(&[name("lom")], &[], false).is_err());
        assert!(choose(&[], &[name("lom")], false).is_err());
    }
}
