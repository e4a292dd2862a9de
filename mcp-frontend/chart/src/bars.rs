//! Bars: one for each value, side by side or on top of one another.

use std::collections::{HashMap, HashSet};

use plotters::style::RGBColor;

use crate::axis::{Domain, LABELS};
use crate::canvas::Anchor;
use crate::color::{self, TEXT};
use crate::error::Error;
use crate::figure::{Figure, Plot, Sample};
use crate::number;
use crate::options::{Labels, Orientation};
use crate::scene::{Marks, Positions, Scene, Subject};
use crate::series::counted;

/// Names beyond this are not drawn: their bars would be lines.
const MOST_NAMES: usize = 200;
/// Bars that are drawn by the size of x.
const MOST_BARS: usize = 2000;
/// Of the place that a name has, if there are not too few to fill the chart.
const FILLED: f64 = 0.8;
const FEW: f64 = 4.0;
/// So many bars have their values written on them unasked.
const MOST_LABELED: usize = 16;
/// Points that a name needs beside a chart.
const NAME_HEIGHT: f64 = 15.0;

/// All bars of a chart.
pub(crate) struct Bars {
    pub(crate) bars: Vec<Bar>,
    /// They grow to the right.
    pub(crate) horizontal: bool,
    /// Labels stand in them, since others may be behind their end.
    pub(crate) stacked: bool,
}

/// A bar, by its values.
pub(crate) struct Bar {
    /// Its middle, and half its width.
    pub(crate) at: f64,
    pub(crate) half: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) color: RGBColor,
    pub(crate) opacity: f64,
    pub(crate) label: Option<String>,
}

pub(crate) fn scene(subject: &Subject<'_>) -> Result<Scene, Error> {
    refuse_repeated(subject)?;
    let mut said = Vec::new();
    let mut footnotes = Vec::new();
    let mut positions = subject.positions();
    let (canvas_width, canvas_height) = subject.canvas();
    let (width, height) = Figure::usual_plot(canvas_width, canvas_height);
    let count = distinct(subject);
    if let Domain::Names(names) = &mut positions.domain {
        if names.len() > MOST_NAMES {
            names.truncate(MOST_NAMES);
            said.push(format!(
                "Only the first {MOST_NAMES} of {count} names are drawn. Next: ORDER BY ... LIMIT 20, or group the others."
            ));
            footnotes.push(format!("The first {MOST_NAMES} of {count}"));
        }
    } else if count > MOST_BARS {
        return Err(Error::TooManyRows(format!(
            "{count} bars are more than can be told apart. Next: aggregate in SQL (date_trunc, GROUP BY), or use kind line."
        )));
    }
    let horizontal = match (subject.options.orientation, &positions.domain) {
        (Some(orientation), _) => orientation == Orientation::Horizontal,
        (None, Domain::Names(names)) => {
            let across = positions.domain.across(width);
            across.upright && names.len() as f64 * NAME_HEIGHT <= height
        }
        (None, _) => false,
    };
    let slot = slot(subject, &positions.domain);
    if !matches!(positions.domain, Domain::Names(_)) {
        positions.domain = widened(positions.domain, slot / 2.0, subject);
    }
    let (bars, range) = bars(subject, &positions, slot);
    let length = if horizontal { width } else { height };
    let labeled = bars.iter().any(|bar| bar.label.is_some());
    let range = if labeled && !subject.is_log() { with_room(range, horizontal) } else { range };
    let values = if subject.is_log() {
        // The smallest has a bar, too.
        let base = 10_f64.powf(range.0.log10().ceil() - 1.0);
        subject.y_domain((base / 0.9, range.1 * 1.3), true, false, length)
    } else {
        subject.y_domain(range, true, subject.y_is_integral(), length)
    };
    let names = positions.domain;
    let mut figure = subject.figure(names, values, Sample::Box);
    figure.footnotes.extend(footnotes);
    if horizontal {
        std::mem::swap(&mut figure.across, &mut figure.up);
        std::mem::swap(&mut figure.across_title, &mut figure.up_title);
        (figure.across_grid, figure.up_grid) = (true, false);
    }
    said.insert(0, subject.sentence(&counted(bars.len(), "bar")));
    let stacked = subject.options.stacked;
    Ok(Scene { figure, marks: Marks::Bars(Bars { bars, horizontal, stacked }), said })
}

impl Bars {
    pub(crate) fn draw(&self, plot: &mut Plot<'_, '_>) -> Result<(), Error> {
        for bar in &self.bars {
            let values = if self.horizontal { plot.across() } else { plot.up() };
            let (from, to) = (values.clamp(bar.from), values.clamp(bar.to));
            let (low, high) = (bar.at - bar.half, bar.at + bar.half);
            let corners = if self.horizontal { [(from, low), (to, high)] } else { [(low, from), (high, to)] };
            plot.rectangle(corners[0], corners[1], bar.color, bar.opacity)?;
        }
        self.bars.iter().try_for_each(|bar| self.label(plot, bar))
    }

    fn label(&self, plot: &mut Plot<'_, '_>, bar: &Bar) -> Result<(), Error> {
        let Some(label) = &bar.label else { return Ok(()) };
        let values = if self.horizontal { plot.across() } else { plot.up() };
        if !values.contains(bar.to) {
            return Ok(());
        }
        let from = values.clamp(bar.from);
        let place =
            |value| if self.horizontal { plot.place((value, bar.at)) } else { plot.place((bar.at, value)) };
        let (start, end) = (place(from), place(bar.to));
        if self.stacked {
            let length = (start.0 - end.0).abs().max((start.1 - end.1).abs());
            let needed = if self.horizontal { LABELS.width(label) + 6.0 } else { LABELS.line_height() };
            if length < needed {
                return Ok(());
            }
            let middle = ((start.0 + end.0) / 2.0, (start.1 + end.1) / 2.0);
            return plot.label(middle, label, color::on(bar.color), Anchor::Middle).map(drop);
        }
        let grows = bar.to >= bar.from;
        let (at, anchor) = match (self.horizontal, grows) {
            (true, true) => ((end.0 + 5.0, end.1), Anchor::Start),
            (true, false) => ((end.0 - 5.0, end.1), Anchor::End),
            (false, true) => ((end.0, end.1 - 9.0), Anchor::Middle),
            (false, false) => ((end.0, end.1 + 9.0), Anchor::Middle),
        };
        plot.label(at, label, TEXT, anchor).map(drop)
    }
}

/// A bar for each value, and the range that they and what they stand on reach over.
fn bars(subject: &Subject<'_>, positions: &Positions, slot: f64) -> (Vec<Bar>, (f64, f64)) {
    let stacked = subject.options.stacked;
    let count = subject.series().len();
    let side_by_side = if stacked { 1 } else { count };
    let of = positions.of();
    let (most, filled) = match &positions.domain {
        Domain::Names(names) => (names.len() as f64, (FILLED * (names.len() as f64 + 1.0) / FEW).min(FILLED)),
        _ => (f64::INFINITY, FILLED),
    };
    let width = slot * filled / side_by_side as f64;
    let values = subject.series().iter().map(|series| series.points.len()).sum::<usize>();
    let unasked = subject.options.labels.is_none() && !stacked && values <= MOST_LABELED;
    let base = if subject.is_log() { f64::MIN_POSITIVE } else { 0.0 };
    let mut bars = Vec::new();
    let mut stacks: HashMap<(u64, bool), f64> = HashMap::new();
    let mut range = (f64::INFINITY, f64::NEG_INFINITY);
    for (index, series) in subject.series().iter().enumerate() {
        let beside = if stacked { 0.0 } else { (index as f64 - (count as f64 - 1.0) / 2.0) * width };
        for point in series.points.iter().filter(|point| !point.y.is_nan()) {
            let at = of(point.x);
            if at >= most {
                continue;
            }
            let from = if stacked {
                let top = stacks.entry((at.to_bits(), point.y < 0.0)).or_insert(0.0);
                *top += point.y;
                *top - point.y
            } else {
                base
            };
            let to = if stacked { from + point.y } else { point.y };
            range = (range.0.min(to), range.1.max(to));
            // A hair between neighbors.
            let half = width / 2.0 * if side_by_side > 1 { 0.95 } else { 1.0 };
            bars.push(Bar {
                at: at + beside,
                half,
                from,
                to,
                color: subject.color(index),
                opacity: 1.0,
                label: if unasked { Some(number::short(point.y)) } else { subject.label(point.row, point.y) },
            });
        }
    }
    (bars, range)
}

/// How far apart bars are: 1 for names, else the least distance.
fn slot(subject: &Subject<'_>, domain: &Domain) -> f64 {
    let fallback = match domain {
        Domain::Names(_) => return 1.0,
        Domain::Time { min, max, .. } => max - min,
        Domain::Numbers { .. } => 1.0,
    };
    let mut xs: Vec<f64> =
        subject.series().iter().flat_map(|series| series.points.iter().map(|point| point.x)).collect();
    xs.sort_by(f64::total_cmp);
    let least =
        xs.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0.0).fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { fallback }
}

/// The axis with room for the first and the last bar.
fn widened(domain: Domain, half: f64, subject: &Subject<'_>) -> Domain {
    let Some((first, last)) = subject.split.x_range().filter(|_| subject.options.x_range.is_none()) else {
        return domain;
    };
    let room = half * 1.2;
    match domain {
        Domain::Numbers { log, integral, .. } => Domain::numbers(first - room, last + room, log, integral),
        // Months and years are not all equally long.
        Domain::Time { clock, .. } => {
            Domain::Time { min: first - room, max: last + room, clock, least: 1.8 * half }
        }
        names => names,
    }
}

/// A range that leaves room for labels at the ends of bars.
fn with_room((min, max): (f64, f64), horizontal: bool) -> (f64, f64) {
    let span = max.max(0.0) - min.min(0.0);
    let room = span * if horizontal { 0.08 } else { 0.06 };
    (if min < 0.0 { min - room } else { min }, if max > 0.0 { max + room } else { max })
}

fn distinct(subject: &Subject<'_>) -> usize {
    let xs = subject.series().iter().flat_map(|series| series.points.iter().map(|point| point.x.to_bits()));
    xs.collect::<HashSet<_>>().len()
}

/// Two bars in one place would hide each other.
fn refuse_repeated(subject: &Subject<'_>) -> Result<(), Error> {
    for series in subject.series() {
        let mut seen = HashSet::new();
        let Some(twice) = series.points.iter().find(|point| !seen.insert(point.x.to_bits())) else {
            continue;
        };
        let (x, name) = match subject.x_column() {
            Some(column) => (column.show(twice.x), column.name.clone()),
            None => (number::plain(twice.x), "x".to_owned()),
        };
        let named_labels = matches!(subject.options.labels, Some(Labels::Column(_)));
        let y = subject.roles.y.first().map_or("y", |y| subject.table.columns[*y].name.as_str());
        return Err(Error::HiddenBars(format!(
            "{name} = {x} has several rows{}: their bars would hide each other. Next: aggregate in SQL, such as SELECT {name}, \
             sum({y}) ... GROUP BY {name}; or pass the column that tells them apart as `series`{}.",
            if subject.roles.series.is_some() {
                format!(" in series {}", series.name)
            } else {
                String::new()
            },
            if named_labels { " rather than as `labels`" } else { "" },
        )));
    }
    Ok(())
}
