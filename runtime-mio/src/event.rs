//! What a connection tells its embedder.

use std::sync::Arc;

use hyperwire_core::row::Columns;
use hyperwire_core::session::{CommandTag, Prepared, RequestId, ServerError, StatementError};
use hyperwire_core::wire::TransactionStatus;

/// Something that happened on a [`Connection`](crate::Connection).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The session is open; requests that were given before are on their way.
    Ready,
    /// The columns of a result.
    Columns {
        /// Whose.
        id: RequestId,
        /// What they are.
        columns: Columns,
    },
    /// A row: look at it with [`Connection::row`](crate::Connection::row), or at it and those behind it with
    /// [`Connection::for_each_row`](crate::Connection::for_each_row), before the next event.
    Row(RequestId),
    /// A statement is done. It may still fail when its transaction ends; only [`Event::Finished`] without
    /// [`Event::Failed`] before it is success.
    Complete {
        /// Whose.
        id: RequestId,
        /// What it did.
        tag: CommandTag,
    },
    /// The statement was empty.
    Empty(RequestId),
    /// A statement was prepared.
    Prepared {
        /// Whose.
        id: RequestId,
        /// For [`Connection::query_prepared`](crate::Connection::query_prepared).
        statement: Statement,
    },
    /// The request failed; the session goes on.
    Failed {
        /// Whose.
        id: RequestId,
        /// Why.
        error: StatementError,
    },
    /// The request is over.
    Finished {
        /// Whose.
        id: RequestId,
        /// Whether a transaction is open now.
        transaction: TransactionStatus,
    },
    /// The server has something to say that is not an error.
    Notice(Box<ServerError>),
    /// The server works on the open statement; it says so every 5 s.
    Pulse,
    /// What [`Connection::close`](crate::Connection::close) began is done.
    Closed,
}

/// A statement that the server has parsed: each run is one round trip, without parsing it again.
///
/// It belongs to the connection that prepared it, and stays until that ends or
/// [`Connection::close_statement`](crate::Connection::close_statement) is called.
#[derive(Clone, Debug)]
pub struct Statement {
    prepared: Box<Prepared>,
    owner: Owner,
}

/// Tells the statements of one connection from those of another, which may have the same names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owner(Arc<()>);

impl Statement {
    /// What the server said of it: its parameters and its columns.
    #[must_use]
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }
}

impl Owner {
    pub(crate) fn statement(&self, prepared: Box<Prepared>) -> Statement {
        Statement { prepared, owner: self.clone() }
    }

    pub(crate) fn owns(&self, statement: &Statement) -> bool {
        Arc::ptr_eq(&self.0, &statement.owner.0)
    }
}
