//! How a session is closed in good order: decided here for every runtime.

use std::task::{Poll, ready};

use hyperwire_core::session::{SqlState, StatementError};

use crate::client::Client;
use crate::error::Error;
use crate::response::Response;
use crate::transport::Transport;

/// The progress of closing a client: an open transaction is rolled back, the database is detached, and the server closes its
/// end.
#[derive(Debug, Default)]
pub struct Closing {
    step: Step,
    /// Why the database may lack what was committed.
    failed: Option<Error>,
}

#[derive(Debug, Default)]
enum Step {
    #[default]
    Begin,
    Settle,
    Detach(Response),
    /// The server closes its end.
    Goodbye,
}

impl<T: Transport> Client<T> {
    /// Closes the session; pass the outcome, also that of waiting, to [`Closing::ended`].
    pub fn poll_closed(&mut self, closing: &mut Closing) -> Poll<Result<(), Error>> {
        loop {
            closing.step = match &mut closing.step {
                Step::Begin => {
                    self.orphan_transaction();
                    Step::Settle
                }
                Step::Settle => {
                    let settled = ready!(self.poll_ready());
                    if self.config().session.database.is_some() {
                        settled?;
                    }
                    match self.connection.detach()? {
                        Some(id) => Step::Detach(self.opened(id)),
                        None => self.goodbye(),
                    }
                }
                Step::Detach(response) => {
                    closing.failed =
                        ready!(response.poll_finished(self)).err().filter(|error| !is_detached(error));
                    self.goodbye()
                }
                Step::Goodbye => {
                    let is_over = self.next_event().is_err() || self.connection.is_close_overdue();
                    return if is_over { Poll::Ready(Ok(())) } else { Poll::Pending };
                }
            };
        }
    }

    fn goodbye(&mut self) -> Step {
        self.connection.say_goodbye();
        Step::Goodbye
    }
}

impl Closing {
    /// The result of closing, given the outcome of [`Client::poll_closed`] or of waiting for it: a connection that is lost
    /// after Terminate was sent counts as closed.
    ///
    /// # Errors
    /// The server could not write the database, or it is unknown whether it did.
    pub fn ended(self, outcome: Result<(), Error>) -> Result<(), Error> {
        match self.step {
            Step::Goodbye => self.failed.map_or(Ok(()), Err),
            _ => outcome,
        }
    }
}

fn is_detached(error: &Error) -> bool {
    matches!(error, Error::Statement(error) if is_detached_already(error))
}

/// Whether a DETACH failed because the caller has detached the database before.
#[must_use]
pub fn is_detached_already(error: &StatementError) -> bool {
    matches!(error, StatementError::Server(error) if error.code() == SqlState::INVALID_CATALOG_NAME)
}
