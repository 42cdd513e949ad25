//! Nothing that is wrong of a limiter's trace passes.

use crate::tests::{fails, passes, told};

const CONFIG: &str = r#"{ "rate": 10, "period": "1s", "burst": 2 }"#;
const KEYED: &str = r#"{ "rate": 10, "period": "1s", "burst": 2, "capacity": 8 }"#;
const LOOK: &str = r#"{ "at": "0s", "do": "look" }"#;

fn suite(primitive: &str, config: &str, rest: &str) -> String {
    format!(
        r#"{{ "format": 1, "primitive": "{primitive}", "traces": [{{ "name": "t", "config": {config}, {rest} }}] }}"#
    )
}

fn steps(steps: &str) -> String {
    suite("rate_limiter", CONFIG, &format!(r#""steps": [{steps}]"#))
}

fn keyed_steps(steps: &str) -> String {
    suite("keyed_rate_limiter", KEYED, &format!(r#""steps": [{steps}]"#))
}

#[test]
fn what_comes_true_passes() {
    passes(&steps(
        r#"{ "at": "0s", "do": "check", "n": 2, "expect": { "allowed": true, "never_fits": false, "retry_after": null,
             "wait": null, "remaining": 0, "full_in": "200ms", "admitted_total": 2 } },
           { "at": "0s", "do": "look", "expect": { "allowed": null, "never_fits": null, "retry_after": null, "remaining": 0 } },
           { "at": "0s", "do": "reserve", "n": 1, "max_wait": "1s", "expect": { "allowed": true, "wait": "100ms" } },
           { "at": "0s", "do": "check", "n": 3, "expect": { "never_fits": true, "retry_after": null, "admitted_total": 3 } }"#,
    ));
    passes(&keyed_steps(
        r#"{ "at": "0s", "do": "check", "key": "a", "repeat": 2, "expect": { "allowed": true, "evictions": 0 } },
           { "at": "0s", "do": "check", "key": "b", "expect": { "remaining": 1, "evictions_at_most": 3, "admitted_total": 3 } }"#,
    ));
    let leased = r#"{ "rate": 10, "period": "1s", "burst": 8, "form": "leased", "shards": 2, "lease": 2 }"#;
    let check = r#""steps": [{ "at": "0s", "do": "check", "repeat": 8, "expect": { "allowed": true } }]"#;
    passes(&suite("rate_limiter", leased, check));
}

#[test]
fn a_config_that_is_none_fails() {
    let quota = r#""rate": 10, "period": "1s", "burst": 2"#;
    let look = format!(r#""steps": [{LOOK}]"#);
    for (config, words) in [
        (r#"{ "period": "1s", "burst": 2 }"#.to_owned(), "rate"),
        (r#"{ "rate": 10, "burst": 2 }"#.into(), "period"),
        (r#"{ "rate": 10, "period": "1s" }"#.into(), "burst"),
        (r#"{ "rate": -1, "period": "1s", "burst": 2 }"#.into(), "config"),
        (r#"{ "rate": 10, "period": 1, "burst": 2 }"#.into(), "config"),
        (format!(r#"{{ {quota}, "capacity": 8 }}"#), "capacity"),
        (format!(r#"{{ {quota}, "form": "loose" }}"#), "loose"),
        (format!(r#"{{ {quota}, "form": null }}"#), "config"),
        (format!(r#"{{ {quota}, "shards": 1 }}"#), "no `shards`"),
        (format!(r#"{{ {quota}, "lease": 1 }}"#), "no `lease`"),
        (format!(r#"{{ {quota}, "form": "leased" }}"#), "needs `shards` and `lease`"),
        (format!(r#"{{ {quota}, "form": "leased", "shards": 1 }}"#), "needs `shards` and `lease`"),
        (format!(r#"{{ {quota}, "form": "leased", "shards": 1, "lease": null }}"#), "config"),
        (r#"{ "rate": 0, "period": "1s", "burst": 2 }"#.into(), "rate = 0"),
    ] {
        fails(&suite("rate_limiter", &config, &look), &["\"t\"", words]);
    }
    let check = r#""steps": [{ "at": "0s", "do": "check", "key": "a" }]"#;
    for (config, words) in [
        (format!("{{ {quota} }}"), "capacity"),
        (format!(r#"{{ {quota}, "capacity": "8" }}"#), "config"),
        (format!(r#"{{ {quota}, "capacity": 8, "form": "strict" }}"#), "form"),
        (format!(r#"{{ {quota}, "capacity": 0 }}"#), "capacity = 0"),
    ] {
        fails(&suite("keyed_rate_limiter", &config, check), &["\"t\"", words]);
    }
}

#[test]
fn a_step_that_is_none_fails_by_its_number() {
    for (step, words) in [
        (r#"{ "do": "look" }"#, "at"),
        (r#"{ "at": "1s", "do": "acquire" }"#, "acquire"),
        (r#"{ "at": "0s", "do": "look" }"#, "goes back"),
        (r#"{ "at": "1s", "do": "look", "why": 1 }"#, "why"),
        (r#"{ "at": "1s", "do": "look", "n": 1 }"#, "takes no `n`"),
        (r#"{ "at": "1s", "do": "look", "max_wait": "1s" }"#, "takes no `max_wait`"),
        (r#"{ "at": "1s", "do": "check", "max_wait": "1s" }"#, "takes no `max_wait`"),
        (r#"{ "at": "1s", "do": "check", "key": "a" }"#, "takes no `key`"),
        (r#"{ "at": "1s", "do": "check", "n": -1 }"#, "-1"),
        (r#"{ "at": "1s", "do": "check", "n": null }"#, "null"),
        (r#"{ "at": "1s", "do": "check", "repeat": 0 }"#, "repeat"),
        (r#"{ "at": "1s", "do": "reserve", "n": 1 }"#, "needs `max_wait`"),
        (r#"{ "at": "1s", "do": "reserve", "max_wait": "1s" }"#, "needs `n`"),
        (r#"{ "at": "1s", "do": "look", "expect": { "permitted": true } }"#, "permitted"),
        (r#"{ "at": "1s", "do": "look", "expect": { "evictions": 0 } }"#, "no `evictions`"),
        (r#"{ "at": "1s", "do": "look", "expect": { "evictions_at_most": null } }"#, "no `evictions`"),
        (r#"{ "at": "1s", "do": "look", "expect": { "wait": 0 } }"#, "string"),
    ] {
        fails(&steps(&format!(r#"{{ "at": "1s", "do": "check" }}, {step}"#)), &["\"t\"", "step 2", words]);
    }
    for (step, words) in [
        (r#"{ "at": "0s", "do": "check" }"#, "needs `key`"),
        (r#"{ "at": "0s", "do": "look", "key": "a" }"#, "knows no Look"),
        (r#"{ "at": "0s", "do": "reserve", "key": "a", "n": 1, "max_wait": "1s" }"#, "knows no Reserve"),
    ] {
        fails(&keyed_steps(step), &["step 1", words]);
    }
}

#[test]
fn an_expectation_that_is_wrong_fails_with_what_was_seen() {
    for (expectation, words) in [
        (r#""allowed": true"#, "allowed: expected true, seen false"),
        (r#""allowed": null"#, "allowed: expected null, seen false"),
        (r#""never_fits": true"#, "never_fits: expected true, seen false"),
        (r#""retry_after": "0s""#, "retry_after: expected \"0s\", seen \"50000000ns\""),
        (r#""retry_after": null"#, "retry_after: expected null, seen \"50000000ns\""),
        (r#""remaining": 1"#, "remaining: expected 1, seen 0"),
        (r#""full_in": "200ms""#, "full_in: expected \"200000000ns\", seen \"150000000ns\""),
        (r#""wait": "0s""#, "wait: expected \"0s\", seen null"),
        (r#""admitted_total": 3"#, "admitted_total: expected 3, seen 2"),
    ] {
        let check = format!(r#"{{ "at": "50ms", "do": "check", "expect": {{ {expectation} }} }}"#);
        let both = steps(&format!(r#"{{ "at": "0s", "do": "check", "n": 2 }}, {check}"#));
        fails(&both, &["step 2", words]);
    }
    let reserve = |expectation: &str| {
        format!(
            r#"{{ "at": "0s", "do": "reserve", "n": 2, "max_wait": "1s", "repeat": 2, "expect": {{ {expectation} }} }}"#
        )
    };
    fails(&steps(&reserve(r#""wait": "0s""#)), &["step 1", "wait: expected \"0s\", seen \"200000000ns\""]);
    fails(&steps(&reserve(r#""wait": null"#)), &["step 1", "wait: expected null, seen \"0s\""]);
}

#[test]
fn evictions_are_counted_and_bounded() {
    let full = r#"{ "rate": 1, "period": "1h", "burst": 1, "capacity": 1 }"#;
    // One bucket has seven places: of eight keys one must go.
    let key = |key: &str| format!(r#"{{ "at": "0s", "do": "check", "key": "{key}" }},"#);
    let keys = ["a", "b", "c", "d", "e", "f", "g"].map(key).concat();
    let last = |expectation: &str| {
        let check =
            format!(r#"{{ "at": "0s", "do": "check", "key": "last", "expect": {{ {expectation} }} }}"#);
        suite("keyed_rate_limiter", full, &format!(r#""steps": [{keys}{check}]"#))
    };
    passes(&last(r#""evictions": 1, "evictions_at_most": 1"#));
    fails(&last(r#""evictions": 0"#), &["step 8", "evictions: expected 0, seen 1"]);
    fails(&last(r#""evictions_at_most": 0"#), &["step 8", "evictions_at_most: expected 0, seen 1"]);
    fails(&last(r#""evictions": null"#), &["step 8", "evictions: expected null, seen 1"]);
}

#[test]
fn an_error_is_expected_by_its_field() {
    let refused =
        |config: &str, field: &str| suite("rate_limiter", config, &format!(r#""expect_error": "{field}""#));
    let no_period = r#"{ "rate": 1, "period": "0s", "burst": 1 }"#;
    passes(&refused(no_period, "period"));
    fails(&refused(no_period, "rate"), &["expect_error: expected \"rate\", seen \"period\""]);
    fails(&refused(CONFIG, "rate"), &["expect_error: expected \"rate\", seen a limiter"]);
    let leased = |shards: u32, lease: u32| {
        format!(
            r#"{{ "rate": 1, "period": "1s", "burst": 9, "form": "leased", "shards": {shards}, "lease": {lease} }}"#
        )
    };
    passes(&refused(&leased(0, 1), "shards"));
    passes(&refused(&leased(1, 0), "lease"));
    passes(&refused(&leased(3, 3), "lease"));
}

#[test]
fn the_suites_of_the_project_pass() {
    for (suite, least) in [
        (include_str!("../../traces/rate_limiter.json"), 20),
        (include_str!("../../traces/keyed_rate_limiter.json"), 8),
    ] {
        let (tally, lines) = told(suite);
        assert_eq!((tally.failed, lines), (0, Vec::new()));
        assert!(tally.passed >= least, "{tally:?}");
    }
}
