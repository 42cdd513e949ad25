//! What the overload example promises whoever runs it: figures that add up, the same ones for the same seed, errors that name
//! the option. It lives in virtual time, so a busy machine changes nothing.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop at what it did not expect")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Cargo builds the examples of a package before it runs its tests, in the folder above the tests' own.
fn overload() -> Command {
    let test = std::env::current_exe().expect("the test knows where it stands");
    let program =
        test.parent().and_then(Path::parent).expect("…/target/PROFILE/deps/TEST").join("examples/overload");
    let mut command = Command::new(program.with_extension(std::env::consts::EXE_EXTENSION));
    command.stdin(Stdio::null());
    command
}

/// A fresh place for one test's files.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("overload").join(test);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// The output, the report and the picture of a short run.
fn run(seed: &str, test: &str) -> (Output, Vec<u8>, String) {
    let folder = folder(test);
    let (json, svg) = (folder.join("o.json"), folder.join("o.svg"));
    let mut command = overload();
    command.args(["--quick", "--seconds", "1", "--seed", seed]);
    let output = command.arg("--json").arg(&json).arg("--svg").arg(&svg).output();
    let picture = std::fs::read_to_string(svg).expect("a picture");
    (output.expect("the example is built"), std::fs::read(json).expect("a report"), picture)
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("no whole number {field} in {value}"))
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("no list {field} in {value}"))
}

/// Every arrival was served, shed or late, and in exactly one priority.
fn assert_adds_up(point: &Value) {
    let ended = |row: &Value| number(row, "served") + number(row, "shed") + number(row, "late");
    assert!(number(point, "arrivals") > 0, "{point}");
    assert_eq!(number(point, "arrivals"), ended(point), "{point}");
    let priorities = list(point, "by_priority");
    assert_eq!(priorities.len(), 5);
    for row in priorities {
        assert_eq!(number(row, "arrivals"), ended(row), "{row}");
    }
    for field in ["arrivals", "served", "shed", "late"] {
        let sum: u64 = priorities.iter().map(|row| number(row, field)).sum();
        assert_eq!(number(point, field), sum, "{field} of {point}");
    }
    let (arrivals, tries) = (number(point, "arrivals"), number(point, "tries"));
    assert!(arrivals <= tries && tries <= 3 * arrivals, "{point}");
    assert!(number(point, "served") <= number(point, "admitted"), "{point}");
    assert!(number(point, "admitted") <= tries, "{point}");
    if point["control"] == "nothing" {
        assert_eq!((number(point, "shed"), number(point, "admitted")), (0, tries), "{point}");
    }
}

#[test]
fn figures_add_up_and_the_same_seed_gives_the_same_bytes() {
    let (output, json, picture) = run("7", "first");
    assert!(!output.stdout.contains(&0x1b), "escape codes where there is no terminal");
    let report: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(number(&report, "seed"), 7);
    let points = list(&report, "points");
    // Two kinds of arrivals, eleven policies, four loads.
    assert_eq!(points.len(), 2 * 11 * 4, "{}", String::from_utf8_lossy(&output.stderr));
    points.iter().for_each(assert_adds_up);
    for slowdown in list(&report, "slowdowns") {
        assert!(number(slowdown, "highest") <= number(slowdown, "ceiling"), "{slowdown}");
    }
    let verdicts = list(&report, "verdicts");
    assert_eq!(verdicts.len(), 6, "{verdicts:?}");
    // So short a run need not bear out anything; it only has to say so.
    let met = verdicts.iter().all(|verdict| verdict["met"] == true);
    assert_eq!(output.status.success(), met, "the exit code tells whether a verdict falls short");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(met || told.contains("FALLS SHORT"), "{told}");
    for line in told.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
    }

    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    for word in ["Goodput", "p99", "no control", "gradient (default)", "critical", "capacity"] {
        assert!(picture.contains(word), "no {word} in the picture");
    }

    let again = run("7", "again");
    assert_eq!((&output.stdout, &json, &picture), (&again.0.stdout, &again.1, &again.2));
    let (_, other, _) = run("8", "other");
    assert_ne!(json, other, "another seed changes nothing");
}

#[test]
fn a_bad_option_or_path_is_refused_before_anything_begins() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--seconds", "0"], &["--seconds", "from 1 to 3600"]),
        (&["--seconds", "soon"], &["--seconds", "from 1 to 3600"]),
        (&["--seed", "-1"], &["-1"]),
        (&["--json", "no such folder/o.json"], &["--json", "no such folder"]),
        (&["--svg", "no such folder/o.svg"], &["--svg", "no such folder"]),
        (&["--svg", "same", "--json", "same"], &["--svg", "--json"]),
    ];
    for (arguments, words) in cases {
        let output = overload().args(arguments).output().expect("the example is built");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "was accepted");
        for word in words {
            assert!(told.contains(word), "no {word:?} in {told:?}");
        }
        assert!(!told.contains("panicked") && !told.contains("backtrace"), "{told}");
        assert!(output.stdout.is_empty(), "something began");
    }
}
