//! The house as a test: imports go down, never up or sideways, and outside crates come in where they are named.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which floor each module of the crate stands on.
const FLOORS: &[(u8, &[&str])] = &[
    (
        0,
        &[
            "sync", "bits", "time", "ratio", "random", "observe", "invalid", "sleep", "spawn", "refusal",
            "deadline", "ended",
        ],
    ),
    (1, &["cell", "lanes", "sketch"]),
    (2, &["breaker", "limiter", "pressure", "retry", "timeout", "fallback", "exhaustion", "ledger"]),
    (3, &["guard", "snapshot", "sinks"]),
    (4, &["tower", "metrics", "tracing", "config", "shared", "blocking", "tokio", "embassy"]),
];

/// The files that may name a crate from outside.
const OUTSIDERS: &[(&str, &[&str])] = &[
    ("loom", &["sync", "lanes"]),
    ("portable_atomic", &["sync"]),
    ("once_cell", &["sync"]),
    ("atomic_waker", &["sync"]),
    ("event_listener", &["sync", "pressure/drain"]),
    ("quanta", &["time"]),
    ("arc_swap", &["sync"]),
    ("foldhash", &["limiter/keyed/secret"]),
    ("quick_cache", &["fallback/cache"]),
    ("httpdate", &["retry/header"]),
    ("crossbeam_utils", &["lanes"]),
    ("futures_core", &["breaker/stream"]),
    ("pin_project_lite", &["breaker/stream", "retry/run", "timeout/limit", "guard/calling"]),
];

/// The files that own orderings.
const ORDERINGS: &[&str] = &["sync", "cell", "lanes"];

#[test]
fn imports_go_down() {
    let floors = floors();
    for (file, text) in sources() {
        let room = file.split('/').next().unwrap_or_default();
        let Some(floor) = floors.get(room) else { panic!("{file}: which floor does `{room}` stand on?") };
        for other in names_after("crate::", &text) {
            let Some(below) = floors.get(other.as_str()) else { continue };
            // Time is a value, and half of the vocabulary is said in it.
            let vocabulary = *floor == 0 && ["sync", "time"].contains(&other.as_str());
            // A sketch is many words.
            let words = (room, other.as_str()) == ("sketch", "cell");
            let allowed = other == room || below < floor || vocabulary || words;
            assert!(allowed, "{file} (floor {floor}) imports `{other}` (floor {below})");
        }
    }
}

#[test]
fn outside_crates_and_orderings_stay_where_they_are_named() {
    for (file, text) in sources() {
        for (outsider, homes) in OUTSIDERS {
            let named = text.contains(&format!("{outsider}::"));
            assert!(!named || homes.contains(&file.as_str()), "{file} names `{outsider}`");
        }
        let orders = ["Ordering::", "AtomicU"].iter().any(|name| text.contains(name));
        assert!(!orders || ORDERINGS.contains(&file.as_str()), "{file} names an atomic or an ordering");
    }
}

#[test]
fn an_import_that_goes_up_or_sideways_is_seen() {
    assert_eq!(names_after("crate::", "use crate::guard::x; crate::breaker::y"), ["guard", "breaker"]);
    let floors = floors();
    assert!(floors["guard"] > floors["breaker"] && floors["breaker"] == floors["limiter"]);
}

fn floors() -> BTreeMap<&'static str, u8> {
    FLOORS.iter().flat_map(|(floor, rooms)| rooms.iter().map(|room| (*room, *floor))).collect()
}

/// Every file under `src/` by its path without the ending, without comments and tests; the crate's roof is left out.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let root = if root.exists() { root } else { PathBuf::from("../src") };
    let mut found = Vec::new();
    walk(&root, &mut |path| {
        let name = path.strip_prefix(&root).unwrap().with_extension("").to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("\n#[cfg(all(test").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        found.push((name, lines.collect::<Vec<_>>().join("\n")));
    });
    assert!(found.len() > 10, "the walk finds the crate");
    found.retain(|(name, _)| !["lib", "floors"].contains(&name.as_str()) && !name.ends_with("/tests"));
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, visit);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            visit(&path);
        }
    }
}

/// The identifiers that follow each `prefix`.
fn names_after(prefix: &str, text: &str) -> Vec<String> {
    let ends = |c: char| !(c.is_alphanumeric() || c == '_');
    text.split(prefix).skip(1).filter_map(|rest| rest.split(ends).next()).map(String::from).collect()
}
