//! What the user sees: where we are, what happened, and a table at the end.

use core::time::Duration;
use std::time::Instant;

use console::style;

use crate::steps::{Pace, Step};

#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    Failed(anyhow::Error),
    /// This system can never run it.
    Skipped(&'static str),
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) step: &'static Step,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

#[derive(Debug)]
pub(crate) struct Report<'a> {
    chosen: &'a [&'static Step],
    records: Vec<Record>,
    started: Instant,
}

impl<'a> Report<'a> {
    pub(crate) fn begin(chosen: &'a [&'static Step]) -> Self {
        println!("{} steps; their whole output goes to target/xtask/STEP.log\n", chosen.len());
        Self { chosen, records: Vec::new(), started: Instant::now() }
    }

    pub(crate) fn announce(&self, step: &Step) {
        let number = format!("[{:>2}/{}]", self.records.len() + 1, self.chosen.len());
        println!("{number} {}: {}", style(step.name).bold(), step.why);
    }

    pub(crate) fn tell(&mut self, record: Record) {
        let took = seconds(record.took);
        match &record.outcome {
            Outcome::Passed => println!("        {} {took}\n", style("passed").green()),
            Outcome::Skipped(reason) => println!("        {}: {reason}\n", style("skipped").yellow()),
            Outcome::Failed(error) => {
                println!("\n{error:#}\n\n        {} {took}", style("FAILED").red().bold());
                println!("        again: cargo xtask test --only {}\n", record.step.name);
            }
        }
        self.records.push(record);
    }

    /// Prints the table, and says whether nothing failed.
    pub(crate) fn close(self) -> bool {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for record in &self.records {
            let (word, detail) = match record.outcome {
                Outcome::Passed => (style("passed").green(), String::new()),
                Outcome::Skipped(reason) => (style("skipped").yellow(), reason.to_owned()),
                Outcome::Failed(_) => {
                    (style("FAILED").red().bold(), format!("see {} above", record.step.name))
                }
            };
            match record.outcome {
                Outcome::Passed => passed += 1,
                Outcome::Skipped(_) => skipped += 1,
                Outcome::Failed(_) => failed += 1,
            }
            println!("{:<12} {word:<8} {:>9}  {detail}", record.step.name, seconds(record.took));
        }
        for step in self.chosen.iter().skip(self.records.len()) {
            println!("{:<12} {}", step.name, style("not run").dim());
        }
        println!("{:<12} {:<8} {:>9}\n", "together", "", seconds(self.started.elapsed()));
        println!("steps: {passed} passed, {failed} failed, {skipped} skipped");
        failed == 0
    }
}

/// Every step with its reason, for `--list`.
pub(crate) fn list(steps: &[Step]) {
    for step in steps {
        let pace = if step.pace == Pace::Slow { " (slow)" } else { "" };
        println!("{:<12} {}{pace}", style(step.name).bold(), step.why);
    }
}

fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 {
        format!("{:.1} s", time.as_secs_f32())
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}
