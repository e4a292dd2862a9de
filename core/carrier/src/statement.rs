//! Prepared statements.

use std::sync::{Arc, Mutex, PoisonError};

use hyperwire_core::row::Columns;
use hyperwire_core::session::Prepared;

/// A statement that the server has parsed: each run is one round trip, without parsing it again.
///
/// It belongs to the client that prepared it. When it is dropped, the client closes it at its next prepare.
#[derive(Debug)]
pub struct Statement {
    pub(crate) prepared: Prepared,
    graveyard: Graveyard,
}

impl Statement {
    pub(crate) fn new(prepared: Prepared, graveyard: Graveyard) -> Self {
        Self { prepared, graveyard }
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
        self.graveyard.bury(self.prepared.name());
    }
}

/// Names of statements that were dropped and are to be closed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graveyard(Arc<Mutex<Vec<String>>>);

impl Graveyard {
    fn bury(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
    }

    pub(crate) fn dig(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(crate) fn is_of(&self, statement: &Statement) -> bool {
        Arc::ptr_eq(&self.0, &statement.graveyard.0)
    }
}
