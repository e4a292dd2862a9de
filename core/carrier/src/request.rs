//! What a caller asks for, put on its way. [`Client::poll_ready`] comes before each.

use std::task::{Poll, ready};
use std::time::Duration;

use hyperwire_core::row::{Parameters, Type};
use hyperwire_core::session::{RequestId, RequestOptions};

use crate::client::Client;
use crate::error::Error;
use crate::response::Response;
use crate::statement::{PendingCloses, Statement};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// A statement without parameters.
    ///
    /// # Errors
    /// The statement cannot be sent, or the session is dead.
    pub fn query(&mut self, sql: &str) -> Result<Response, Error> {
        let id = self.connection.session.query(sql, self.options(), &mut self.connection.out)?;
        Ok(self.opened(id))
    }

    /// A statement with parameters.
    ///
    /// # Errors
    /// As for [`Client::query`].
    pub fn query_params(&mut self, sql: &str, parameters: &Parameters) -> Result<Response, Error> {
        let id = self.connection.session.query_params(
            sql,
            parameters,
            None,
            self.options(),
            &mut self.connection.out,
        )?;
        Ok(self.opened(id))
    }

    /// A statement that was prepared.
    ///
    /// # Errors
    /// As for [`Client::query`]; a statement of another client; another number of parameters than it has.
    pub fn query_prepared(
        &mut self,
        statement: &Statement,
        parameters: &Parameters,
    ) -> Result<Response, Error> {
        if !self.pending_closes.is_of(statement) {
            return Err(Error::ForeignStatement);
        }
        let id = self.connection.session.execute(
            &statement.prepared,
            parameters,
            self.options(),
            &mut self.connection.out,
        )?;
        Ok(self.opened(id))
    }

    /// Closes the statements that were dropped, one after the other; `closing` starts as `None`. It comes before
    /// [`Client::prepare`].
    pub fn poll_pending_closes(&mut self, closing: &mut Option<Response>) -> Poll<Result<(), Error>> {
        loop {
            if let Some(answer) = closing {
                match ready!(answer.poll_finished(self)) {
                    // A statement that the server does not know any more is as good as closed.
                    Ok(_) | Err(Error::Statement(_)) => *closing = None,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            let Some(name) = self.pending_closes.next() else { return Poll::Ready(Ok(())) };
            let id =
                self.connection.session.close_statement(&name, self.options(), &mut self.connection.out)?;
            *closing = Some(self.opened(id));
        }
    }

    /// A statement to prepare. [`Response::poll_prepared`] waits for it.
    ///
    /// # Errors
    /// As for [`Client::query`].
    pub fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Response, Error> {
        let types: Vec<_> = types.iter().map(|ty| ty.oid()).collect();
        let id = self.connection.session.prepare(sql, &types, self.options(), &mut self.connection.out)?;
        Ok(self.opened(id))
    }

    /// A Sync, the cheapest round trip.
    ///
    /// # Errors
    /// The session is dead.
    pub fn ping(&mut self, timeout: Duration) -> Result<Response, Error> {
        let options = RequestOptions::default().deadline(Some(self.connection.clock() + timeout));
        let id = self.connection.session.sync(options, &mut self.connection.out)?;
        Ok(self.opened(id))
    }

    /// Cancels every following statement that runs longer than this.
    pub fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.statement_timeout = timeout;
    }

    pub(crate) fn pending_closes(&self) -> PendingCloses {
        self.pending_closes.clone()
    }

    fn opened(&mut self, id: RequestId) -> Response {
        self.open = Some(id);
        Response::new(id)
    }

    fn options(&self) -> RequestOptions {
        RequestOptions::default()
            .deadline(self.statement_timeout.map(|timeout| self.connection.clock() + timeout))
    }
}
