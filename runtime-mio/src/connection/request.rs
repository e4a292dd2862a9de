//! What an embedder asks for. Everything here returns at once; events say what came of it.

use std::time::Duration;

use hyperwire_carrier::Error;
use hyperwire_core::row::{Parameters, ToParameter, Type};
use hyperwire_core::session::{Fault, Misuse, RequestId};

use super::Connection;
use crate::event::Statement;

impl Connection {
    /// Runs a statement in one round trip. Its rows come when there is [demand](Self::demand) for them.
    ///
    /// # Errors
    /// The statement cannot be sent, or the connection is over. Nothing was sent then.
    pub fn query(&mut self, sql: &str) -> Result<RequestId, Error> {
        self.begin_request()?;
        self.inner.query(sql)
    }

    /// Like [`Self::query`], with values for `$1`, `$2` ... in the statement.
    ///
    /// # Errors
    /// As for [`Self::query`].
    pub fn query_params(&mut self, sql: &str, parameters: &[&dyn ToParameter]) -> Result<RequestId, Error> {
        let parameters = Parameters::new(parameters)?;
        self.begin_request()?;
        self.inner.query_params(sql, &parameters)
    }

    /// Runs a statement whose rows nobody wants to see: no [`Event::Row`](crate::Event::Row) and no
    /// [`Event::Columns`](crate::Event::Columns) comes of it, and it needs no demand.
    ///
    /// # Errors
    /// As for [`Self::query`].
    pub fn execute(&mut self, sql: &str) -> Result<RequestId, Error> {
        self.query(sql).map(|id| self.without_rows(id))
    }

    /// Like [`Self::execute`], with values for `$1`, `$2` ... in the statement.
    ///
    /// # Errors
    /// As for [`Self::query`].
    pub fn execute_params(&mut self, sql: &str, parameters: &[&dyn ToParameter]) -> Result<RequestId, Error> {
        self.query_params(sql, parameters).map(|id| self.without_rows(id))
    }

    /// Prepares a statement; [`Event::Prepared`](crate::Event::Prepared) brings it. `types` says what its `$1`, `$2` ...
    /// are, one each; values must then be of exactly that type, or text. Hyper infers [`Type::Numeric`], because it would
    /// round to whole numbers what is declared so.
    ///
    /// # Errors
    /// As for [`Self::query`].
    pub fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<RequestId, Error> {
        self.begin_request()?;
        self.inner.prepare(sql, types)
    }

    /// Runs a prepared statement; see [`Self::query`].
    ///
    /// # Errors
    /// As for [`Self::query`]; a statement of another connection; another number of parameters than it has.
    pub fn query_prepared(
        &mut self,
        statement: &Statement,
        parameters: &[&dyn ToParameter],
    ) -> Result<RequestId, Error> {
        self.check_owner(statement)?;
        let parameters = Parameters::new(parameters)?;
        self.begin_request()?;
        self.inner.query_prepared(statement.prepared(), &parameters)
    }

    /// Runs a prepared statement whose rows nobody wants to see; see [`Self::execute`].
    ///
    /// # Errors
    /// As for [`Self::query_prepared`].
    pub fn execute_prepared(
        &mut self,
        statement: &Statement,
        parameters: &[&dyn ToParameter],
    ) -> Result<RequestId, Error> {
        self.query_prepared(statement, parameters).map(|id| self.without_rows(id))
    }

    /// Makes the server forget a prepared statement.
    ///
    /// # Errors
    /// As for [`Self::query`]; a statement of another connection.
    pub fn close_statement(&mut self, statement: &Statement) -> Result<RequestId, Error> {
        self.check_owner(statement)?;
        self.begin_request()?;
        self.inner.close_statement(statement.prepared().name())
    }

    /// Shows that the server answers, by its cheapest round trip. If it does not within `timeout`, the connection is
    /// given up.
    ///
    /// # Errors
    /// The connection is over.
    pub fn ping(&mut self, timeout: Duration) -> Result<RequestId, Error> {
        self.begin_request()?;
        self.inner.ping(timeout)
    }

    /// Asks for this many more rows of a request; `u64::MAX` for all of them. Only rows need it, the end of a result does
    /// not.
    pub fn demand(&mut self, id: RequestId, rows: u64) {
        self.due = true;
        self.inner.demand(id, rows);
    }

    /// Whether a row is here and held back for want of demand.
    #[must_use]
    pub fn wants_demand(&self) -> bool {
        self.inner.session().wants_demand()
    }

    /// Forgets a request, of which no event comes any more. One that was not sent is not; what is left of an answer is
    /// thrown away, and if that is much, or takes long, the server is told to stop.
    pub fn abandon(&mut self, id: RequestId) {
        self.due = true;
        self.rowless.retain(|rowless| *rowless != id);
        self.inner.abandon(id);
    }

    /// Cancels every following statement that takes longer than this, waiting in line included. `None`, the default,
    /// sets no bound.
    pub fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_statement_timeout(timeout);
    }

    fn begin_request(&mut self) -> Result<(), Error> {
        if self.is_closing() {
            return Err(Misuse::Dead(Fault::Closed).into());
        }
        self.catch_up()?;
        if self.inner.session().fault().is_some() {
            // The server is to learn at once that nobody listens any more.
            self.hang_up();
        }
        self.due = true;
        Ok(())
    }

    fn without_rows(&mut self, id: RequestId) -> RequestId {
        self.inner.demand(id, u64::MAX);
        self.rowless.push(id);
        id
    }

    fn check_owner(&self, statement: &Statement) -> Result<(), Error> {
        if self.owner.owns(statement) { Ok(()) } else { Err(Error::ForeignStatement) }
    }
}
