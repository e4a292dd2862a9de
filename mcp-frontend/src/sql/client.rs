//! What this command needs of a connection.

use std::io;

use super::format::RowWriter;

/// A connection whose results come as Hyper's own text (`result_format_code=Text`, `extra_float_digits=3`).
pub(crate) trait Client {
    /// Runs one statement and hands its result over as it arrives: `begin` and any number of `row` if it returns rows,
    /// and `finish` with the command tag in any case, unless it fails. Warnings go to `notice` when they come.
    fn run(
        &mut self,
        statement: &str,
        rows: &mut dyn RowWriter,
        notice: &mut dyn FnMut(&ServerReport),
    ) -> Result<(), Failure>;

    /// Ends the connection in order. Only when this succeeds is everything on disk that the statements wrote; a
    /// failure is a sentence for the user.
    fn close(self: Box<Self>) -> Result<(), String>;
}

/// Why a statement did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server says why; the connection goes on.
    Server(ServerReport),
    /// The statement cannot be run or shown here; the connection goes on. A sentence for the user.
    Statement(String),
    /// The connection is lost or cannot be trusted. A sentence for the user.
    Connection(String),
    /// A [`RowWriter`] could not write. Whatever the statement still had to say was dropped.
    Output(io::Error),
}

/// An ErrorResponse or NoticeResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerReport {
    pub(crate) sqlstate: String,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub(crate) position: Option<usize>,
}

/// `57014`: the statement was canceled.
pub(crate) const QUERY_CANCELED: &str = "57014";

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
