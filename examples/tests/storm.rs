//! What the storm example promises whoever runs it: verdicts that hold whatever the seed, figures that add up, the same ones for
//! the same seed, errors that name the option. It lives in virtual time, so a busy machine changes nothing.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop at what it did not expect")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Cargo builds the examples of a package before it runs its tests, in the folder above the tests' own.
fn storm() -> Command {
    let test = std::env::current_exe().expect("the test knows where it stands");
    let program =
        test.parent().and_then(Path::parent).expect("…/target/PROFILE/deps/TEST").join("examples/storm");
    let mut command = Command::new(program.with_extension(std::env::consts::EXE_EXTENSION));
    command.stdin(Stdio::null());
    command
}

/// A fresh place for one test's files.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("storm").join(test);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// The output, the report and the picture.
fn run(seed: &str, test: &str) -> (Output, Vec<u8>, String) {
    let folder = folder(test);
    let (json, svg) = (folder.join("o.json"), folder.join("o.svg"));
    let output = storm().args(["--seed", seed]).arg("--json").arg(&json).arg("--svg").arg(&svg).output();
    let picture = std::fs::read_to_string(svg).expect("a picture");
    (output.expect("the example is built"), std::fs::read(json).expect("a report"), picture)
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("no whole number {field} in {value}"))
}

fn ratio(value: &Value, field: &str) -> f64 {
    value[field].as_f64().unwrap_or_else(|| panic!("no number {field} in {value}"))
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("no list {field} in {value}"))
}

fn assert_adds_up(storm: &Value) {
    let (calls, attempts) = (number(storm, "calls"), number(storm, "attempts"));
    assert!(number(storm, "succeeded") <= calls && attempts <= 5 * calls, "{storm}");
    let load: u64 = list(storm, "load").iter().filter_map(Value::as_u64).sum();
    // Only the last calls may be retried after the last second that is shown.
    assert!(load <= attempts && attempts - load < 5 * 2000, "{load} of {attempts}");
    assert!(
        list(storm, "goodput").iter().filter_map(Value::as_f64).all(|share| (0.0..=1.0).contains(&share))
    );
}

#[test]
fn the_verdicts_hold_for_three_seeds_whose_figures_add_up_and_do_not_change() {
    let runs = ["1", "2", "77"].map(|seed| (seed, run(seed, seed)));
    let [(_, other), (seed, one), _] = &runs;
    let again = run(seed, "again");
    let same = (&one.0.stdout, &one.1, &one.2) == (&again.0.stdout, &again.1, &again.2);
    assert!(same, "equal seeds give other figures");
    assert!(other.1 != one.1, "another seed changes nothing");

    for (seed, (output, json, picture)) in runs {
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains("PASS") && !told.contains("FALLS SHORT"), "{told}");
        assert!(!told.contains('\u{1b}'), "escape codes where there is no terminal");
        for line in told.lines() {
            assert!(line.chars().count() <= 110, "too wide: {line}");
        }

        let report: Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(report["seed"].to_string(), seed);
        let verdicts = list(&report, "verdicts");
        assert_eq!(verdicts.len(), 6, "{verdicts:?}");
        let storms = list(&report, "storms");
        assert_eq!(storms.len(), 8, "four kinds of clients, two deaths");
        storms.iter().for_each(assert_adds_up);
        for storm in storms.iter().filter(|storm| storm["kind"] == "guard") {
            assert!(ratio(storm, "outage_peak") <= 1.2 && ratio(storm, "recovery_peak") <= 1.2, "{storm}");
        }
        let calls = number(&storms[0], "calls");
        assert!(storms.iter().all(|storm| number(storm, "calls") == calls), "all fleets make the same calls");

        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
        for word in ["naive retry", "backoff", "budget", "guard", "Load", "Goodput"] {
            assert!(picture.contains(word), "no {word} in the picture");
        }
    }
}

#[test]
fn a_bad_option_or_path_is_refused_before_anything_begins() {
    let cases: [(&[&str], &[&str]); 5] = [
        (&["--seed", "-1"], &["-1"]),
        (&["--seed", "soon"], &["--seed", "soon"]),
        (&["--json", "no such folder/o.json"], &["--json", "no such folder"]),
        (&["--svg", "no such folder/o.svg"], &["--svg", "no such folder"]),
        (&["--svg", "same", "--json", "same"], &["--svg", "--json"]),
    ];
    for (arguments, words) in cases {
        let output = storm().args(arguments).output().expect("the example is built");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "was accepted");
        for word in words {
            assert!(told.contains(word), "no {word:?} in {told:?}");
        }
        assert!(!told.contains("panicked") && !told.contains("backtrace"), "{told}");
        assert!(output.stdout.is_empty(), "something began");
    }
}
