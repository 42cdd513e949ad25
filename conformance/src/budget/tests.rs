//! Nothing that is wrong of a budget's trace passes.

use fusebox::retry::{Allowed, Budget};
use fusebox::time::{Instant, NoClock};

use super::script::Expect;
use super::{Seen, compare};
use crate::tests::{fails, passes, told};

const CONFIG: &str = r#"{ "ratio": 0.5, "capacity": 2, "min_per_second": 1 }"#;

fn suite(config: &str, rest: &str) -> String {
    format!(
        r#"{{ "format": 1, "primitive": "retry_budget", "traces": [{{ "name": "t", "config": {config}, {rest} }}] }}"#
    )
}

fn steps(steps: &str) -> String {
    suite(CONFIG, &format!(r#""steps": [{steps}]"#))
}

#[test]
fn what_comes_true_passes() {
    passes(&steps(
        r#"{ "at": "0s", "do": "look", "expect": { "granted": null, "balance": 0, "refused": 0 } },
           { "at": "0s", "do": "deposit", "repeat": 2 },
           { "at": "0s", "do": "retry", "expect": { "granted": true, "balance": 0, "refused": 0 } },
           { "at": "500ms", "do": "retry", "repeat": 1, "expect": { "granted": false, "balance": 0.5004, "refused": 1 } },
           { "at": "0s", "clock_back": true, "do": "deposit", "expect": { "balance": 1 } }"#,
    ));
}

#[test]
fn a_config_that_is_none_fails() {
    for (config, words) in [
        ("{}", "ratio"),
        (r#"{ "ratio": 0.1, "capacity": 1 }"#, "min_per_second"),
        (r#"{ "ratio": "0.1", "capacity": 1, "min_per_second": 0 }"#, "config"),
        (r#"{ "ratio": 0.1, "capacity": -1, "min_per_second": 0 }"#, "config"),
        (r#"{ "ratio": 0.1, "capacity": 1, "min_per_second": 0.5 }"#, "config"),
        (r#"{ "ratio": 0.1, "capacity": 1, "min_per_second": 0, "initial": null }"#, "config"),
        (r#"{ "ratio": 0.1, "capacity": 1, "min_per_second": 0, "ttl": "1s" }"#, "ttl"),
        (
            r#"{ "ratio": 0.1, "capacity": 0, "min_per_second": 0 }"#,
            "config: expected a budget, seen an error: capacity = 0",
        ),
    ] {
        fails(&suite(config, r#""steps": [{ "at": "0s", "do": "look" }]"#), &["\"t\"", words]);
    }
}

#[test]
fn a_step_that_is_none_fails_by_its_number() {
    for (step, words) in [
        (r#"{ "do": "look" }"#, "at"),
        (r#"{ "at": "1s" }"#, "do"),
        (r#"{ "at": "1s", "do": "withdraw" }"#, "withdraw"),
        (r#"{ "at": "0s", "do": "look" }"#, "goes back"),
        (r#"{ "at": "1s", "do": "look", "id": "a" }"#, "id"),
        (r#"{ "at": "1s", "do": "look", "repeat": 0 }"#, "repeat"),
        (r#"{ "at": "1s", "do": "look", "expect": { "tokens": 1 } }"#, "tokens"),
        (r#"{ "at": "1s", "do": "look", "expect": { "balance": "1" } }"#, "string"),
        (r#"{ "at": "1s", "do": "look", "expect": { "refused": 0.5 } }"#, "0.5"),
    ] {
        fails(&steps(&format!(r#"{{ "at": "1s", "do": "look" }}, {step}"#)), &["\"t\"", "step 2", words]);
    }
}

#[test]
fn an_expectation_that_is_wrong_fails_with_what_was_seen() {
    let deposit = r#"{ "at": "0s", "do": "deposit" }"#;
    for (expectation, words) in [
        (r#""granted": true"#, "granted: expected true, seen false"),
        (r#""granted": null"#, "granted: expected null, seen false"),
        (r#""balance": 0.502"#, "balance: expected 0.502, seen 0.5"),
        (r#""balance": 0.498"#, "balance: expected 0.498, seen 0.5"),
        (r#""balance": null"#, "balance: expected null, seen 0.5"),
        (r#""refused": 0"#, "refused: expected 0, seen 1"),
        (r#""refused": null"#, "refused: expected null, seen 1"),
    ] {
        let retry = format!(r#"{{ "at": "0s", "do": "retry", "expect": {{ {expectation} }} }}"#);
        fails(&steps(&format!("{deposit}, {retry}")), &["step 2", words, "instants given"]);
    }
    let look = r#"{ "at": "0s", "do": "look", "expect": { "granted": false } }"#;
    fails(&steps(look), &["step 1", "granted: expected false, seen null"]);
    let twice = r#"{ "at": "1s", "do": "retry", "repeat": 2, "expect": { "granted": true } }"#;
    fails(&steps(twice), &["step 1", "granted: expected true, seen false"]);
}

#[test]
fn a_budget_that_contradicts_itself_is_seen() {
    let budget = Budget::with_parts(Allowed::ratio(0.5).constant(), NoClock, ());
    let refusal = budget.withdraw_at(Instant::ORIGIN).unwrap_err();
    let look = budget.look_at(Instant::ORIGIN);
    let keys = |refusal, told| {
        let seen = Seen { granted: Some(false), refusal: Some(refusal), look, told };
        compare(&Expect::default(), &seen).iter().map(|it| it.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(refusal, 1), Vec::<&str>::new());
    assert_eq!(keys(refusal, 0), ["refusals told of"]);
    budget.deposit_at(Instant::ORIGIN);
    let later = budget.withdraw_at(Instant::ORIGIN).unwrap_err();
    assert_eq!(keys(later, 1), ["balance of the refusal", "refused of the refusal"]);
}

#[test]
fn an_error_is_expected_by_its_field() {
    let refused = |config: &str, field: &str| suite(config, &format!(r#""expect_error": "{field}""#));
    let none = r#"{ "ratio": 0.5, "capacity": 0, "min_per_second": 1 }"#;
    passes(&refused(none, "capacity"));
    fails(&refused(none, "ratio"), &["expect_error: expected \"ratio\", seen \"capacity\""]);
    fails(&refused(CONFIG, "capacity"), &["expect_error: expected \"capacity\", seen a budget"]);
}

#[test]
fn the_suites_of_the_project_pass() {
    for (suite, least) in [
        (include_str!("../../traces/retry_budget.json"), 7),
        (include_str!("../../traces/retry_budget_own.json"), 6),
    ] {
        let (tally, lines) = told(suite);
        assert_eq!((tally.failed, lines), (0, Vec::new()));
        assert!(tally.passed >= least, "{tally:?}");
    }
}
