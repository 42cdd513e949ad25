//! What a run comes to: the table, the verdict on what was expected, and the same as JSON.
//!
//! Latencies are in milliseconds from the instant a request was due, over requests for known tokens; `null` stands
//! where there was no request. `p99_open_ms` is of those that the breaker refused a call to the service.
//! `recovery_ms` runs from the instant at which the service was well again (the phase's beginning) to the first live
//! answer to a request sent after it; `breaker_closed_ms` from that same instant until the breaker closed.
//! `sent - live - cached - failed` were still on their way when a run was ended by hand.

use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, TableComponent, presets};
use fusebox::breaker::{Counts, State};
use fusebox::guard;
use serde::Serialize;

use crate::identity::TOKENS;
use crate::journal::Transition;
use crate::latency::{milliseconds, quantile_ms};
use crate::script;
use crate::tally::{Because, Both, Gateway, Row, Served, Tally};

/// The share of requests for known tokens that the guarded gateway has to answer while nobody answers it.
const ANSWERED_PERCENT: f64 = 99.0;
const P99_OPEN_MS: f64 = 20.0;
/// A client that is later than this says more of the machine than of a gateway.
const BUSY_MS: f64 = 5.0;

#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether the script was played to its end.
    complete: bool,
    rate: u32,
    seconds: f64,
    tokens: u32,
    /// How late the clients themselves sent their requests: what a busy machine adds to all latencies.
    clients_late_p99_ms: Option<f64>,
    phases: Vec<PhaseReport>,
    /// Of the last restoration.
    recovery_ms: Both<Option<f64>>,
    guard: GuardReport,
    breaker: BreakerReport,
    expectations: Vec<Expectation>,
}

#[derive(Debug, Serialize)]
struct PhaseReport {
    name: String,
    state: script::State,
    /// Whether the service became well in this phase, after it was not.
    restored: bool,
    begins_s: f64,
    seconds: f64,
    protected: RowReport,
    unprotected: RowReport,
    /// When the service was restored in this phase, and the breaker had been open.
    breaker_closed_ms: Option<f64>,
}

#[derive(Debug, Serialize)]
struct RowReport {
    sent: u64,
    live: u64,
    cached: u64,
    cached_because: Because,
    failed: u64,
    answered_percent: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    p99_open_ms: Option<f64>,
    recovery_ms: Option<f64>,
    /// Requests with tokens that nobody gave out, which are in none of the figures above.
    unknown_sent: u64,
    unknown_denied: u64,
}

#[derive(Debug, Serialize)]
struct GuardReport {
    calls: u64,
    attempts: u64,
    /// Waits for a further attempt, which the breaker may still have refused.
    retries: u64,
}

#[derive(Debug, Serialize)]
struct BreakerReport {
    admitted: u64,
    succeeded: u64,
    errors: u64,
    timeouts: u64,
    cancelled: u64,
    late: u64,
    rejected: u64,
    transitions: Vec<TransitionReport>,
}

#[derive(Debug, Serialize)]
struct TransitionReport {
    at_s: f64,
    from: &'static str,
    to: &'static str,
    why: String,
    outage_ms: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Expectation {
    expected: String,
    found: String,
    met: bool,
}

impl Report {
    pub fn new(
        tally: &Tally,
        rate: u32,
        transitions: &[Transition],
        guard: &guard::Counts,
        breaker: &Counts,
    ) -> Self {
        let phases: Vec<_> =
            (0..tally.phases.len()).filter_map(|index| PhaseReport::new(tally, index, transitions)).collect();
        let last = phases.iter().rev().find(|phase| phase.restored);
        Self {
            complete: tally.ended,
            rate,
            seconds: rounded(phases.iter().fold(0.0, |sum, phase| sum + phase.seconds)),
            tokens: TOKENS,
            clients_late_p99_ms: quantile_ms(&tally.lateness, 0.99),
            recovery_ms: Both {
                protected: last.and_then(|phase| phase.protected.recovery_ms),
                unprotected: last.and_then(|phase| phase.unprotected.recovery_ms),
            },
            expectations: phases.iter().filter(|phase| phase.state.is_silent()).flat_map(expect).collect(),
            phases,
            guard: GuardReport { calls: guard.calls, attempts: guard.attempts, retries: guard.retries },
            breaker: BreakerReport::new(breaker, transitions),
        }
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        if self.phases.is_empty() {
            return writeln!(out, "Ended by hand before the script began.");
        }
        writeln!(out, "\n{}\n", self.table())?;
        let sum = |of: fn(&PhaseReport) -> u64| self.phases.iter().map(of).sum::<u64>();
        let (sent, seconds) = (sum(|phase| phase.protected.sent), self.seconds);
        writeln!(
            out,
            "{sent} requests with known tokens to each gateway in {seconds:.1} s; latencies in ms."
        )?;
        let forged = sum(|phase| phase.protected.unknown_sent);
        let with = sum(|phase| phase.protected.unknown_denied);
        let without = sum(|phase| phase.unprotected.unknown_denied);
        write!(out, "{forged} more with forged ones, for which there is no last good answer: ")?;
        writeln!(out, "{with} denied with fusebox, {without} without.")?;
        for phase in &self.phases {
            phase.print_recovery(out)?;
        }
        let because = |of: fn(Because) -> u64| -> u64 {
            self.phases.iter().map(|phase| of(phase.protected.cached_because)).sum()
        };
        writeln!(
            out,
            "The cache stood in for {} calls that the breaker refused, {} that timed out and {} that failed.",
            because(|it| it.refused),
            because(|it| it.timed_out),
            because(|it| it.failed),
        )?;
        let (BreakerReport { admitted, rejected, .. }, retries) = (&self.breaker, self.guard.retries);
        writeln!(
            out,
            "The breaker let {admitted} calls through and spared the service {rejected}; {retries} were retries."
        )?;
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
        for Expectation { expected, found, met } in &self.expectations {
            let verdict = if *met { "PASS      " } else { "FALL SHORT" };
            writeln!(out, "{verdict}  {expected}: {found}")?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_style(TableComponent::HeaderLines, '─');
        table.set_header([
            "\nphase",
            "with fusebox\nlive",
            "\ncached",
            "\nfailed",
            "\np50",
            "\np99",
            "without\nlive",
            "\nfailed",
            "\np50",
            "\np99",
        ]);
        for phase in &self.phases {
            let (with, without) = (&phase.protected, &phase.unprotected);
            table.add_row([
                phase.name.clone(),
                with.live.to_string(),
                with.cached.to_string(),
                with.failed.to_string(),
                milliseconds(with.p50_ms),
                milliseconds(with.p99_ms),
                without.live.to_string(),
                without.failed.to_string(),
                milliseconds(without.p50_ms),
                milliseconds(without.p99_ms),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_padding((2, 0));
        }
        table
    }
}

impl PhaseReport {
    fn new(tally: &Tally, index: usize, transitions: &[Transition]) -> Option<Self> {
        let (phase, told) = (tally.phases.get(index)?, tally.script.phases.get(index)?);
        let restored = tally.restored_in(index) == Some(index);
        Some(Self {
            name: told.name.clone(),
            state: told.state,
            restored,
            begins_s: seconds(phase.begins),
            seconds: seconds(phase.ends.saturating_sub(phase.begins)),
            protected: RowReport::new(phase.rows.of(Gateway::Protected)),
            unprotected: RowReport::new(phase.rows.of(Gateway::Unprotected)),
            breaker_closed_ms: if restored { closed_after(transitions, phase.begins) } else { None },
        })
    }

    fn print_recovery(&self, out: &mut impl Write) -> io::Result<()> {
        if !self.restored {
            return Ok(());
        }
        let after = |row: &RowReport| match row.recovery_ms {
            Some(took) => format!("after {took:.0} ms"),
            None => "never".to_owned(),
        };
        let (with, without) = (after(&self.protected), after(&self.unprotected));
        write!(
            out,
            "Restored at {:.1} s; first live answer {with} with fusebox, {without} without",
            self.begins_s
        )?;
        match self.breaker_closed_ms {
            Some(closed) => writeln!(out, "; the breaker closed after {closed:.0} ms."),
            None => writeln!(out, "."),
        }
    }
}

/// How long after `restored` the breaker closed; `None` if it was closed then, or never closed again.
fn closed_after(transitions: &[Transition], restored: Duration) -> Option<f64> {
    let (before, after) = transitions.split_at(transitions.partition_point(|told| told.at < restored));
    let was_open = before.last().is_some_and(|told| told.change.to != State::Closed);
    let closed = after.iter().find(|told| told.change.to == State::Closed)?;
    was_open.then(|| rounded(closed.at.saturating_sub(restored).as_secs_f64() * 1000.0))
}

impl RowReport {
    fn new(row: &Row) -> Self {
        let Served { live, cached, failed, latency } = &row.served;
        Self {
            sent: row.sent,
            live: *live,
            cached: *cached,
            cached_because: row.because,
            failed: *failed,
            answered_percent: percent(row.served.answered(), row.served.ended()).map(rounded),
            p50_ms: quantile_ms(latency, 0.5),
            p99_ms: quantile_ms(latency, 0.99),
            p99_open_ms: quantile_ms(&row.latency_open, 0.99),
            recovery_ms: row.recovery.map(|took| rounded(took.as_secs_f64() * 1000.0)),
            unknown_sent: row.unknown_sent,
            unknown_denied: row.unknown_denied,
        }
    }
}

impl BreakerReport {
    fn new(counts: &Counts, transitions: &[Transition]) -> Self {
        let told = |Transition { at, change }: &Transition| TransitionReport {
            at_s: seconds(*at),
            from: change.from.name(),
            to: change.to.name(),
            why: change.why.to_string(),
            outage_ms: change.outage.map(|outage| rounded(outage.as_secs_f64() * 1000.0)),
        };
        Self {
            admitted: counts.admitted,
            succeeded: counts.succeeded,
            errors: counts.errors,
            timeouts: counts.timeouts,
            cancelled: counts.cancelled,
            late: counts.late,
            rejected: counts.rejected,
            transitions: transitions.iter().map(told).collect(),
        }
    }
}

/// What has to hold of a phase in which the service answers nobody.
fn expect(phase: &PhaseReport) -> [Expectation; 3] {
    let found =
        |row: &RowReport| row.answered_percent.map_or("none sent".to_owned(), |p| format!("{p:.2} %"));
    let enough = |row: &RowReport| row.answered_percent.is_some_and(|p| p >= ANSWERED_PERCENT);
    let (with, without) = (&phase.protected, &phase.unprotected);
    [
        Expectation {
            expected: format!("{}, with fusebox: at least {ANSWERED_PERCENT} % answered", phase.name),
            found: found(with),
            met: enough(with),
        },
        Expectation {
            expected: format!("{}, with fusebox: p99 under {P99_OPEN_MS} ms while open", phase.name),
            found: format!("{} ms", milliseconds(with.p99_open_ms)),
            met: with.p99_open_ms.is_some_and(|p99| p99 < P99_OPEN_MS),
        },
        Expectation {
            expected: format!("{}, without: under {ANSWERED_PERCENT} % answered", phase.name),
            found: found(without),
            met: without.answered_percent.is_some_and(|p| p < ANSWERED_PERCENT),
        },
    ]
}

pub fn percent(of: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| of as f64 * 100.0 / all as f64)
}

fn seconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64())
}

/// To three places, which is what was measured.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
