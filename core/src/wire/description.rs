//! RowDescription and ParameterDescription.

use alloc::vec::Vec;

use super::{Reader, Violation, put_count, put_cstr};

/// The columns of a result. [`RowDescription::columns`] decodes them again each time, so this type holds only a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowDescription<'a> {
    columns: usize,
    body: &'a [u8],
}

/// One column of a [`RowDescription`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnDescription<'a> {
    /// The column's name; Hyper calls unnamed expressions `1`, `2` ... by position.
    pub name: &'a str,
    /// The OID of the table that the column comes from, 0 if it is an expression.
    pub table_oid: u32,
    /// The column's number in that table, 0 if it is an expression.
    pub attribute: i16,
    /// The data type.
    pub type_oid: u32,
    /// The size of a value in bytes, -1 if it varies. Hyper reports 4 for `time` and 1 for `char(1)`, and both are
    /// wrong.
    pub type_size: i16,
    /// The type's length, or its precision and scale; -1 for a type that has none.
    pub type_modifier: i32,
    /// The format code. Hyper always sends 0, whatever the real format is.
    pub format: i16,
}

impl<'a> RowDescription<'a> {
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new("RowDescription", body);
        let columns = reader.count("column count")?;
        let body = reader.clone().remainder();
        for _ in 0..columns {
            column(&mut reader)?;
        }
        reader.finish()?;
        Ok(Self { columns, body })
    }

    /// The number of columns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns
    }

    /// Whether the result has no columns at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns == 0
    }

    /// The columns in order.
    pub fn columns(&self) -> impl Iterator<Item = ColumnDescription<'a>> + use<'a> {
        let mut reader = Reader::new("RowDescription", self.body);
        core::iter::from_fn(move || column(&mut reader).ok()).take(self.columns)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_count(out, self.columns);
        out.extend_from_slice(self.body);
    }

    /// Encodes these columns and appends them to `out`, for a server that uses [`RowDescription::from_body`].
    pub fn write_columns(columns: &[ColumnDescription<'_>], out: &mut Vec<u8>) {
        put_count(out, columns.len());
        for column in columns {
            put_cstr(out, column.name.as_bytes());
            out.extend_from_slice(&column.table_oid.to_be_bytes());
            out.extend_from_slice(&column.attribute.to_be_bytes());
            out.extend_from_slice(&column.type_oid.to_be_bytes());
            out.extend_from_slice(&column.type_size.to_be_bytes());
            out.extend_from_slice(&column.type_modifier.to_be_bytes());
            out.extend_from_slice(&column.format.to_be_bytes());
        }
    }

    /// Wraps bytes that [`RowDescription::write_columns`] produced.
    ///
    /// # Errors
    /// If the bytes are not a well-formed column list.
    pub fn from_body(body: &'a [u8]) -> Result<Self, Violation> {
        Self::decode(body)
    }
}

fn column<'a>(reader: &mut Reader<'a>) -> Result<ColumnDescription<'a>, Violation> {
    Ok(ColumnDescription {
        name: reader.text()?,
        table_oid: reader.u32()?,
        attribute: reader.i16()?,
        type_oid: reader.u32()?,
        type_size: reader.i16()?,
        type_modifier: reader.i32()?,
        format: reader.i16()?,
    })
}

/// A list of parameter types: those that the server reports for a statement, or those that Parse declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterTypes<'a> {
    oids: &'a [[u8; 4]],
}

impl<'a> ParameterTypes<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Violation> {
        let count = reader.count("parameter count")?;
        let (oids, _) = reader.bytes(count * 4)?.as_chunks();
        Ok(Self { oids })
    }

    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new("ParameterDescription", body);
        let types = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(types)
    }

    /// Wraps type OIDs in network byte order.
    #[must_use]
    pub fn from_be_bytes(oids: &'a [[u8; 4]]) -> Self {
        Self { oids }
    }

    /// The number of parameters.
    #[must_use]
    pub fn len(&self) -> usize {
        self.oids.len()
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.oids.is_empty()
    }

    /// The types in order; 0 means "infer it".
    pub fn oids(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.oids.iter().map(|oid| u32::from_be_bytes(*oid))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_count(out, self.oids.len());
        out.extend_from_slice(self.oids.as_flattened());
    }
}
