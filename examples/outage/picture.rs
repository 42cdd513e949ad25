//! The picture of a run: what became of the requests to each gateway, moment by moment, with the phases of the
//! service above, the states of the breaker between and the slowest answers below.
//!
//! Every request stands where it was due, so that one that fails after two seconds shows when it was asked.

use std::time::Duration;

use fusebox::breaker::State;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::identity::TOKENS;
use crate::journal::{self, Transition};
use crate::latency::quantile_ms;
use crate::report::percent;
use crate::tally::{Gateway, Served, Tally};

const SIZE: (u32, u32) = (1280, 900);
const LEFT: i32 = 92;
const RIGHT: i32 = 1248;
/// From the edge of a chart to its axis, where the labels stand.
const AXIS: i32 = 60;

const PHASES: (i32, i32) = (122, 150);
const WITH: (i32, i32) = (190, 390);
const BREAKER: (i32, i32) = (400, 424);
const WITHOUT: (i32, i32) = (468, 668);
const LATENCY: (i32, i32) = (712, 846);

const INK: RGBColor = RGBColor(31, 41, 51);
const MUTED: RGBColor = RGBColor(97, 110, 124);
const RULE: RGBColor = RGBColor(203, 210, 217);
const LIVE: RGBColor = RGBColor(47, 158, 119);
const CACHED: RGBColor = RGBColor(240, 190, 70);
const FAILED: RGBColor = RGBColor(214, 69, 80);
const WELL: RGBColor = RGBColor(222, 243, 233);
const ILL: RGBColor = RGBColor(251, 226, 227);
const CLOSED: RGBColor = RGBColor(168, 220, 198);
const OPEN: RGBColor = RGBColor(62, 76, 89);
const PROBING: RGBColor = RGBColor(64, 169, 243);

const GUARDED: RGBColor = RGBColor(36, 99, 180);

/// What a letter of the small font takes, nearly.
const LETTER: i32 = 7;
const LATENCY_MS: std::ops::Range<f64> = 0.3..6000.0;

type Count = fn(&Served) -> u64;
type Sheet<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

pub fn draw(tally: &Tally, rate: u32, transitions: &[Transition]) -> anyhow::Result<String> {
    let mut svg = String::new();
    let picture = Picture::new(&mut svg, tally);
    picture.root.fill(&WHITE)?;
    picture.heading(rate)?;
    picture.phases()?;
    picture.outcomes(WITH, Gateway::Protected, rate)?;
    picture.breaker(transitions)?;
    picture.outcomes(WITHOUT, Gateway::Unprotected, rate)?;
    picture.latencies()?;
    picture.boundaries()?;
    picture.root.present()?;
    drop(picture);
    Ok(svg)
}

struct Picture<'a> {
    root: Sheet<'a>,
    tally: &'a Tally,
    /// How long the run was, in seconds.
    end: f64,
}

impl<'a> Picture<'a> {
    fn new(svg: &'a mut String, tally: &'a Tally) -> Self {
        let end = tally.phases.last().map_or(0.0, |phase| phase.ends.as_secs_f64());
        // A run ended before it began still has a picture, an empty one.
        Self { root: SVGBackend::with_string(svg, SIZE).into_drawing_area(), tally, end: end.max(0.1) }
    }

    fn x(&self, at: Duration) -> i32 {
        let share = (at.as_secs_f64() / self.end).clamp(0.0, 1.0);
        LEFT + (share * f64::from(RIGHT - LEFT)).round() as i32
    }

    fn text(
        &self,
        text: &str,
        at: (i32, i32),
        size: u32,
        colour: RGBColor,
        across: HPos,
    ) -> anyhow::Result<()> {
        let anchor = Pos::new(across, VPos::Center);
        let style = ("sans-serif", size).into_font().color(&colour).pos(anchor);
        self.root.draw(&Text::new(text.to_owned(), at, style))?;
        Ok(())
    }

    fn bold(&self, text: &str, at: (i32, i32), size: u32) -> anyhow::Result<()> {
        let font = ("sans-serif", size).into_font().style(FontStyle::Bold);
        let style = font.color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        self.root.draw(&Text::new(text.to_owned(), at, style))?;
        Ok(())
    }

    fn block(&self, from: (i32, i32), to: (i32, i32), colour: RGBColor) -> anyhow::Result<()> {
        self.root.draw(&Rectangle::new([from, to], colour.filled()))?;
        Ok(())
    }

    fn heading(&self, rate: u32) -> anyhow::Result<()> {
        self.bold(
            "An outage of the identity service, as callers of two gateways saw it",
            (LEFT - AXIS, 34),
            24,
        )?;
        let facts = format!(
            "{rate} requests a second to each gateway, {TOKENS} tokens, {:.0} seconds. Each request stands at the \
             moment it was due.",
            self.end
        );
        self.text(&facts, (LEFT - AXIS, 64), 15, MUTED, HPos::Left)?;
        let mut x = LEFT - AXIS;
        for (colour, name) in [
            (LIVE, "answered live"),
            (CACHED, "answered from the last good answer"),
            (FAILED, "failed"),
            (CLOSED, "breaker closed"),
            (OPEN, "open"),
            (PROBING, "probing (half-open)"),
        ] {
            self.block((x, 89), (x + 14, 103), colour)?;
            self.text(name, (x + 21, 96), 14, INK, HPos::Left)?;
            x += 46 + name.len() as i32 * LETTER;
        }
        Ok(())
    }

    fn phases(&self) -> anyhow::Result<()> {
        self.text("service", (LEFT - 8, middle(PHASES.0, PHASES.1)), 13, MUTED, HPos::Right)?;
        for (phase, told) in self.tally.phases.iter().zip(&self.tally.script.phases) {
            let (from, to) = (self.x(phase.begins), self.x(phase.ends));
            let colour = if told.state.is_well() { WELL } else { ILL };
            self.block((from, PHASES.0), (to, PHASES.1), colour)?;
            let centre = (middle(from, to), middle(PHASES.0, PHASES.1));
            self.text(&fitted(&told.name, to - from), centre, 14, INK, HPos::Center)?;
        }
        Ok(())
    }

    /// A line wherever a phase ends and another begins.
    fn boundaries(&self) -> anyhow::Result<()> {
        for phase in self.tally.phases.iter().skip(1) {
            let x = self.x(phase.begins);
            for (top, bottom) in [PHASES, WITH, BREAKER, WITHOUT, LATENCY] {
                self.root.draw(&PathElement::new([(x, top), (x, bottom)], INK.mix(0.5)))?;
            }
        }
        Ok(())
    }

    fn panel(&self, (top, bottom): (i32, i32)) -> Sheet<'a> {
        self.root.clone().shrink((LEFT - AXIS, top), (RIGHT - LEFT + AXIS, bottom - top))
    }

    fn outcomes(&self, panel: (i32, i32), gateway: Gateway, rate: u32) -> anyhow::Result<()> {
        let served = || self.tally.phases.iter().map(|phase| &phase.rows.of(gateway).served);
        let share = percent(served().map(Served::answered).sum(), served().map(Served::ended).sum());
        self.bold(gateway.heading(), (LEFT, panel.0 - 17), 17)?;
        let share = share.map_or_else(String::new, |share| format!("{share:.1} % of requests answered"));
        self.text(&share, (RIGHT, panel.0 - 17), 15, MUTED, HPos::Right)?;

        let area = self.panel(panel);
        let most = f64::from(rate) * 1.1;
        let mut chart = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, AXIS)
            .build_cartesian_2d(0.0..self.end, 0.0..most)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .y_labels(4)
            .light_line_style(TRANSPARENT)
            .bold_line_style(RULE)
            .axis_style(RULE)
            .label_style(("sans-serif", 13).into_font().color(&MUTED))
            .y_label_formatter(&|rate| format!("{rate:.0}"))
            .y_desc("requests/s")
            .draw()?;
        let moments = self.tally.moments.of(gateway);
        let mut floor = vec![0.0; moments.len()];
        let layers: [(Count, RGBColor); 3] =
            [(|of| of.live, LIVE), (|of| of.cached, CACHED), (|of| of.failed, FAILED)];
        for (count, colour) in layers {
            let ceiling: Vec<f64> = moments
                .iter()
                .zip(&floor)
                .enumerate()
                .map(|(n, (m, f))| f + self.rate(n, count(m)))
                .collect();
            chart.draw_series([Polygon::new(self.layer(&floor, &ceiling), colour.filled())])?;
            floor = ceiling;
        }
        Ok(())
    }

    /// Where the moment begins and ends, in seconds.
    fn stretch(&self, moment: usize) -> (f64, f64) {
        let length = self.tally.moment.as_secs_f64();
        ((moment as f64 * length).min(self.end), ((moment + 1) as f64 * length).min(self.end))
    }

    fn rate(&self, moment: usize, count: u64) -> f64 {
        let (from, to) = self.stretch(moment);
        // The last moment of a run ended by hand may be too short to tell a rate.
        if to - from < self.tally.moment.as_secs_f64() / 4.0 { 0.0 } else { count as f64 / (to - from) }
    }

    /// The outline of what lies between two lines of steps.
    fn layer(&self, floor: &[f64], ceiling: &[f64]) -> Vec<(f64, f64)> {
        let steps = |heights: &[f64]| {
            let corners = |(n, height): (usize, &f64)| {
                let (from, to) = self.stretch(n);
                [(from, *height), (to, *height)]
            };
            heights.iter().enumerate().flat_map(corners).collect::<Vec<_>>()
        };
        steps(ceiling).into_iter().chain(steps(floor).into_iter().rev()).collect()
    }

    fn breaker(&self, transitions: &[Transition]) -> anyhow::Result<()> {
        let height = middle(BREAKER.0, BREAKER.1);
        self.text("breaker", (LEFT - 8, height), 13, MUTED, HPos::Right)?;
        let spans = journal::spans(transitions, Duration::from_secs_f64(self.end));
        // Probes come last: most are shorter than a pixel, and each is to be seen.
        let (probes, rest): (Vec<_>, Vec<_>) =
            spans.into_iter().partition(|span| span.state == State::HalfOpen);
        for span in rest.iter().chain(&probes) {
            let (from, to) = (self.x(span.from), self.x(span.to));
            let to = if span.state == State::HalfOpen { to.max(from + 2) } else { to };
            self.block((from, BREAKER.0), (to, BREAKER.1), colour(span.state))?;
        }
        for span in &rest {
            let (from, to) = (self.x(span.from), self.x(span.to));
            let name = span.state.name();
            if to - from > (name.len() as i32 + 2) * LETTER {
                let ink = if span.state == State::Open { WHITE } else { INK };
                self.text(name, (middle(from, to), height), 13, ink, HPos::Center)?;
            }
        }
        Ok(())
    }

    fn latencies(&self) -> anyhow::Result<()> {
        self.bold("Latency of the slowest 1 % (p99)", (LEFT, LATENCY.0 - 17), 17)?;
        let why = "a lone spike is a probe that waited for its limit";
        self.text(why, (LEFT + 300, LATENCY.0 - 17), 13, MUTED, HPos::Left)?;
        let area = self
            .root
            .clone()
            .shrink((LEFT - AXIS, LATENCY.0), (RIGHT - LEFT + AXIS, LATENCY.1 - LATENCY.0 + 44));
        let mut chart = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, AXIS)
            .set_label_area_size(LabelAreaPosition::Bottom, 44)
            .build_cartesian_2d(0.0..self.end, LATENCY_MS.log_scale())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RULE)
            .axis_style(RULE)
            .label_style(("sans-serif", 13).into_font().color(&MUTED))
            .y_labels(4)
            .y_label_formatter(&|ms| format!("{ms}"))
            .x_label_formatter(&|seconds| format!("{seconds:.0}"))
            .y_desc("ms")
            .x_desc("seconds")
            .draw()?;
        for (gateway, colour) in [(Gateway::Unprotected, FAILED), (Gateway::Protected, GUARDED)] {
            let moments = self.tally.moments.of(gateway).iter().enumerate();
            let points = moments.filter_map(|(n, moment)| {
                let (from, to) = self.stretch(n);
                Some((f64::midpoint(from, to), quantile_ms(&moment.latency, 0.99)?))
            });
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        }
        let mut x = RIGHT;
        for (gateway, colour) in [(Gateway::Unprotected, FAILED), (Gateway::Protected, GUARDED)] {
            self.text(gateway.name(), (x, LATENCY.0 - 17), 15, INK, HPos::Right)?;
            x -= gateway.name().len() as i32 * LETTER;
            self.block((x - 26, LATENCY.0 - 18), (x - 6, LATENCY.0 - 15), colour)?;
            x -= 50;
        }
        Ok(())
    }
}

fn colour(state: State) -> RGBColor {
    match state {
        State::Closed | State::Disabled => CLOSED,
        State::Open | State::ForcedOpen => OPEN,
        State::HalfOpen | State::Recovering => PROBING,
    }
}

fn middle(from: i32, to: i32) -> i32 {
    from + (to - from) / 2
}

/// The name, or as much of it as there is room for.
fn fitted(name: &str, width: i32) -> String {
    let room = usize::try_from(width / LETTER).unwrap_or_default();
    if name.chars().count() <= room {
        return name.to_owned();
    }
    let kept: String = name.chars().take(room.saturating_sub(1)).collect();
    if kept.is_empty() { kept } else { kept + "…" }
}
