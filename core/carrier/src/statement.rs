//! Prepared statements.

use std::sync::{Arc, Mutex, PoisonError};

use hyperwire_core::row::Columns;
use hyperwire_core::session::Prepared;

/// A statement that the server has parsed: each run is one round trip and parses nothing.
///
/// It belongs to the client that prepared it, which closes a dropped statement when it next prepares one.
#[derive(Debug)]
pub struct Statement {
    pub(crate) prepared: Prepared,
    pending_closes: PendingCloses,
}

impl Statement {
    pub(crate) fn new(prepared: Prepared, pending_closes: PendingCloses) -> Self {
        Self { prepared, pending_closes }
    }

    /// The columns of its result; `None` if it returns no rows.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.prepared.columns()
    }

    /// How many parameters it takes.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.prepared.parameters().len()
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        self.pending_closes.push(self.prepared.name());
    }
}

/// The names of dropped statements that are still to be closed.
#[derive(Clone, Debug, Default)]
pub(crate) struct PendingCloses(Arc<Mutex<Vec<String>>>);

impl PendingCloses {
    fn push(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
    }

    pub(crate) fn next(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(crate) fn is_of(&self, statement: &Statement) -> bool {
        Arc::ptr_eq(&self.0, &statement.pending_closes.0)
    }
}
