//! The program as a user of its figures meets it: its rows, its JSON, its errors.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

fn baseline(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baseline"));
    command.args(arguments).output().expect("the program starts")
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn a_prefix_that_nothing_has_is_an_error_that_lists_the_names() {
    let output = baseline(&["--only", "breaker/shut"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(told.contains("no operation begins with `breaker/shut`"), "{told}");
    assert!(told.contains("breaker/open/reject/coarse/counting"), "{told}");
}

#[test]
fn an_unknown_option_is_an_error_with_the_usage() {
    let output = baseline(&["--fast"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(told.contains("--fast") && told.contains("Usage: baseline"), "{told}");
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_is_measured() {
    let output = baseline(&["--json", "/no/such/folder/rows.json"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert!(told.contains("cannot write /no/such/folder/rows.json"), "{told}");
}

#[test]
fn the_rows_add_up() {
    let file = scratch("rows.json");
    let output =
        baseline(&["--quick", "--only", "breaker/closed/success/window", "--json", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = read(&file);
    assert!(rows.len() >= 2, "one and two threads");
    for row in &rows {
        assert_eq!(row["name"], "breaker/closed/success/window");
        assert_eq!(row["peer"], "recloser");
        let (ours, theirs) = (row["ours_ns"].as_f64().unwrap(), row["peer_ns"].as_f64().unwrap());
        assert!((row["ratio"].as_f64().unwrap() - theirs / ours).abs() < 1e-9);
        assert!(row["spread"].as_f64().unwrap() >= 0.0);
    }
    assert!(!scratch("rows.json.unfinished").exists());
}

#[test]
fn keys_are_weighed_once_and_not_timed() {
    let file = scratch("bytes.json");
    let output = baseline(&["--quick", "--only", "keyed/bytes", "--json", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("bytes, not ns"));
    let rows = read(&file);
    assert!(rows.iter().all(|row| row["threads"] == 1 && row["spread"] == 0.0), "{rows:?}");
    // A word and its share of the room that chance needs, against a key, a state and theirs.
    let governor = rows.iter().find(|row| row["peer"] == "governor").unwrap();
    assert!((8.0..24.0).contains(&governor["ours_ns"].as_f64().unwrap()), "{governor}");
    assert!(governor["peer_ns"].as_f64().unwrap() >= 16.0, "{governor}");
}

#[test]
fn a_floor_has_no_peer() {
    let file = scratch("floors.json");
    let output = baseline(&["--quick", "--only", "floor/load", "--json", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for row in read(&file) {
        for field in ["peer", "peer_version", "peer_ns", "ratio"] {
            assert_eq!(row.get(field), Some(&Value::Null), "{field}");
        }
    }
}

fn read(file: &std::path::Path) -> Vec<Value> {
    let told: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for field in ["cpu", "cores", "os", "rustc"] {
        assert!(!told["machine"][field].is_null(), "{field}");
    }
    told["rows"].as_array().unwrap().clone()
}
