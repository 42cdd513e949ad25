//! Walks through the chosen steps, and stops at the first failure unless told to go on.

use std::{path::Path, time::Instant};

use anyhow::{Result, bail};

use crate::{
    report::{Outcome, Record, Report},
    site::Site,
    steps::{How, Step, WORKSPACES},
    tools,
};

/// Whether every step passed that can pass on this system.
pub(crate) fn all(root: &Path, chosen: &[&'static Step], keep_going: bool) -> Result<bool> {
    let mut report = Report::begin(chosen);
    for step in chosen {
        report.announce(step);
        let started = Instant::now();
        let mut site = Site::open(root, step.name)?;
        let outcome = match step.place.refusal() {
            Some(reason) => Outcome::Skipped(reason),
            None => match one(step, &mut site) {
                Ok(()) => Outcome::Passed,
                Err(error) => Outcome::Failed(error),
            },
        };
        let failed = matches!(outcome, Outcome::Failed(_));
        report.tell(Record { step, outcome, took: started.elapsed() });
        if failed && !keep_going {
            break;
        }
    }
    Ok(report.close())
}

fn one(step: &Step, site: &mut Site) -> Result<()> {
    let workspaces = if let How::EachWorkspace(_) = step.how { WORKSPACES } else { &[] };
    for path in step.checks.iter().chain(workspaces) {
        if !site.root().join(path).exists() {
            bail!("{path} does not exist: that part of the project is not there to be checked");
        }
    }
    for program in step.needs {
        tools::need(program, site)?;
    }
    for line in lines(&step.how, site)? {
        site.run(&line)?;
    }
    Ok(())
}

fn lines(how: &How, site: &mut Site) -> Result<Vec<String>> {
    Ok(match how {
        How::Lines(lines) => lines.iter().map(|line| (*line).to_owned()).collect(),
        How::EachWorkspace(line) => {
            WORKSPACES.iter().map(|manifest| line.replace("{manifest}", manifest)).collect()
        }
        How::Planned(plan) => plan(site)?,
    })
}
