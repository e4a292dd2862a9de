//! What a caller asks for, put on its way. [`Carrier::poll_ready`] comes before each.

use std::task::{Poll, ready};
use std::time::Duration;

use hyperwire_core::row::{Parameters, Type};
use hyperwire_core::session::{RequestId, RequestOptions};

use crate::answer::Answer;
use crate::carrier::Carrier;
use crate::channel::Transport;
use crate::error::Error;
use crate::statement::{Graveyard, Statement};

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

    /// Cancels every following statement that runs longer than this.
    pub fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.statement_timeout = timeout;
    }

    pub(crate) fn graveyard(&self) -> Graveyard {
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
