//! Why a session ended, why a statement failed, why a command was not taken. Each says whose fault it is.

use alloc::boxed::Box;
use alloc::string::String;

use super::{ServerError, Timer};
use crate::row::Type;
use crate::wire::{FrameError, LimitExceeded, Violation};

/// Why a session is dead. Once it is, it stays so, and every later call says the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The server broke the protocol.
    #[error("the server broke the protocol: {0}; the connection cannot be trusted any further, open another")]
    Violation(Violation),
    /// The server sent more than the caller's limits allow.
    #[error("{0}; raise it in Limits if the server is to be trusted that far")]
    Limit(LimitExceeded),
    /// The server refused the login, or ended the session with an error.
    #[error("the server refused the session: {0}")]
    Refused(Box<ServerError>),
    /// The server asked for something that the configuration does not give.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// TLS was required and the server has none.
    #[error(
        "the server has no TLS and the configuration requires it; start it with a certificate or use Tls::Prefer"
    )]
    NoTls,
    /// A bound on waiting passed.
    #[error("{0}")]
    Deadline(Timer),
    /// The connection is gone.
    #[error("connection lost: {loss}{}", if *.request_open { "; the open statement may or may not have run" } else { "" })]
    Link {
        /// How the runtime learned of it.
        loss: LinkLoss,
        /// Whether a statement was open: its effect is unknown.
        request_open: bool,
    },
    /// A CancelRequest was sent and the server was not seen to take it: it may arrive at any time, and would cancel
    /// whatever runs then. The session finished what it had begun, and ended before anything else was sent.
    #[error(
        "the server did not confirm a cancel request in time, and a late one would cancel the next statement, so this \
         session has ended; what was sent before was answered, nothing else was sent. Next: open another connection"
    )]
    CancelUnsettled,
    /// The caller ended the session.
    #[error("the session was closed by its owner")]
    Closed,
}

/// How a runtime learned that the connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LinkLoss {
    /// The peer closed it. Hyper closes without a word when it ends, and when it cannot make sense of a start-up.
    #[error("the server closed it")]
    Eof,
    /// The peer's system reset it: the server process is gone.
    #[error("the server's system reset it")]
    Reset,
    /// The system gave up on an unreachable peer: keepalive probes or retransmissions went unanswered.
    #[error("the server's machine stopped answering")]
    TimedOut,
    /// The system reported something else; the runtime's error has the details.
    #[error("the system reported an error")]
    Other,
}

/// The server asked for a password exchange that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// The server wants a password and the configuration has none.
    #[error("the server asks for a password and none is configured; set Config::password")]
    NoPassword,
    /// The server wants the password in clear text.
    #[error(
        "the server asks for the password in clear text; allow it with Config::weak_passwords, over TLS only"
    )]
    CleartextNotAllowed,
    /// The server wants an MD5 hash.
    #[error("the server asks for an MD5 password, which is not allowed; see Config::weak_passwords")]
    Md5NotAllowed,
    /// The server offers SASL mechanisms, and SCRAM-SHA-256 is not among them.
    #[error("the server offers {offered}, not SCRAM-SHA-256")]
    NoCommonMechanism {
        /// What it offers, separated by commas.
        offered: String,
    },
    /// A method that this crate does not know.
    #[error("the server asks for authentication method {method}, which this client does not have")]
    UnknownMethod {
        /// The method's number.
        method: i32,
    },
}

/// Why one statement failed. The session goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The server said no.
    #[error("{0}")]
    Server(Box<ServerError>),
    /// The deadline that the caller gave it passed. It was canceled, and rows that were left were thrown away. One that
    /// also writes may have done so.
    #[error("the statement's deadline passed and it was canceled; rows that were left were thrown away")]
    DeadlineExceeded,
    /// It was canceled before it was sent.
    #[error("the statement was canceled before it was sent; nothing ran")]
    NeverSent,
    /// Its table changed since it was prepared: rows have another number of fields than its description.
    #[error(
        "the prepared statement describes {described} columns and returns {found}: its table was altered; prepare it again"
    )]
    Stale {
        /// Columns when it was prepared.
        described: usize,
        /// Fields in the row that came.
        found: usize,
    },
    /// It is a COPY ... TO STDOUT, run as a statement that returns rows.
    #[error("the statement copies out; run it as a copy, not as a query")]
    CopiesOut,
}

/// A command that makes no sense. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// A text that travels as a zero-terminated string contains a zero byte.
    #[error("{what} contains a zero byte, which the protocol cannot carry")]
    ZeroByte {
        /// Which text.
        what: &'static str,
    },
    /// A statement with its parameters would not fit a message.
    #[error("{bytes} bytes do not fit one message (at most {limit}); use COPY for bulk data")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many fit.
        limit: usize,
    },
    /// More parameters than a message can count.
    #[error("{count} parameters are too many (at most 32767); use COPY for bulk data")]
    TooManyParameters {
        /// How many there are.
        count: usize,
    },
    /// The number of parameters is not what the statement has.
    #[error("the statement has {expected} parameters and {found} were given")]
    ParameterCount {
        /// What the statement has.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A parameter of a prepared statement is of another type than it was declared with.
    #[error(
        "${number} was declared as {declared} and {given} was given; convert the value, or prepare with its type"
    )]
    ParameterType {
        /// Which one, from 1.
        number: usize,
        /// What the statement was prepared with.
        declared: Type,
        /// What the value is.
        given: Type,
    },
    /// An entry of `Config::options` is empty or has a blank, for which Hyper has no escape.
    #[error(
        "the option {name} is empty or contains a blank, which Hyper cannot take at start-up; SET it afterwards"
    )]
    UnsendableOption {
        /// The option's name.
        name: String,
    },
    /// The user name is empty; Hyper would close the connection without a word.
    #[error("the user name is empty")]
    NoUser,
    /// COPY data was given while no COPY ... FROM STDIN is open.
    #[error("no COPY FROM STDIN is waiting for data")]
    NotCopying,
    /// The session is dead.
    #[error("{0}")]
    Dead(Fault),
}

/// Whose fault something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The server said no to something it understood.
    Server,
    /// The peer does not keep to the protocol or to the caller's limits.
    Peer,
    /// The caller, or its configuration.
    Caller,
    /// The network, or a process that is gone.
    Link,
}

impl Fault {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Violation(_) | Self::Limit(_) => Blame::Peer,
            Self::Refused(_) | Self::NoTls | Self::Deadline(_) | Self::CancelUnsettled => Blame::Server,
            Self::Authentication(_) | Self::Closed => Blame::Caller,
            Self::Link { .. } => Blame::Link,
        }
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl From<LimitExceeded> for Fault {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

impl From<FrameError> for Fault {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Violation(violation) => violation.into(),
            FrameError::Limit(limit) => limit.into(),
        }
    }
}
