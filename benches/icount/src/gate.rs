//! Instructions counted against instructions recorded: what is told, and what fails.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::paths::TIMES;

/// A change of more than so many per cent of the recorded figure, up or down, is not let through.
pub const TOLERANCE: u64 = 5;

/// The committed figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The compiler that made them: another makes others.
    pub rustc: String,
    /// For each hot path, the instructions of a hundred calls.
    pub instructions: BTreeMap<String, u64>,
}

/// What the gate says of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// A line for each path.
    pub table: String,
    /// A sentence for each path that changed too much, or that only one side knows.
    pub complaints: Vec<String>,
    /// Whether the compilers are the same, so that a complaint is a failure.
    pub binding: bool,
}

impl Judgement {
    /// Compares a run with the record.
    #[must_use]
    pub fn of(recorded: &Record, now: &Record) -> Self {
        let mut judgement =
            Self { table: String::new(), complaints: Vec::new(), binding: recorded.rustc == now.rustc };
        let _ = writeln!(judgement.table, "{:<28} {:>9} {:>9} {:>8}", "a call", "recorded", "now", "change");
        for (path, &before) in &recorded.instructions {
            match now.instructions.get(path) {
                Some(&after) => judgement.compare(path, before, after),
                None => judgement.complaints.push(format!("{path}: recorded, but not counted any more")),
            }
        }
        for path in now.instructions.keys().filter(|path| !recorded.instructions.contains_key(*path)) {
            judgement.complaints.push(format!("{path}: counted, but not recorded"));
        }
        judgement
    }

    /// Whether the run is let through.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.complaints.is_empty() || !self.binding
    }

    fn compare(&mut self, path: &str, before: u64, after: u64) {
        let (recorded, now) = (part(before, TIMES.into()), part(after, TIMES.into()));
        let percent = (part(after, before) - 1.0) * 100.0;
        // Writing to a String cannot fail.
        let _ = writeln!(self.table, "{path:<28} {recorded:>9.2} {now:>9.2} {percent:>+7.1}%");
        if after.abs_diff(before) * 100 > before * TOLERANCE {
            self.complaints.push(format!(
                "{path}: {now:.2} instructions a call, recorded are {recorded:.2} ({percent:+.1} %, let through \
                 are {TOLERANCE} %)"
            ));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "instruction counts are far below 2^52")]
fn part(of: u64, whole: u64) -> f64 {
    of as f64 / whole as f64
}

/// Reads what the benchmark runner printed as JSON: one summary a line, each of one path.
pub fn counted(printed: &str) -> Result<BTreeMap<String, u64>, String> {
    let summaries = printed.lines().filter(|line| line.starts_with('{'));
    let counts: BTreeMap<_, _> = summaries.map(one).collect::<Result<_, _>>()?;
    if counts.is_empty() {
        return Err("the benchmark printed no summary".into());
    }
    Ok(counts)
}

/// The path and the instructions of one summary.
fn one(line: &str) -> Result<(String, u64), String> {
    let unreadable = || format!("a summary without a name or without instructions: {line:.200}…");
    let summary: Value = serde_json::from_str(line).map_err(|error| format!("a summary: {error}"))?;
    let path = summary["function_name"].as_str().ok_or_else(unreadable)?;
    let profiles = summary["profiles"].as_array().ok_or_else(unreadable)?;
    let callgrind = profiles.iter().find(|profile| profile["tool"] == "Callgrind").ok_or_else(unreadable)?;
    let instructions = callgrind.pointer("/data/total/metrics/Ir/values/new").and_then(Value::as_u64);
    Ok((path.to_owned(), instructions.ok_or_else(unreadable)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(rustc: &str, figures: &[(&str, u64)]) -> Record {
        let instructions = figures.iter().map(|&(path, count)| (path.to_owned(), count)).collect();
        Record { rustc: rustc.to_owned(), instructions }
    }

    #[test]
    fn five_per_cent_either_way_pass() {
        let recorded = record("1", &[("up", 1_000), ("down", 1_000)]);
        let judgement = Judgement::of(&recorded, &record("1", &[("up", 1_050), ("down", 950)]));
        assert!(judgement.passes(), "{:?}", judgement.complaints);
    }

    #[test]
    fn more_than_that_fails_and_names_the_path_and_both_figures() {
        let judgement =
            Judgement::of(&record("1", &[("open_reject", 3_000)]), &record("1", &[("open_reject", 2_800)]));
        assert!(!judgement.passes());
        let complaint = &judgement.complaints[0];
        assert!(
            complaint.starts_with("open_reject: 28.00 instructions a call, recorded are 30.00"),
            "{complaint}"
        );
    }

    #[test]
    fn with_another_compiler_it_is_a_warning() {
        let judgement =
            Judgement::of(&record("1", &[("open_reject", 30)]), &record("2", &[("open_reject", 90)]));
        assert!(judgement.passes() && !judgement.complaints.is_empty());
    }

    #[test]
    fn a_path_that_only_one_side_knows_fails() {
        let judgement = Judgement::of(&record("1", &[("gone", 30)]), &record("1", &[("new", 30)]));
        assert_eq!(judgement.complaints.len(), 2);
        assert!(!judgement.passes());
    }

    #[test]
    fn a_summary_is_read_and_other_lines_are_not() {
        let summary = r#"{"function_name":"load","profiles":[{"tool":"Callgrind",
            "data":{"total":{"metrics":{"Ir":{"values":{"new":605,"old":600}}}}}}]}"#
            .replace('\n', "");
        assert_eq!(counted(&format!("running\n{summary}\n")), Ok([("load".to_owned(), 605)].into()));
        assert!(counted("running 0 tests\n").is_err());
        assert!(counted("{}\n").unwrap_err().contains("without a name"));
    }
}
