//! Which column is drawn as what.

use crate::error::Error;
use crate::options::{Kind, Labels};
use crate::table::Meaning;

/// Which columns of a result are drawn as what, by name. What is left out follows from the types of the columns.
///
/// A name is found in any case of its letters, unless there is one that is spelled exactly so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Axes<'a> {
    /// The column along the horizontal axis (of horizontal bars the vertical one), or the only one of a histogram. By
    /// default the first time, else the first text, else the first number; a scatter plot prefers a number.
    pub x: Option<&'a str>,
    /// The columns of numbers that are drawn. By default all that are left; of a scatter plot, or with a series, the first.
    pub y: &'a [String],
    /// The column whose values tell the rows of different colors apart. By default a single column of text that is left,
    /// if rows have the same x.
    pub series: Option<&'a str>,
}

/// Places of columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    /// Nothing is the number of the row.
    pub(crate) x: Option<usize>,
    /// Nothing for histograms.
    pub(crate) y: Vec<usize>,
    pub(crate) series: Option<usize>,
    /// The series was not asked for: it is one if values of x come several times.
    pub(crate) maybe_series: bool,
    pub(crate) labels: Option<usize>,
}

impl Roles {
    /// As asked, and the rest by the types of the columns.
    pub(crate) fn choose(
        kind: Kind,
        columns: &[(&str, Meaning)],
        asked: &Axes<'_>,
        labels: Option<&Labels>,
    ) -> Result<Self, Error> {
        let find = |name: &str| find(columns, name);
        let x = asked.x.map(find).transpose()?;
        let y = asked.y.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
        let series = asked.series.map(find).transpose()?;
        let labels = match labels {
            Some(Labels::Column(name)) => Some(find(name)?),
            _ => None,
        };
        let mut roles = Self { x, y, series, maybe_series: false, labels };
        if kind == Kind::Histogram {
            roles.choose_values(columns)?;
        } else {
            roles.choose_axes(kind, columns)?;
        }
        Ok(roles)
    }

    /// All columns that are read, each once.
    pub(crate) fn places(&self) -> Vec<usize> {
        let mut places: Vec<usize> =
            self.x.into_iter().chain(self.y.iter().copied()).chain(self.series).chain(self.labels).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The same, when only the columns of [`places`](Self::places) are left.
    pub(crate) fn among(&self, places: &[usize]) -> Self {
        let place = |old: usize| places.iter().position(|place| *place == old).unwrap_or_default();
        Self {
            x: self.x.map(place),
            y: self.y.iter().copied().map(place).collect(),
            series: self.series.map(place),
            maybe_series: self.maybe_series,
            labels: self.labels.map(place),
        }
    }

    fn choose_values(&mut self, columns: &[(&str, Meaning)]) -> Result<(), Error> {
        let asked = match (self.x, self.y.as_slice()) {
            (Some(x), []) => Some(x),
            (None, [y]) => Some(*y),
            (None, []) => None,
            _ => {
                return Err(Error::Columns("A histogram is of one column: pass it as `x` alone.".to_owned()));
            }
        };
        let is_measured = |place: &usize| columns[*place].1 != Meaning::Name;
        let first = || {
            let mut numbers = (0..columns.len()).filter(|place| columns[*place].1.is_number());
            numbers.next().or_else(|| (0..columns.len()).find(is_measured))
        };
        let x = asked.or_else(first).filter(is_measured).ok_or_else(|| {
            Error::Columns(format!(
                "A histogram needs a column of numbers or times; {}. Next: count names with \
                 SELECT name, count(*) ... GROUP BY name, and draw them as kind bar.",
                described(columns)
            ))
        })?;
        self.x = Some(x);
        self.y.clear();
        Ok(())
    }

    fn choose_axes(&mut self, kind: Kind, columns: &[(&str, Meaning)]) -> Result<(), Error> {
        let free = |roles: &Self| {
            let taken = roles.places();
            (0..columns.len()).filter(move |place| !taken.contains(place)).collect::<Vec<_>>()
        };
        let x_was_asked = self.x.is_some();
        let y_was_asked = !self.y.is_empty();
        if self.x.is_none() {
            let free = free(self);
            let first =
                |wanted: fn(Meaning) -> bool| free.iter().copied().find(|place| wanted(columns[*place].1));
            let numbers = free.iter().filter(|place| columns[**place].1.is_number()).count();
            let time = || first(|meaning| matches!(meaning, Meaning::Time(_)));
            let name = || first(|meaning| meaning == Meaning::Name);
            // One is left for y.
            let number = || first(Meaning::is_number).filter(|_| numbers > 1 || y_was_asked);
            self.x = match kind {
                Kind::Scatter => number().or_else(time).or_else(name),
                _ => time().or_else(name).or_else(number),
            };
        }
        if !y_was_asked {
            self.y = free(self).into_iter().filter(|place| columns[*place].1.is_number()).collect();
            if kind == Kind::Scatter || self.series.is_some() {
                self.y.truncate(1);
            }
        }
        if let Some(place) = self.y.iter().find(|place| !columns[**place].1.is_number()) {
            return Err(Error::Columns(format!(
                "y has to be a number, and column \"{}\" is not. Next: aggregate or cast it in SQL.",
                columns[*place].0
            )));
        }
        if self.y.is_empty() {
            return Err(Error::Columns(format!(
                "Nothing can be y: {}. Next: select a column of numbers, such as count(*).",
                described(columns)
            )));
        }
        if self.series.is_none() && self.y.len() == 1 && !(x_was_asked && y_was_asked) {
            let names = free(self).into_iter().filter(|place| columns[*place].1 == Meaning::Name);
            let names: Vec<usize> = names.collect();
            if let [name] = names[..] {
                self.series = Some(name);
                self.maybe_series = true;
            }
        }
        Ok(())
    }
}

fn find(columns: &[(&str, Meaning)], wanted: &str) -> Result<usize, Error> {
    let exact = columns.iter().position(|(name, _)| *name == wanted);
    let found = exact.or_else(|| columns.iter().position(|(name, _)| name.eq_ignore_ascii_case(wanted)));
    found.ok_or_else(|| Error::NoColumn {
        wanted: wanted.to_owned(),
        columns: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
    })
}

fn described(columns: &[(&str, Meaning)]) -> String {
    let named = columns.iter().map(|(name, meaning)| {
        let meaning = match meaning {
            Meaning::Number { .. } => "a number",
            Meaning::Time(_) => "a time",
            Meaning::Name => "text",
        };
        format!("{name} is {meaning}")
    });
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const NUMBER: Meaning = Meaning::Number { integral: false };
    const DATE: Meaning = Meaning::Time(Clock::Date);
    const NAME: Meaning = Meaning::Name;

    fn chosen(kind: Kind, columns: &[(&str, Meaning)]) -> (Option<usize>, Vec<usize>, Option<usize>) {
        let roles = Roles::choose(kind, columns, &Axes::default(), None).unwrap();
        (roles.x, roles.y, roles.series)
    }

    fn failure(kind: Kind, columns: &[(&str, Meaning)], asked: &Axes<'_>) -> String {
        Roles::choose(kind, columns, asked, None).unwrap_err().to_string()
    }

    #[test]
    fn names_and_times_are_x_and_numbers_are_y() {
        assert_eq!(chosen(Kind::Bar, &[("n", NUMBER), ("region", NAME)]), (Some(1), vec![0], None));
        assert_eq!(
            chosen(Kind::Line, &[("day", DATE), ("a", NUMBER), ("b", NUMBER)]),
            (Some(0), vec![1, 2], None)
        );
        assert_eq!(chosen(Kind::Scatter, &[("a", NUMBER), ("b", NUMBER)]), (Some(0), vec![1], None));
        assert_eq!(chosen(Kind::Histogram, &[("name", NAME), ("b", NUMBER)]), (Some(1), vec![], None));
    }

    #[test]
    fn another_name_may_be_the_series() {
        assert_eq!(
            chosen(Kind::Line, &[("day", DATE), ("region", NAME), ("a", NUMBER)]),
            (Some(0), vec![2], Some(1))
        );
    }

    #[test]
    fn numbers_alone_are_drawn_by_their_row() {
        assert_eq!(chosen(Kind::Line, &[("a", NUMBER)]), (None, vec![0], None));
    }

    #[test]
    fn columns_are_found_in_any_case_and_missing_ones_are_named() {
        let columns = [("Region", NAME), ("Revenue", NUMBER)];
        let found = Axes { x: Some("region"), ..Axes::default() };
        let missing = Axes { x: Some("regoin"), ..Axes::default() };

        assert_eq!(Roles::choose(Kind::Bar, &columns, &found, None).unwrap().x, Some(0));
        assert!(failure(Kind::Bar, &columns, &missing).contains("It has: Region, Revenue."));
    }

    #[test]
    fn what_is_no_number_cannot_be_y() {
        let y = ["region".to_owned()];
        let asked = Axes { y: &y, ..Axes::default() };

        assert!(failure(Kind::Bar, &[("day", DATE), ("region", NAME)], &asked).contains("\"region\" is not"));
        assert!(failure(Kind::Line, &[("region", NAME)], &Axes::default()).contains("region is text"));
        assert!(failure(Kind::Histogram, &[("region", NAME)], &Axes::default()).contains("kind bar"));
    }
}
