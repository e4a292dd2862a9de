//! What a session tells its driver.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{ServerError, StatementError};
use crate::row::Columns;
use crate::time::Instant;
use crate::wire::{CancelKey, TransactionStatus};

/// Names one request of one session. Requests of a session are numbered from 1 in the order they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(super) u64);

/// Something that happened. The first two are for the driver to act upon, the others are news for its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server agreed to TLS: do the handshake on this connection, then call
    /// [`Session::tls_established`](super::Session::tls_established).
    StartTls,
    /// Open a second connection to the same server, send CancelRequest with this key, wait until the server closes it,
    /// [`CANCEL_TIMEOUT`](super::CANCEL_TIMEOUT) at most for all of that, then say what came of it by
    /// [`Session::cancel_ended`](super::Session::cancel_ended).
    SendCancel(CancelKey),
    /// Start-up is over.
    Ready,
    /// The columns of a result.
    Columns {
        /// Whose.
        id: RequestId,
        /// What they are.
        columns: Columns,
    },
    /// A row: look at it with [`Session::row`](super::Session::row) before the next poll.
    Row(RequestId),
    /// The server waits for COPY data.
    CopyIn(RequestId),
    /// The server is about to send COPY data.
    CopyOut(RequestId),
    /// COPY data: look at it with [`Session::copy_data`](super::Session::copy_data) before the next poll.
    CopyData(RequestId),
    /// A statement is done.
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
        /// What is known of it.
        statement: Box<Prepared>,
    },
    /// The request failed; the session goes on.
    Failed {
        /// Whose.
        id: RequestId,
        /// Why.
        error: StatementError,
    },
    /// The request is over, after its results or its failure. The next one may run.
    Finished {
        /// Whose.
        id: RequestId,
        /// Whether a transaction is open now.
        transaction: TransactionStatus,
    },
    /// The server has something to say that is not an error.
    Notice(Box<ServerError>),
    /// The server is alive and works on the open statement; it says so every 5 s.
    Pulse,
}

/// A prepared statement, as the server described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    pub(super) name: Box<str>,
    pub(super) parameters: Vec<u32>,
    pub(super) columns: Option<Columns>,
}

impl Prepared {
    /// The name that the session gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters' types as they were declared; 0 where Hyper infers them (it does not say what it inferred).
    #[must_use]
    pub fn parameters(&self) -> &[u32] {
        &self.parameters
    }

    /// The columns of its result; `None` if it returns no rows.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }
}

/// What a statement did, in the server's words: `SELECT 3`, `INSERT 0 3`, `CREATE TABLE` ...
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommandTag(Box<str>);

impl CommandTag {
    pub(super) fn new(tag: &str) -> Self {
        Self(tag.into())
    }

    /// The tag as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number at its end: rows returned, inserted, updated, deleted or copied. Hyper says `SELECT 0` for every
    /// CREATE TABLE AS.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.0.rsplit(' ').next()?.parse().ok()
    }
}

impl fmt::Display for CommandTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Bytes from the server. False while a row is at hand that the caller has no demand for: TCP then slows the server
    /// down.
    pub readable: bool,
    /// Space to write: the output buffer is not empty.
    pub writable: bool,
    /// When to call [`Session::handle_timeout`](super::Session::handle_timeout), and why.
    pub deadline: Option<(Instant, Timer)>,
}

/// Why a session wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Timer {
    /// Events are queued: poll now.
    #[error("events are queued")]
    Queued,
    /// The start-up takes too long.
    #[error("the server did not finish the start-up in time; it may be out of threads or hung")]
    Startup,
    /// The deadline that the caller gave a statement.
    #[error("a statement's deadline passed")]
    Statement,
    /// The server does not answer a Sync, which takes it no time.
    #[error("the server did not answer a Sync in time: it is hung or out of reach")]
    Sync,
    /// A dropped result still arrives.
    #[error("a dropped result still arrives")]
    Abandon,
    /// The server was told to cancel and did not.
    #[error(
        "the server did not cancel a statement in time; its effect is unknown and the session was given up"
    )]
    CancelGrace,
}
