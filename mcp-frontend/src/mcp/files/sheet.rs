//! Rows written down for hyperd to read.

use std::io::{BufWriter, Write};
use std::path::Path;

use super::plain::no_room;
use crate::mcp::disk::{Temporary, TemporaryPath};
use crate::mcp::failure::Failure;
use crate::sql::format::csv::put;

/// A CSV file in the scratch folder, without a header. NULL is nothing at all, an empty text is `""`.
pub(crate) struct Sheet {
    out: BufWriter<Temporary>,
    line: Vec<u8>,
}

impl Sheet {
    pub(crate) fn create(scratch: &Path) -> Result<Self, Failure> {
        let file = Temporary::new_in(scratch).map_err(|error| no_room(&error))?;
        Ok(Self { out: BufWriter::with_capacity(1 << 17, file), line: Vec::new() })
    }

    pub(crate) fn row<'f>(&mut self, fields: impl Iterator<Item = Option<&'f str>>) -> Result<(), Failure> {
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
        self.out.write_all(&self.line).map_err(|error| no_room(&error))
    }

    pub(crate) fn finish(self) -> Result<TemporaryPath, Failure> {
        let file = self.out.into_inner().map_err(|error| no_room(error.error()))?;
        Ok(file.into_path())
    }
}
