//! What a connection waits for.

use std::time::Instant;

/// Who has the word, from [`Connection::wants`](crate::Connection::wants): what has to happen before a connection has
/// something new to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// More can be done right now, without waiting: call [`Connection::on_timeout`](crate::Connection::on_timeout), and
    /// poll.
    Turn,
    /// The server: wait in the poll, at most until then.
    Until(Instant),
    /// The server, however long it takes: wait in the poll. Nothing bounds this wait, unless there is a
    /// [statement timeout](crate::Connection::set_statement_timeout).
    Readiness,
    /// The embedder: rows are held back until it [demands](crate::Connection::demand) them, or abandons or cancels
    /// their request. The poll tells nothing before that, but that a deadline has passed, if there is one.
    Demand,
    /// The embedder: no request is open. The poll tells nothing but that the server ends the connection.
    Request,
    /// Nothing: the connection is over, and a poll without another reason to end would wait for ever.
    Nothing,
}
