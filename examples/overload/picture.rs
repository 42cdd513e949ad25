//! The picture of the simulation: goodput, latency and the share of each priority against the load, on the left for arrivals
//! at a steady rate and on the right for bursts.

use fusebox::pressure::Priority;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::arrivals::Process;
use crate::guard::{Control, Policy};
use crate::sweep::{Plan, Point};
use crate::verdicts::{OVERLOAD, line};
use crate::world;

const SIZE: (u32, u32) = (1280, 1150);
const EDGE: i32 = 32;
/// Where the charts of each process begin and end.
const COLUMNS: [(i32, i32); 2] = [(92, 624), (716, 1248)];
/// From the edge of a chart to its axis, where the labels stand.
const AXIS: i32 = 60;
/// Below a chart, for its numbers.
const FOOT: i32 = 44;

const LEGEND: i32 = 96;
const NAMES: i32 = 136;
const GOODPUT: (i32, i32) = (190, 430);
const LATENCY: (i32, i32) = (530, 730);
const SHARES: (i32, i32) = (870, 1090);
const SHARES_LEGEND: i32 = 846;

const INK: RGBColor = RGBColor(31, 41, 51);
const MUTED: RGBColor = RGBColor(97, 110, 124);
const RULE: RGBColor = RGBColor(203, 210, 217);
/// Percent, with some room above all of it.
const MOST: f64 = 110.0;
const LATENCY_MS: (f64, f64) = (10.0, 100_000.0);

/// What a letter of the small font takes, nearly.
const LETTER: i32 = 7;

type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub fn draw(plan: &Plan, points: &[Point]) -> anyhow::Result<String> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    let picture = Picture { root, points, most: plan.loads.iter().copied().fold(1.0, f64::max) };
    picture.root.fill(&WHITE)?;
    picture.heading(plan)?;
    for (process, column) in Process::ALL.into_iter().zip(COLUMNS) {
        picture.column(process, column)?;
    }
    picture.root.present()?;
    drop(picture);
    Ok(svg)
}

struct Picture<'a> {
    root: Sheet<'a>,
    points: &'a [Point],
    /// The highest load.
    most: f64,
}

/// How a line looks. Colours of Okabe and Ito, which everybody can tell apart, and marks for those who print in grey.
#[derive(Clone, Copy)]
struct Look {
    colour: RGBColor,
    width: u32,
    mark: Mark,
}

#[derive(Clone, Copy)]
enum Mark {
    Dot,
    Ring,
    Triangle,
    Cross,
}

const fn look_of(control: Control) -> Look {
    match control {
        Control::Nothing => Look { colour: RGBColor(90, 90, 90), width: 2, mark: Mark::Cross },
        Control::FixedGuessed => Look { colour: RGBColor(213, 94, 0), width: 2, mark: Mark::Triangle },
        Control::FixedRight => Look { colour: RGBColor(86, 180, 233), width: 5, mark: Mark::Ring },
        Control::Gradient => Look { colour: RGBColor(0, 114, 178), width: 3, mark: Mark::Dot },
        Control::Vegas => Look { colour: RGBColor(0, 158, 115), width: 2, mark: Mark::Triangle },
        Control::Aimd => Look { colour: RGBColor(204, 121, 167), width: 2, mark: Mark::Ring },
    }
}

const fn look_at(priority: Priority) -> Look {
    match priority {
        Priority::Critical => Look { colour: RGBColor(213, 94, 0), width: 4, mark: Mark::Dot },
        Priority::High => Look { colour: RGBColor(230, 159, 0), width: 2, mark: Mark::Triangle },
        Priority::Normal => Look { colour: RGBColor(0, 158, 115), width: 2, mark: Mark::Ring },
        Priority::Low => Look { colour: RGBColor(0, 114, 178), width: 2, mark: Mark::Cross },
        Priority::Background => Look { colour: RGBColor(90, 90, 90), width: 2, mark: Mark::Dot },
    }
}

impl Picture<'_> {
    fn text(&self, text: &str, at: (i32, i32), size: u32, colour: RGBColor) -> anyhow::Result<()> {
        let style = ("sans-serif", size).into_font().color(&colour);
        let style = style.pos(Pos::new(HPos::Left, VPos::Center));
        self.root.draw(&Text::new(text.to_owned(), at, style))?;
        Ok(())
    }

    fn bold(&self, text: &str, at: (i32, i32), size: u32) -> anyhow::Result<()> {
        let font = ("sans-serif", size).into_font().style(FontStyle::Bold);
        let style = font.color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        self.root.draw(&Text::new(text.to_owned(), at, style))?;
        Ok(())
    }

    fn heading(&self, plan: &Plan) -> anyhow::Result<()> {
        self.bold("A service under up to four times its capacity, by what stands before it", (EDGE, 34), 24)?;
        let facts = format!(
            "Simulated: {} servers, {} ms of work on average; clients wait {} ms for an answer and ask {} times. \
             {} s for each point, seed {}.",
            world::SERVERS,
            world::MEAN_WORK.as_millis(),
            world::PATIENCE.as_millis(),
            world::TRIES,
            plan.measured().as_secs_f64(),
            plan.seed
        );
        self.text(&facts, (EDGE, 64), 15, MUTED)?;
        let controls = Control::ALL.into_iter().map(|control| (look_of(control), control.name()));
        self.legend(EDGE, LEGEND, controls)?;
        for (process, (left, _)) in Process::ALL.into_iter().zip(COLUMNS) {
            let name = match process {
                Process::Poisson => "Arrivals at a steady rate (Poisson)",
                Process::Bursty => "Arrivals in bursts, twice the mean rate for a third of the time",
            };
            self.bold(name, (left, NAMES), 18)?;
        }
        Ok(())
    }

    fn legend(
        &self,
        left: i32,
        height: i32,
        lines: impl Iterator<Item = (Look, String)>,
    ) -> anyhow::Result<()> {
        let mut x = left;
        for (look, name) in lines {
            let stroke = look.colour.stroke_width(look.width);
            self.root.draw(&PathElement::new([(x, height), (x + 30, height)], stroke))?;
            self.root.draw(&look.marked((x + 15, height)))?;
            self.text(&name, (x + 37, height), 14, INK)?;
            x += 58 + name.len() as i32 * LETTER;
        }
        Ok(())
    }

    fn column(&self, process: Process, column: (i32, i32)) -> anyhow::Result<()> {
        let left = column.0;
        self.bold("Goodput: answers in time", (left, GOODPUT.0 - 18), 16)?;
        let controls = || {
            Control::ALL
                .into_iter()
                .map(|it| (it, Policy { control: it, priorities: it != Control::Nothing }))
        };
        let goodputs = controls()
            .map(|(control, policy)| {
                (look_of(control), self.curve(process, policy, |it| Some(it.goodput * 100.0)))
            })
            .collect();
        self.chart(column, GOODPUT, 0.0..MOST, (0.0, MOST), "% of the capacity", goodputs)?;

        self.bold("Latency of answers, p99 (without control it only grows)", (left, LATENCY.0 - 18), 16)?;
        let latencies = controls()
            .map(|(control, policy)| (look_of(control), self.curve(process, policy, |it| it.p99_ms)))
            .collect();
        let (from, to) = LATENCY_MS;
        self.chart(column, LATENCY, (from..to).log_scale(), LATENCY_MS, "ms", latencies)?;

        let default = controls().find(|(control, _)| control.is_default());
        let Some((control, policy)) = default else { return Ok(()) };
        let name = format!("Share of each priority that is served, with {}", control.name());
        self.bold(&name, (left, SHARES_LEGEND - 28), 16)?;
        let priorities = || Priority::ALL.into_iter().rev();
        let names = priorities().map(|priority| (look_at(priority), priority.name().to_owned()));
        self.legend(left, SHARES_LEGEND, names)?;
        let shares = priorities()
            .map(|priority| {
                let share = |point: &Point| point.share(priority).map(|share| share * 100.0);
                (look_at(priority), self.curve(process, policy, share))
            })
            .collect();
        self.chart(column, SHARES, 0.0..MOST, (0.0, MOST), "% of the arrivals", shares)
    }

    fn curve(
        &self,
        process: Process,
        policy: Policy,
        height: impl Fn(&Point) -> Option<f64>,
    ) -> Vec<(f64, f64)> {
        line(self.points, process, policy).filter_map(|point| Some((point.load, height(point)?))).collect()
    }

    fn chart<Y>(
        &self,
        (left, right): (i32, i32),
        (top, bottom): (i32, i32),
        heights: Y,
        (from, to): (f64, f64),
        unit: &str,
        lines: Vec<(Look, Vec<(f64, f64)>)>,
    ) -> anyhow::Result<()>
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let size = (right - left + AXIS, bottom - top + FOOT);
        let area = self.root.clone().shrink((left - AXIS, top), size);
        let mut chart = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, AXIS)
            .set_label_area_size(LabelAreaPosition::Bottom, FOOT)
            .build_cartesian_2d(0.0..self.most * 1.02, heights)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(9)
            .y_labels(5)
            .light_line_style(TRANSPARENT)
            .bold_line_style(RULE)
            .axis_style(RULE)
            .label_style(("sans-serif", 13).into_font().color(&MUTED))
            .x_label_formatter(&|load| format!("{load}"))
            .y_label_formatter(&|height| format!("{height:.0}"))
            .x_desc("load, in multiples of the capacity")
            .y_desc(unit)
            .draw()?;
        for load in [1.0, OVERLOAD] {
            let across = [(load, from), (load, to)];
            chart.draw_series(DashedLineSeries::new(across, 4, 4, MUTED.stroke_width(1)))?;
        }
        for (look, points) in lines {
            let stroke = look.colour.stroke_width(look.width);
            chart.draw_series(LineSeries::new(points.iter().copied(), stroke))?;
            for point in points {
                self.root.draw(&look.marked(chart.backend_coord(&point)))?;
            }
        }
        Ok(())
    }
}

impl Look {
    fn marked<'a>(self, at: (i32, i32)) -> DynElement<'static, SVGBackend<'a>, (i32, i32)> {
        let colour = self.colour;
        match self.mark {
            Mark::Dot => Circle::new(at, 4, colour.filled()).into_dyn(),
            Mark::Ring => Circle::new(at, 4, colour.stroke_width(2)).into_dyn(),
            Mark::Triangle => TriangleMarker::new(at, 5, colour.filled()).into_dyn(),
            Mark::Cross => Cross::new(at, 4, colour.stroke_width(2)).into_dyn(),
        }
    }
}
