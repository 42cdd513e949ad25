//! The run as it happens: a screen in a terminal, one plain line a second anywhere else.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Sparkline};
use ratatui::{DefaultTerminal, Frame};

use crate::keys::wants_to_end;
use crate::latency::{milliseconds, quantile_ms};
use crate::tally::{Each, Moment, Tally, Tenant};

const ADMITTED: Color = Color::Green;
const DENIED: Color = Color::Red;
const FLOOD: Color = Color::Magenta;

pub struct Screen {
    face: Face,
}

enum Face {
    Terminal(Box<DefaultTerminal>),
    Lines { next: Duration },
}

/// What the gateway's table comes to at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub places: usize,
    pub evictions: u64,
}

/// All that is shown, at one moment.
struct View<'a> {
    tally: &'a Tally,
    now: Duration,
    second: Each<Moment>,
    table: Table,
    evictions_per_second: u64,
}

impl Screen {
    pub const PACE: Duration = Duration::from_millis(100);

    pub fn open() -> io::Result<Self> {
        // Keys are read as well as things shown, so both ends have to be a terminal.
        let face = if io::stdout().is_terminal() && io::stdin().is_terminal() {
            // Puts the terminal back in order even if we panic.
            Face::Terminal(Box::new(ratatui::try_init()?))
        } else {
            Face::Lines { next: Duration::from_secs(1) }
        };
        Ok(Self { face })
    }

    /// Shows how things stand `now`; tells whether somebody wants to end the run.
    pub fn show(&mut self, tally: &mut Tally, now: Duration, table: Table) -> io::Result<bool> {
        let view = View::new(tally, now, table);
        match &mut self.face {
            Face::Terminal(terminal) => {
                terminal.draw(|frame| view.draw(frame))?;
                wants_to_end()
            }
            Face::Lines { next } => {
                if now >= *next {
                    *next += Duration::from_secs(1);
                    writeln!(io::stdout(), "{}", view.line())?;
                }
                Ok(false)
            }
        }
    }

    pub fn close(self) {
        if let Face::Terminal(_) = self.face {
            ratatui::restore();
        }
    }
}

impl<'a> View<'a> {
    fn new(tally: &'a mut Tally, now: Duration, table: Table) -> Self {
        let second = tally.last_second(now);
        let since = now.saturating_sub(Duration::from_secs(1));
        let before =
            tally.evictions.iter().rev().find(|(at, _)| *at <= since).map_or(0, |(_, so_far)| *so_far);
        Self { tally, now, second, table, evictions_per_second: table.evictions.saturating_sub(before) }
    }

    fn stage(&self) -> &'static str {
        if self.tally.complete {
            "finishing"
        } else if self.now >= self.tally.plan.flood_begins() {
            "and a flood"
        } else {
            "two tenants"
        }
    }

    fn line(&self) -> String {
        let tenants = [Tenant::Steady, Tenant::Greedy].map(|tenant| {
            let Moment { admitted, denied } = self.second.of(tenant);
            format!("{}: {admitted} admitted, {denied} denied", tenant.name())
        });
        let Moment { admitted, denied } = self.second.of(Tenant::MadeUp);
        let Table { places, evictions } = self.table;
        format!(
            "{:5.1} s  {:<11} | {} | made-up: {} names | {evictions} evictions from {places} places",
            self.now.as_secs_f64(),
            self.stage(),
            tenants.join(" | "),
            admitted + denied,
        )
    }

    fn draw(&self, frame: &mut Frame) {
        let area = frame.area();
        let area = Rect { height: area.height.min(20), ..area };
        let [progress, tenants, flood] = Layout::vertical([3, 10, 7].map(Constraint::Length)).areas(area);
        let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(tenants);
        let plan = &self.tally.plan;
        self.draw_progress(frame, progress);
        self.draw_tenant(frame, left, Tenant::Steady, plan.steady_rate());
        self.draw_tenant(frame, right, Tenant::Greedy, plan.greedy_rate());
        self.draw_flood(frame, flood);
    }

    fn draw_progress(&self, frame: &mut Frame, area: Rect) {
        let plan = &self.tally.plan;
        let title = format!(
            " each tenant's quota: {}/s, {} at once; q or Ctrl-C ends the run ",
            plan.rate,
            plan.burst()
        );
        let gauge = Gauge::default()
            .block(Block::bordered().title(title))
            .gauge_style(Color::Blue)
            .ratio((self.now.as_secs_f64() / plan.length.as_secs_f64()).clamp(0.0, 1.0))
            .label(format!(
                "{}   {:.1} s of {:.0} s",
                self.stage(),
                self.now.as_secs_f64(),
                plan.length.as_secs_f64()
            ));
        frame.render_widget(gauge, area);
    }

    fn draw_tenant(&self, frame: &mut Frame, area: Rect, tenant: Tenant, rate: u32) {
        let block = Block::bordered().title(format!(" {}: {rate} requests/s ", tenant.name()));
        let inside = block.inner(area);
        frame.render_widget(block, area);
        let [figures, admitted, denied] = Layout::vertical([4, 2, 2].map(Constraint::Length)).areas(inside);
        let (row, second) = (self.tally.rows.of(tenant), self.second.of(tenant));
        let latency = |quantile| milliseconds(quantile_ms(&row.whole.latency, quantile));
        let remaining = row.remaining.map_or(0, |decided| decided.remaining);
        let text = vec![
            count("admitted", second.admitted, row.whole.admitted, ADMITTED),
            count("denied", second.denied, row.whole.denied, DENIED),
            Line::from(format!("left       {remaining:>6} of {}", self.tally.plan.burst())),
            Line::from(format!("p50 {} ms   p99 {} ms", latency(0.5), latency(0.99))),
        ];
        frame.render_widget(Paragraph::new(text), figures);
        self.draw_history(frame, admitted, tenant, ADMITTED, |moment| moment.admitted);
        self.draw_history(frame, denied, tenant, DENIED, |moment| moment.denied);
    }

    fn draw_flood(&self, frame: &mut Frame, area: Rect) {
        let Table { places, evictions } = self.table;
        let block = Block::bordered().title(format!(" the table: {places} places, whoever comes "));
        let inside = block.inner(area);
        frame.render_widget(block, area);
        let [figures, history] = Layout::vertical([3, 2].map(Constraint::Length)).areas(inside);
        let (row, second) = (self.tally.rows.of(Tenant::MadeUp), self.second.of(Tenant::MadeUp));
        let text = vec![
            count("new names", second.admitted + second.denied, row.whole.sent, FLOOD),
            count("evictions", self.evictions_per_second, evictions, FLOOD),
        ];
        frame.render_widget(Paragraph::new(text), figures);
        self.draw_history(frame, history, Tenant::MadeUp, FLOOD, |moment| moment.admitted);
    }

    /// The latest moments, as many as there is room for.
    fn draw_history(
        &self,
        frame: &mut Frame,
        area: Rect,
        tenant: Tenant,
        colour: Color,
        of: fn(&Moment) -> u64,
    ) {
        let moments = self.tally.moments.of(tenant).iter().map(of);
        let from = moments.len().saturating_sub(usize::from(area.width));
        frame.render_widget(Sparkline::default().data(moments.skip(from)).style(colour), area);
    }
}

fn count(what: &'static str, second: u64, total: u64, colour: Color) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{what:<11}"), Style::new().fg(colour)),
        Span::raw(format!("{second:>6} /s {total:>8} in all")),
    ])
}
