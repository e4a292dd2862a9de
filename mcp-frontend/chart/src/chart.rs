//! A chart, from the columns of a result to the picture.

use hyperwire_core::row::{Columns, Row};

use crate::error::Error;
use crate::options::{Kind, Options};
use crate::picture::Picture;
use crate::roles::{Axes, Roles};
use crate::scene::{Scene, Subject};
use crate::table::{Meaning, Table};
use crate::{bars, canvas, histogram, lines, scatter};

/// A chart of a result, whose rows it takes one by one.
#[derive(Debug)]
pub struct Chart {
    kind: Kind,
    options: Options,
    /// Among the columns of `table`.
    roles: Roles,
    table: Table,
}

impl Chart {
    /// A chart of a result with these columns.
    ///
    /// # Errors
    /// [`Error::Options`] as [`Options::check`] says; [`Error::NoColumn`] and [`Error::Columns`] when the result lacks a
    /// column that was asked for, or has none that this kind of chart can show.
    pub fn new(kind: Kind, columns: &Columns, axes: &Axes<'_>, options: Options) -> Result<Self, Error> {
        options.check(kind)?;
        let described: Vec<(&str, Meaning)> =
            columns.iter().map(|column| (column.name(), Meaning::of(column))).collect();
        let roles = Roles::choose(kind, &described, axes, options.labels.as_ref())?;
        let places = roles.places();
        let roles = roles.among(&places);
        let table = Table::new(columns, places, kind.most_rows());
        Ok(Self { kind, options, roles, table })
    }

    /// Takes the next row of the result, in any format that the core can read.
    ///
    /// # Errors
    /// [`Error::TooManyRows`] when this kind of chart cannot show so many; [`Error::Row`] when a value of the row cannot be
    /// read.
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), Error> {
        self.table.push(row)?;
        self.check_rows()
    }

    /// Takes the next row as Hyper writes values in text, one for each column of the result; `None` is NULL.
    ///
    /// # Errors
    /// The same as [`push`](Self::push).
    pub fn push_text(&mut self, values: &[Option<&str>]) -> Result<(), Error> {
        self.table.push_text(values)?;
        self.check_rows()
    }

    /// How many rows the chart was given so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.table.rows()
    }

    /// Draws the rows. This takes the processor for up to a second.
    ///
    /// # Errors
    /// [`Error::NoRows`] and [`Error::NoValues`] when there is nothing to draw; [`Error::HiddenBars`] when bars would hide
    /// each other; [`Error::Options`] when a range does not fit the axis; [`Error::Internal`].
    pub fn draw(&self) -> Result<Picture, Error> {
        draw(self.kind, &self.table, &self.roles, &self.options)
    }

    /// Refuses a result that has more rows than can be drawn.
    fn check_rows(&self) -> Result<(), Error> {
        let most = self.kind.most_rows();
        match self.kind {
            Kind::Bar if self.table.rows() > most => Err(Error::TooManyRows(format!(
                "The result has more than {most} rows, which are too many bars. Next: aggregate in SQL (GROUP BY), or draw \
                 the largest (ORDER BY ... LIMIT 20)."
            ))),
            Kind::Histogram if self.table.rows() > most => Err(Error::TooManyRows(format!(
                "The result has more than {most} rows. Next: count in SQL, such as SELECT floor(x / 10) * 10 AS x, count(*) \
                 ... GROUP BY 1, and draw that as kind bar; or draw a sample."
            ))),
            // A part of the rows shows what all would.
            _ => Ok(()),
        }
    }
}

/// Draws a table.
pub(crate) fn draw(kind: Kind, table: &Table, roles: &Roles, options: &Options) -> Result<Picture, Error> {
    if table.rows() == 0 {
        return Err(Error::NoRows);
    }
    let subject = Subject::new(kind, table, roles, options)?;
    let scene = match kind {
        Kind::Bar => bars::scene(&subject)?,
        Kind::Line => lines::scene(&subject)?,
        Kind::Scatter => scatter::scene(&subject)?,
        Kind::Histogram => histogram::scene(&subject)?,
    };
    let Scene { figure, marks, mut said } = scene;
    let svg = canvas::svg(options.width, options.height, |canvas| {
        let mut plot = figure.begin(canvas)?;
        marks.draw(&mut plot)?;
        plot.finish(&figure)
    })?;
    said.extend(subject.said());
    Ok(Picture::new(svg, said))
}
