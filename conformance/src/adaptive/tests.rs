//! Nothing that is wrong of an adaptive limit's trace passes.

use crate::tests::{fails, passes, told};

const CONFIG: &str = r#"{ "initial": "1s", "quantile": 0.5, "margin": 2, "floor": "1ms", "ceiling": "10s", "minimum_samples": 2 }"#;

fn suite(config: &str, rest: &str) -> String {
    format!(
        r#"{{ "format": 1, "primitive": "adaptive_timeout", "traces": [{{ "name": "t", "config": {config}, {rest} }}] }}"#
    )
}

fn steps(steps: &str) -> String {
    suite(CONFIG, &format!(r#""steps": [{steps}]"#))
}

/// The config with one key changed, or left out.
fn changed(key: &str, value: Option<&str>) -> String {
    let mut config: serde_json::Value = serde_json::from_str(CONFIG).unwrap();
    let map = config.as_object_mut().unwrap();
    match value {
        Some(value) => map.insert(key.into(), serde_json::from_str(value).unwrap()),
        None => map.remove(key),
    };
    config.to_string()
}

#[test]
fn what_comes_true_passes() {
    passes(&steps(
        r#"{ "at": "0s", "do": "look", "expect": { "limit": "1s", "limit_within": ["1s", "1s"] } },
           { "at": "0s", "do": "record", "took": "100ms", "expect": { "limit": "1s" } },
           { "at": "1s", "do": "record", "took": "100ms", "repeat": 9, "expect": { "limit_within": ["200ms", "225ms"] } },
           { "at": "0s", "do": "timed_out", "clock_back": true, "repeat": 10 },
           { "at": "0s", "do": "timed_out", "expect": { "limit_within": ["400ms", "10s"] } }"#,
    ));
}

#[test]
fn a_config_that_is_none_fails() {
    for key in ["initial", "quantile", "margin", "floor", "ceiling", "minimum_samples"] {
        let look = r#""steps": [{ "at": "0s", "do": "look" }]"#;
        fails(&suite(&changed(key, None), look), &["\"t\"", key]);
        fails(&suite(&changed(key, Some("null")), look), &["config"]);
        fails(&suite(&changed(key, Some("\"1\"")), look), &["config"]);
    }
    let look = r#""steps": [{ "at": "0s", "do": "look" }]"#;
    fails(&suite(&changed("half_life", Some("\"1s\"")), look), &["half_life"]);
    fails(
        &suite(&changed("quantile", Some("0")), look),
        &["config: expected an adaptive limit, seen an error", "quantile = 0"],
    );
}

#[test]
fn a_step_that_is_none_fails_by_its_number() {
    for (step, words) in [
        (r#"{ "do": "look" }"#, "at"),
        (r#"{ "at": "1s" }"#, "do"),
        (r#"{ "at": "1s", "do": "time_out" }"#, "time_out"),
        (r#"{ "at": "0s", "do": "look" }"#, "goes back"),
        (r#"{ "at": "1s", "do": "record" }"#, "needs `took`"),
        (r#"{ "at": "1s", "do": "record", "took": null }"#, "malformed"),
        (r#"{ "at": "1s", "do": "record", "took": "1" }"#, "no duration"),
        (r#"{ "at": "1s", "do": "look", "took": "1s" }"#, "takes no `took`"),
        (r#"{ "at": "1s", "do": "timed_out", "took": "1s" }"#, "takes no `took`"),
        (r#"{ "at": "1s", "do": "look", "repeat": 0 }"#, "repeat"),
        (r#"{ "at": "1s", "do": "look", "why": 1 }"#, "why"),
        (r#"{ "at": "1s", "do": "look", "expect": { "limits": "1s" } }"#, "limits"),
        (r#"{ "at": "1s", "do": "look", "expect": { "limit": 1 } }"#, "malformed"),
        (r#"{ "at": "1s", "do": "look", "expect": { "limit_within": ["1s"] } }"#, "malformed"),
        (r#"{ "at": "1s", "do": "look", "expect": { "limit_within": ["2s", "1s"] } }"#, "nothing is from"),
    ] {
        fails(&steps(&format!(r#"{{ "at": "1s", "do": "look" }}, {step}"#)), &["\"t\"", "step 2", words]);
    }
}

#[test]
fn an_expectation_that_is_wrong_fails_with_what_was_seen() {
    for (expectation, words) in [
        (r#""limit": "2s""#, "limit: expected \"2s\", seen \"1s\"; limit of the look: expected \"2s\""),
        (r#""limit": null"#, "limit: expected null, seen \"1s\""),
        (r#""limit_within": ["2s", "3s"]"#, "limit_within: expected [\"2s\", \"3s\"], seen \"1s\""),
        (r#""limit_within": ["0s", "999ms"]"#, "limit_within of the look"),
        (r#""limit_within": null"#, "limit_within: expected null, seen \"1s\""),
    ] {
        let look = format!(r#"{{ "at": "0s", "do": "look", "expect": {{ {expectation} }} }}"#);
        fails(&steps(&look), &["step 1", words, "instants given"]);
    }
    let each = r#"{ "at": "0s", "do": "record", "took": "1ms", "repeat": 2, "expect": { "limit": "1s" } }"#;
    fails(&steps(each), &["step 1", "limit: expected \"1s\""]);
}

#[test]
fn an_error_is_expected_by_its_field() {
    let refused = |config: &str, field: &str| suite(config, &format!(r#""expect_error": "{field}""#));
    for (key, value, field) in [
        ("quantile", "1.1", "quantile"),
        ("margin", "0.5", "margin"),
        ("floor", "\"11s\"", "floor"),
        ("ceiling", "\"10ms\"", "initial"),
        ("initial", "\"0s\"", "initial"),
        ("minimum_samples", "0", "minimum_samples"),
    ] {
        passes(&refused(&changed(key, Some(value)), field));
        fails(
            &refused(&changed(key, Some(value)), "half_life"),
            &["expect_error: expected \"half_life\", seen"],
        );
    }
    fails(&refused(CONFIG, "quantile"), &["expect_error: expected \"quantile\", seen an adaptive limit"]);
}

#[test]
fn the_suite_of_the_project_passes() {
    let (tally, lines) = told(include_str!("../../traces/adaptive_timeout.json"));
    assert_eq!((tally.failed, lines), (0, Vec::new()));
    assert!(tally.passed >= 9, "{tally:?}");
}
