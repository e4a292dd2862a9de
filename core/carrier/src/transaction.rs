//! How a transaction ends: decided here for every runtime.
//!
//! A caller who has asked for its end, or has dropped it, believes that it is over. From then on the client is responsible
//! for it: whatever the outcome of COMMIT or ROLLBACK, no other statement is sent before the server reports that no
//! transaction is open. If the server does not, the session ends.

use std::io;
use std::task::{Poll, ready};

use hyperwire_core::session::Fault;
use hyperwire_core::wire::TransactionStatus;

use crate::client::Client;
use crate::error::{Error, with_causes};
use crate::response::Response;
use crate::transport::Transport;

/// The progress of a COMMIT.
#[derive(Debug, Default)]
pub struct Committing {
    step: Step,
    failed: Option<Error>,
}

#[derive(Debug, Default)]
enum Step {
    #[default]
    Begin,
    Commit(Response),
    Settle,
}

impl Committing {
    /// The result of the commit, given the outcome of [`Client::poll_committed`] or of waiting for it.
    ///
    /// # Errors
    /// [`Error::RolledBack`] if a statement of the transaction had failed, the server's error if it refuses the commit;
    /// nothing of it was kept then. If the connection was lost, it is unknown whether the commit happened.
    pub fn ended(self, outcome: Result<(), Error>) -> Result<(), Error> {
        self.failed.map_or(outcome, Err)
    }
}

impl<T: Transport> Client<T> {
    /// Begins a transaction; poll [`Response::poll_begun`].
    ///
    /// # Errors
    /// One is open already, or the session is over.
    pub fn begin(&mut self) -> Result<Response, Error> {
        if self.is_in_transaction() {
            return Err(Error::InTransaction);
        }
        self.query("BEGIN")
    }

    /// Commits the transaction; pass the outcome, also that of waiting, to [`Committing::ended`]. It succeeds only if the
    /// server reports both that it committed and that no transaction is open. What the server leaves open is rolled back,
    /// even if the polling ends early. If the connection is lost before the answer, the outcome is unknown, and the error
    /// says so.
    pub fn poll_committed(&mut self, committing: &mut Committing) -> Poll<Result<(), Error>> {
        loop {
            committing.step = match &mut committing.step {
                Step::Begin => {
                    ready!(self.poll_ready())?;
                    let response = self.query("COMMIT")?;
                    self.orphaned = true;
                    Step::Commit(response)
                }
                Step::Commit(response) => match ready!(response.poll_committed(self)) {
                    Ok(()) => return Poll::Ready(Ok(())),
                    Err(error) => {
                        committing.failed = Some(error);
                        Step::Settle
                    }
                },
                // What is left of it is gone before anybody is told. If that fails, every later call does.
                Step::Settle => return self.poll_ready(),
            };
        }
    }

    /// Reports that the owner of a transaction has gone without ending it. ROLLBACK is sent at once if that takes no
    /// waiting, otherwise before the next request. If the rollback fails, the session ends.
    pub fn orphan_transaction(&mut self) {
        self.orphaned = true;
        if self.connection.session.is_idle() && self.is_clear_to_send() && self.start_rollback().is_ok() {
            self.orphaned = false;
            let _ = self.connection.write();
        }
    }

    pub(crate) fn start_rollback(&mut self) -> Result<(), Error> {
        if let Some(id) = self.connection.roll_back()? {
            self.rollback = Some(Response::new(id));
        }
        Ok(())
    }

    pub(crate) fn poll_rollback(&mut self) -> Poll<Result<(), Error>> {
        let Some(mut rollback) = self.rollback.take() else { return Poll::Ready(Ok(())) };
        // An answer that is here already counts, whatever time it is by now.
        self.try_read()?;
        match rollback.poll_finished(self) {
            Poll::Pending => {
                self.rollback = Some(rollback);
                Poll::Pending
            }
            Poll::Ready(Ok(_)) if !self.is_in_transaction() => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) if error.is_session_lost() => Poll::Ready(Err(error)),
            Poll::Ready(outcome) => {
                self.hang_up();
                let why = match outcome {
                    Ok(_) => "it is still open behind ROLLBACK".to_owned(),
                    Err(error) => with_causes(&error),
                };
                let why = format!("a transaction that was given up could not be rolled back: {why}");
                Poll::Ready(Err(Error::Session { fault: Fault::Closed, source: Some(io::Error::other(why)) }))
            }
        }
    }

    fn is_in_transaction(&self) -> bool {
        self.connection.session.transaction() != TransactionStatus::Idle
    }
}

impl Response {
    /// Ready when BEGIN is answered.
    pub fn poll_begun<T: Transport>(&mut self, client: &mut Client<T>) -> Poll<Result<(), Error>> {
        let outcome = ready!(self.poll_finished(client));
        // Nobody would end it.
        client.orphaned |= outcome.is_err();
        Poll::Ready(outcome.map(drop))
    }

    fn poll_committed<T: Transport>(&mut self, client: &mut Client<T>) -> Poll<Result<(), Error>> {
        let tag = ready!(self.poll_finished(client))?;
        // Hyper answers a COMMIT of a failed transaction with ROLLBACK, and no error.
        let has_rolled_back = tag.is_some_and(|tag| tag.as_str() == "ROLLBACK");
        let committed = !has_rolled_back && !client.is_in_transaction();
        Poll::Ready(if committed { Ok(()) } else { Err(Error::RolledBack) })
    }
}
