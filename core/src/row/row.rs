//! One row of a result.

use alloc::vec::Vec;
use core::iter::FusedIterator;

use super::span::{FieldSpan, split_fields};
use super::{Column, ColumnIndex, Columns, DecodeError, FromValue, Value};
use crate::wire::Violation;

/// One row of a result, borrowed from the bytes it came in. Nothing is decoded before it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    columns: &'a Columns,
    /// The same once more, as a slice of as many as there are spans: one check of an index serves both.
    heads: &'a [Column],
    body: &'a [u8],
    spans: &'a [FieldSpan],
}

impl<'a> Row<'a> {
    /// Takes the body of a DataRow. All of it is checked at once; `spans` is working memory to be used again for the
    /// next row.
    ///
    /// # Errors
    /// When the body is not that of a DataRow, or has another number of fields than there are columns.
    #[inline]
    pub fn decode(
        columns: &'a Columns,
        body: &'a [u8],
        spans: &'a mut Vec<FieldSpan>,
    ) -> Result<Self, Violation> {
        Ok(Self::new(columns, body, split_fields(body, 0, columns.len(), spans)?))
    }

    /// A row that [`split_fields`] took apart, with as many spans as there are columns.
    ///
    /// # Panics
    /// When there are fewer: a mistake in this crate.
    #[inline]
    pub(crate) fn new(columns: &'a Columns, body: &'a [u8], spans: &'a [FieldSpan]) -> Self {
        let heads = &columns[..];
        Self { columns, heads, body, spans: &spans[..heads.len()] }
    }

    /// The columns, of which every row of a result has the same.
    #[must_use]
    pub fn columns(&self) -> &'a Columns {
        self.columns
    }

    /// How many values the row has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the row has no values at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// A column's value as a Rust type; the column by its position from 0 or by its name.
    ///
    /// # Errors
    /// When there is no such column, or its value is not one for that Rust type. The row can still be used.
    #[inline]
    pub fn get<T: FromValue<'a>>(&self, index: impl ColumnIndex) -> Result<T, DecodeError> {
        match index.position_in(self.columns).and_then(|position| self.value(position)) {
            Some(value) => value.get(),
            None => Err(no_such_column(index, self.columns)),
        }
    }

    /// The value at a position from 0; `None` if there are not so many.
    #[must_use]
    #[inline]
    pub fn value(&self, index: usize) -> Option<Value<'a>> {
        let column = self.heads.get(index)?;
        let span = self.spans.get(index)?;
        Some(Value::new(span.bytes(self.body), column, index))
    }

    /// The values in order.
    pub fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = Value<'a>> + DoubleEndedIterator + FusedIterator + use<'a> {
        let Self { heads, body, spans, .. } = *self;
        heads
            .iter()
            .zip(spans)
            .enumerate()
            .map(move |(index, (column, span))| Value::new(span.bytes(body), column, index))
    }
}

/// Takes the index by value: a reference to it would keep it in memory on the way that finds the column.
#[cold]
#[inline(never)]
fn no_such_column(index: impl ColumnIndex, columns: &Columns) -> DecodeError {
    DecodeError::no_such_column(&index, columns)
}
