//! Requests. All of these return at once.

use std::time::Duration;

use hyperwire_core::row::{Parameters, Type};
use hyperwire_core::session::{CancelDelivery, Prepared, RequestId, RequestOptions};
use hyperwire_core::wire::TransactionStatus;

use crate::client::Client;
use crate::connection::Connection;
use crate::error::Error;
use crate::response::Response;
use crate::statement::{PendingCloses, Statement};
use crate::transport::Transport;

/// How long the rollback of an abandoned transaction may take.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(10);

impl<T: Transport> Connection<T> {
    /// Runs a statement without parameters.
    ///
    /// # Errors
    /// The statement cannot be sent, or the session is over.
    pub fn query(&mut self, sql: &str) -> Result<RequestId, Error> {
        Ok(self.session.query(sql, self.options(), &mut self.out)?)
    }

    /// Runs a statement with values for `$1`, `$2` ...
    ///
    /// # Errors
    /// As for [`Self::query`].
    pub fn query_params(&mut self, sql: &str, parameters: &Parameters) -> Result<RequestId, Error> {
        Ok(self.session.query_params(sql, parameters, None, self.options(), &mut self.out)?)
    }

    /// Prepares a statement, with a type for each of `$1`, `$2` ...
    ///
    /// # Errors
    /// As for [`Self::query`].
    pub fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<RequestId, Error> {
        let types: Vec<_> = types.iter().map(|ty| ty.oid()).collect();
        Ok(self.session.prepare(sql, &types, self.options(), &mut self.out)?)
    }

    /// Runs a statement that was prepared on this connection.
    ///
    /// # Errors
    /// As for [`Self::query`]; the number of parameters is wrong.
    pub fn query_prepared(
        &mut self,
        statement: &Prepared,
        parameters: &Parameters,
    ) -> Result<RequestId, Error> {
        Ok(self.session.execute(statement, parameters, self.options(), &mut self.out)?)
    }

    /// Closes the prepared statement with this name.
    ///
    /// # Errors
    /// As for [`Self::query`].
    pub fn close_statement(&mut self, name: &str) -> Result<RequestId, Error> {
        Ok(self.session.close_statement(name, self.options(), &mut self.out)?)
    }

    /// Sends Sync, the cheapest round trip. Without an answer within `timeout` the session ends.
    ///
    /// # Errors
    /// The session is over.
    pub fn ping(&mut self, timeout: Duration) -> Result<RequestId, Error> {
        let options = RequestOptions::default().deadline(Some(self.clock() + timeout));
        Ok(self.session.sync(options, &mut self.out)?)
    }

    /// Rolls back the open transaction; `None` if there is none.
    ///
    /// # Errors
    /// The session is over.
    pub fn roll_back(&mut self) -> Result<Option<RequestId>, Error> {
        if self.session.transaction() == TransactionStatus::Idle {
            return Ok(None);
        }
        let options = RequestOptions::default().deadline(Some(self.clock() + ROLLBACK_TIMEOUT));
        Ok(Some(self.session.query("ROLLBACK", options, &mut self.out)?))
    }

    /// Detaches the session's database, which writes what was committed to its file; `None` if it has none.
    ///
    /// # Errors
    /// As for [`Self::query`].
    pub fn detach(&mut self) -> Result<Option<RequestId>, Error> {
        self.config.session.detach().map(|sql| self.query(&sql)).transpose()
    }

    /// Asks for that many more rows of a request.
    pub fn demand(&mut self, id: RequestId, rows: u64) {
        self.session.demand(id, rows);
    }

    /// Cancels a request. [`Event::SendCancel`](hyperwire_core::session::Event::SendCancel) says when to
    /// [deliver](Self::deliver) a CancelRequest; report its outcome to [`Self::cancel_ended`].
    pub fn cancel(&mut self, id: RequestId) {
        self.session.cancel(id, self.clock());
    }

    /// Reports the outcome of a CancelRequest. If it may still arrive, the session ends after the open request; the wait
    /// for its effect is bounded by the session's `cancel_grace`.
    pub fn cancel_ended(&mut self, delivery: CancelDelivery) {
        self.session.cancel_ended(delivery, &mut self.out);
    }

    /// Abandons a request; the rest of its answer is discarded.
    pub fn abandon(&mut self, id: RequestId) {
        self.session.abandon(id, self.now.max(self.clock()), &mut self.out);
    }

    /// Cancels every later statement that runs longer than this. `None`, the default, sets no bound.
    pub fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.statement_timeout = timeout;
    }

    /// The deadline of a statement counts from the moment it is requested.
    fn options(&self) -> RequestOptions {
        RequestOptions::default().deadline(self.statement_timeout.map(|timeout| self.clock() + timeout))
    }
}

/// Poll [`Client::poll_ready`] to the end before each of these.
impl<T: Transport> Client<T> {
    /// Runs a statement without parameters.
    ///
    /// # Errors
    /// The statement cannot be sent, or the session is over.
    pub fn query(&mut self, sql: &str) -> Result<Response, Error> {
        let id = self.connection.query(sql)?;
        Ok(self.opened(id))
    }

    /// Runs a statement with values for `$1`, `$2` ...
    ///
    /// # Errors
    /// As for [`Client::query`].
    pub fn query_params(&mut self, sql: &str, parameters: &Parameters) -> Result<Response, Error> {
        let id = self.connection.query_params(sql, parameters)?;
        Ok(self.opened(id))
    }

    /// Runs a prepared statement.
    ///
    /// # Errors
    /// As for [`Client::query`]; the statement belongs to another client, or the number of parameters is wrong.
    pub fn query_prepared(
        &mut self,
        statement: &Statement,
        parameters: &Parameters,
    ) -> Result<Response, Error> {
        if !self.pending_closes.is_of(statement) {
            return Err(Error::ForeignStatement);
        }
        let id = self.connection.query_prepared(&statement.prepared, parameters)?;
        Ok(self.opened(id))
    }

    /// Sends Sync, the cheapest round trip. Without an answer within `timeout` the session ends.
    ///
    /// # Errors
    /// The session is over.
    pub fn ping(&mut self, timeout: Duration) -> Result<Response, Error> {
        let id = self.connection.ping(timeout)?;
        Ok(self.opened(id))
    }

    /// Cancels every later statement that runs longer than this. `None`, the default, sets no bound.
    pub fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.connection.set_statement_timeout(timeout);
    }

    pub(crate) fn pending_closes(&self) -> PendingCloses {
        self.pending_closes.clone()
    }

    pub(crate) fn opened(&mut self, id: RequestId) -> Response {
        self.open = Some(id);
        Response::new(id)
    }
}
