//! What a result's columns are.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use super::{Encoding, Type};
use crate::wire::{ColumnDescription, Format, RowDescription};

/// One column of a result. Displays as its type, modifier included: `numeric(18, 2)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    encoding: Encoding,
    table_oid: u32,
    attribute: i16,
    name: Box<str>,
}

/// The columns of a result: shared, cheap to clone.
///
/// Derefs to a slice, so `len`, `iter`, `get(i)` and indexing are those of `[Column]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Columns(Arc<[Column]>);

impl Column {
    /// A column that no server described: for tests, and for values from elsewhere.
    #[must_use]
    pub fn new(name: &str, encoding: Encoding) -> Self {
        Self { name: name.into(), encoding, table_oid: 0, attribute: 0 }
    }

    /// A column that the server described, with the format that was asked for: Hyper describes every format as text.
    #[must_use]
    pub fn from_description(description: &ColumnDescription<'_>, format: Format) -> Self {
        Self {
            name: description.name.into(),
            encoding: Encoding::with_modifier(
                Type::from_oid(description.type_oid),
                description.type_modifier,
                format,
            ),
            table_oid: description.table_oid,
            attribute: description.attribute,
        }
    }

    /// The name; Hyper calls expressions without one `1`, `2` ... by position.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The table it comes from, 0 if it is an expression.
    #[must_use]
    pub fn table_oid(&self) -> u32 {
        self.table_oid
    }

    /// Its number in that table, from 1; 0 if it is an expression.
    #[must_use]
    pub fn attribute(&self) -> i16 {
        self.attribute
    }

    /// The data type.
    #[must_use]
    pub fn ty(&self) -> Type {
        self.encoding.ty()
    }

    /// The data type's OID.
    #[must_use]
    pub fn type_oid(&self) -> u32 {
        self.ty().oid()
    }

    /// The type's modifier as the server packs it, -1 if it has none. [`Encoding`] unpacks it.
    #[must_use]
    pub fn type_modifier(&self) -> i32 {
        self.encoding.modifier()
    }

    /// The format its values are in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.encoding.format()
    }

    /// Type, modifier and format together.
    #[must_use]
    #[inline]
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.encoding.fmt(f)
    }
}

impl Columns {
    /// The columns of a result whose values are all in one format.
    #[must_use]
    pub fn from_description(description: &RowDescription<'_>, format: Format) -> Self {
        Self::from_description_with(description, |_| format)
    }

    /// The columns of a result whose values are in the format that `format` gives for each type.
    #[must_use]
    pub fn from_description_with(
        description: &RowDescription<'_>,
        mut format: impl FnMut(Type) -> Format,
    ) -> Self {
        description
            .columns()
            .map(|column| Column::from_description(&column, format(Type::from_oid(column.type_oid))))
            .collect()
    }

    /// The position of the first column of that name, spelled exactly so.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.iter().position(|column| column.name() == name)
    }

    /// One big-endian format code a column, as Bind asks for them.
    pub fn format_codes(&self) -> impl ExactSizeIterator<Item = [u8; 2]> + '_ {
        self.iter().map(|column| column.format().code().to_be_bytes())
    }
}

impl Deref for Columns {
    type Target = [Column];

    #[inline]
    fn deref(&self) -> &[Column] {
        &self.0
    }
}

impl FromIterator<Column> for Columns {
    fn from_iter<I: IntoIterator<Item = Column>>(columns: I) -> Self {
        Self(columns.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Columns {
    type Item = &'a Column;
    type IntoIter = core::slice::Iter<'a, Column>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What finds a column: its position from 0, or its name.
pub trait ColumnIndex: fmt::Debug {
    /// The position of the column, `None` if there is no such name. A position is not checked here.
    fn position_in(&self, columns: &Columns) -> Option<usize>;
}

impl ColumnIndex for usize {
    #[inline]
    fn position_in(&self, _: &Columns) -> Option<usize> {
        Some(*self)
    }
}

impl ColumnIndex for str {
    fn position_in(&self, columns: &Columns) -> Option<usize> {
        columns.index_of(self)
    }
}

impl<I: ColumnIndex + ?Sized> ColumnIndex for &I {
    #[inline]
    fn position_in(&self, columns: &Columns) -> Option<usize> {
        (**self).position_in(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use std::string::ToString;

    fn describe(columns: &[ColumnDescription<'_>]) -> Vec<u8> {
        let mut body = Vec::new();
        RowDescription::write_columns(columns, &mut body);
        body
    }

    const ID: ColumnDescription<'static> = ColumnDescription {
        name: "id",
        table_oid: 10_001,
        attribute: 1,
        type_oid: 23,
        type_size: 4,
        type_modifier: -1,
        format: 0,
    };

    #[test]
    fn a_column_has_what_the_server_described_and_the_format_that_was_asked_for() {
        let body =
            describe(&[ID, ColumnDescription { name: "v", type_oid: 1700, type_modifier: 327_686, ..ID }]);
        let description = RowDescription::from_body(&body).expect("a well-formed description");

        let columns = Columns::from_description(&description, Format::HyperBinary);

        assert_eq!(columns.len(), 2);
        let id = &columns[0];
        assert_eq!((id.name(), id.ty(), id.type_oid()), ("id", Type::Integer, 23));
        assert_eq!((id.table_oid(), id.attribute(), id.format()), (10_001, 1, Format::HyperBinary));
        assert_eq!(columns[1].to_string(), "numeric(5, 2)");
        assert_eq!(columns[1].type_modifier(), 327_686);
    }

    #[test]
    fn the_first_of_two_columns_with_one_name_is_found() {
        let column = |name| Column::new(name, Encoding::new(Type::Text, Format::Text));
        let columns: Columns = [column("a"), column("b"), column("b")].into_iter().collect();

        assert_eq!(columns.index_of("b"), Some(1));
        assert_eq!(columns.index_of("B"), None);
        assert_eq!("b".position_in(&columns), Some(1));
        assert_eq!(7.position_in(&columns), Some(7));
    }
}
