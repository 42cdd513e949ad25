//! Nothing that is wrong of a retry's trace passes.

use core::time::Duration;

use fusebox::retry::{Class, Stopped};

use super::compare;
use super::script::Expect;
use super::subject::Seen;
use crate::tests::{fails, passes, told};

const CONFIG: &str = r#"{ "max_attempts": 3, "initial_delay": "1s", "max_delay": "5s", "multiplier": 2, "jitter": "none",
    "deadline": "1h" }"#;

fn suite(config: &str, rest: &str) -> String {
    format!(
        r#"{{ "format": 1, "primitive": "retry", "traces": [{{ "name": "t", "config": {config}, {rest} }}] }}"#
    )
}

fn steps(steps: &str) -> String {
    suite(CONFIG, &format!(r#""steps": [{steps}]"#))
}

#[test]
fn what_comes_true_passes() {
    passes(&steps(
        r#"{ "at": "5s", "do": "run", "results": ["transient", { "after": "3s" }, "ok"], "repeat": 2,
             "expect": { "attempts": 3, "result": "ok", "stopped": "success", "delays": ["1s", "3s"],
                         "delays_within": [["0s", "1s"], ["3s", "4s"]] } },
           { "at": "1s", "do": "run", "results": ["permanent", "ok"], "clock_back": true,
             "expect": { "attempts": 1, "result": "error", "stopped": "permanent", "delays": [], "delays_within": [] } },
           { "at": "200000d", "do": "run", "results": [{ "after": "2h" }],
             "expect": { "attempts": 1, "stopped": "deadline" } }"#,
    ));
}

#[test]
fn a_config_that_is_none_fails() {
    let most = r#""max_attempts": 3, "initial_delay": "1s", "max_delay": "5s", "multiplier": 2"#;
    for (config, words) in [
        ("{}".to_owned(), "max_attempts"),
        (format!("{{ {most} }}"), "jitter"),
        (format!(r#"{{ {most}, "jitter": "some" }}"#), "some"),
        (format!(r#"{{ {most}, "jitter": "None" }}"#), "None"),
        (format!(r#"{{ {most}, "jitter": "none", "jitter_fraction": 0.5 }}"#), "only proportional"),
        (format!(r#"{{ {most}, "jitter": "proportional", "jitter_fraction": null }}"#), "config"),
        (format!(r#"{{ {most}, "jitter": "none", "deadline": null }}"#), "config"),
        (format!(r#"{{ {most}, "jitter": "none", "deadline": 5 }}"#), "config"),
        (format!(r#"{{ {most}, "jitter": "none", "retries": 5 }}"#), "retries"),
        (format!(r#"{{ {most}, "max_attempts": 4, "jitter": "none" }}"#), "duplicate"),
        (
            r#"{ "max_attempts": 0, "initial_delay": "1s", "max_delay": "5s", "multiplier": 2, "jitter": "none" }"#.into(),
            "config: expected a policy, seen an error: max_attempts = 0",
        ),
    ] {
        let run = r#""steps": [{ "at": "0s", "do": "run", "results": ["ok"] }]"#;
        fails(&suite(&config, run), &["\"t\"", words]);
    }
}

#[test]
fn a_step_that_is_none_fails_by_its_number() {
    for (step, words) in [
        (r#"{ "do": "run", "results": ["ok"] }"#, "at"),
        (r#"{ "at": "1s", "results": ["ok"] }"#, "do"),
        (r#"{ "at": "1s", "do": "look", "results": ["ok"] }"#, "look"),
        (r#"{ "at": "0s", "do": "run", "results": ["ok"] }"#, "goes back"),
        (r#"{ "at": "1s", "do": "run" }"#, "results"),
        (r#"{ "at": "1s", "do": "run", "results": [] }"#, "one of `results` at least"),
        (r#"{ "at": "1s", "do": "run", "results": "ok" }"#, "string"),
        (r#"{ "at": "1s", "do": "run", "results": ["late"] }"#, "late"),
        (r#"{ "at": "1s", "do": "run", "results": [{ "after": 5 }] }"#, "string"),
        (r#"{ "at": "1s", "do": "run", "results": [{ "before": "5s" }] }"#, "before"),
        (r#"{ "at": "1s", "do": "run", "results": ["after"] }"#, "malformed"),
        (r#"{ "at": "1s", "do": "run", "results": ["ok"], "id": "a" }"#, "id"),
        (r#"{ "at": "1s", "do": "run", "results": ["ok"], "repeat": 0 }"#, "repeat"),
        (r#"{ "at": "1s", "do": "run", "results": ["ok"], "expect": { "waited": "1s" } }"#, "waited"),
        (r#"{ "at": "1s", "do": "run", "results": ["ok"], "expect": { "stopped": "other" } }"#, "other"),
        (
            r#"{ "at": "1s", "do": "run", "results": ["ok"], "expect": { "stopped": "cancelled" } }"#,
            "cancelled",
        ),
        (r#"{ "at": "1s", "do": "run", "results": ["ok"], "expect": { "result": true } }"#, "malformed"),
        (r#"{ "at": "1s", "do": "run", "results": ["ok"], "expect": { "delays": [1] } }"#, "string"),
        (
            r#"{ "at": "1s", "do": "run", "results": ["ok"], "expect": { "delays_within": [["1s"]] } }"#,
            "malformed",
        ),
    ] {
        let first = r#"{ "at": "1s", "do": "run", "results": ["ok"] }"#;
        fails(&steps(&format!("{first}, {step}")), &["\"t\"", "step 2", words]);
    }
}

#[test]
fn an_expectation_that_is_wrong_fails_with_what_was_seen() {
    for (expectation, words) in [
        (r#""attempts": 2"#, "attempts: expected 2, seen 3"),
        (r#""attempts": null"#, "attempts: expected null, seen 3"),
        (r#""result": "ok""#, r#"result: expected "ok", seen "error""#),
        (r#""result": null"#, "result: expected null"),
        (r#""stopped": "budget""#, r#"stopped: expected "budget", seen "attempts""#),
        (r#""stopped": null"#, "stopped: expected null"),
        (r#""delays": ["1s"]"#, r#"delays: expected ["1s"], seen ["1s", "2s"]"#),
        (r#""delays": ["1s", "2s 1ns"]"#, r#"expected ["1s", "2s 1ns"], seen ["1s", "2s"]"#),
        (r#""delays": null"#, "delays: expected null"),
        (
            r#""delays_within": [["0s", "9s"]]"#,
            r#"delays_within: expected [["0s", "9s"]], seen ["1s", "2s"]"#,
        ),
        (r#""delays_within": [["0s", "1s"], ["2s 1ns", "9s"]]"#, "delays_within: expected"),
        (r#""delays_within": [["0s", "999999999ns"], ["2s", "9s"]]"#, "delays_within: expected"),
        (r#""delays_within": null"#, "delays_within: expected null"),
    ] {
        let run = format!(
            r#"{{ "at": "0s", "do": "run", "results": ["transient"], "expect": {{ {expectation} }} }}"#
        );
        fails(&steps(&run), &["step 1", words, "a course by hand, seed 0"]);
    }
}

#[test]
fn a_run_that_contradicts_itself_is_seen() {
    let second = Duration::from_secs(1);
    let seen = Seen {
        result: Err(Class::Transient),
        attempts: 2,
        waited: second,
        stopped: Stopped::Cancelled,
        calls: 2,
        delays: vec![second],
        told: vec![second],
    };
    let keys = |seen: Seen| compare(&Expect::default(), &seen).iter().map(|it| it.key).collect::<Vec<_>>();
    assert_eq!(keys(seen.clone()), Vec::<&str>::new());
    assert_eq!(keys(Seen { calls: 3, ..seen.clone() }), ["calls made"]);
    assert_eq!(keys(Seen { told: vec![], ..seen.clone() }), ["delays told of"]);
    assert_eq!(keys(Seen { waited: Duration::ZERO, ..seen.clone() }), ["waited in all"]);
    let expect: Expect = serde_json::from_str(r#"{ "stopped": "success" }"#).unwrap();
    let words: Vec<_> = compare(&expect, &seen).iter().map(ToString::to_string).collect();
    assert_eq!(words, [r#"stopped: expected "success", seen "other""#]);
}

#[test]
fn an_error_is_expected_by_its_field() {
    let config = |attempts: u32, multiplier: f64| {
        format!(
            r#"{{ "max_attempts": {attempts}, "initial_delay": "1s", "max_delay": "5s", "multiplier": {multiplier}, "jitter": "full" }}"#
        )
    };
    let refused = |config: &str, field: &str| suite(config, &format!(r#""expect_error": "{field}""#));
    passes(&refused(&config(0, 2.0), "max_attempts"));
    passes(&refused(&config(1, 0.5), "multiplier"));
    fails(
        &refused(&config(0, 2.0), "multiplier"),
        &["expect_error: expected \"multiplier\", seen \"max_attempts\""],
    );
    fails(&refused(&config(1, 2.0), "multiplier"), &["expect_error: expected \"multiplier\", seen a policy"]);
}

#[test]
fn the_suites_of_the_project_pass() {
    for (suite, least) in
        [(include_str!("../../traces/retry.json"), 24), (include_str!("../../traces/retry_own.json"), 12)]
    {
        let (tally, lines) = told(suite);
        assert_eq!((tally.failed, lines), (0, Vec::new()));
        assert!(tally.passed >= least, "{tally:?}");
    }
}
