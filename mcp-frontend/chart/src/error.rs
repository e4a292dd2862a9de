//! Why there is no chart.

use thiserror::Error;

/// Why there is no chart.
///
/// Everything but [`Error::Internal`] is for the caller to mend: the text says what is wrong and, where that is not
/// obvious, what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is out of bounds, contradicts another, or means nothing for this kind of chart.
    #[error("{0}")]
    Options(String),
    /// The result has no column of a name that was asked for.
    #[error("The result has no column \"{wanted}\". It has: {}.", columns.join(", "))]
    NoColumn {
        /// The name that was asked for.
        wanted: String,
        /// The names of all columns of the result.
        columns: Vec<String>,
    },
    /// The columns cannot be drawn as this kind of chart.
    #[error("{0}")]
    Columns(String),
    /// The result has more rows than this kind of chart can show.
    #[error("{0}")]
    TooManyRows(String),
    /// The result has no rows.
    #[error("The result has no rows, so there is nothing to draw. Next: check the statement's filter.")]
    NoRows,
    /// None of the rows has a value that can be drawn.
    #[error("There is no value to draw in {rows} rows: {why}. Next: look at the data.")]
    NoValues {
        /// How many rows the result has.
        rows: usize,
        /// What the values are instead, such as "all are NULL".
        why: String,
    },
    /// Several bars would stand in one place and hide each other.
    #[error("{0}")]
    HiddenBars(String),
    /// A row has another number of values than there are columns, or a value is not what its column says.
    #[error("{0}")]
    Row(String),
    /// The chart could not be drawn.
    #[error("The chart could not be drawn: {0}. This is a defect of hyperwire.")]
    Internal(String),
}
