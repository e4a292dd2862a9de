//! What can go wrong, and whose fault it is.

use std::io;

use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::row::{DecodeError, ParameterError};
use hyperwire_core::session::{Blame, Fault, Misuse, ServerError, SqlState, StatementError};

use crate::config::Config;

/// Why an operation of a client failed.
///
/// The system's own error is the [`source`](std::error::Error::source) and not part of the text; [`with_causes`] gives both.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection could be made.
    #[error("cannot connect to {endpoint}")]
    Connect {
        /// To where.
        endpoint: Endpoint,
        /// The system's error.
        source: io::Error,
    },
    /// The session is over; the client cannot be used any more.
    #[error("{fault}")]
    Session {
        /// Why.
        fault: Fault,
        /// The system's error, if there was one.
        source: Option<io::Error>,
    },
    /// The statement failed; the client goes on.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// One statement of a batch failed. Those before it have run, those after it have not.
    #[error("statement {} of the batch failed: {error}", index + 1)]
    Batch {
        /// Which one, counted from 0.
        index: usize,
        /// Why.
        error: Box<Self>,
    },
    /// The call is not allowed in this state; nothing was sent.
    #[error(transparent)]
    Misuse(Misuse),
    /// The parameters do not fit the protocol; nothing was sent.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// A value is not of the type that was asked for.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A transaction is open already, and Hyper has neither nested transactions nor savepoints.
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
    /// An [`Error::Connect`] for the endpoint of this configuration.
    #[must_use]
    pub fn connect(config: &Config, source: io::Error) -> Self {
        Self::Connect { endpoint: config.endpoint.clone(), source }
    }

    /// The error of a batch whose statement with this index, counted from 0, failed with `self`.
    #[must_use]
    pub fn in_batch(self, index: usize) -> Self {
        Self::Batch { index, error: Box::new(self) }
    }

    /// The server's error, if the server reported one.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Statement(StatementError::Server(error))
            | Self::Session { fault: Fault::Refused(error), .. } => Some(error),
            Self::Batch { error, .. } => error.server(),
            _ => None,
        }
    }

    /// The SQLSTATE, if the server reported an error.
    #[must_use]
    pub fn code(&self) -> Option<SqlState> {
        self.server().map(ServerError::code)
    }

    /// Whether the session is over, so that the client cannot be used any more.
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

/// A session that is over is not the caller's mistake: each call says why it ended.
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

/// An error and its causes, in one line, for people to read.
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
