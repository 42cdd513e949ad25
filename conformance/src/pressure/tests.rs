//! Nothing that is wrong of a shedder's trace passes.

use fusebox::pressure::{Capacity, Counters, Priority, Refused};

use super::script::Expect;
use super::subject::{self, Count};
use super::{Limit, Seen, compare};
use crate::tests::{fails, passes, told};

const CONFIG: &str = r#"{ "capacity": 2, "thresholds":
    { "background": 0.5, "low": 0.5, "normal": 0.5, "high": 1.0, "critical": 1.0 } }"#;

fn suite(config: &str, rest: &str) -> String {
    format!(
        r#"{{ "format": 1, "primitive": "backpressure", "traces": [{{ "name": "t", "config": {config}, {rest} }}] }}"#
    )
}

fn steps(steps: &str) -> String {
    suite(CONFIG, &format!(r#""steps": [{steps}]"#))
}

#[test]
fn what_comes_true_passes() {
    passes(&steps(
        r#"{ "at": "0s", "do": "admit", "priority": "normal", "id": "a",
             "expect": { "admitted": true, "depth": 1, "limit": 1, "closed": false } },
           { "at": "0s", "do": "admit", "priority": "low", "id": "b", "repeat": 3,
             "expect": { "admitted": false, "depth": 1, "limit": 1, "closed": false } },
           { "at": "1s", "do": "look", "priority": "high", "expect": { "admitted": null, "depth": 1, "limit": 2 } },
           { "at": "1s", "do": "admit", "priority": "critical", "id": "b", "expect": { "admitted": true, "depth": 2 } },
           { "at": "1s", "do": "close", "expect": { "admitted": null, "depth": 2, "closed": true } },
           { "at": "2s", "do": "release", "id": "a", "expect": { "depth": 1, "closed": true } },
           { "at": "2s", "do": "admit", "priority": "critical", "id": "a",
             "expect": { "admitted": false, "depth": 1, "limit": 2, "closed": true } },
           { "at": "1s", "do": "release", "id": "b", "clock_back": true, "expect": { "depth": 0 } }"#,
    ));
    passes(&suite(
        r#"{ "capacity": 100 }"#,
        r#""steps": [{ "at": "0s", "do": "look", "priority": "low", "expect": { "limit": 70 } }]"#,
    ));
}

#[test]
fn a_config_that_is_none_fails() {
    let shares = r#""background": 0.1, "low": 0.2, "normal": 0.3, "high": 0.4"#;
    for (config, words) in [
        ("{}".to_owned(), "capacity"),
        (r#"{ "capacity": -1 }"#.into(), "config"),
        (r#"{ "capacity": "2" }"#.into(), "config"),
        (r#"{ "capacity": 4294967296 }"#.into(), "config"),
        (r#"{ "capacity": 2, "slots": 2 }"#.into(), "slots"),
        (r#"{ "capacity": 2, "thresholds": null }"#.into(), "config"),
        (r#"{ "capacity": 2, "thresholds": [1.0] }"#.into(), "config"),
        (format!(r#"{{ "capacity": 2, "thresholds": {{ {shares} }} }}"#), "critical"),
        (format!(r#"{{ "capacity": 2, "thresholds": {{ {shares}, "critical": "1" }} }}"#), "config"),
        (format!(r#"{{ "capacity": 2, "thresholds": {{ {shares}, "critical": 1, "top": 1 }} }}"#), "top"),
        (r#"{ "capacity": 0 }"#.into(), "config: expected a shedder, seen an error: "),
        (r#"{ "capacity": 0 }"#.into(), "capacity = 0"),
        (
            format!(r#"{{ "capacity": 2, "thresholds": {{ {shares}, "critical": 0.5 }} }}"#),
            "thresholds = 0.5",
        ),
    ] {
        let look = r#""steps": [{ "at": "0s", "do": "look", "priority": "low" }]"#;
        fails(&suite(&config, look), &["\"t\"", words]);
    }
}

#[test]
fn a_step_that_is_none_fails_by_its_number() {
    for (step, words) in [
        (r#"{ "do": "close" }"#, "at"),
        (r#"{ "at": "1s" }"#, "do"),
        (r#"{ "at": "1s", "do": "acquire" }"#, "acquire"),
        (r#"{ "at": "0s", "do": "close" }"#, "goes back"),
        (r#"{ "at": "1s", "do": "close", "why": 1 }"#, "why"),
        (r#"{ "at": "1s", "do": "close", "id": "a" }"#, "takes no `id`"),
        (r#"{ "at": "1s", "do": "close", "priority": "low" }"#, "takes no `priority`"),
        (r#"{ "at": "1s", "do": "close", "repeat": 0 }"#, "repeat"),
        (r#"{ "at": "1s", "do": "look" }"#, "needs `priority`"),
        (r#"{ "at": "1s", "do": "look", "priority": "low", "id": "a" }"#, "takes no `id`"),
        (r#"{ "at": "1s", "do": "look", "priority": "urgent" }"#, "urgent"),
        (r#"{ "at": "1s", "do": "look", "priority": "Low" }"#, "Low"),
        (r#"{ "at": "1s", "do": "look", "priority": null }"#, "malformed"),
        (r#"{ "at": "1s", "do": "admit", "priority": "low" }"#, "needs `id`"),
        (r#"{ "at": "1s", "do": "admit", "id": "b" }"#, "needs `priority`"),
        (r#"{ "at": "1s", "do": "admit", "priority": "critical", "id": "a" }"#, "held already"),
        (r#"{ "at": "1s", "do": "admit", "priority": "critical", "id": "b", "repeat": 2 }"#, "held already"),
        (r#"{ "at": "1s", "do": "release" }"#, "needs `id`"),
        (r#"{ "at": "1s", "do": "release", "id": "a", "priority": "low" }"#, "takes no `priority`"),
        (r#"{ "at": "1s", "do": "release", "id": "b" }"#, "no permit is held under \"b\""),
        (r#"{ "at": "1s", "do": "release", "id": "a", "repeat": 2 }"#, "no permit is held under \"a\""),
        (r#"{ "at": "1s", "do": "release", "id": "a", "expect": { "limit": 1 } }"#, "no `limit`"),
        (r#"{ "at": "1s", "do": "close", "expect": { "limit": null } }"#, "no `limit`"),
        (r#"{ "at": "1s", "do": "close", "expect": { "permitted": true } }"#, "permitted"),
        (r#"{ "at": "1s", "do": "close", "expect": { "depth": "1" } }"#, "string"),
        (r#"{ "at": "1s", "do": "close", "expect": { "closed": 1 } }"#, "1"),
    ] {
        let admitted = r#"{ "at": "1s", "do": "admit", "priority": "normal", "id": "a" }"#;
        fails(&steps(&format!("{admitted}, {step}")), &["\"t\"", "step 2", words]);
    }
    let refused = r#"{ "at": "0s", "do": "admit", "priority": "low", "id": "b" }, { "at": "0s", "do": "release", "id": "b" }"#;
    let full = r#"{ "at": "0s", "do": "admit", "priority": "low", "id": "a" }"#;
    fails(&steps(&format!("{full}, {refused}")), &["step 3", "no permit is held under \"b\""]);
}

#[test]
fn an_expectation_that_is_wrong_fails_with_what_was_seen() {
    let admitted = r#"{ "at": "0s", "do": "admit", "priority": "normal", "id": "a" }"#;
    for (expectation, words) in [
        (r#""admitted": true"#, "admitted: expected true, seen false"),
        (r#""admitted": null"#, "admitted: expected null, seen false"),
        (r#""depth": 2"#, "depth: expected 2, seen 1; depth of the refusal: expected 2, seen 1"),
        (r#""depth": null"#, "depth: expected null, seen 1"),
        (r#""limit": 2"#, "limit: expected 2, seen 1; limit of the capacity: expected 2, seen 1"),
        (r#""limit": 2"#, "limit of the refusal: expected 2, seen 1"),
        (r#""limit": null"#, "limit: expected null, seen 1"),
        (
            r#""closed": true"#,
            "closed: expected true, seen false; closed of the refusal: expected true, seen false",
        ),
        (r#""closed": null"#, "closed: expected null, seen false"),
    ] {
        let shed = format!(
            r#"{{ "at": "0s", "do": "admit", "priority": "low", "id": "b", "expect": {{ {expectation} }} }}"#
        );
        fails(&steps(&format!("{admitted}, {shed}")), &["step 2", words, "borrowed permits, not counted"]);
    }
    for (step, words) in [
        (r#""do": "release", "id": "a", "expect": { "depth": 1 }"#, "depth: expected 1, seen 0"),
        (
            r#""do": "release", "id": "a", "expect": { "admitted": true }"#,
            "admitted: expected true, seen null",
        ),
        (r#""do": "close", "expect": { "closed": false }"#, "closed: expected false, seen true"),
        (r#""do": "look", "priority": "high", "expect": { "limit": 1 }"#, "limit: expected 1, seen 2"),
    ] {
        fails(&steps(&format!(r#"{admitted}, {{ "at": "0s", {step} }}"#)), &["step 2", words]);
    }
}

#[test]
fn each_repetition_must_meet_what_is_expected() {
    let admit = r#"{ "at": "0s", "do": "admit", "priority": "low", "id": "x", "repeat": 2, "expect": { "admitted": true } }"#;
    fails(&steps(admit), &["step 1", "held already"]);
    let close = r#"{ "at": "0s", "do": "close", "repeat": 2, "expect": { "closed": false } }"#;
    fails(&steps(close), &["step 1", "closed: expected false, seen true"]);
}

#[test]
fn a_shedder_that_contradicts_itself_is_seen() {
    let shedder = subject::make::<Counters>(Capacity::of(1).constant());
    let permit = shedder.admit(Priority::Low);
    let Err(shed) = shedder.admit(Priority::Low) else { panic!("it has one slot") };
    let expect: Expect =
        serde_json::from_str(r#"{ "admitted": false, "depth": 1, "limit": 1, "closed": false }"#).unwrap();
    let seen = |refused: Refused, told: u32, counted: u64| Seen {
        answer: Some(Err(refused)),
        look: shedder.look(),
        limit: Some(Limit { now: 1, told }),
        counted: Some(counted),
    };
    let keys = |seen: &Seen| compare(&expect, seen).iter().map(|it| it.key).collect::<Vec<_>>();
    let counted = Counters::counts(&shedder).map(|counts| counts.in_flight());
    assert_eq!(counted, Some(1));
    assert_eq!(keys(&seen(shed, 1, 1)), Vec::<&str>::new());
    assert_eq!(keys(&seen(shed, 2, 1)), ["limit of the capacity"]);
    assert_eq!(keys(&seen(shed, 1, 0)), ["depth as counted"]);
    drop(permit);
    shedder.close();
    let Err(closed) = shedder.admit(Priority::Low) else { panic!("it is closed") };
    assert_eq!(
        keys(&seen(closed, 1, 1)),
        ["depth", "closed", "closed of the refusal", "depth of the refusal"]
    );
}

#[test]
fn an_error_is_expected_by_its_field() {
    let refused = |config: &str, field: &str| suite(config, &format!(r#""expect_error": "{field}""#));
    let none = r#"{ "capacity": 0 }"#;
    passes(&refused(none, "capacity"));
    fails(&refused(none, "thresholds"), &["expect_error: expected \"thresholds\", seen \"capacity\""]);
    fails(&refused(CONFIG, "capacity"), &["expect_error: expected \"capacity\", seen a capacity"]);
    passes(&refused(r#"{ "capacity": 16777216 }"#, "capacity"));
    let falling = r#"{ "capacity": 2, "thresholds": { "background": 0.2, "low": 0.1, "normal": 0.5, "high": 1, "critical": 1 } }"#;
    passes(&refused(falling, "thresholds"));
}

#[test]
fn the_suite_of_the_project_passes() {
    let (tally, lines) = told(include_str!("../../traces/backpressure.json"));
    assert_eq!((tally.failed, lines), (0, Vec::new()));
    assert!(tally.passed >= 13, "{tally:?}");
}
