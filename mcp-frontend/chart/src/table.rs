//! What is drawn: the columns of a result, as numbers.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hyperwire_core::row::{AnyValue, Column as Described, Columns, Row, Type, Value};
use hyperwire_core::wire::Format;

use crate::clock::Clock;
use crate::error::Error;
use crate::font;

/// Names are cut there; nobody reads that much beside a bar.
const LONGEST_NAME: usize = 120;
/// Numbers beyond it are as good as infinite: an axis from one to the other is longer than a double can say.
const LARGEST: f64 = 1e300;

/// What the values of a column are on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Number {
        integral: bool,
    },
    Time(Clock),
    /// Anything that has a text.
    Name,
}

/// The columns that matter, row by row. Memory is bounded: beyond a number of rows every second one is left out, then
/// every second of those, and so on.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// How many the result has.
    pub(crate) rows: usize,
    /// One of so many rows is here.
    pub(crate) stride: usize,
    /// Where in the result the columns are.
    places: Vec<usize>,
    most: usize,
}

/// A column's values; NaN where there is none.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) meaning: Meaning,
    /// Numbers, microseconds, or positions in `names`.
    pub(crate) values: Vec<f64>,
    /// In the order of their first rows.
    pub(crate) names: Vec<String>,
    pub(crate) nulls: usize,
    /// NaN, infinities and what is as good as those, and times beyond Hyper's calendar.
    pub(crate) not_finite: usize,
    /// Positions by hash of the whole name, before it was cut; `None` is NULL's.
    positions: HashMap<Option<u64>, usize>,
    hasher: RandomState,
    /// Hyper writes `t` and `f`, people do not.
    is_boolean: bool,
}

impl Meaning {
    pub(crate) fn of(column: &Described) -> Self {
        match column.ty() {
            Type::Date => Self::Time(Clock::Date),
            Type::Time => Self::Time(Clock::Time),
            Type::Timestamp => Self::Time(Clock::Timestamp),
            Type::TimestampTz => Self::Time(Clock::TimestampTz),
            Type::BigInt | Type::SmallInt | Type::Integer | Type::Oid => Self::Number { integral: true },
            Type::Real | Type::Double | Type::Numeric => Self::Number { integral: false },
            _ => Self::Name,
        }
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Number { .. })
    }
}

impl Table {
    /// For these columns of a result, and at most so many rows at once.
    pub(crate) fn new(columns: &Columns, places: Vec<usize>, most: usize) -> Self {
        let described = |place: &usize| {
            let column = &columns[*place];
            let mut drawn = Column::new(column.name(), Meaning::of(column));
            drawn.is_boolean = column.ty() == Type::Bool;
            drawn
        };
        Self { columns: places.iter().map(described).collect(), rows: 0, stride: 1, places, most }
    }

    /// Takes a row, or leaves it out.
    pub(crate) fn push(&mut self, row: &Row<'_>) -> Result<(), Error> {
        if !self.takes_next() {
            return Ok(());
        }
        for (column, place) in self.columns.iter_mut().zip(&self.places) {
            let value = row.value(*place).ok_or_else(|| short(row.len()))?;
            column.push_value(&value)?;
        }
        self.bound();
        Ok(())
    }

    /// The same, of a row whose values are Hyper's text.
    pub(crate) fn push_text(&mut self, values: &[Option<&str>]) -> Result<(), Error> {
        if !self.takes_next() {
            return Ok(());
        }
        for (column, place) in self.columns.iter_mut().zip(&self.places) {
            column.push(*values.get(*place).ok_or_else(|| short(values.len()))?);
        }
        self.bound();
        Ok(())
    }

    /// Counts a row; whether it is one of those that are kept.
    fn takes_next(&mut self) -> bool {
        self.rows += 1;
        (self.rows - 1).is_multiple_of(self.stride)
    }

    fn bound(&mut self) {
        if self.kept() > self.most {
            self.halve();
        }
    }

    /// How many rows the result had so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn kept(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    fn halve(&mut self) {
        self.stride *= 2;
        for column in &mut self.columns {
            let mut index = 0;
            column.values.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
    }
}

impl Column {
    fn new(name: &str, meaning: Meaning) -> Self {
        Self {
            name: font::clean(name),
            meaning,
            values: Vec::new(),
            names: Vec::new(),
            nulls: 0,
            not_finite: 0,
            positions: HashMap::new(),
            hasher: RandomState::new(),
            is_boolean: false,
        }
    }

    fn push_value(&mut self, value: &Value<'_>) -> Result<(), Error> {
        let Some(bytes) = value.bytes() else {
            self.push(None);
            return Ok(());
        };
        if value.column().format() == Format::Text {
            self.push(Some(&String::from_utf8_lossy(bytes)));
            return Ok(());
        }
        let any: AnyValue = value.get().map_err(|error| Error::Row(error.to_string()))?;
        self.push(Some(&any.to_string()));
        Ok(())
    }

    fn push(&mut self, text: Option<&str>) {
        let value = match (self.meaning, text) {
            (Meaning::Name, text) => self.position(text) as f64,
            (_, None) => {
                self.nulls += 1;
                f64::NAN
            }
            (meaning, Some(text)) => {
                let value = match meaning {
                    Meaning::Time(clock) => clock.parse(text),
                    _ => text.parse().ok(),
                };
                value.filter(|value| value.abs() <= LARGEST).unwrap_or_else(|| {
                    self.not_finite += 1;
                    f64::NAN
                })
            }
        };
        self.values.push(value);
    }

    fn position(&mut self, text: Option<&str>) -> usize {
        let hash = text.map(|text| self.hasher.hash_one(text));
        *self.positions.entry(hash).or_insert_with(|| {
            let name = match text {
                None => "(null)".to_owned(),
                Some("") => "(empty)".to_owned(),
                Some("t") if self.is_boolean => "true".to_owned(),
                Some("f") if self.is_boolean => "false".to_owned(),
                Some(text) => font::clean(&text.chars().take(LONGEST_NAME).collect::<String>()),
            };
            self.names.push(name);
            self.names.len() - 1
        })
    }

    /// A value as a text.
    pub(crate) fn show(&self, value: f64) -> String {
        match self.meaning {
            _ if value.is_nan() => "(null)".to_owned(),
            Meaning::Name => self.names.get(value as usize).cloned().unwrap_or_default(),
            Meaning::Time(clock) => clock.show(value),
            Meaning::Number { .. } => crate::number::plain(value),
        }
    }
}

fn short(values: usize) -> Error {
    Error::Row(format!("A row has only {values} values, fewer than the result has columns."))
}

/// A table of this test's making: columns of texts.
#[cfg(test)]
pub(crate) fn table(columns: &[(&str, Meaning, &[Option<&str>])]) -> Table {
    let made = columns.iter().map(|(name, meaning, values)| {
        let mut column = Column::new(name, *meaning);
        values.iter().for_each(|value| column.push(*value));
        column
    });
    let columns: Vec<_> = made.collect();
    let rows = columns[0].values.len();
    Table { places: (0..columns.len()).collect(), columns, rows, stride: 1, most: usize::MAX }
}

#[cfg(test)]
mod tests {
    use hyperwire_core::row::{Date, Encoding};

    use super::*;

    const NUMBER: Meaning = Meaning::Number { integral: false };

    #[test]
    fn what_is_no_number_is_counted_and_leaves_a_hole() {
        let table =
            table(&[("a", NUMBER, &[Some("1.5"), None, Some("NaN"), Some("-Infinity"), Some("1e305")])]);

        let column = &table.columns[0];
        assert_eq!(column.values[0], 1.5);
        assert!(column.values[1..].iter().all(|value| value.is_nan()));
        assert_eq!((column.nulls, column.not_finite), (1, 3));
    }

    #[test]
    fn names_are_kept_once_in_their_order() {
        let table = table(&[("a", Meaning::Name, &[Some("x"), None, Some("x"), Some("")])]);

        assert_eq!(table.columns[0].values, [0.0, 1.0, 0.0, 2.0]);
        assert_eq!(table.columns[0].names, ["x", "(null)", "(empty)"]);
    }

    #[test]
    fn booleans_are_words() {
        let mut column = Column::new("a", Meaning::Name);
        column.is_boolean = true;

        for value in ["t", "f"] {
            column.push(Some(value));
        }

        assert_eq!(column.names, ["true", "false"]);
    }

    #[test]
    fn names_that_begin_alike_are_not_confused() {
        let (a, b) = ("x".repeat(500) + "a", "x".repeat(500) + "b");

        let table = table(&[("a", Meaning::Name, &[Some(&a), Some(&b)])]);

        assert_eq!(table.columns[0].values, [0.0, 1.0]);
        assert_eq!(table.columns[0].names[0].len(), LONGEST_NAME);
    }

    #[test]
    fn halving_keeps_every_second_row() {
        let mut table = table(&[("a", NUMBER, &[Some("0"), Some("1"), Some("2"), Some("3"), Some("4")])]);

        table.halve();

        assert_eq!(table.columns[0].values, [0.0, 2.0, 4.0]);
        assert_eq!(table.stride, 2);
    }

    #[test]
    fn binary_values_are_the_same_as_text() {
        let column = |ty, format| Described::new("a", Encoding::new(ty, format));
        let columns = |format| -> Columns {
            [Type::Integer, Type::Double, Type::Date, Type::Bool]
                .map(|ty| column(ty, format))
                .into_iter()
                .collect()
        };
        let mut texts = Table::new(&columns(Format::Text), vec![0, 1, 2, 3], 10);
        let binary = columns(Format::HyperBinary);
        let mut binaries = Table::new(&binary, vec![0, 1, 2, 3], 10);
        let day = Date::from_ymd(2024, 2, 29).unwrap();
        let fields: [&[u8]; 4] =
            [&7_i32.to_le_bytes(), &0.1_f64.to_le_bytes(), &day.julian_day().to_le_bytes(), &[1]];
        let mut body = 4_u16.to_be_bytes().to_vec();
        for field in fields {
            body.extend((field.len() as u32).to_be_bytes());
            body.extend(field);
        }

        texts.push_text(&[Some("7"), Some("0.1"), Some("2024-02-29"), Some("t")]).unwrap();
        binaries.push(&Row::decode(&binary, &body, &mut Vec::new()).unwrap()).unwrap();

        for (text, binary) in texts.columns.iter().zip(&binaries.columns) {
            assert_eq!((&text.values, &text.names), (&binary.values, &binary.names));
        }
    }

    #[test]
    fn a_row_without_a_column_is_refused() {
        let columns: Columns =
            [Described::new("a", Encoding::new(Type::Text, Format::Text))].into_iter().collect();
        let mut table = Table::new(&columns, vec![0], 10);

        assert!(matches!(table.push_text(&[]), Err(Error::Row(_))));
    }
}
