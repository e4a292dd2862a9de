//! How a statement is prepared: those that were dropped are closed first.

use std::task::{Poll, ready};

use hyperwire_core::row::Type;

use crate::client::Client;
use crate::error::Error;
use crate::response::Response;
use crate::statement::Statement;
use crate::transport::Transport;

/// The progress of preparing a statement.
#[derive(Debug)]
pub struct Preparing<'s> {
    sql: &'s str,
    types: &'s [Type],
    step: Step,
}

#[derive(Debug)]
enum Step {
    Begin,
    /// Closes the dropped statements, one after the other.
    Close(Option<Response>),
    Prepare(Response),
}

impl<'s> Preparing<'s> {
    /// For this statement, with a type for each of `$1`, `$2` ...
    #[must_use]
    pub fn new(sql: &'s str, types: &'s [Type]) -> Self {
        Self { sql, types, step: Step::Begin }
    }
}

impl<T: Transport> Client<T> {
    /// Prepares a statement, after it has closed those that were dropped. If the polling ends early, what has been prepared
    /// is closed again.
    ///
    /// # Errors
    /// As for [`Client::query`]; the server refuses the statement.
    pub fn poll_prepared(&mut self, preparing: &mut Preparing<'_>) -> Poll<Result<Statement, Error>> {
        loop {
            preparing.step = match &mut preparing.step {
                Step::Begin => {
                    ready!(self.poll_ready())?;
                    Step::Close(None)
                }
                Step::Close(closing) => {
                    ready!(self.poll_pending_closes(closing))?;
                    let id = self.connection.prepare(preparing.sql, preparing.types)?;
                    Step::Prepare(self.opened(id))
                }
                Step::Prepare(response) => return response.poll_prepared(self),
            };
        }
    }

    fn poll_pending_closes(&mut self, closing: &mut Option<Response>) -> Poll<Result<(), Error>> {
        loop {
            if let Some(response) = closing {
                match ready!(response.poll_finished(self)) {
                    // A statement that the server does not know any more is as good as closed.
                    Ok(_) | Err(Error::Statement(_)) => *closing = None,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            let Some(name) = self.pending_closes.next() else { return Poll::Ready(Ok(())) };
            let id = self.connection.close_statement(&name)?;
            *closing = Some(self.opened(id));
        }
    }
}
