//! Comma-separated values, as PostgreSQL's and Hyper's own COPY write them: NULL is nothing at all, an empty text is
//! `""`.
//!
//! Not written with the `csv` crate, whose quoting is one for the whole file: it cannot tell NULL from an empty text,
//! and writes a lone NULL as `""`. The tests read back with it.

use std::io::{self, Write};

use super::{ColumnHead, RowWriter};

pub(super) struct Csv<'w> {
    out: &'w mut dyn Write,
    tags: &'w mut dyn Write,
    line: Vec<u8>,
    in_result: bool,
    /// Results after the first are set apart by an empty line.
    written: bool,
}

impl<'w> Csv<'w> {
    pub(super) fn new(out: &'w mut dyn Write, tags: &'w mut dyn Write) -> Self {
        Self { out, tags, line: Vec::new(), in_result: false, written: false }
    }

    fn line<'f>(&mut self, fields: impl Iterator<Item = Option<&'f str>>) -> io::Result<()> {
        self.line.clear();
        for (index, field) in fields.enumerate() {
            if index > 0 {
                self.line.push(b',');
            }
            if let Some(text) = field {
                put(text, &mut self.line);
            }
        }
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }
}

impl RowWriter for Csv<'_> {
    fn begin(&mut self, columns: &[ColumnHead<'_>]) -> io::Result<()> {
        if self.written {
            self.out.write_all(b"\n")?;
        }
        self.in_result = true;
        self.written = true;
        self.line(columns.iter().map(|column| Some(column.name)))
    }

    fn row(&mut self, fields: &[Option<&str>]) -> io::Result<()> {
        self.line(fields.iter().copied())
    }

    fn finish(&mut self, tag: &str) -> io::Result<()> {
        if !std::mem::take(&mut self.in_result) {
            writeln!(self.tags, "{tag}")?;
        }
        self.out.flush()
    }

    fn break_off(&mut self) -> io::Result<()> {
        self.in_result = false;
        self.out.flush()
    }
}

pub(crate) fn put(text: &str, line: &mut Vec<u8>) {
    if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return line.extend_from_slice(text.as_bytes());
    }
    line.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}
