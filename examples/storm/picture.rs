//! The picture of the storms: what reaches the service over time and what its callers get, on the left where it refuses them
//! in its outage, and on the right where it hangs.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::clients::Kind;
use crate::service::Death;
use crate::tally::Tally;
use crate::verdicts::MOST;
use crate::world::{self, AFTER, BEFORE, OUTAGE};

const SIZE: (u32, u32) = (1280, 800);
const EDGE: i32 = 32;
/// Where the charts of each death begin and end.
const COLUMNS: [(i32, i32); 2] = [(92, 624), (716, 1248)];
/// From the edge of a chart to its axis, where the labels stand.
const AXIS: i32 = 60;
/// Below a chart, for its numbers.
const FOOT: i32 = 44;

const LEGEND: i32 = 98;
const NAMES: i32 = 138;
const LOAD: (i32, i32) = (190, 470);
const GOODPUT: (i32, i32) = (570, 740);

const INK: RGBColor = RGBColor(31, 41, 51);
const MUTED: RGBColor = RGBColor(97, 110, 124);
const RULE: RGBColor = RGBColor(203, 210, 217);
const DEAD: RGBColor = RGBColor(251, 226, 227);
/// Percent, with some room above all of it.
const ALL: f64 = 110.0;

/// What a letter of the small font takes, nearly.
const LETTER: i32 = 7;

pub fn draw(seed: u64, storms: &[Tally]) -> anyhow::Result<String> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    // Room for a peak that nobody had reason to expect.
    let most = storms.iter().map(Tally::peak).fold(MOST, f64::max) * 1.08;
    let picture = Picture { root, storms, most };
    picture.root.fill(&WHITE)?;
    picture.heading(seed)?;
    for (death, column) in Death::ALL.into_iter().zip(COLUMNS) {
        picture.column(death, column)?;
    }
    picture.root.present()?;
    drop(picture);
    Ok(svg)
}

struct Picture<'a> {
    root: DrawingArea<SVGBackend<'a>, Shift>,
    storms: &'a [Tally],
    /// The highest load.
    most: f64,
}

/// Colours of Okabe and Ito, which everybody can tell apart, and widths for those who print in grey.
const fn look(kind: Kind) -> (RGBColor, u32) {
    match kind {
        Kind::Naive => (RGBColor(213, 94, 0), 2),
        Kind::Backoff => (RGBColor(230, 159, 0), 2),
        Kind::Budget => (RGBColor(86, 180, 233), 2),
        Kind::Guard => (RGBColor(0, 114, 178), 4),
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

    fn heading(&self, seed: u64) -> anyhow::Result<()> {
        self.bold("A service dies for a minute and returns, by how its clients retry", (EDGE, 34), 24)?;
        let facts = format!(
            "Simulated: {} clients in {} processes, {:.0} calls a second; the service can bear {:.0}. Up to {} attempts \
             of {} ms, seed {seed}. Dashed: 1, {MOST} and what it can bear.",
            world::CLIENTS,
            world::PROCESSES,
            world::normal(),
            world::capacity(),
            world::ATTEMPTS,
            world::LIMIT.as_millis(),
        );
        self.text(&facts, (EDGE, 64), 15, MUTED)?;
        let mut x = EDGE;
        for kind in Kind::ALL {
            let (colour, width) = look(kind);
            self.root.draw(&PathElement::new([(x, LEGEND), (x + 30, LEGEND)], colour.stroke_width(width)))?;
            self.text(kind.name(), (x + 37, LEGEND), 14, INK)?;
            x += 58 + kind.name().len() as i32 * LETTER;
        }
        Ok(())
    }

    fn column(&self, death: Death, column: (i32, i32)) -> anyhow::Result<()> {
        let left = column.0;
        let name = match death {
            Death::Refuses => "It refuses all calls while it is dead",
            Death::Hangs => "It takes calls while it is dead, and never answers",
        };
        self.bold(name, (left, NAMES), 18)?;
        self.bold("Load: attempts that reach it", (left, LOAD.0 - 18), 16)?;
        let load = |storm: &Tally| storm.load.iter().map(|load| f64::from(*load) / storm.normal).collect();
        let marks = [1.0, MOST, world::capacity() / world::normal()];
        self.chart(death, column, LOAD, (self.most, "times the normal"), &marks, load)?;
        self.bold("Goodput: calls that succeed in the end", (left, GOODPUT.0 - 18), 16)?;
        let goodput = |storm: &Tally| storm.goodput.iter().map(|share| share * 100.0).collect();
        self.chart(death, column, GOODPUT, (ALL, "% of calls"), &[], goodput)
    }

    fn chart(
        &self,
        death: Death,
        (left, right): (i32, i32),
        (top, bottom): (i32, i32),
        (most, unit): (f64, &str),
        marks: &[f64],
        line: impl Fn(&Tally) -> Vec<f64>,
    ) -> anyhow::Result<()> {
        let end = (BEFORE + OUTAGE + AFTER).as_secs_f64();
        let size = (right - left + AXIS, bottom - top + FOOT);
        let area = self.root.clone().shrink((left - AXIS, top), size);
        let mut chart = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, AXIS)
            .set_label_area_size(LabelAreaPosition::Bottom, FOOT)
            .build_cartesian_2d(0.0..end, 0.0..most)?;
        let dead = [(BEFORE.as_secs_f64(), 0.0), ((BEFORE + OUTAGE).as_secs_f64(), most)];
        chart.draw_series([Rectangle::new(dead, DEAD.filled())])?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(7)
            .y_labels(6)
            .light_line_style(TRANSPARENT)
            .bold_line_style(RULE)
            .axis_style(RULE)
            .label_style(("sans-serif", 13).into_font().color(&MUTED))
            .x_label_formatter(&|second| format!("{second:.0}"))
            .y_label_formatter(&|height| format!("{height:.0}"))
            .x_desc("seconds; dead where it is red")
            .y_desc(unit)
            .draw()?;
        for mark in marks {
            let across = [(0.0, *mark), (end, *mark)];
            chart.draw_series(DashedLineSeries::new(across, 4, 4, MUTED.stroke_width(1)))?;
        }
        for storm in self.storms.iter().filter(|storm| storm.death == death) {
            let (colour, width) = look(storm.kind);
            // Each second stands at its middle.
            let points =
                line(storm).into_iter().enumerate().map(|(second, height)| (second as f64 + 0.5, height));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(width)))?;
        }
        Ok(())
    }
}
