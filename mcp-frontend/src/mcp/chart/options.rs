//! How a chart is to look.

use serde::Deserialize;
use serde_json::{Number, Value};

use super::clock::Clock;
use super::color::Colors;
use super::table::Meaning;
use crate::mcp::failure::Failure;

/// What a chart is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Bar,
    Line,
    Scatter,
    Histogram,
}

/// A picture's file format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Png,
    Svg,
}

/// Which way bars grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Orientation {
    Vertical,
    Horizontal,
}

/// How values become lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scale {
    #[default]
    Linear,
    Log,
}

/// What is written at points and bars.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "`options.labels` is true for values, false, or the name of a column")]
pub(crate) enum Labels {
    Values(bool),
    Column(String),
}

/// An end of a range.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "`options.x_range` is of two numbers, or of two dates like \"2024-01-31\"")]
pub(crate) enum Bound {
    Number(Number),
    Time(String),
}

/// What a caller may wish besides the data.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    pub(crate) title: Option<String>,
    /// PNG, unless a path says otherwise.
    pub(crate) format: Option<Format>,
    /// Pixels.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bins: Option<u32>,
    pub(crate) orientation: Option<Orientation>,
    pub(crate) stacked: bool,
    pub(crate) x_range: Option<[Bound; 2]>,
    pub(crate) y_range: Option<[f64; 2]>,
    pub(crate) y_scale: Scale,
    pub(crate) x_as_category: bool,
    pub(crate) labels: Option<Labels>,
    /// Shown if there are several series, unless said otherwise.
    pub(crate) legend: Option<bool>,
    pub(crate) colors: Option<Colors>,
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
    /// Refuses what cannot be drawn, or says nothing for this kind of chart.
    pub(crate) fn check(&self, kind: Kind) -> Result<(), Failure> {
        let refuse = |why: String| Err(Failure::new(format!("{why} Nothing was run.")));
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
    pub(super) fn x_range(&self, meaning: Meaning) -> Result<Option<(f64, f64)>, Failure> {
        let Some([from, to]) = &self.x_range else { return Ok(None) };
        let bound = |bound: &Bound| match (meaning, bound) {
            (Meaning::Number { .. }, Bound::Number(number)) => number.as_f64(),
            (Meaning::Time(clock), Bound::Time(text)) => clock.parse_loosely(text),
            _ => None,
        };
        match (bound(from), bound(to)) {
            (Some(from), Some(to)) if from < to => Ok(Some((from, to))),
            (Some(_), Some(_)) => Err(Failure::new("x_range is [min, max] with min below max.")),
            _ => Err(Failure::new(match meaning {
                Meaning::Number { .. } => "x_range is of two numbers here, since x is one.",
                Meaning::Time(Clock::Time) => "x_range is of two times of day here, like \"08:00:00\".",
                Meaning::Time(_) => {
                    "x_range is of two dates here, like \"2024-01-31\" or \"2024-01-31 12:00:00\"."
                }
                Meaning::Name => "x has names, which have no range. Next: filter in SQL instead of x_range.",
            })),
        }
    }
}

/// The options in JSON Schema, briefly.
pub(crate) fn schema() -> Value {
    serde_json::json!({
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "format": {"type": "string", "enum": ["png", "svg"], "default": "png"},
            "width": {"type": "integer", "minimum": 0, "default": 960},
            "height": {"type": "integer", "minimum": 0, "default": 600},
            "bins": {"type": "integer", "minimum": 0},
            "orientation": {"type": "string", "enum": ["vertical", "horizontal"]},
            "stacked": {"type": "boolean"},
            "x_range": {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "string"}]}, "minItems": 2, "maxItems": 2, "description": "[min, max], numbers or dates"},
            "y_range": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            "y_scale": {"type": "string", "enum": ["linear", "log"]},
            "x_as_category": {"type": "boolean"},
            "labels": {"anyOf": [{"type": "boolean"}, {"type": "string"}], "description": "true (values), or a column"},
            "legend": {"type": "boolean"},
            "colors": {
                "anyOf": [
                    {"type": "array", "items": {"type": "string"}},
                    {"type": "object", "additionalProperties": {"type": "string"}}
                ],
                "description": "[\"#0072b2\"], or by series"
            }
        },
        "additionalProperties": false
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(json: Value) -> Options {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_says_nothing_for_a_kind_is_refused_by_name() {
        let error = options(json!({"bins": 10})).check(Kind::Line).unwrap_err();

        assert!(error.text().contains("`bins` is for kind histogram"), "{}", error.text());
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
