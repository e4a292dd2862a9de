//! What can go wrong between the bytes of a value and a Rust value.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::{Column, ColumnIndex, Columns, Encoding};

/// Why a value could not be read as the Rust type that was asked for.
///
/// What a [`FromValue`](super::FromValue) returns; [`Row::get`](super::Row::get) adds the column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// NULL, and the Rust type has no place for it.
    #[error("the value is NULL: ask for an Option, or exclude NULL in the statement")]
    Null,
    /// The Rust type does not hold every value of this SQL type.
    #[error("this Rust type does not take that SQL type: ask for a matching type, or cast in the statement")]
    WrongType,
    /// The value is of a right type, but beyond what the Rust type, or Hyper's type, can hold.
    #[error("the value is out of range")]
    OutOfRange,
    /// A binary value had another number of bytes than its type has. The server, or a wrong format, is to blame.
    #[error("the binary value has {found} bytes where its type has {expected}")]
    WrongLength {
        /// Bytes that the type takes.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// The value is not what its type calls for. The server, or a wrong format, is to blame.
    #[error("the value is not {0}")]
    Malformed(&'static str),
    /// The format has no decoder for this type.
    #[error("values of this type are not read from this format: ask the server for HyperBinary or text")]
    UnsupportedFormat,
    /// The Rust type borrows, but the bytes had to be rewritten first.
    #[error("the value cannot be borrowed from this format: ask for an owned type, or a Cow")]
    CannotBorrow,
    /// An element of an array could not be read.
    #[error("element {index}: {error}")]
    Element {
        /// The element's position, from 0.
        index: usize,
        /// What went wrong with it.
        error: Box<Self>,
    },
    /// The reason of a [`FromValue`](super::FromValue) elsewhere, or of serde.
    #[error("{0}")]
    Other(Box<str>),
}

/// Why a column's value could not be had. Always the caller's choice of column or type, or a server that broke its
/// promises; reading on is safe either way.
///
/// One pointer wide, so that a `Result` of a number stays in registers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct DecodeError(Box<DecodeErrorKind>);

/// What a [`DecodeError`] is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The result has no such column.
    #[error("the result has no column {wanted}; it has {available}")]
    NoSuchColumn {
        /// The position or the name, in quotes, that was asked for.
        wanted: Box<str>,
        /// How many columns there are, and the names of the first ones.
        available: Box<str>,
    },
    /// The value of a column could not be read.
    #[error(transparent)]
    Value(ColumnError),
    /// The row as a whole is not what was asked for: a field of a struct has no column, for example.
    #[error("the row does not fit: {0}")]
    Row(Box<str>),
}

/// A [`ValueError`] and the column it happened in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnError {
    /// The column's position, from 0.
    pub index: usize,
    /// The column's name.
    pub name: Box<str>,
    /// The SQL type found, and its format.
    pub found: Encoding,
    /// The Rust type wanted.
    pub wanted: &'static str,
    /// What went wrong.
    pub error: ValueError,
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, name, found, wanted, error } = self;
        let format = found.format().setting();
        write!(f, "column {index} ({name:?}) of type {found} in format {format} as {wanted}: {error}")
    }
}

/// What went wrong is in the text already, so it is no source.
impl core::error::Error for ColumnError {}

impl From<DecodeErrorKind> for DecodeError {
    fn from(kind: DecodeErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl DecodeError {
    /// What the error is about.
    #[must_use]
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.0
    }

    #[cold]
    #[inline(never)]
    pub(super) fn value(column: &Column, index: usize, wanted: &'static str, error: ValueError) -> Self {
        let (name, found) = (column.name().into(), *column.encoding());
        DecodeErrorKind::Value(ColumnError { index, name, found, wanted, error }).into()
    }

    #[cold]
    #[inline(never)]
    pub(super) fn no_such_column(wanted: &dyn ColumnIndex, columns: &Columns) -> Self {
        /// Enough to recognise the result by, short enough for a line of a log.
        const NAMES: usize = 8;
        let mut available = alloc::format!("{} columns", columns.len());
        for (position, column) in columns.iter().take(NAMES).enumerate() {
            available.push_str(if position == 0 { ": " } else { ", " });
            available.push_str(column.name());
        }
        if columns.len() > NAMES {
            available.push_str(" ...");
        }
        let wanted: String = alloc::format!("{wanted:?}");
        DecodeErrorKind::NoSuchColumn { wanted: wanted.into(), available: available.into() }.into()
    }
}
