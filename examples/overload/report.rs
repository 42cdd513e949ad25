//! What the simulations come to: the tables, the verdicts, and the same as JSON.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, TableComponent, presets};
use fusebox::pressure::Priority;
use serde::Serialize;

use crate::arrivals::Process;
use crate::guard::Policy;
use crate::latency::milliseconds;
use crate::real::Measured;
use crate::slowdown::Slowdown;
use crate::sweep::{Plan, Point};
use crate::verdicts::{self, OVERLOAD, Rank, Verdict};
use crate::world;

#[derive(Debug, Serialize)]
pub struct Report {
    seed: u64,
    /// Virtual seconds of each run that count.
    seconds: f64,
    service: ServiceReport,
    pub points: Vec<Point>,
    slowdowns: Vec<Slowdown>,
    ranking: Vec<Rank>,
    verdicts: Vec<Verdict>,
    /// The same against a real server, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    real: Option<Measured>,
}

#[derive(Debug, Serialize)]
struct ServiceReport {
    servers: u32,
    mean_work_ms: u128,
    sigma: f64,
    capacity_per_second: f64,
    patience_ms: u128,
    tries: u8,
}

impl Report {
    pub fn new(plan: &Plan, points: Vec<Point>, slowdowns: Vec<Slowdown>, real: Option<Measured>) -> Self {
        let service = ServiceReport {
            servers: world::SERVERS,
            mean_work_ms: world::MEAN_WORK.as_millis(),
            sigma: world::SIGMA,
            capacity_per_second: world::capacity(),
            patience_ms: world::PATIENCE.as_millis(),
            tries: world::TRIES,
        };
        Self {
            seed: plan.seed,
            seconds: plan.measured().as_secs_f64(),
            service,
            ranking: verdicts::ranks(&points),
            verdicts: verdicts::all(&points, &slowdowns),
            points,
            slowdowns,
            real,
        }
    }

    pub fn holds(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.met)
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let ServiceReport { servers, mean_work_ms, patience_ms, tries, capacity_per_second, .. } =
            self.service;
        writeln!(
            out,
            "{servers} servers, {mean_work_ms} ms of work on average: {capacity_per_second:.0} answers a second. \
             Clients wait {patience_ms} ms\nand ask {tries} times. Simulated, {} s for each figure, seed {}.",
            self.seconds, self.seed
        )?;
        for process in Process::ALL {
            writeln!(
                out,
                "\nGoodput in % of the capacity, {} arrivals, at so many times the capacity\n",
                process.name()
            )?;
            print_table(out, &self.goodputs(process))?;
            writeln!(
                out,
                "\nAt {OVERLOAD} times the capacity, {} arrivals: served in %, latency in ms\n",
                process.name()
            )?;
            print_table(out, &self.overload(process))?;
        }
        writeln!(
            out,
            "\nFour times as slow for {} s, at 0.6 of the usual capacity\n",
            self.outage_seconds()
        )?;
        print_table(out, &self.outage())?;
        if let Some(real) = &self.real {
            writeln!(out)?;
            real.introduce(out)?;
            print_table(out, &real.table())?;
            real.conclude(out)?;
        }
        writeln!(out)?;
        for Verdict { claimed, found, met } in &self.verdicts {
            let verdict = if *met { "PASS        " } else { "FALLS SHORT " };
            writeln!(out, "{verdict}{claimed}:\n            {found}")?;
        }
        Ok(())
    }

    fn outage_seconds(&self) -> u64 {
        self.slowdowns.first().map_or(0, |slowdown| slowdown.seconds)
    }

    fn goodputs(&self, process: Process) -> Table {
        let lines: Vec<(Policy, Vec<&Point>)> = Policy::all()
            .into_iter()
            .map(|policy| (policy, verdicts::line(&self.points, process, policy).collect()))
            .collect();
        let loads = lines.first().into_iter().flat_map(|(_, points)| points);
        let head = loads.map(|point| format!("{}x", point.load));
        let mut table = table([String::new()].into_iter().chain(head));
        for (policy, points) in &lines {
            let figures = points.iter().map(|point| format!("{:.1}", point.goodput * 100.0));
            table.add_row([label(*policy)].into_iter().chain(figures));
        }
        aligned(table)
    }

    fn overload(&self, process: Process) -> Table {
        let priorities = Priority::ALL.into_iter().rev();
        let names = priorities.clone().map(|priority| match priority {
            Priority::Background => "backgr.".to_owned(),
            other => other.name().to_owned(),
        });
        let rest = ["tries", "limit", "p50", "p99"].map(str::to_owned);
        let mut table = table([String::new()].into_iter().chain(names).chain(rest));
        let points = self.points.iter().filter(|point| point.process == process);
        for point in points.filter(|point| (point.load - OVERLOAD).abs() < f64::EPSILON) {
            let share = |priority| match point.share(priority) {
                Some(share) => format!("{:.1}", share * 100.0),
                None => "-".to_owned(),
            };
            let rest = [
                format!("{:.2}", point.tries as f64 / point.arrivals.max(1) as f64),
                point.limit.map_or_else(|| "-".to_owned(), |limit| format!("{limit:.0}")),
                milliseconds(point.p50_ms),
                milliseconds(point.p99_ms),
            ];
            table.add_row([label(point.policy)].into_iter().chain(priorities.clone().map(share)).chain(rest));
        }
        aligned(table)
    }

    fn outage(&self) -> Table {
        let head = ["", "limit before", "highest", "last", "afterwards", "goodput %", "p99"];
        let mut table = table(head.map(str::to_owned));
        for slowdown in &self.slowdowns {
            table.add_row([
                slowdown.name(),
                slowdown.limit_before.to_string(),
                slowdown.highest.to_string(),
                slowdown.limits.last().map_or_else(|| "-".to_owned(), u32::to_string),
                slowdown.limit_after.to_string(),
                format!("{:.1}", slowdown.goodput * 100.0),
                milliseconds(slowdown.p99_ms),
            ]);
        }
        aligned(table)
    }
}

/// Without a word on priorities where they are used, as they are meant to be.
fn label(policy: Policy) -> String {
    let name = policy.control.name();
    if policy.is_as_meant() { name } else { "  no priorities".to_owned() }
}

pub fn table(head: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_style(TableComponent::HeaderLines, '─');
    table.set_header(head.into_iter().collect::<Vec<_>>());
    table
}

/// Figures to the right.
pub fn aligned(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding((2, 0));
    }
    table
}

fn print_table(out: &mut impl Write, table: &Table) -> io::Result<()> {
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
