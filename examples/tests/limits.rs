//! What the limits example promises whoever runs it: quotas that hold in a flood, and errors that name the option.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop at what it did not expect")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Cargo builds the examples of a package before it runs its tests, in the folder above the tests' own.
fn limits() -> Command {
    let test = std::env::current_exe().expect("the test knows where it stands");
    let program =
        test.parent().and_then(Path::parent).expect("…/target/PROFILE/deps/TEST").join("examples/limits");
    let mut command = Command::new(program.with_extension(std::env::consts::EXE_EXTENSION));
    command.stdin(Stdio::null());
    command
}

/// A fresh place for one test's files.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("limits").join(test);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

fn read(json: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(json).expect("a report")).expect("JSON")
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("no whole number {field} in {value}"))
}

/// A busy machine may keep the greedy tenant from what it could have had, which is no fault of the limiter's.
fn assert_claims(report: &Value) {
    let claims = report["claims"].as_array().expect("claims");
    assert!(claims.len() >= 5, "{claims:?}");
    for claim in claims {
        let claimed = claim["claimed"].as_str().expect("words");
        assert!(claim["met"] == true || claimed.contains("not kept from its quota"), "{claim}");
    }
}

fn assert_refused(output: &Output, words: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "was accepted");
    for word in words {
        assert!(told.contains(word), "no {word:?} in {told:?}");
    }
    assert!(!told.contains("panicked") && !told.contains("backtrace"), "{told}");
    assert!(output.stdout.is_empty(), "something began");
}

#[test]
fn quotas_hold_to_the_cell_with_and_without_a_flood() {
    let folder = folder("short");
    let (json, svg) = (folder.join("o.json"), folder.join("o.svg"));
    let mut command = limits();
    command.args(["--seconds", "3", "--rate", "20", "--json"]).arg(&json).arg("--svg").arg(&svg);
    let output = command.output().expect("the example is built");
    assert!(!output.stdout.contains(&0x1b), "escape codes where there is no terminal");
    let report = read(&json);
    assert_eq!(report["complete"], true, "{}", String::from_utf8_lossy(&output.stderr));
    let met = report["claims"].as_array().expect("claims").iter().all(|claim| claim["met"] == true);
    assert_eq!(output.status.success(), met, "the exit code tells whether a claim fell short");
    assert_claims(&report);

    for tenant in ["steady", "greedy", "made_up"] {
        let row = &report["tenants"][tenant];
        let ended = number(row, "admitted") + number(row, "denied") + number(row, "failed");
        assert_eq!(number(row, "sent"), ended, "{row}");
        assert!(number(row, "admitted") > 0, "{row}");
        assert!(row["p50_ms"].is_number() && row["p99_ms"].is_number(), "{row}");
        assert_eq!(number(row, "without_retry_after"), 0, "{row}");
    }
    let (steady, greedy) = (&report["tenants"]["steady"], &report["tenants"]["greedy"]);
    assert_eq!(number(steady, "denied"), 0);
    assert!(steady["min_retry_after_s"].is_null());
    assert!(number(greedy, "admitted") <= number(greedy, "allowed_by_quota"), "{greedy}");
    assert!(number(greedy, "denied") > 0, "{greedy}");
    // Half a second at most is owed, so a wait rounded down would be 0.
    assert_eq!((number(greedy, "min_retry_after_s"), number(greedy, "max_retry_after_s")), (1, 1));
    let flood = &report["greedy_in_flood"];
    assert!(number(flood, "admitted") <= number(flood, "allowed_by_quota"), "{flood}");
    assert_eq!(report["places"], report["places_at_first"]);
    assert!(number(&report, "evictions") > 0, "the flood did not press");

    let picture = std::fs::read_to_string(svg).expect("a picture");
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    for word in ["steady", "greedy", "made-up", "quota"] {
        assert!(picture.contains(word), "no {word} in the picture");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_with_the_figures_so_far() {
    let json = folder("interrupt").join("o.json");
    let mut child = limits()
        .args(["--seconds", "600", "--rate", "10", "--json"])
        .arg(&json)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example is built");
    let mut lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
    let progress = lines.by_ref().map_while(Result::ok).find(|line| line.contains("greedy:"));
    assert!(progress.is_some(), "no progress was told");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    child.wait().expect("it ends");
    assert!(rest.iter().any(|line| line.contains("figures so far")), "{rest:?}");
    let report = read(&json);
    assert_eq!(report["complete"], false);
    assert!(number(&report["tenants"]["greedy"], "admitted") > 0);
    assert_claims(&report);
}

#[test]
fn a_bad_option_or_path_is_refused_before_anything_begins() {
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--seconds", "0"], &["--seconds", "from 1 to 3600"]),
        (&["--seconds", "soon"], &["--seconds", "from 1 to 3600"]),
        (&["--rate", "9"], &["--rate", "10..=200"]),
        (&["--flood", "-1"], &["-1"]),
        (&["--flood", "5001"], &["--flood", "1..=5000"]),
        (&["--json", "no such folder/o.json"], &["--json", "no such folder"]),
        (&["--svg", "same", "--json", "same"], &["--svg", "--json"]),
    ];
    for (arguments, words) in cases {
        assert_refused(&limits().args(arguments).output().expect("the example is built"), words);
    }
}
