//! Results, written as they arrive.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod shape;
mod table;

use std::io::{self, Write};

use crate::args::Format;

/// Takes results row by row and writes them. Nothing is kept but what a table needs to size its columns.
pub(crate) trait RowWriter {
    /// A result with rows begins.
    fn begin(&mut self, columns: &[ColumnHead<'_>]) -> io::Result<()>;
    /// A row: a field a column, in Hyper's text format, `None` for NULL.
    fn row(&mut self, fields: &[Option<&str>]) -> io::Result<()>;
    /// The statement is done. Without a `begin` before, it had no rows and only the tag is shown.
    fn finish(&mut self, tag: &str) -> io::Result<()>;
    /// The statement failed. What arrived is written, and left without an end: it must not look complete.
    fn break_off(&mut self) -> io::Result<()>;
}

/// What a writer must know of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnHead<'a> {
    pub(crate) name: &'a str,
    /// PostgreSQL's OID of the type.
    pub(crate) type_oid: u32,
}

/// A writer to `out`. Only tables show command tags there, the others in `tags`. `styled` allows colours in `out`.
pub(crate) fn writer<'w>(
    format: Format,
    out: &'w mut dyn Write,
    tags: &'w mut dyn Write,
    styled: bool,
) -> Box<dyn RowWriter + 'w> {
    match format {
        Format::Table => Box::new(table::Table::new(out, table::Sample::DEFAULT, styled)),
        Format::Csv => Box::new(csv::Csv::new(out, tags)),
        Format::Json => Box::new(json::Json::new(out, tags, json::Framing::Array)),
        Format::Jsonl => Box::new(json::Json::new(out, tags, json::Framing::Lines)),
    }
}

#[cfg(test)]
mod tests;
