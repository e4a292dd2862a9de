//! What can go wrong, and whose fault it is.

use std::io;

use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::row::{DecodeError, ParameterError};
use hyperwire_core::session::{Blame, Fault, Misuse, ServerError, SqlState, StatementError};

use crate::config::Config;

/// Why an operation of a client failed.
///
/// What the system said is the [`source`](std::error::Error::source), and not in the text; [`with_causes`] gives both.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection could be made.
    #[error("cannot connect to {endpoint}")]
    Connect {
        /// To where.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The session is dead; the client is of no use any more.
    #[error("{fault}")]
    Session {
        /// Why.
        fault: Fault,
        /// What the system said, if it was the system.
        source: Option<io::Error>,
    },
    /// The statement failed; the client goes on.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// One statement of a batch failed; those before it have run, those behind it have not.
    #[error("statement {} of the batch failed: {error}", index + 1)]
    Batch {
        /// Which one, counted from 0.
        index: usize,
        /// Why.
        error: Box<Self>,
    },
    /// The call makes no sense; nothing was sent.
    #[error(transparent)]
    Misuse(Misuse),
    /// The parameters do not fit the protocol; nothing was sent.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// A value is not of the type that was asked for.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A transaction is open already, and Hyper has neither nested ones nor savepoints.
    #[error("a transaction is open already; Hyper has no nested ones")]
    InTransaction,
    /// The transaction had failed before its COMMIT, so the server rolled it back.
    #[error("the transaction had failed before, so COMMIT rolled it back; nothing of it was kept")]
    RolledBack,
    /// A statement was prepared by another client.
    #[error("the statement was prepared by another client; a prepared statement belongs to its session")]
    ForeignStatement,
    /// The server cannot be asked to cancel: it gave this session no key.
    #[error("the server gave this session no cancel key")]
    NoCancelKey,
    /// The TLS handshake failed.
    #[error("the TLS handshake failed: {0}")]
    Tls(io::Error),
}

impl Error {
    /// No connection could be made to where the configuration leads.
    #[must_use]
    pub fn connect(config: &Config, source: io::Error) -> Self {
        Self::Connect { endpoint: config.endpoint.clone(), source }
    }

    /// Says which statement of a batch it is, counted from 0.
    #[must_use]
    pub fn in_batch(self, index: usize) -> Self {
        Self::Batch { index, error: Box::new(self) }
    }

    /// What the server said, if it was the server.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Statement(StatementError::Server(error))
            | Self::Session { fault: Fault::Refused(error), .. } => Some(error),
            Self::Batch { error, .. } => error.server(),
            _ => None,
        }
    }

    /// The SQLSTATE, if it was the server.
    #[must_use]
    pub fn code(&self) -> Option<SqlState> {
        self.server().map(ServerError::code)
    }

    /// Whether the client is of no use any more.
    #[must_use]
    pub fn is_session_lost(&self) -> bool {
        match self {
            Self::Session { .. } | Self::Misuse(Misuse::Dead(_)) | Self::Connect { .. } | Self::Tls(_) => {
                true
            }
            Self::Batch { error, .. } => error.is_session_lost(),
            _ => false,
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Session { fault, .. } | Self::Misuse(Misuse::Dead(fault)) => fault.blame(),
            Self::Connect { .. } => Blame::Link,
            Self::Statement(StatementError::Server(_)) => Blame::Server,
            Self::Tls(_) => Blame::Peer,
            Self::Batch { error, .. } => error.blame(),
            Self::Statement(_)
            | Self::Misuse(_)
            | Self::Parameters(_)
            | Self::Decode(_)
            | Self::InTransaction
            | Self::RolledBack
            | Self::ForeignStatement
            | Self::NoCancelKey => Blame::Caller,
        }
    }
}

/// A dead session is not the caller's mistake: each call says why it is dead.
impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        match misuse {
            Misuse::Dead(fault) => fault.into(),
            misuse => Self::Misuse(misuse),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Session { fault, source: None }
    }
}

/// An error and what caused it, in one line, for a person.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
