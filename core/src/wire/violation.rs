//! The ways in which a peer can break the protocol or exceed a limit.

/// The peer broke the protocol. Nothing it sends afterwards can be trusted, so the session ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The protocol defines no message with this type byte in this direction.
    #[error("unknown message type {tag:#04x}")]
    UnknownMessage {
        /// The type byte.
        tag: u8,
    },
    /// The length word of a message was smaller than itself.
    #[error("message {tag:#04x} declares a length of {length}, less than the 4 bytes of the length itself")]
    LengthTooSmall {
        /// The type byte, 0 for the untyped messages that open a connection.
        tag: u8,
        /// The declared length.
        length: i32,
    },
    /// The body of a message ended inside a field.
    #[error("{message} ended in the middle of a field")]
    Truncated {
        /// The message's name in the protocol.
        message: &'static str,
    },
    /// The body of a message went on after its last field.
    #[error("{message} has {count} bytes after its last field")]
    TrailingBytes {
        /// The message's name in the protocol.
        message: &'static str,
        /// How many bytes were left.
        count: usize,
    },
    /// A string had no terminating zero byte.
    #[error("a string in {message} has no terminating zero byte")]
    MissingTerminator {
        /// The message's name in the protocol.
        message: &'static str,
    },
    /// A string that must be UTF-8 was not.
    #[error("a string in {message} is not UTF-8")]
    NotUtf8 {
        /// The message's name in the protocol.
        message: &'static str,
    },
    /// A number has a value that the protocol does not define.
    #[error("{message} carries the {field} {value}, which the protocol does not define")]
    BadValue {
        /// The message's name in the protocol.
        message: &'static str,
        /// The field's name in the protocol.
        field: &'static str,
        /// The value found.
        value: i64,
    },
    /// A message arrived in a phase in which the protocol does not allow it.
    #[error("{message} arrived while {phase}")]
    UnexpectedMessage {
        /// The message's name in the protocol.
        message: &'static str,
        /// What the session was doing.
        phase: &'static str,
    },
    /// A row has a different number of fields from its description.
    #[error("a DataRow has {found} fields, but its RowDescription has {described}")]
    FieldCount {
        /// Fields in the row.
        found: usize,
        /// Columns in the description.
        described: usize,
    },
    /// The answer to SSLRequest was neither `S` nor `N`.
    #[error("the answer to SSLRequest was {answer:#04x}, neither 'S' nor 'N'")]
    BadTlsAnswer {
        /// The byte that arrived.
        answer: u8,
    },
    /// Bytes arrived after the answer to SSLRequest and before the TLS handshake: somebody may have injected them.
    #[error("the server sent bytes before the TLS handshake")]
    BytesBeforeTls,
    /// The server failed to prove that it knows the password, or broke the SCRAM exchange.
    #[error("the SCRAM exchange failed: {0}")]
    Scram(&'static str),
}

/// The peer sent or asked for more than the caller's [`Limits`](super::Limits) allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{what} of {found} exceeds the limit of {limit}")]
pub struct LimitExceeded {
    /// What was too large.
    pub what: LimitKind,
    /// What the peer sent or declared.
    pub found: u64,
    /// What the limits allow.
    pub limit: u64,
}

/// A quantity that [`Limits`](super::Limits) bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LimitKind {
    /// The length of one message in bytes, including its length word.
    #[error("a message length")]
    MessageLength,
    /// The number of columns in one result.
    #[error("a column count")]
    Columns,
    /// The number of SCRAM iterations that the server asked the client to compute.
    #[error("a SCRAM iteration count")]
    ScramIterations,
    /// The length, in bytes, of all messages before the login succeeds.
    #[error("a total length of login messages")]
    StartupLength,
    /// The number of settings that the server reported.
    #[error("a settings count")]
    Settings,
    /// The length, in bytes, of all settings that the server reported.
    #[error("a total settings length")]
    SettingsLength,
}
