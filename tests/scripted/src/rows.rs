//! Results that a script sends.

use hyperwire_core::wire::{BackendMessage, ColumnDescription, DataRow, RowDescription};

/// The type OIDs that scripts use most, as Hyper has them.
pub mod oid {
    /// `boolean`
    pub const BOOLEAN: u32 = 16;
    /// `bigint`
    pub const BIGINT: u32 = 20;
    /// `integer`
    pub const INTEGER: u32 = 23;
    /// `text`
    pub const TEXT: u32 = 25;
    /// `double precision`
    pub const DOUBLE: u32 = 701;
}

/// A result, encoded once and sent as often as wanted.
#[derive(Clone, Debug)]
pub struct Rows {
    description: Vec<u8>,
    rows: Vec<u8>,
    count: u64,
}

impl Rows {
    /// A result without rows, of columns with these names and type OIDs.
    #[must_use]
    pub fn of<'a>(columns: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        let columns: Vec<_> = columns
            .into_iter()
            .map(|(name, type_oid)| ColumnDescription {
                name,
                table_oid: 0,
                attribute: 0,
                type_oid,
                type_size: type_size(type_oid),
                type_modifier: -1,
                format: 0,
            })
            .collect();
        let (mut body, mut description) = (Vec::new(), Vec::new());
        RowDescription::write_columns(&columns, &mut body);
        let columns = RowDescription::from_body(&body).expect("what was just written");
        BackendMessage::RowDescription(columns).encode(&mut description);
        Self { description, rows: Vec::new(), count: 0 }
    }

    /// Adds a row of text, or of bytes in any other format; `None` is NULL.
    #[must_use]
    pub fn row<F: AsRef<[u8]>>(mut self, fields: impl IntoIterator<Item = Option<F>>) -> Self {
        let fields: Vec<_> = fields.into_iter().collect();
        let fields: Vec<_> = fields.iter().map(|field| field.as_ref().map(AsRef::as_ref)).collect();
        put_row(&fields, &mut self.rows);
        self.count += 1;
        self
    }

    /// RowDescription, as it goes over the wire.
    #[must_use]
    pub fn description(&self) -> &[u8] {
        &self.description
    }

    /// All DataRows, as they go over the wire.
    #[must_use]
    pub fn rows(&self) -> &[u8] {
        &self.rows
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Appends one DataRow message.
pub(super) fn put_row(fields: &[Option<&[u8]>], out: &mut Vec<u8>) {
    let mut body = Vec::new();
    DataRow::write_fields(fields, &mut body);
    BackendMessage::DataRow(DataRow::from_body(&body).expect("what was just written")).encode(out);
}

/// What RowDescription says of a type's size: bytes, or -1 if they vary.
fn type_size(type_oid: u32) -> i16 {
    match type_oid {
        oid::BOOLEAN => 1,
        oid::INTEGER => 4,
        oid::BIGINT | oid::DOUBLE => 8,
        _ => -1,
    }
}
