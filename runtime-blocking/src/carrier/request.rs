//! What a caller asks for, put on its way. [`Carrier::poll_ready`] comes before each.

use std::io;
use std::task::{Poll, ready};
use std::time::Duration;

use hyperwire_core::row::{Parameters, Type};
use hyperwire_core::session::{Fault, RequestId, RequestOptions};
use hyperwire_core::wire::TransactionStatus;

use super::{Answer, Carrier, Transport};
use crate::error::{Error, with_causes};
use crate::statement::{Graveyard, Statement};

/// How long a transaction whose owner has gone may take to roll back.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(10);

impl<T: Transport> Carrier<T> {
    /// A statement without parameters.
    ///
    /// # Errors
    /// The statement cannot be sent, or the session is dead.
    pub fn query(&mut self, sql: &str) -> Result<Answer, Error> {
        let id = self.conduit.session.query(sql, self.options(), &mut self.conduit.out)?;
        Ok(self.opened(id))
    }

    /// A statement with parameters.
    ///
    /// # Errors
    /// As for [`Carrier::query`].
    pub fn query_params(&mut self, sql: &str, parameters: &Parameters) -> Result<Answer, Error> {
        let id = self.conduit.session.query_params(
            sql,
            parameters,
            None,
            self.options(),
            &mut self.conduit.out,
        )?;
        Ok(self.opened(id))
    }

    /// A statement that was prepared.
    ///
    /// # Errors
    /// As for [`Carrier::query`]; a statement of another client; another number of parameters than it has.
    pub fn query_prepared(
        &mut self,
        statement: &Statement,
        parameters: &Parameters,
    ) -> Result<Answer, Error> {
        if !self.graveyard.is_of(statement) {
            return Err(Error::ForeignStatement);
        }
        let id = self.conduit.session.execute(
            &statement.prepared,
            parameters,
            self.options(),
            &mut self.conduit.out,
        )?;
        Ok(self.opened(id))
    }

    /// Closes the statements that were dropped, one after the other; `closing` starts as `None`. It comes before
    /// [`Carrier::prepare`].
    pub fn poll_buried(&mut self, closing: &mut Option<Answer>) -> Poll<Result<(), Error>> {
        loop {
            if let Some(answer) = closing {
                match ready!(answer.poll_finished(self)) {
                    // A statement that the server does not know any more is as good as closed.
                    Ok(_) | Err(Error::Statement(_)) => *closing = None,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            let Some(name) = self.graveyard.dig() else { return Poll::Ready(Ok(())) };
            let id = self.conduit.session.close_statement(&name, self.options(), &mut self.conduit.out)?;
            *closing = Some(self.opened(id));
        }
    }

    /// A statement to prepare. [`Answer::poll_prepared`] waits for it.
    ///
    /// # Errors
    /// As for [`Carrier::query`].
    pub fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Answer, Error> {
        let types: Vec<_> = types.iter().map(|ty| ty.oid()).collect();
        let id = self.conduit.session.prepare(sql, &types, self.options(), &mut self.conduit.out)?;
        Ok(self.opened(id))
    }

    /// A Sync, the cheapest round trip.
    ///
    /// # Errors
    /// The session is dead.
    pub fn ping(&mut self, timeout: Duration) -> Result<Answer, Error> {
        let options = RequestOptions::default().deadline(Some(self.conduit.clock() + timeout));
        let id = self.conduit.session.sync(options, &mut self.conduit.out)?;
        Ok(self.opened(id))
    }

    /// What begins a transaction.
    ///
    /// # Errors
    /// One is open already, or the session is dead.
    pub fn begin(&mut self) -> Result<Answer, Error> {
        if self.conduit.session.transaction() != TransactionStatus::Idle {
            return Err(Error::InTransaction);
        }
        self.query("BEGIN")
    }

    /// Says that the owner of a transaction has gone without ending it: it is rolled back, at once as far as that
    /// takes no waiting, and else before the next request. If that fails, the session ends: nobody may go on in a
    /// transaction that they believe to be over.
    pub fn orphan_transaction(&mut self) {
        self.orphaned = true;
        if self.conduit.session.is_idle() && self.start_rollback().is_ok() {
            self.orphaned = false;
            let _ = self.conduit.write();
        }
    }

    pub(super) fn start_rollback(&mut self) -> Result<(), Error> {
        if self.conduit.session.transaction() != TransactionStatus::Idle {
            let options = RequestOptions::default().deadline(Some(self.conduit.clock() + ROLLBACK_TIMEOUT));
            let id = self.conduit.session.query("ROLLBACK", options, &mut self.conduit.out)?;
            self.rollback = Some(Answer::new(id));
        }
        Ok(())
    }

    pub(super) fn poll_rollback(&mut self) -> Poll<Result<(), Error>> {
        let Some(mut rollback) = self.rollback.take() else { return Poll::Ready(Ok(())) };
        // An answer that is here already counts, whatever time it is by now.
        self.try_read()?;
        match rollback.poll_finished(self) {
            Poll::Pending => {
                self.rollback = Some(rollback);
                Poll::Pending
            }
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) if error.is_session_lost() => Poll::Ready(Err(error)),
            Poll::Ready(Err(error)) => {
                self.hang_up();
                let error = with_causes(&error);
                let why = format!("a transaction that was dropped could not be rolled back: {error}");
                Poll::Ready(Err(Error::Session { fault: Fault::Closed, source: Some(io::Error::other(why)) }))
            }
        }
    }

    /// Cancels every following statement that runs longer than this.
    pub fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.statement_timeout = timeout;
    }

    pub(super) fn graveyard(&self) -> Graveyard {
        self.graveyard.clone()
    }

    fn opened(&mut self, id: RequestId) -> Answer {
        self.open = Some(id);
        Answer::new(id)
    }

    fn options(&self) -> RequestOptions {
        RequestOptions::default()
            .deadline(self.statement_timeout.map(|timeout| self.conduit.clock() + timeout))
    }
}
