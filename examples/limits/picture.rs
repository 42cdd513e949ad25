//! The picture of a run: what each tenant got, moment by moment, against its quota, and what the flood did to the
//! table below. Every request stands where the gateway decided about it.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::plan::Plan;
use crate::report::Kept;
use crate::tally::{Moment, Tally, Tenant};

const SIZE: (u32, u32) = (1280, 840);
const LEFT: i32 = 92;
const RIGHT: i32 = 1248;
/// From the edge of a chart to its axis, where the labels stand.
const AXIS: i32 = 60;

const STAGES: (i32, i32) = (122, 150);
const STEADY: (i32, i32) = (194, 334);
const GREEDY: (i32, i32) = (384, 604);
const FLOOD: (i32, i32) = (654, 786);
/// Below the last chart, for its numbers.
const FOOT: i32 = 44;

const INK: RGBColor = RGBColor(31, 41, 51);
const MUTED: RGBColor = RGBColor(97, 110, 124);
const RULE: RGBColor = RGBColor(203, 210, 217);
const ADMITTED: RGBColor = RGBColor(47, 158, 119);
const DENIED: RGBColor = RGBColor(240, 175, 180);
const NAMES: RGBColor = RGBColor(205, 196, 232);
const EVICTIONS: RGBColor = RGBColor(102, 70, 180);
const CALM: RGBColor = RGBColor(222, 243, 233);
const FLOODED: RGBColor = RGBColor(234, 229, 246);

/// What a letter of the small font takes, nearly.
const LETTER: i32 = 7;

type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

pub fn draw(tally: &Tally, kept: &Kept) -> anyhow::Result<String> {
    let mut svg = String::new();
    let picture = Picture::new(&mut svg, tally);
    picture.root.fill(&WHITE)?;
    picture.heading()?;
    picture.stages()?;
    let plan = &tally.plan;
    picture.tenant(STEADY, Tenant::Steady, plan.steady_rate(), f64::from(plan.rate) * 1.4)?;
    picture.tenant(GREEDY, Tenant::Greedy, plan.greedy_rate(), f64::from(plan.greedy_rate()) * 1.1)?;
    picture.flood(kept)?;
    picture.flood_begins()?;
    picture.root.present()?;
    drop(picture);
    Ok(svg)
}

struct Picture<'a> {
    root: Sheet<'a>,
    tally: &'a Tally,
    plan: &'a Plan,
    /// How long the run was, in seconds.
    end: f64,
}

impl<'a> Picture<'a> {
    fn new(svg: &'a mut String, tally: &'a Tally) -> Self {
        // A run ended before it began still has a picture, an empty one.
        let end = tally.lasted.min(tally.plan.length).as_secs_f64().max(0.1);
        Self { root: SVGBackend::with_string(svg, SIZE).into_drawing_area(), tally, plan: &tally.plan, end }
    }

    fn x(&self, seconds: f64) -> i32 {
        LEFT + ((seconds / self.end).clamp(0.0, 1.0) * f64::from(RIGHT - LEFT)).round() as i32
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

    fn heading(&self) -> anyhow::Result<()> {
        self.bold("Two tenants and a flood at a gateway that limits each tenant", (LEFT - AXIS, 34), 24)?;
        let (rate, burst) = (self.plan.rate, self.plan.burst());
        let facts = format!(
            "Each tenant's quota is {rate} requests a second and {burst} at once. {:.0} seconds; each request stands \
             where the gateway decided about it.",
            self.end
        );
        self.text(&facts, (LEFT - AXIS, 64), 15, MUTED, HPos::Left)?;
        let mut x = LEFT - AXIS;
        for (colour, name) in [
            (ADMITTED, "admitted"),
            (DENIED, "denied with 429"),
            (NAMES, "made-up names"),
            (EVICTIONS, "evictions from the table"),
        ] {
            self.block((x, 89), (x + 14, 103), colour)?;
            self.text(name, (x + 21, 96), 14, INK, HPos::Left)?;
            x += 42 + name.len() as i32 * LETTER;
        }
        for dash in [0, 9] {
            self.block((x + dash, 95), (x + dash + 5, 97), INK)?;
        }
        self.text("quota", (x + 21, 96), 14, INK, HPos::Left)
    }

    /// Where the flood begins, if the run came to it.
    fn flooded_from(&self) -> f64 {
        self.plan.flood_begins().as_secs_f64().min(self.end)
    }

    fn stages(&self) -> anyhow::Result<()> {
        let (from, turn, to) = (LEFT, self.x(self.flooded_from()), RIGHT);
        let height = middle(STAGES.0, STAGES.1);
        self.block((from, STAGES.0), (turn, STAGES.1), CALM)?;
        self.text("two tenants", (middle(from, turn), height), 14, INK, HPos::Center)?;
        if turn < to {
            self.block((turn, STAGES.0), (to, STAGES.1), FLOODED)?;
            let name = format!("the same, and {} made-up tenants a second", self.plan.flood);
            self.text(&name, (middle(turn, to), height), 14, INK, HPos::Center)?;
        }
        Ok(())
    }

    fn flood_begins(&self) -> anyhow::Result<()> {
        let x = self.x(self.flooded_from());
        if x < RIGHT {
            for (top, bottom) in [STAGES, STEADY, GREEDY, FLOOD] {
                self.root.draw(&PathElement::new([(x, top), (x, bottom)], INK.mix(0.5)))?;
            }
        }
        Ok(())
    }

    fn tenant(&self, panel: (i32, i32), tenant: Tenant, rate: u32, most: f64) -> anyhow::Result<()> {
        let row = &self.tally.rows.of(tenant).whole;
        let heading = match tenant {
            Tenant::Steady => format!("The steady tenant sends {rate} a second"),
            Tenant::Greedy | Tenant::MadeUp => format!("The greedy tenant sends {rate} a second"),
        };
        self.bold(&heading, (LEFT, panel.0 - 19), 17)?;
        let told = format!(
            "{} sent, {} admitted, {} denied; its quota allows {}",
            row.sent,
            row.admitted,
            row.denied,
            self.tally.allowed(tenant)
        );
        self.text(&told, (RIGHT, panel.0 - 19), 15, MUTED, HPos::Right)?;

        let mut chart = self.chart(panel, most, "requests/s", false)?;
        let moments = self.tally.moments.of(tenant);
        let nothing = vec![0.0; moments.len()];
        let admitted = self.rates(moments, |moment| moment.admitted);
        let all = self.rates(moments, |moment| moment.admitted + moment.denied);
        chart.draw_series([Polygon::new(self.layer(&admitted, &all), DENIED.filled())])?;
        chart.draw_series([Polygon::new(self.layer(&nothing, &admitted), ADMITTED.filled())])?;
        let quota = f64::from(self.plan.rate);
        let line = [(0.0, quota), (self.end, quota)];
        chart.draw_series(DashedLineSeries::new(line, 7, 5, INK.stroke_width(2)))?;
        if tenant == Tenant::Greedy {
            let told =
                format!("its burst of {} at once, then {} a second", self.plan.burst(), self.plan.rate);
            let (_, after) = self.stretch(0);
            let height = panel.1 - (quota * 1.4 / most * f64::from(panel.1 - panel.0)) as i32;
            self.text(&told, (self.x(after) + 10, height), 14, INK, HPos::Left)?;
        }
        Ok(())
    }

    fn flood(&self, kept: &Kept) -> anyhow::Result<()> {
        self.bold("The flood: each request of a new tenant", (LEFT, FLOOD.0 - 19), 17)?;
        let told = format!(
            "{} names through a table that keeps its {} places; {} evictions, each of whoever owed least",
            self.tally.rows.of(Tenant::MadeUp).whole.sent,
            kept.places,
            kept.keyed.evictions
        );
        self.text(&told, (RIGHT, FLOOD.0 - 19), 15, MUTED, HPos::Right)?;
        let most = f64::from(self.plan.flood.max(10)) * 1.2;
        let mut chart = self.chart(FLOOD, most, "a second", true)?;
        let moments = self.tally.moments.of(Tenant::MadeUp);
        let nothing = vec![0.0; moments.len()];
        let names = self.rates(moments, |moment| moment.admitted + moment.denied);
        chart.draw_series([Polygon::new(self.layer(&nothing, &names), NAMES.filled())])?;
        chart.draw_series(LineSeries::new(self.evictions(), EVICTIONS.stroke_width(2)))?;
        Ok(())
    }

    fn chart(&self, panel: (i32, i32), most: f64, unit: &str, foot: bool) -> anyhow::Result<Chart<'a>> {
        let (top, bottom) = panel;
        let foot = if foot { FOOT } else { 0 };
        let area = self.root.clone().shrink((LEFT - AXIS, top), (RIGHT - LEFT + AXIS, bottom - top + foot));
        let mut chart = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, AXIS)
            .set_label_area_size(LabelAreaPosition::Bottom, foot)
            .build_cartesian_2d(0.0..self.end, 0.0..most)?;
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh()
            .y_labels(4)
            .light_line_style(TRANSPARENT)
            .bold_line_style(RULE)
            .axis_style(RULE)
            .label_style(("sans-serif", 13).into_font().color(&MUTED))
            .y_label_formatter(&|rate| format!("{rate:.0}"))
            .y_desc(unit);
        if foot == 0 {
            mesh.disable_x_axis().draw()?;
        } else {
            mesh.x_label_formatter(&|seconds| format!("{seconds:.0}")).x_desc("seconds").draw()?;
        }
        Ok(chart)
    }

    /// Where the moment begins and ends, in seconds.
    fn stretch(&self, moment: usize) -> (f64, f64) {
        let length = self.tally.moment.as_secs_f64();
        ((moment as f64 * length).min(self.end), ((moment + 1) as f64 * length).min(self.end))
    }

    /// The last moment may be too short to.
    fn tells_a_rate(&self, from: f64, to: f64) -> bool {
        to - from >= self.tally.moment.as_secs_f64() / 4.0
    }

    fn rates(&self, moments: &[Moment], count: fn(&Moment) -> u64) -> Vec<f64> {
        let rate = |(n, moment): (usize, &Moment)| {
            let (from, to) = self.stretch(n);
            if self.tells_a_rate(from, to) { count(moment) as f64 / (to - from) } else { 0.0 }
        };
        moments.iter().enumerate().map(rate).collect()
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

    /// Evictions a second, in steps of whole moments, from what was told at some instants.
    fn evictions(&self) -> Vec<(f64, f64)> {
        let moments = self.tally.moments.of(Tenant::Greedy).len();
        let whole = |(from, to): &(f64, f64)| self.tells_a_rate(*from, *to);
        let steps = |(from, to)| {
            let rate = (self.evictions_by(to) - self.evictions_by(from)) / (to - from);
            [(from, rate), (to, rate)]
        };
        (0..moments).map(|n| self.stretch(n)).filter(whole).flat_map(steps).collect()
    }

    /// Evictions up to an instant, in proportion between two that were told of.
    fn evictions_by(&self, seconds: f64) -> f64 {
        let told = &self.tally.evictions;
        let after = told.partition_point(|(at, _)| at.as_secs_f64() <= seconds);
        let (Some((from, before)), later) = (told.get(after.saturating_sub(1)), told.get(after)) else {
            return 0.0;
        };
        let before = *before as f64;
        later.map_or(before, |(to, by_then)| {
            let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
            before + (*by_then as f64 - before) * (seconds - from) / (to - from)
        })
    }
}

fn middle(from: i32, to: i32) -> i32 {
    from + (to - from) / 2
}
