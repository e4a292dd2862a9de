//! Columns, rows and values.

mod column;

pub use column::{Column, Columns};
