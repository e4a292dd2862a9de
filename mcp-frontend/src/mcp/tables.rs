//! What tables there are, and what columns they have.

use std::sync::Arc;

use super::call::Call;
use super::failure::Failure;
use super::state::State;

/// A table of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
}

/// A column of a table, in the table's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// In Hyper's words, such as `numeric(18,2)`.
    pub(crate) ty: String,
    pub(crate) nullable: bool,
}

/// The tables of the database with this alias, by schema and name.
pub(crate) async fn tables(_state: &Arc<State>, _alias: &str, _call: &Call) -> Result<Vec<Table>, Failure> {
    Err(Failure::new("not built"))
}

/// The columns of a table; none if there is no such table.
pub(crate) async fn columns(
    _state: &Arc<State>,
    _alias: &str,
    _table: &Table,
    _call: &Call,
) -> Result<Vec<Column>, Failure> {
    Err(Failure::new("not built"))
}
