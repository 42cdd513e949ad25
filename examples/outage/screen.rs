//! The run as it happens: a screen in a terminal, one plain line a second anywhere else.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use fusebox::breaker::State;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Sparkline};
use ratatui::{DefaultTerminal, Frame};

use crate::gateway::BREAKER;
use crate::journal::Transition;
use crate::keys::wants_to_end;
use crate::latency::{milliseconds, quantile_ms};
use crate::tally::{Both, Gateway, Served, Tally};

const WARMING_UP: &str = "warming up: every known token is asked about once";
const GOOD: Color = Color::Green;
const STALE: Color = Color::Yellow;
const BAD: Color = Color::Red;

pub struct Screen {
    rate: u32,
    face: Face,
}

enum Face {
    Terminal(Box<DefaultTerminal>),
    Lines { next: Duration },
}

/// All that is shown, at one moment.
struct View<'a> {
    tally: &'a Tally,
    rate: u32,
    now: Duration,
    second: Both<Served>,
    breaker: State,
    open_for: Option<Duration>,
    rejected: u64,
    transitions: Vec<Transition>,
}

impl Screen {
    pub const PACE: Duration = Duration::from_millis(100);

    pub fn open(rate: u32) -> io::Result<Self> {
        // Keys are read as well as things shown, so both ends have to be a terminal.
        let face = if io::stdout().is_terminal() && io::stdin().is_terminal() {
            // Puts the terminal back in order even if we panic.
            Face::Terminal(Box::new(ratatui::try_init()?))
        } else {
            writeln!(io::stdout(), "{WARMING_UP}")?;
            Face::Lines { next: Duration::from_secs(1) }
        };
        Ok(Self { rate, face })
    }

    /// Shows how things stand `now` (`None` before the script begins); tells whether somebody wants to end the run.
    pub fn show(&mut self, tally: &mut Tally, now: Option<Duration>) -> io::Result<bool> {
        let view = now.map(|now| View::new(tally, self.rate, now));
        match &mut self.face {
            Face::Terminal(terminal) => {
                terminal.draw(|frame| match &view {
                    Some(view) => view.draw(frame),
                    None => frame.render_widget(WARMING_UP, frame.area()),
                })?;
                wants_to_end()
            }
            Face::Lines { next } => {
                if let Some(view) = view.filter(|view| view.now >= *next) {
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
    fn new(tally: &'a mut Tally, rate: u32, now: Duration) -> Self {
        let status = BREAKER.look();
        Self {
            rate,
            now,
            second: tally.last_second(now),
            breaker: status.state,
            open_for: status.open_for,
            rejected: BREAKER.counts().rejected,
            transitions: tally.breaker_clock.map_or_else(Vec::new, |began| BREAKER.observer().since(began)),
            tally,
        }
    }

    fn phase_name(&self) -> &str {
        let begun = self.tally.phases.len().saturating_sub(1);
        match self.tally.script.phases.get(begun) {
            Some(phase) if !self.tally.ended => &phase.name,
            _ => "finishing",
        }
    }

    /// How long the last restoration took to be felt.
    fn recovery(&self, gateway: Gateway) -> Option<Duration> {
        self.tally.phases.iter().rev().find_map(|phase| phase.rows.of(gateway).recovery)
    }

    fn line(&self) -> String {
        let gateways = Gateway::ALL.map(|gateway| {
            let Served { live, cached, failed, latency } = self.second.of(gateway);
            let cached = match gateway {
                Gateway::Protected => format!(" {cached} cached,"),
                Gateway::Unprotected => String::new(),
            };
            let [p50, p99] = [0.5, 0.99].map(|quantile| milliseconds(quantile_ms(latency, quantile)));
            format!("{}: {live} live,{cached} {failed} failed, p50 {p50} p99 {p99} ms", gateway.name())
        });
        format!(
            "{:5.1} s  {:<9} breaker {}, {} rejected | {}",
            self.now.as_secs_f64(),
            self.phase_name(),
            self.breaker,
            self.rejected,
            gateways.join(" | "),
        )
    }

    fn draw(&self, frame: &mut Frame) {
        let rows = [3, 4, 12].map(Constraint::Length);
        let [progress, breaker, gateways] = Layout::vertical(rows).areas(top(frame.area(), 19));
        let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(gateways);
        let below = frame.area().height.saturating_sub(19);
        let journal = Rect { y: frame.area().y + 19.min(frame.area().height), height: below, ..frame.area() };

        self.draw_progress(frame, progress);
        self.draw_breaker(frame, breaker);
        self.draw_gateway(frame, left, Gateway::Protected);
        self.draw_gateway(frame, right, Gateway::Unprotected);
        self.draw_journal(frame, journal);
    }

    fn draw_progress(&self, frame: &mut Frame, area: Rect) {
        let length = self.tally.script.length();
        let title = format!(" {} requests/s to each gateway; q or Ctrl-C ends the run ", self.rate);
        let gauge = Gauge::default()
            .block(Block::bordered().title(title))
            .gauge_style(Color::Blue)
            .ratio((self.now.as_secs_f64() / length.as_secs_f64()).clamp(0.0, 1.0))
            .label(format!(
                "the service is: {}   {:.1} s of {:.0} s",
                self.phase_name(),
                self.now.as_secs_f64(),
                length.as_secs_f64()
            ));
        frame.render_widget(gauge, area);
    }

    fn draw_breaker(&self, frame: &mut Frame, area: Rect) {
        let mut state = vec![Span::raw("state "), self.breaker.name().fg(colour(self.breaker)).bold()];
        if let Some(open_for) = self.open_for {
            state.push(Span::raw(format!(" for {:.1} s", open_for.as_secs_f64())));
        }
        state.push(Span::raw(format!("   rejections {}", self.rejected)));
        let [with, without] = Gateway::ALL.map(|gateway| match self.recovery(gateway) {
            Some(took) => format!("{} ms", took.as_millis()),
            None => "-".to_owned(),
        });
        let recovery = Line::from(format!("time to recover: {with} with fusebox, {without} without"));
        let text = vec![Line::from(state), recovery];
        frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" breaker ")), area);
    }

    fn draw_gateway(&self, frame: &mut Frame, area: Rect, gateway: Gateway) {
        let block = Block::bordered().title(format!(" {} ", gateway.name()));
        let inside = block.inner(area);
        frame.render_widget(block, area);
        let [figures, good, bad] = Layout::vertical([6, 2, 2].map(Constraint::Length)).areas(inside);

        let second = self.second.of(gateway);
        let total = |of: fn(&Served) -> u64| self.tally.moments.of(gateway).iter().map(of).sum::<u64>();
        let count = |what: &'static str, of: fn(&Served) -> u64, colour| {
            Line::from(vec![
                Span::styled(format!("{what:<11}"), Style::new().fg(colour)),
                Span::raw(format!("{:>6} /s {:>8} in all", of(second), total(of))),
            ])
        };
        let latency = |quantile| milliseconds(quantile_ms(&second.latency, quantile));
        let figures_text = vec![
            Line::from(format!("throughput {:>6} /s", second.ended())),
            count("live", |moment| moment.live, GOOD),
            count("from cache", |moment| moment.cached, STALE),
            count("failed", |moment| moment.failed, BAD),
            Line::from(format!("p50 {:>7} ms   p99 {:>7} ms", latency(0.5), latency(0.99))),
        ];
        frame.render_widget(Paragraph::new(figures_text), figures);
        self.draw_history(frame, good, gateway, GOOD, |moment| moment.live + moment.cached);
        self.draw_history(frame, bad, gateway, BAD, |moment| moment.failed);
    }

    /// The latest moments, as many as there is room for.
    fn draw_history(
        &self,
        frame: &mut Frame,
        area: Rect,
        gateway: Gateway,
        colour: Color,
        of: fn(&Served) -> u64,
    ) {
        let most = u64::from(self.rate) * self.tally.moment.as_millis() as u64 / 1000 + 1;
        let moments = self.tally.moments.of(gateway).iter().map(of);
        let from = moments.len().saturating_sub(usize::from(area.width));
        let line = Sparkline::default().data(moments.skip(from)).max(most).style(colour);
        frame.render_widget(line, area);
    }

    fn draw_journal(&self, frame: &mut Frame, area: Rect) {
        let room = usize::from(area.height.saturating_sub(2));
        let told = self.transitions.iter().rev().take(room);
        let lines: Vec<_> = told
            .map(|told| Line::from(format!("{:6.2} s  {}", told.at.as_secs_f64(), told.change)))
            .collect();
        frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" the breaker told ")), area);
    }
}

fn top(area: Rect, height: u16) -> Rect {
    Rect { height: height.min(area.height), ..area }
}

fn colour(state: State) -> Color {
    match state {
        State::Closed => GOOD,
        State::Open | State::ForcedOpen => BAD,
        State::HalfOpen | State::Recovering => STALE,
        State::Disabled => Color::Gray,
    }
}
