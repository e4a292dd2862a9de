//! How a chart is to look.

use serde::Deserialize;

use crate::clock::Clock;
use crate::color::Colors;
use crate::error::Error;
use crate::table::Meaning;

/// A kind of chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// A bar for each value of x, and for each series side by side or stacked.
    Bar,
    /// A line through the points of each series, in the order of x.
    Line,
    /// A dot for each row.
    Scatter,
    /// A bar for each range of values of one column, as long as there are rows in it.
    Histogram,
}

impl Kind {
    /// How many rows a chart of this kind keeps; [`Chart`](crate::Chart) says what becomes of more.
    #[must_use]
    pub fn most_rows(self) -> usize {
        match self {
            // More bars are not told apart.
            Self::Bar => 10_000,
            // One or two columns of eight bytes.
            Self::Histogram => 1_000_000,
            Self::Line => 100_000,
            // Each is an element of the SVG.
            Self::Scatter => 50_000,
        }
    }
}

/// A picture's file format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Pixels, with a palette: the smaller file, and the same everywhere.
    #[default]
    Png,
    /// Shapes and text.
    Svg,
}

/// Which way bars grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// Upwards.
    Vertical,
    /// To the right, with room for long names beside them.
    Horizontal,
}

/// How values become lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// In proportion.
    #[default]
    Linear,
    /// By powers of ten. Values of 0 or less are left out.
    Log,
}

/// What is written at points and bars.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "`options.labels` is true for values, false, or the name of a column")]
pub enum Labels {
    /// Their values, or nothing.
    Values(bool),
    /// What the column of this name says.
    Column(String),
}

/// An end of a range.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "`options.x_range` is of two numbers, or of two dates like \"2024-01-31\"")]
pub enum Bound {
    /// Of an axis of numbers.
    Number(f64),
    /// Of an axis of times: a date, a time of day, or both, as Hyper or ISO 8601 write them.
    Time(String),
}

/// How a chart is to look. The default is what most charts need.
///
/// It can be deserialized from an object whose keys are the names of the fields; all are optional, others are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Options {
    /// What stands above the chart, in at most two lines.
    pub title: Option<String>,
    /// The file that is wanted, for whoever writes it: a [`Picture`](crate::Picture) makes either.
    pub format: Option<Format>,
    /// Width of the picture in pixels, 200 to 4000; 960 by default.
    pub width: u32,
    /// Height of the picture in pixels, 200 to 4000; 600 by default. The picture has at most 8 million pixels.
    pub height: u32,
    /// Into how many ranges a histogram divides the values, 1 to 500. By default as many as their spread suggests.
    pub bins: Option<u32>,
    /// Which way bars grow. By default to the right if the names below them would have to stand upright.
    pub orientation: Option<Orientation>,
    /// Whether the bars of several series stand on top of one another instead of side by side.
    pub stacked: bool,
    /// The part of x that is drawn, from the first to the second. By default all of it.
    pub x_range: Option<[Bound; 2]>,
    /// Where the axis of values begins and ends. By default at round numbers around the values.
    pub y_range: Option<[f64; 2]>,
    /// How values become lengths.
    pub y_scale: Scale,
    /// Whether numbers and times of x are treated like names: one after the other, in the order of the rows.
    pub x_as_category: bool,
    /// What is written at points and bars. By default the values of up to 16 bars.
    pub labels: Option<Labels>,
    /// Whether there is a legend. By default if there are several series.
    pub legend: Option<bool>,
    /// The colors of the series. By default ones that people with any kind of color vision can tell apart.
    pub colors: Option<Colors>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            title: None,
            format: None,
            width: 960,
            height: 600,
            bins: None,
            orientation: None,
            stacked: false,
            x_range: None,
            y_range: None,
            y_scale: Scale::Linear,
            x_as_category: false,
            labels: None,
            legend: None,
            colors: None,
        }
    }
}

/// Pixels of a side.
const SIDES: std::ops::RangeInclusive<u32> = 200..=4000;
/// Pixels of a picture: 32 MB while it is drawn.
const MOST_PIXELS: u32 = 8_000_000;
const MOST_BINS: u32 = 500;

impl Options {
    /// Refuses what cannot be drawn, or means nothing for this kind of chart. [`Chart::new`](crate::Chart::new) does this,
    /// too; here it takes no result.
    ///
    /// # Errors
    /// [`Error::Options`].
    pub fn check(&self, kind: Kind) -> Result<(), Error> {
        let refuse = |why: String| Err(Error::Options(why));
        if !SIDES.contains(&self.width) || !SIDES.contains(&self.height) {
            return refuse(format!(
                "width and height are {} to {} pixels, not {} x {}.",
                SIDES.start(),
                SIDES.end(),
                self.width,
                self.height
            ));
        }
        if self.width * self.height > MOST_PIXELS {
            return refuse(format!("{} x {} are more than {MOST_PIXELS} pixels.", self.width, self.height));
        }
        if self.bins.is_some_and(|bins| !(1..=MOST_BINS).contains(&bins)) {
            return refuse(format!("bins is 1 to {MOST_BINS}."));
        }
        if self.y_range.is_some_and(|[min, max]| min >= max) {
            return refuse("y_range is [min, max] with min below max.".to_owned());
        }
        if self.y_scale == Scale::Log && self.y_range.is_some_and(|[min, _]| min <= 0.0) {
            return refuse("A log scale has no place for y_range's minimum; make it more than 0.".to_owned());
        }
        if self.y_scale == Scale::Log && self.stacked {
            return refuse("Stacked bars mean nothing on a log scale; choose one of the two.".to_owned());
        }
        if self.x_as_category && self.x_range.is_some() {
            return refuse(
                "Categories have no range: pass x_range or x_as_category, or filter in SQL.".to_owned(),
            );
        }
        let misplaced = [
            (self.bins.is_some() && kind != Kind::Histogram, "bins", "histogram"),
            (self.stacked && kind != Kind::Bar, "stacked", "bar"),
            (self.orientation.is_some() && kind != Kind::Bar, "orientation", "bar"),
            (self.x_as_category && kind == Kind::Histogram, "x_as_category", "bar, line and scatter"),
        ];
        match misplaced.iter().find(|(misplaced, ..)| *misplaced) {
            Some((_, option, kinds)) => refuse(format!("`{option}` is for kind {kinds}.")),
            None => Ok(()),
        }
    }

    /// The x range in the axis's own numbers.
    pub(crate) fn x_range(&self, meaning: Meaning) -> Result<Option<(f64, f64)>, Error> {
        let Some([from, to]) = &self.x_range else { return Ok(None) };
        let bound = |bound: &Bound| match (meaning, bound) {
            (Meaning::Number { .. }, Bound::Number(number)) => Some(*number),
            (Meaning::Time(clock), Bound::Time(text)) => clock.parse_loosely(text),
            _ => None,
        };
        match (bound(from), bound(to)) {
            (Some(from), Some(to)) if from < to => Ok(Some((from, to))),
            (Some(_), Some(_)) => Err(Error::Options("x_range is [min, max] with min below max.".to_owned())),
            _ => Err(Error::Options(String::from(match meaning {
                Meaning::Number { .. } => "x_range is of two numbers here, since x is one.",
                Meaning::Time(Clock::Time) => "x_range is of two times of day here, like \"08:00:00\".",
                Meaning::Time(_) => {
                    "x_range is of two dates here, like \"2024-01-31\" or \"2024-01-31 12:00:00\"."
                }
                Meaning::Name => "x has names, which have no range. Next: filter in SQL instead of x_range.",
            }))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn options(json: Value) -> Options {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_says_nothing_for_a_kind_is_refused_by_name() {
        let error = options(json!({"bins": 10})).check(Kind::Line).unwrap_err();

        assert!(error.to_string().contains("`bins` is for kind histogram"), "{}", error.to_string());
        assert!(options(json!({"bins": 10})).check(Kind::Histogram).is_ok());
    }

    #[test]
    fn a_picture_has_a_sensible_size() {
        for (width, height) in [(10, 600), (600, 9000), (4000, 4000)] {
            assert!(options(json!({"width": width, "height": height})).check(Kind::Bar).is_err());
        }
        assert!(options(json!({"width": 1920, "height": 1080})).check(Kind::Bar).is_ok());
    }

    #[test]
    fn a_range_is_of_what_the_axis_shows() {
        let dates = options(json!({"x_range": ["2024-01-01", "2024-02-01"]}));
        let numbers = options(json!({"x_range": [1, 2.5]}));

        let range = dates.x_range(Meaning::Time(Clock::Date)).unwrap().unwrap();
        assert_eq!((range.1 - range.0) / 86_400e6, 31.0);
        assert_eq!(numbers.x_range(Meaning::Number { integral: false }).unwrap(), Some((1.0, 2.5)));
        assert!(dates.x_range(Meaning::Number { integral: false }).is_err());
        assert!(numbers.x_range(Meaning::Name).is_err());
    }
}
