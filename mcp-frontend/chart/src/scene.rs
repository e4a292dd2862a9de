//! What is to be drawn, decided but for where it goes.

use plotters::style::RGBColor;

use crate::axis::Domain;
use crate::bars::Bars;
use crate::canvas;
use crate::clock::Clock;
use crate::color::Colors;
use crate::error::Error;
use crate::figure::{Figure, Plot, Sample};
use crate::lines::Lines;
use crate::number::plain;
use crate::options::{Kind, Labels, Options, Scale};
use crate::roles::Roles;
use crate::scatter::Dots;
use crate::series::{Series, Split};
use crate::table::{Column, Meaning, Table};

/// A figure, and its marks.
pub(crate) struct Scene {
    pub(crate) figure: Figure,
    pub(crate) marks: Marks,
    /// What it shows, in a sentence.
    pub(crate) said: Vec<String>,
}

/// What stands for values.
pub(crate) enum Marks {
    Bars(Bars),
    Lines(Lines),
    Dots(Dots),
}

impl Marks {
    pub(crate) fn draw(&self, plot: &mut Plot<'_, '_>) -> Result<(), Error> {
        match self {
            Self::Bars(bars) => bars.draw(plot),
            Self::Lines(lines) => lines.draw(plot),
            Self::Dots(dots) => dots.draw(plot),
        }
    }
}

/// What a chart is of.
pub(crate) struct Subject<'a> {
    pub(crate) kind: Kind,
    pub(crate) table: &'a Table,
    pub(crate) roles: Roles,
    pub(crate) options: &'a Options,
    pub(crate) split: Split,
}

/// Where x lies on its axis.
pub(crate) struct Positions {
    pub(crate) domain: Domain,
    /// x values in the order of names; nothing if x is its own position.
    order: Vec<u64>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        kind: Kind,
        table: &'a Table,
        roles: &Roles,
        options: &'a Options,
    ) -> Result<Self, Error> {
        let mut roles = roles.clone();
        if roles.maybe_series && !is_series(kind, table, &roles) {
            roles.series = None;
        }
        if kind == Kind::Histogram {
            roles.y = roles.x.into_iter().collect();
        }
        // A histogram's scale is of its counts.
        let log = options.y_scale == Scale::Log && kind != Kind::Histogram;
        let split = Split::of(table, &roles, options, log)?;
        if split.y_range().is_none() {
            let why =
                if split.left_out.is_empty() { "all are NULL".to_owned() } else { split.left_out.join(", ") };
            return Err(Error::NoValues { rows: table.rows(), why });
        }
        Ok(Self { kind, table, roles, options, split })
    }

    pub(crate) fn series(&self) -> &[Series] {
        &self.split.series
    }

    pub(crate) fn color(&self, index: usize) -> RGBColor {
        Colors::of(self.options.colors.as_ref(), &self.split.series[index].name, index)
    }

    /// Width and height of the picture, in points.
    pub(crate) fn canvas(&self) -> (f64, f64) {
        canvas::points(self.options.width, self.options.height)
    }

    pub(crate) fn x_column(&self) -> Option<&Column> {
        self.roles.x.map(|x| &self.table.columns[x])
    }

    pub(crate) fn x_meaning(&self) -> Meaning {
        self.x_column().map_or(Meaning::Number { integral: true }, |column| column.meaning)
    }

    pub(crate) fn x_title(&self) -> String {
        self.x_column().map_or("row".to_owned(), |column| title(column, self.x_meaning()))
    }

    /// Nothing if several columns share the axis: the legend names them.
    pub(crate) fn y_title(&self) -> String {
        match self.roles.y.as_slice() {
            [y] => title(&self.table.columns[*y], Meaning::Name),
            _ => String::new(),
        }
    }

    pub(crate) fn y_is_integral(&self) -> bool {
        self.roles.y.iter().all(|y| self.table.columns[*y].meaning == Meaning::Number { integral: true })
    }

    pub(crate) fn is_log(&self) -> bool {
        self.options.y_scale == Scale::Log
    }

    /// The axis of values: as asked, or round numbers around them; from zero if they are not far from it.
    pub(crate) fn y_domain(
        &self,
        (min, max): (f64, f64),
        from_zero: bool,
        integral: bool,
        length: f64,
    ) -> Domain {
        let log = self.is_log();
        if let Some([min, max]) = self.options.y_range {
            return Domain::numbers(min, max, log, integral);
        }
        let (min, max) = match () {
            () if log => (min * 0.9, max * 1.1),
            () if from_zero && min == 0.0 && max == 0.0 => (0.0, 1.0),
            () if from_zero => (min.min(0.0), max.max(0.0)),
            () if min >= 0.0 && min < max / 2.0 => (0.0, max),
            () if max <= 0.0 && max > min / 2.0 => (min, 0.0),
            () => (min, max),
        };
        Domain::round(min, max, log, integral, length)
    }

    /// Where x lies: by its size, or as names one after the other in the order of the rows.
    pub(crate) fn positions(&self) -> Positions {
        let by_name = self.options.x_as_category || self.x_meaning() == Meaning::Name;
        if !by_name {
            let (min, max) = self.split.x_range().unwrap_or((0.0, 1.0));
            return Positions { domain: self.x_domain(min, max), order: Vec::new() };
        }
        let mut rows: Vec<(usize, f64)> = self
            .series()
            .iter()
            .flat_map(|series| series.points.iter().map(|point| (point.row, point.x)))
            .collect();
        rows.sort_by_key(|(row, _)| *row);
        let mut seen = std::collections::HashSet::new();
        let order: Vec<u64> =
            rows.iter().map(|(_, x)| x.to_bits()).filter(|bits| seen.insert(*bits)).collect();
        let names = order.iter().map(|bits| {
            let x = f64::from_bits(*bits);
            self.x_column().map_or_else(|| plain(x), |column| column.show(x))
        });
        Positions { domain: Domain::Names(names.collect()), order }
    }

    /// An axis of x, exact where a range was asked for.
    pub(crate) fn x_domain(&self, min: f64, max: f64) -> Domain {
        let asked = self.options.x_range(self.x_meaning()).ok().flatten();
        match (self.x_meaning(), asked) {
            (Meaning::Time(clock), Some((min, max))) => Domain::Time { min, max, clock, least: 0.0 },
            (Meaning::Time(clock), None) => Domain::time(min, max, clock),
            (meaning, Some((min, max))) => {
                Domain::numbers(min, max, false, meaning == Meaning::Number { integral: true })
            }
            (meaning, None) => Domain::padded(min, max, meaning == Meaning::Number { integral: true }),
        }
    }

    /// What is written at a point, if anything: its value, or what a column says.
    pub(crate) fn label(&self, row: usize, value: f64) -> Option<String> {
        match (&self.options.labels, self.roles.labels) {
            (Some(Labels::Values(true)), _) => Some(crate::number::short(value)),
            (Some(Labels::Column(_)), Some(column)) => {
                let column = &self.table.columns[column];
                Some(crate::axis::LABELS.fit(&column.show(column.values[row]), 160.0))
            }
            _ => None,
        }
    }

    /// A figure around marks; the axes' domains are of x and of y.
    pub(crate) fn figure(&self, x: Domain, y: Domain, sample: Sample) -> Figure {
        let several = self.series().len() > 1;
        let entries = self.series().iter().enumerate();
        let legend = match self.options.legend {
            Some(shown) => shown,
            None => several,
        };
        let across_grid = !matches!(x, Domain::Names(_)) && sample != Sample::Box;
        Figure {
            title: self.options.title.as_deref().map(crate::font::clean).filter(|title| !title.is_empty()),
            across_grid,
            across: x,
            across_title: self.x_title(),
            up: y,
            up_title: self.y_title(),
            up_grid: true,
            sample,
            legend: if legend {
                entries.map(|(index, series)| (series.name.clone(), self.color(index))).collect()
            } else {
                Vec::new()
            },
            footnotes: self.footnotes(),
        }
    }

    /// `x = day, y = revenue, series = region`, and the range of values.
    pub(crate) fn sentence(&self, what: &str) -> String {
        let name = |place: &usize| self.table.columns[*place].name.clone();
        let mut shown = format!("{what}: x = {}", self.roles.x.as_ref().map_or("row".to_owned(), name));
        if self.kind != Kind::Histogram {
            let y: Vec<String> = self.roles.y.iter().map(name).collect();
            shown.push_str(&format!(", y = {}", y.join(", ")));
        }
        if let Some(series) = &self.roles.series {
            shown.push_str(&format!(", {} series by {}", self.series().len(), name(series)));
        }
        if let Some((min, max)) = self.split.y_range() {
            let shows = |value: f64| match (self.kind, self.x_column()) {
                (Kind::Histogram, Some(column)) => column.show(value),
                _ => plain(value),
            };
            shown.push_str(&format!("; values from {} to {}.", shows(min), shows(max)));
        }
        shown
    }

    /// What is not drawn.
    pub(crate) fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.table.stride > 1 {
            said.push(format!(
                "Sampled: every {}th of {} rows. Next: aggregate in SQL to draw all.",
                self.table.stride,
                self.table.rows()
            ));
        }
        if !self.split.left_out.is_empty() {
            said.push(format!("Left out: {}.", self.split.left_out.join("; ")));
        }
        said
    }

    /// The same for who sees the picture alone, where it changes what is seen.
    fn footnotes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.table.stride > 1 {
            notes.push(format!("Sampled: every {}th of {} rows", self.table.stride, self.table.rows()));
        }
        if !self.split.left_out.is_empty() {
            notes.push(format!("Left out: {}", self.split.left_out.join("; ")));
        }
        notes
    }
}

impl Positions {
    /// Where a value of x lies.
    pub(crate) fn of(&self) -> impl Fn(f64) -> f64 + use<> {
        let places: std::collections::HashMap<u64, usize> =
            self.order.iter().enumerate().map(|(place, bits)| (*bits, place)).collect();
        let by_name = matches!(self.domain, Domain::Names(_));
        move |x| if by_name { places.get(&x.to_bits()).map_or(f64::NAN, |place| *place as f64) } else { x }
    }
}

/// Whether a name that nobody asked for tells rows apart that have the same x.
fn is_series(kind: Kind, table: &Table, roles: &Roles) -> bool {
    let (Some(x), Some(series)) = (roles.x, roles.series) else { return false };
    let mut seen = std::collections::HashSet::new();
    let several = table.columns[x].values.iter().any(|x| !seen.insert(x.to_bits()));
    match kind {
        Kind::Scatter => (2..=crate::color::MOST_SERIES).contains(&table.columns[series].names.len()),
        Kind::Histogram => false,
        Kind::Bar | Kind::Line => several,
    }
}

/// A column's name beside its axis; what has none is named by SQL in a way that says nothing.
fn title(column: &Column, meaning: Meaning) -> String {
    match meaning {
        _ if column.name == "?column?" => String::new(),
        Meaning::Time(Clock::TimestampTz) => format!("{} (UTC)", column.name),
        _ => column.name.clone(),
    }
}
