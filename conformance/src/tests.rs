//! A runner that lets something pass would prove nothing: each kind of nonsense fails, and so does each
//! expectation that is wrong.

use crate::runner::{Tally, suite};

const CONFIG: &str =
    r#"{ "policy": { "consecutive_failures": 1 }, "open_duration": "10s", "half_open_calls": 1 }"#;

/// Runs a suite; gives the tally and what was told.
pub fn told(text: &str) -> (Tally, Vec<String>) {
    let (mut tally, mut lines) = (Tally::default(), Vec::new());
    suite(text, &mut tally, |line| lines.push(line));
    (tally, lines)
}

fn suite_of(trace: &str) -> String {
    format!(r#"{{ "format": 1, "primitive": "circuit_breaker", "traces": [{trace}] }}"#)
}

fn steps(steps: &str) -> String {
    suite_of(&format!(r#"{{ "name": "t", "config": {CONFIG}, "steps": [{steps}] }}"#))
}

fn config(config: &str) -> String {
    suite_of(&format!(r#"{{ "name": "t", "config": {config}, "steps": [{{ "at": "0s", "do": "look" }}] }}"#))
}

#[track_caller]
pub fn passes(text: &str) {
    let (tally, lines) = told(text);
    assert_eq!((tally, lines), (Tally { passed: 1, failed: 0 }, Vec::new()), "{text}");
}

/// The one trace fails, and what is told of it has these words in it.
#[track_caller]
pub fn fails(text: &str, words: &[&str]) {
    let (tally, lines) = told(text);
    assert_eq!(tally, Tally { passed: 0, failed: 1 }, "{text}");
    for word in words {
        assert!(
            lines.len() == 1 && lines.iter().any(|line| line.contains(word)),
            "{word:?} is not in {lines:?}"
        );
    }
}

#[test]
fn what_comes_true_passes() {
    passes(&steps(r#"{ "at": "0s", "do": "look", "expect": { "state": "closed", "retry_after": null } }"#));
    passes(&config(
        r#"{ "policy": { "failure_rate": { "percent": 50, "window": { "time": "10s" }, "minimum_calls": 3 } },
        "slow_call": { "limit": "1s", "percent": 50 }, "open_duration": "10s", "open_growth": { "factor": 1.5, "cap": "1m" },
        "half_open_calls": 2, "success_threshold": 2, "half_open_timeout": "5s", "ramp": { "percents": [10, 50], "step": "1s" } }"#,
    ));
}

#[test]
fn a_suite_that_is_none_is_one_failure() {
    let (trace, look) = (r#"{ "name": "t", "config": "#, r#", "steps": [{ "at": "0s", "do": "look" }] }"#);
    let traces = format!("[{trace}{CONFIG}{look}]");
    for (text, words) in [
        (String::new(), "no suite"),
        ("{".into(), "no suite"),
        ("[]".into(), "no suite"),
        (format!(r#"{{ "primitive": "circuit_breaker", "traces": {traces} }}"#), "format"),
        (format!(r#"{{ "format": 1, "traces": {traces} }}"#), "primitive"),
        (r#"{ "format": 1, "primitive": "circuit_breaker" }"#.into(), "traces"),
        (r#"{ "format": 1, "primitive": "circuit_breaker", "traces": [] }"#.into(), "without a trace"),
        (
            format!(r#"{{ "format": 2, "primitive": "circuit_breaker", "traces": {traces} }}"#),
            "format 2 is unknown",
        ),
        (
            format!(r#"{{ "format": 1, "primitive": "circuit_breaker", "more": 1, "traces": {traces} }}"#),
            "more",
        ),
        (
            format!(r#"{{ "format": 1, "primitive": "fuse", "traces": {traces} }}"#),
            "unknown primitive \"fuse\"",
        ),
    ] {
        fails(&text, &[words]);
    }
}

#[test]
fn every_trace_of_an_unknown_primitive_fails() {
    let (tally, lines) =
        told(r#"{ "format": 1, "primitive": "fuse", "traces": [{ "name": "a" }, { "name": "b" }] }"#);
    assert_eq!(tally, Tally { passed: 0, failed: 2 });
    assert!(lines.iter().all(|line| line.contains("unknown primitive")));
}

#[test]
fn a_trace_that_is_none_fails_by_its_name() {
    let look = r#"[{ "at": "0s", "do": "look" }]"#;
    for (trace, words) in [
        (format!(r#"{{ "name": "t", "config": {CONFIG} }}"#), "needs `steps` or `expect_error`"),
        (format!(r#"{{ "name": "t", "config": {CONFIG}, "steps": [] }}"#), "without a step"),
        (format!(r#"{{ "name": "t", "config": {CONFIG}, "steps": null }}"#), "null"),
        (
            format!(r#"{{ "name": "t", "config": {CONFIG}, "steps": {look}, "expect_error": "x" }}"#),
            "not both",
        ),
        (format!(r#"{{ "name": "t", "config": {CONFIG}, "steps": {look}, "why": "x" }}"#), "why"),
        (format!(r#"{{ "name": "t", "steps": {look} }}"#), "config"),
        (format!(r#"{{ "name": "t", "name": "t", "config": {CONFIG}, "steps": {look} }}"#), "duplicate"),
    ] {
        fails(&suite_of(&trace), &["\"t\"", words]);
    }
    fails(&suite_of(&format!(r#"{{ "config": {CONFIG}, "steps": {look} }}"#)), &["trace 1", "name"]);
    fails(&suite_of("3"), &["trace 1"]);
}

#[test]
fn a_config_that_is_none_fails() {
    let rate = r#""failure_rate": { "percent": 50, "window": { "calls": 4 }, "minimum_calls": 2 }"#;
    let rest = r#""open_duration": "10s", "half_open_calls": 1"#;
    let row = r#""policy": { "consecutive_failures": 1 }"#;
    for (text, words) in [
        (format!("{{ {rest} }}"), "policy"),
        (format!(r#"{{ {row}, "half_open_calls": 1 }}"#), "open_duration"),
        (format!(r#"{{ {row}, "open_duration": "10s" }}"#), "half_open_calls"),
        (format!(r#"{{ {row}, {rest}, "cooldown": "1s" }}"#), "cooldown"),
        (format!(r#"{{ "policy": {{ "consecutive_failures": 1, {rate} }}, {rest} }}"#), "config"),
        (format!(r#"{{ "policy": {{ "failures": 1 }}, {rest} }}"#), "failures"),
        (format!(r#"{{ "policy": {{ "consecutive_failures": "1" }}, {rest} }}"#), "config"),
        (format!(r#"{{ "policy": {{ "consecutive_failures": -1 }}, {rest} }}"#), "config"),
        (format!(r#"{{ "policy": {{ "failure_rate": {{ "percent": 50 }} }}, {rest} }}"#), "window"),
        (format!(r#"{{ {row}, {rest}, "half_open_timeout": null }}"#), "config"),
        (format!(r#"{{ {row}, {rest}, "half_open_timeout": 5 }}"#), "config"),
        (format!(r#"{{ {row}, {rest}, "half_open_timeout": "5 s" }}"#), "no duration"),
        (format!(r#"{{ {row}, {rest}, "slow_call": {{ "limit": "1s" }} }}"#), "slow_call"),
        (
            format!(r#"{{ {row}, {rest}, "slow_call": {{ "limit": "1s", "as_failure": false }} }}"#),
            "slow_call",
        ),
        (
            format!(
                r#"{{ {row}, {rest}, "slow_call": {{ "limit": "1s", "as_failure": true, "percent": 1 }} }}"#
            ),
            "slow_call",
        ),
        (format!(r#"{{ {row}, {rest}, "ramp": {{ "percents": [10] }} }}"#), "step"),
        (format!(r#"{{ {row}, {rest}, "open_growth": {{ "factor": 2 }} }}"#), "cap"),
        (format!(r#"{{ "policy": {{ "consecutive_failures": 0 }}, {rest} }}"#), "consecutive_failures = 0"),
    ] {
        fails(&config(&text), &[words]);
    }
}

#[test]
fn a_step_that_is_none_fails_by_its_number() {
    let acquire = r#"{ "at": "1s", "do": "acquire", "id": "a" }"#;
    for (step, words) in [
        (r#"{ "do": "look" }"#, "at"),
        (r#"{ "at": "1s" }"#, "do"),
        (r#"{ "at": "1s", "do": "sleep" }"#, "sleep"),
        (r#"{ "at": "1", "do": "look" }"#, "no duration"),
        (r#"{ "at": 1, "do": "look" }"#, "string"),
        (r#"{ "at": "600000d", "do": "look" }"#, "past the end of the clock"),
        (r#"{ "at": "0s", "do": "look" }"#, "goes back"),
        (r#"{ "at": "1s", "do": "look", "why": 1 }"#, "why"),
        (r#"{ "at": "1s", "do": "look", "repeat": 0 }"#, "repeat"),
        (r#"{ "at": "1s", "do": "look", "repeat": -1 }"#, "-1"),
        (r#"{ "at": "1s", "do": "look", "repeat": "2" }"#, "string"),
        (r#"{ "at": "1s", "do": "look", "clock_back": 1 }"#, "1"),
        (r#"{ "at": "1s", "do": "look", "id": "a" }"#, "takes no `id`"),
        (r#"{ "at": "1s", "do": "acquire", "outcome": "success" }"#, "takes no `outcome`"),
        (r#"{ "at": "1s", "do": "acquire", "took": "1s" }"#, "takes no `took`"),
        (r#"{ "at": "1s", "do": "reset", "wall": "1s" }"#, "takes no `wall`"),
        (r#"{ "at": "1s", "do": "complete", "id": "a" }"#, "needs `outcome`"),
        (r#"{ "at": "1s", "do": "complete", "outcome": "success" }"#, "needs `id`"),
        (r#"{ "at": "1s", "do": "complete", "id": "a", "outcome": "late" }"#, "late"),
        (r#"{ "at": "1s", "do": "drop" }"#, "needs `id`"),
        (r#"{ "at": "1s", "do": "panic" }"#, "needs `id`"),
        (r#"{ "at": "1s", "do": "call" }"#, "needs `outcome`"),
        (r#"{ "at": "1s", "do": "snapshot", "id": "s" }"#, "needs `wall`"),
        (r#"{ "at": "1s", "do": "look", "expect": { "weather": "fine" } }"#, "weather"),
        (r#"{ "at": "1s", "do": "look", "expect": { "state": "ajar" } }"#, "ajar"),
        (r#"{ "at": "1s", "do": "look", "expect": { "events": ["tripped"] } }"#, "tripped"),
        (r#"{ "at": "1s", "do": "look", "expect": { "events": ["would_reject"] } }"#, "would_reject"),
        (r#"{ "at": "1s", "do": "look", "expect": { "retry_after": 0 } }"#, "string"),
        (r#"{ "at": "1s", "do": "look", "expect": { "late": "0" } }"#, "string"),
        (r#"{ "at": "1s", "do": "look", "expect": null }"#, "null"),
        (
            r#"{ "at": "1s", "do": "complete", "id": "b", "outcome": "success" }"#,
            "no permit is held under \"b\"",
        ),
        (r#"{ "at": "1s", "do": "acquire", "id": "a" }"#, "held already"),
        (r#"{ "at": "1s", "do": "restore", "id": "s", "wall": "1s" }"#, "no snapshot is kept under \"s\""),
    ] {
        fails(&steps(&format!("{acquire}, {step}")), &["\"t\"", "step 2", words]);
    }
}

#[test]
fn an_expectation_that_is_wrong_fails_with_what_was_seen() {
    let wrong = [
        (r#""permitted": true"#, "permitted: expected true, seen false"),
        (r#""permitted": null"#, "permitted: expected null, seen false"),
        (r#""state": "closed""#, "state: expected \"closed\", seen \"open\""),
        (r#""state": null"#, "state: expected null, seen \"open\""),
        (r#""retry_after": "9s""#, "retry_after: expected \"9s\", seen \"8s\""),
        (r#""retry_after": null"#, "retry_after: expected null, seen \"8s\""),
        (r#""open_for": "0s""#, "open_for: expected \"0s\", seen \"2s\""),
        (r#""rejected_since_open": 0"#, "rejected_since_open: expected 0, seen 1"),
        (r#""consecutive_failures": 9"#, "consecutive_failures: expected 9"),
        (r#""in_flight": 1"#, "in_flight: expected 1, seen 0"),
        (r#""late": 1"#, "late: expected 1, seen 0"),
        (r#""cancelled": 1"#, "cancelled: expected 1, seen 0"),
        (r#""events": []"#, "events: expected [], seen [\"rejected\"]"),
        (r#""events": null"#, "events: expected null, seen [\"rejected\"]"),
        (r#""events": ["rejected", "opened"]"#, "events: expected [\"rejected\", \"opened\"]"),
        (r#""outage": "0s""#, "outage: expected \"0s\", seen null"),
    ];
    let failed = r#"{ "at": "0s", "do": "call", "outcome": "failure" }"#;
    for (expectation, words) in wrong {
        let call =
            format!(r#"{{ "at": "2s", "do": "call", "outcome": "success", "expect": {{ {expectation} }} }}"#);
        fails(&steps(&format!("{failed}, {call}")), &["step 2", words]);
    }
}

#[test]
fn each_repetition_must_meet_what_is_expected() {
    let call =
        r#"{ "at": "0s", "do": "call", "outcome": "failure", "repeat": 2, "expect": { "permitted": true } }"#;
    fails(&steps(call), &["step 1", "permitted: expected true, seen false"]);
}

#[test]
fn an_error_is_expected_by_its_field() {
    let refused = |failures: u32, field: &str| {
        suite_of(&format!(
            r#"{{ "name": "t", "config": {{ "policy": {{ "consecutive_failures": {failures} }}, "open_duration": "10s",
                "half_open_calls": 1 }}, "expect_error": "{field}" }}"#
        ))
    };
    passes(&refused(0, "consecutive_failures"));
    fails(
        &refused(0, "open_duration"),
        &["expect_error: expected \"open_duration\", seen \"consecutive_failures\""],
    );
    fails(
        &refused(1, "consecutive_failures"),
        &["expect_error: expected \"consecutive_failures\", seen a breaker"],
    );
}

#[test]
fn a_call_ends_when_it_took_its_time() {
    passes(&steps(
        r#"{ "at": "0s", "do": "call", "outcome": "failure", "took": "5s", "expect": { "retry_after": "10s" } },
           { "at": "3s", "do": "look", "expect": { "state": "open" } },
           { "at": "7s", "do": "call", "outcome": "success", "took": "5s",
             "expect": { "permitted": false, "retry_after": "8s", "open_for": "2s" } }"#,
    ));
}

#[test]
fn what_a_restore_leaves_behind_changes_nothing() {
    passes(&steps(
        r#"{ "at": "0s", "do": "acquire", "id": "a" },
           { "at": "0s", "do": "snapshot", "id": "a", "wall": "1s" },
           { "at": "1s", "do": "restore", "id": "a", "wall": "2s" },
           { "at": "1s", "do": "complete", "id": "a", "outcome": "failure",
             "expect": { "state": "closed", "events": [], "late": 0 } },
           { "at": "1s", "do": "acquire", "id": "a", "expect": { "permitted": true } }"#,
    ));
}

#[test]
fn the_suite_of_the_project_passes() {
    let (tally, lines) = told(include_str!("../traces/circuit_breaker.json"));
    assert_eq!((tally.failed, lines), (0, Vec::new()));
    assert!(tally.passed > 40, "{tally:?}");
}
