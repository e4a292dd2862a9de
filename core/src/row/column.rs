//! What a result's columns are.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::wire::{ColumnDescription, Format, RowDescription};

/// One column of a result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    name: Box<str>,
    type_oid: u32,
    type_modifier: i32,
    table_oid: u32,
    attribute: i16,
    format: Format,
}

/// The columns of a result: shared, cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Columns(Arc<[Column]>);
