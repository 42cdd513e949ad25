//! What a run comes to: the table, the verdict on what was claimed, and the same as JSON.
//!
//! Latencies are in milliseconds from the instant a request was due, over all answers; `null` stands where there was
//! none. `allowed_by_quota` is the burst and what the quota refilled from the first decision about the tenant to the
//! last. `sent - admitted - denied - failed` were still on their way when a run was ended by hand.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, TableComponent, presets};
use fusebox::limiter::{Counts, KeyedCounts};
use serde::Serialize;

use crate::latency::{milliseconds, quantile_ms};
use crate::tally::{Figures, Tally, Tenant};

/// Of what its quota allows the greedy tenant has to get so much: all, but for a request that came late, and for the
/// made-up name (one in some ten thousand) that shares its quota because their hashes look the same.
const SHARE_PERCENT: u64 = 98;
/// A client that is later than this says more of the machine than of the gateway.
const BUSY_MS: f64 = 5.0;

/// What the gateway's limiter itself tells.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    pub places_at_first: usize,
    pub places: usize,
    pub keyed: KeyedCounts,
    pub all: Counts,
}

#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether it was played to its end.
    complete: bool,
    seconds: f64,
    quota: QuotaReport,
    flood_begins_s: f64,
    tenants: TenantsReport,
    /// The part of the greedy tenant's figures that was decided from the flood's beginning on.
    greedy_in_flood: RowReport,
    evictions: u64,
    saturated: u64,
    places_at_first: usize,
    places: usize,
    /// How late the clients themselves sent their requests: what a busy machine adds to all latencies.
    clients_late_p99_ms: Option<f64>,
    claims: Vec<Claim>,
}

#[derive(Debug, Serialize)]
struct QuotaReport {
    per_second: u32,
    burst: u32,
}

#[derive(Debug, Serialize)]
struct TenantsReport {
    steady: RowReport,
    greedy: RowReport,
    /// All of them together.
    made_up: RowReport,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct RowReport {
    sent: u64,
    admitted: u64,
    denied: u64,
    failed: u64,
    /// `null` for the made-up tenants: each has a quota of its own.
    allowed_by_quota: Option<u64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    min_retry_after_s: Option<u64>,
    max_retry_after_s: Option<u64>,
    /// Denials without `Retry-After` in whole seconds.
    without_retry_after: u64,
}

#[derive(Debug, Serialize)]
struct Claim {
    claimed: String,
    found: String,
    met: bool,
}

impl Report {
    pub fn new(tally: &Tally, kept: &Kept) -> Self {
        let row = |tenant: Tenant| {
            let allowed = (tenant != Tenant::MadeUp).then(|| tally.allowed(tenant));
            RowReport::new(&tally.rows.of(tenant).whole, allowed)
        };
        let plan = &tally.plan;
        let mut report = Self {
            complete: tally.complete,
            seconds: rounded(tally.lasted.as_secs_f64()),
            quota: QuotaReport { per_second: plan.rate, burst: plan.burst() },
            flood_begins_s: rounded(plan.flood_begins().as_secs_f64()),
            tenants: TenantsReport {
                steady: row(Tenant::Steady),
                greedy: row(Tenant::Greedy),
                made_up: row(Tenant::MadeUp),
            },
            greedy_in_flood: RowReport::new(
                &tally.rows.of(Tenant::Greedy).in_flood,
                Some(tally.allowed_in_flood(Tenant::Greedy)),
            ),
            evictions: kept.keyed.evictions,
            saturated: kept.keyed.saturated,
            places_at_first: kept.places_at_first,
            places: kept.places,
            clients_late_p99_ms: quantile_ms(&tally.lateness, 0.99),
            claims: Vec::new(),
        };
        if tally.complete || tally.rows.of(Tenant::Greedy).stretch.is_some() {
            report.claims = claims(&report, tally, kept);
        }
        report
    }

    /// Whether nothing fell short.
    pub fn holds(&self) -> bool {
        self.claims.iter().all(|claim| claim.met)
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        if self.claims.is_empty() {
            return writeln!(out, "Ended by hand before anything was decided.");
        }
        writeln!(out, "\n{}\n", self.table())?;
        let QuotaReport { per_second, burst } = self.quota;
        writeln!(
            out,
            "{:.1} s; each tenant's quota is {per_second} a second and {burst} at once; latencies in ms.",
            self.seconds
        )?;
        if self.tenants.made_up.sent > 0 {
            writeln!(
                out,
                "From {:.1} s on, {} made-up names in a table of {} places: {} evictions, each of whoever owed least.",
                self.flood_begins_s, self.tenants.made_up.sent, self.places, self.evictions
            )?;
        }
        let shared = self.tenants.made_up.denied;
        if shared > 0 {
            // The table keeps 16 bits of a name's hash, and not the name.
            writeln!(
                out,
                "{shared} of them denied at once: to the table it looked like the greedy tenant, and shared its quota."
            )?;
        }
        let failed = self.tenants.all().iter().map(|row| row.failed).sum::<u64>();
        if failed > 0 {
            writeln!(out, "{failed} requests were not answered.")?;
        }
        if let Some(late) = self.clients_late_p99_ms.filter(|late| *late > BUSY_MS) {
            writeln!(
                out,
                "The machine was busy: it kept 1 % of requests for over {late:.0} ms before they were sent."
            )?;
        }
        if !self.complete {
            writeln!(out, "Ended by hand: these are the figures so far.")?;
        }
        writeln!(out)?;
        for Claim { claimed, found, met } in &self.claims {
            let verdict = if *met { "PASS      " } else { "FALL SHORT" };
            writeln!(out, "{verdict}  {claimed}: {found}")?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_style(TableComponent::HeaderLines, '─');
        table.set_header(["tenant", "sent", "admitted", "denied", "quota allows", "p50", "p99"]);
        let rows = [
            ("steady", self.tenants.steady),
            ("greedy", self.tenants.greedy),
            ("  in the flood", self.greedy_in_flood),
            ("made-up names", self.tenants.made_up),
        ];
        for (name, row) in rows {
            table.add_row([
                name.to_owned(),
                row.sent.to_string(),
                row.admitted.to_string(),
                row.denied.to_string(),
                row.allowed_by_quota.map_or_else(|| "-".to_owned(), |allowed| allowed.to_string()),
                milliseconds(row.p50_ms),
                milliseconds(row.p99_ms),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_padding((2, 0));
        }
        table
    }
}

impl TenantsReport {
    fn all(&self) -> [&RowReport; 3] {
        [&self.steady, &self.greedy, &self.made_up]
    }
}

impl RowReport {
    fn new(figures: &Figures, allowed_by_quota: Option<u64>) -> Self {
        Self {
            sent: figures.sent,
            admitted: figures.admitted,
            denied: figures.denied,
            failed: figures.failed,
            allowed_by_quota,
            p50_ms: quantile_ms(&figures.latency, 0.5),
            p99_ms: quantile_ms(&figures.latency, 0.99),
            min_retry_after_s: figures.retry_after.map(|(least, _)| least),
            max_retry_after_s: figures.retry_after.map(|(_, most)| most),
            without_retry_after: figures.silent,
        }
    }

    /// What was found of what the quota allows.
    fn against_quota(&self) -> String {
        format!("{} admitted, {} allowed", self.admitted, self.allowed_by_quota.unwrap_or_default())
    }
}

fn claims(report: &Report, tally: &Tally, kept: &Kept) -> Vec<Claim> {
    let TenantsReport { steady, greedy, made_up } = &report.tenants;
    let flood = &report.greedy_in_flood;
    // Answers overtake each other, so they do not come in the order of their decisions.
    let mut instants = tally.rows.of(Tenant::Greedy).admissions.clone();
    instants.sort_unstable();
    let allowed = greedy.allowed_by_quota.unwrap_or_default();
    let claim = |claimed: &str, found: String, met: bool| Claim { claimed: claimed.to_owned(), found, met };
    let mut claims = vec![
        claim(
            "steady, below its quota: never denied",
            format!("{} of {} denied", steady.denied, steady.sent),
            steady.denied == 0 && (steady.admitted > 0 || !tally.complete),
        ),
        claim(
            "greedy: not one cell over its quota, in no stretch of time",
            greedy.against_quota(),
            greedy.admitted <= allowed && tally.plan.bounds(&instants),
        ),
        claim(
            &format!("greedy: not kept from its quota either ({SHARE_PERCENT} %, or all but one cell)"),
            greedy.against_quota(),
            greedy.admitted + 1 >= allowed || greedy.admitted * 100 >= allowed * SHARE_PERCENT,
        ),
    ];
    if made_up.sent > 0 {
        claims.push(claim(
            "greedy: keeps its debt through the flood",
            flood.against_quota(),
            flood.admitted <= flood.allowed_by_quota.unwrap_or_default(),
        ));
    }
    let waits = report.tenants.all().into_iter().filter(|row| row.min_retry_after_s.is_some());
    let least = waits.clone().filter_map(|row| row.min_retry_after_s).min();
    let most = waits.filter_map(|row| row.max_retry_after_s).max();
    let silent = report.tenants.all().iter().map(|row| row.without_retry_after).sum::<u64>();
    let found = match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most} s, {silent} without"),
        _ => format!("{silent} without"),
    };
    claims.push(claim(
        "every 429 tells when to come back, in whole seconds from 1 on",
        found,
        silent == 0 && least.is_none_or(|least| least >= 1),
    ));
    claims.push(claim(
        "the table has as many places at the end as at first",
        format!("{} and {}, after {} names", kept.places, kept.places_at_first, made_up.sent + 2),
        kept.places == kept.places_at_first,
    ));
    // Of answers that never came the clients know nothing.
    if tally.complete && report.tenants.all().iter().all(|row| row.failed == 0) {
        let sum = |of: fn(&RowReport) -> u64| report.tenants.all().into_iter().map(of).sum::<u64>();
        let (admitted, denied) = (sum(|row| row.admitted), sum(|row| row.denied));
        claims.push(claim(
            "the limiter counts what its clients count",
            format!("{} admitted, {} denied", kept.all.admitted, kept.all.denied),
            (admitted, denied) == (kept.all.admitted, kept.all.denied),
        ));
    }
    claims
}

/// To three places, which is what was measured.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
