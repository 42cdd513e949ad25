//! What the outage example promises whoever runs it: figures that add up, errors that name the place, a clean end.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop at what it did not expect")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Four short phases; the machine that runs the tests may be busy, so nothing is asked of latencies.
const SCRIPT: &str = r#"
[[phase]]
state = "healthy"
seconds = 1
[[phase]]
state = "killed"
seconds = 1
[[phase]]
name = "no answer"
state = "hanging"
seconds = 1
[[phase]]
state = "restored"
seconds = 1.5
"#;

/// Cargo builds the examples of a package before it runs its tests, in the folder above the tests' own.
fn outage() -> Command {
    let test = std::env::current_exe().expect("the test knows where it stands");
    let program =
        test.parent().and_then(Path::parent).expect("…/target/PROFILE/deps/TEST").join("examples/outage");
    let mut command = Command::new(program.with_extension(std::env::consts::EXE_EXTENSION));
    command.stdin(Stdio::null());
    command
}

/// A fresh place for one test's files.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

fn run(script: &str, test: &str) -> Output {
    let file = folder(test).join("script.toml");
    std::fs::write(&file, script).expect("the script can be written");
    outage().arg("--script").arg(file).output().expect("the example is built")
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

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("no whole number {field} in {value}"))
}

#[test]
fn a_short_run_writes_figures_that_add_up_and_a_picture() {
    let folder = folder("short");
    let (script, json, svg) = (folder.join("s.toml"), folder.join("o.json"), folder.join("o.svg"));
    std::fs::write(&script, SCRIPT).expect("the script can be written");
    let mut command = outage();
    command.args(["--rate", "100"]).arg("--script").arg(&script);
    command.arg("--json").arg(&json).arg("--svg").arg(&svg);
    let output = command.output().expect("the example is built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.stdout.contains(&0x1b), "escape codes where there is no terminal");

    let report: Value = serde_json::from_slice(&std::fs::read(json).expect("a report")).expect("JSON");
    assert_eq!(report["complete"], true);
    let phases = report["phases"].as_array().expect("phases");
    assert_eq!(phases.len(), 4);
    for phase in phases {
        for gateway in ["protected", "unprotected"] {
            let row = &phase[gateway];
            let ended = number(row, "live") + number(row, "cached") + number(row, "failed");
            assert_eq!(number(row, "sent"), ended, "{gateway} in {phase}");
            for field in ["p50_ms", "p99_ms", "p99_open_ms", "recovery_ms"] {
                assert!(row.get(field).is_some(), "no {field} in {row}");
            }
        }
        assert_eq!(number(&phase["unprotected"], "cached"), 0);
        let with = &phase["protected"];
        let because = |why| number(&with["cached_because"], why);
        let reasons = because("refused") + because("timed_out") + because("failed");
        assert_eq!(number(with, "cached"), reasons, "every answer from the cache has a reason: {phase}");
    }
    for silent in [&phases[1], &phases[2]] {
        let (with, without) = (&silent["protected"], &silent["unprotected"]);
        let answered = number(with, "live") + number(with, "cached");
        assert!(answered * 100 >= number(with, "sent") * 99, "{silent}");
        // On a busy machine the service may be some moments late to die.
        assert!(number(without, "live") * 2 < number(without, "sent"), "{silent}");
    }
    assert!(report["recovery_ms"].get("protected").is_some());
    let (guard, breaker) = (&report["guard"], &report["breaker"]);
    assert_eq!(number(guard, "attempts"), number(breaker, "admitted"), "nothing goes past the breaker");
    let changes = report["breaker"]["transitions"].as_array().expect("transitions");
    assert!(changes.iter().any(|change| change["to"] == "open"), "{changes:?}");

    let picture = std::fs::read_to_string(svg).expect("a picture");
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    for word in ["healthy", "killed", "no answer", "restored", "With fusebox"] {
        assert!(picture.contains(word), "no {word} in the picture");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_with_the_figures_so_far() {
    let json = folder("interrupt").join("o.json");
    let mut child = outage()
        .args(["--seconds", "600", "--rate", "20", "--json"])
        .arg(&json)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example is built");
    let mut lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
    let progress = lines.by_ref().map_while(Result::ok).find(|line| line.contains("breaker closed"));
    assert!(progress.is_some(), "no progress was told");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    assert!(child.wait().expect("it ends").success());
    assert!(rest.iter().any(|line| line.contains("figures so far")), "{rest:?}");
    let report: Value = serde_json::from_slice(&std::fs::read(json).expect("a report")).expect("JSON");
    assert_eq!(report["complete"], false);
    assert!(number(&report["phases"][0]["protected"], "sent") > 0);
}

#[test]
fn a_bad_script_is_refused_with_its_line_and_field() {
    let cases: [(&str, &[&str]); 9] = [
        ("[[phase]\n", &["line 1"]),
        ("", &["phase"]),
        ("phase = []\n", &["no phase"]),
        ("[[phase]]\nstate = \"burning\"\nseconds = 1\n", &["line 2", "burning", "hanging"]),
        ("[[phase]]\nstate = \"killed\"\nseconds = 0\n", &["line 3", "seconds", "from 0.1 to 3600"]),
        ("[[phase]]\nstate = \"killed\"\nseconds = nan\n", &["line 3", "seconds"]),
        ("[[phase]]\nstate = \"killed\"\n", &["line 1", "missing field `seconds`"]),
        ("[[phase]]\nstate = \"killed\"\nseconds = 1\nlatency_ms = 5\n", &["line 4", "latency_ms"]),
        ("[[phase]]\nstate = \"slow\"\nseconds = 1\nerror_percent = 5\n", &["line 4", "error_percent"]),
    ];
    for (script, words) in cases {
        assert_refused(&run(script, "bad"), words);
    }
}

#[test]
fn a_bad_option_or_path_is_refused_before_anything_begins() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--seconds", "0"], &["--seconds", "from 1 to 3600"]),
        (&["--seconds", "soon"], &["--seconds", "from 1 to 3600"]),
        (&["--rate", "0"], &["--rate", "1..=2000"]),
        (&["--script", "no such file"], &["no such file"]),
        (&["--svg", "no such folder/o.svg"], &["--svg", "no such folder"]),
        (&["--svg", "same", "--json", "same"], &["--svg", "--json"]),
    ];
    for (arguments, words) in cases {
        assert_refused(&outage().args(arguments).output().expect("the example is built"), words);
    }
}
