//! How a transaction ends: decided here for every runtime.
//!
//! Whoever has asked for its end, or has dropped it, believes that it is over. So from that moment on it belongs to the
//! client: whatever comes of COMMIT or ROLLBACK, no other statement is sent before the server has said that no
//! transaction is open. If it does not come to that, the session ends.

use std::io;
use std::task::{Poll, ready};

use hyperwire_core::session::Fault;
use hyperwire_core::wire::TransactionStatus;

use crate::client::Client;
use crate::error::{Error, with_causes};
use crate::response::Response;
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// What begins a transaction. [`Response::poll_begun`] waits for it.
    ///
    /// # Errors
    /// One is open already, or the session is dead.
    pub fn begin(&mut self) -> Result<Response, Error> {
        if self.is_in_transaction() {
            return Err(Error::InTransaction);
        }
        self.query("BEGIN")
    }

    /// What commits a transaction. [`Response::poll_committed`] waits for it. What the server leaves open of it is rolled
    /// back before the next request, also when nobody waits.
    ///
    /// # Errors
    /// The session is dead.
    pub fn commit(&mut self) -> Result<Response, Error> {
        let answer = self.query("COMMIT")?;
        self.orphaned = true;
        Ok(answer)
    }

    /// Says that the owner of a transaction has gone without ending it: it is rolled back, at once as far as that
    /// takes no waiting, and else before the next request. If that fails, the session ends.
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
    /// Waits for the end of a BEGIN.
    pub fn poll_begun<T: Transport>(&mut self, client: &mut Client<T>) -> Poll<Result<(), Error>> {
        let outcome = ready!(self.poll_finished(client));
        // Nobody would end it.
        client.orphaned |= outcome.is_err();
        Poll::Ready(outcome.map(drop))
    }

    /// Waits for the end of a COMMIT. It is a success only if the server says that it committed and that nothing is open
    /// any more. When the connection is lost before that, nobody knows, and the error says so.
    pub fn poll_committed<T: Transport>(&mut self, client: &mut Client<T>) -> Poll<Result<(), Error>> {
        let tag = ready!(self.poll_finished(client))?;
        // Hyper answers a COMMIT of a failed transaction with ROLLBACK, and no error.
        let has_rolled_back = tag.is_some_and(|tag| tag.as_str() == "ROLLBACK");
        let committed = !has_rolled_back && !client.is_in_transaction();
        Poll::Ready(if committed { Ok(()) } else { Err(Error::RolledBack) })
    }
}
