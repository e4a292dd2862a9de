//! The points that are drawn, by series.

use std::collections::HashMap;

use crate::color::MOST_SERIES;
use crate::error::Error;
use crate::number::plain;
use crate::options::Options;
use crate::roles::Roles;
use crate::table::{Meaning, Table};

/// Points of one color.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
}

/// One value. A `y` that is NaN is a gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Its row in the table.
    pub(crate) row: usize,
}

/// All series, and what has to be said of them.
#[derive(Debug, Default)]
pub(crate) struct Split {
    pub(crate) series: Vec<Series>,
    /// What is not drawn, and why.
    pub(crate) left_out: Vec<String>,
}

impl Split {
    /// Takes a table apart; with a log scale, what it has no place for is a gap.
    pub(crate) fn of(table: &Table, roles: &Roles, options: &Options, log: bool) -> Result<Self, Error> {
        let mut split = Self::default();
        let x_column = roles.x.map(|x| &table.columns[x]);
        let x_meaning = x_column.map_or(Meaning::Number { integral: true }, |column| column.meaning);
        let range = if options.x_as_category { None } else { options.x_range(x_meaning)? };
        let (mut outside, mut not_positive) = (0, 0);
        let mut places: HashMap<(usize, u64), usize> = HashMap::new();
        for row in 0..table.kept() {
            let x = x_column.map_or((row * table.stride + 1) as f64, |column| column.values[row]);
            if x.is_nan() {
                continue;
            }
            if range.is_some_and(|(from, to)| x < from || x > to) {
                outside += 1;
                continue;
            }
            let key = roles.series.map_or(0.0, |column| table.columns[column].values[row]);
            for y_column in &roles.y {
                let mut y = table.columns[*y_column].values[row];
                if log && y <= 0.0 {
                    not_positive += 1;
                    y = f64::NAN;
                }
                let place = *places.entry((*y_column, key.to_bits())).or_insert_with(|| {
                    split
                        .series
                        .push(Series { name: name(table, roles, *y_column, key), points: Vec::new() });
                    split.series.len() - 1
                });
                split.series[place].points.push(Point { x, y, row });
            }
        }
        let mut drawn: Vec<usize> = roles.x.iter().chain(&roles.y).copied().collect();
        drawn.dedup();
        for column in drawn.into_iter().map(|place| &table.columns[place]) {
            split.leave_out(column.nulls, "NULL", &column.name);
            split.leave_out(column.not_finite, "NaN or infinite", &column.name);
        }
        if outside > 0 {
            split.left_out.push(format!("{} outside of x_range", counted(outside, "row")));
        }
        if not_positive > 0 {
            split.left_out.push(format!(
                "{} of 0 or less, which a log scale has no place for",
                counted(not_positive, "value")
            ));
        }
        split.limit();
        Ok(split)
    }

    /// Smallest and largest y of all; `None` if there is none.
    pub(crate) fn y_range(&self) -> Option<(f64, f64)> {
        range(self.series.iter().flat_map(|series| series.points.iter().map(|point| point.y)))
    }

    /// The same of x.
    pub(crate) fn x_range(&self) -> Option<(f64, f64)> {
        range(self.series.iter().flat_map(|series| series.points.iter().map(|point| point.x)))
    }

    fn leave_out(&mut self, count: usize, what: &str, column: &str) {
        if count > 0 {
            self.left_out.push(format!("{} of {column}, {what}", counted(count, "value")));
        }
    }

    /// Keeps the largest if there are more series than colors.
    fn limit(&mut self) {
        let count = self.series.len();
        if count <= MOST_SERIES {
            return;
        }
        let size = |series: &Series| -> f64 {
            series.points.iter().map(|point| point.y.abs()).filter(|size| size.is_finite()).sum()
        };
        let mut sizes: Vec<f64> = self.series.iter().map(size).collect();
        sizes.sort_by(|a, b| b.total_cmp(a));
        let least = sizes[MOST_SERIES - 1];
        self.series.retain(|series| size(series) >= least);
        self.series.truncate(MOST_SERIES);
        self.left_out.push(format!(
            "{} of {count} series, all but the {MOST_SERIES} largest (totals from {})",
            count - self.series.len(),
            plain(least)
        ));
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Smallest and largest of what is a number.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let found = values
        .filter(|value| !value.is_nan())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value)));
    (found.0 <= found.1).then_some(found)
}

fn name(table: &Table, roles: &Roles, y: usize, key: f64) -> String {
    let y = &table.columns[y].name;
    match roles.series.map(|column| table.columns[column].show(key)) {
        Some(name) if roles.y.len() > 1 => format!("{name} · {y}"),
        Some(name) => name,
        None => y.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::table;

    const NUMBER: Meaning = Meaning::Number { integral: false };
    const NAME: Meaning = Meaning::Name;

    fn roles(x: usize, y: &[usize], series: Option<usize>) -> Roles {
        Roles { x: Some(x), y: y.to_vec(), series, maybe_series: false, labels: None }
    }

    fn names(split: &Split) -> Vec<&str> {
        split.series.iter().map(|series| series.name.as_str()).collect()
    }

    #[test]
    fn rows_are_told_apart_by_series() {
        let table = table(&[
            ("x", NUMBER, &[Some("1"), Some("1"), Some("2"), Some("2")]),
            ("y", NUMBER, &[Some("10"), Some("20"), None, Some("40")]),
            ("who", NAME, &[Some("a"), Some("b"), Some("a"), Some("b")]),
        ]);

        let split = Split::of(&table, &roles(0, &[1], Some(2)), &Options::default(), false).unwrap();

        assert_eq!(names(&split), ["a", "b"]);
        assert!(split.series[0].points[1].y.is_nan());
        assert_eq!(split.left_out, ["1 value of y, NULL"]);
        assert_eq!(split.y_range(), Some((10.0, 40.0)));
    }

    #[test]
    fn each_column_of_several_is_a_series() {
        let table = table(&[
            ("x", NAME, &[Some("a"), Some("b")]),
            ("p", NUMBER, &[Some("1"), Some("2")]),
            ("q", NUMBER, &[Some("3"), Some("4")]),
        ]);

        let split = Split::of(&table, &roles(0, &[1, 2], None), &Options::default(), false).unwrap();

        assert_eq!(names(&split), ["p", "q"]);
    }

    #[test]
    fn the_largest_of_too_many_series_are_kept() {
        let ids: Vec<String> = (0..20).map(|id| id.to_string()).collect();
        let ids: Vec<Option<&str>> = ids.iter().map(|id| Some(id.as_str())).collect();
        let table = table(&[("x", NUMBER, &ids), ("y", NUMBER, &ids), ("who", NAME, &ids)]);

        let split = Split::of(&table, &roles(0, &[1], Some(2)), &Options::default(), false).unwrap();

        assert_eq!(split.series.len(), MOST_SERIES);
        assert_eq!(split.series[0].name, "8");
        assert!(split.left_out[0].starts_with("8 of 20 series"), "{:?}", split.left_out);
    }

    #[test]
    fn a_log_scale_leaves_out_what_is_not_positive() {
        let table = table(&[
            ("x", NUMBER, &[Some("1"), Some("2"), Some("3")]),
            ("y", NUMBER, &[Some("0"), Some("-1"), Some("10")]),
        ]);

        let split = Split::of(&table, &roles(0, &[1], None), &Options::default(), true).unwrap();

        assert_eq!(split.y_range(), Some((10.0, 10.0)));
        assert!(split.left_out[0].starts_with("2 values of 0 or less"));
    }
}
