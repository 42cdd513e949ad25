//! The command itself: what it prints last, and how it exits.

#![allow(clippy::expect_used, reason = "a test may stop at what it did not expect")]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_fusebox-conformance")).args(arguments).output();
    command.expect("the runner was built with this test")
}

fn last_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned()
}

const TRACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/traces/circuit_breaker.json");

#[test]
fn it_exits_with_0_when_all_passed() {
    let output = run(&[TRACES]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(last_line(&output).ends_with(" passed, 0 failed"), "{}", last_line(&output));
}

#[test]
fn it_exits_with_1_when_any_failed_and_still_runs_the_rest() {
    let output = run(&["no such file.json", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), TRACES]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("FAILED no such file.json: cannot be read"), "{text}");
    assert!(text.contains("Cargo.toml: no suite of traces"), "{text}");
    assert!(last_line(&output).ends_with(" passed, 2 failed"), "{text}");
}

#[test]
fn it_exits_with_2_when_it_is_asked_wrongly() {
    for arguments in [&[][..], &["--fast"], &["--"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage:"));
    }
}

#[test]
fn it_says_how_it_is_used() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("usage:"));
}
