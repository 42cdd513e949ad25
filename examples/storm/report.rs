//! What the storms come to: the table, the verdicts, and the same as JSON.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, TableComponent, presets};
use serde::Serialize;

use crate::tally::Tally;
use crate::verdicts::{self, Verdict, well_after};
use crate::world;

#[derive(Debug, Serialize)]
pub struct Report {
    seed: u64,
    processes: u32,
    clients: u32,
    normal_per_second: f64,
    capacity_per_second: f64,
    outage_s: u64,
    attempts: u32,
    limit_ms: u128,
    pub storms: Vec<Tally>,
    verdicts: Vec<Verdict>,
}

impl Report {
    pub fn new(seed: u64, storms: Vec<Tally>) -> Self {
        Self {
            seed,
            processes: world::PROCESSES,
            clients: world::CLIENTS,
            normal_per_second: world::normal(),
            capacity_per_second: world::capacity(),
            outage_s: world::OUTAGE.as_secs(),
            attempts: world::ATTEMPTS,
            limit_ms: world::LIMIT.as_millis(),
            verdicts: verdicts::all(&storms),
            storms,
        }
    }

    pub fn holds(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.met)
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} clients in {} processes make {:.0} calls a second; the service can bear {:.0}, and is dead for {} s.\n\
             A call is tried {} times, for {} ms each. Simulated, seed {}.\n",
            self.clients,
            self.processes,
            self.normal_per_second,
            self.capacity_per_second,
            self.outage_s,
            self.attempts,
            self.limit_ms,
            self.seed
        )?;
        // What is empty at the end of a line is nobody's.
        for line in self.table().lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(
            out,
            "\nLoad in multiples of the normal one, in whole seconds; after the return in the first {} s.\n",
            world::RECOVERY.as_secs()
        )?;
        for Verdict { claimed, found, met } in &self.verdicts {
            let verdict = if *met { "PASS        " } else { "FALLS SHORT " };
            writeln!(out, "{verdict}{claimed}:\n            {found}")?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_style(TableComponent::HeaderLines, '─');
        table.set_header([
            "\nit …",
            "\nclients",
            "load in the\noutage: most",
            "\nmean",
            "after it:\nmost",
            "\nwell",
            "\nattempts",
            "calls that\nsucceeded",
        ]);
        for storm in &self.storms {
            table.add_row([
                storm.death.name().to_owned(),
                storm.kind.name().to_owned(),
                format!("{:.2}", storm.outage_peak),
                format!("{:.2}", storm.outage_mean),
                format!("{:.2}", storm.recovery_peak),
                well_after(storm),
                storm.attempts.to_string(),
                format!("{:.1} %", storm.succeeded as f64 * 100.0 / storm.calls.max(1) as f64),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_padding((2, 0));
        }
        table
    }
}
