//! The client: one session, used from one thread at a time.

use std::time::Duration;

use hyperwire_carrier::socket::LinkReport;
use hyperwire_carrier::{
    self as carrier, Closing, Committing, Config, Error, Preparing, Response, Statement, affected,
};
use hyperwire_core::row::{Parameters, ToParameter, Type};
use hyperwire_core::session::{ServerError, Settings};
use hyperwire_core::wire::TransactionStatus;

use crate::cancel::CancelHandle;
use crate::rows::Rows;
use crate::transaction::Transaction;
use crate::transport::Transport;

/// A connection to Hyper.
///
/// Calls wait for the server as long as the server works: a statement may run for days, and a peer that vanished is
/// noticed by the link (see [`Client::link`]). What bounds a statement is a deadline that the caller sets with
/// [`Client::set_statement_timeout`], or another thread with a [`CancelHandle`].
#[derive(Debug)]
pub struct Client {
    pub(crate) inner: carrier::Client<Transport>,
}

impl Client {
    /// Connects, logs in, and opens the database if one is named.
    ///
    /// # Errors
    /// The server cannot be reached or does not answer within [`Config::connect_timeout`], refuses the login or the
    /// database, or asks for what the configuration does not allow.
    pub fn connect(config: Config) -> Result<Self, Error> {
        Self::open(config)
    }

    /// Runs a statement in one round trip and hands out its rows as they come.
    ///
    /// # Errors
    /// The statement failed before its first row, or the connection is lost.
    pub fn query(&mut self, sql: &str) -> Result<Rows<'_>, Error> {
        let response = self.ready()?.query(sql)?;
        Rows::start(self, response)
    }

    /// Like [`Client::query`], with values for `$1`, `$2` ... in the statement.
    ///
    /// # Errors
    /// As for [`Client::query`].
    pub fn query_params(&mut self, sql: &str, parameters: &[&dyn ToParameter]) -> Result<Rows<'_>, Error> {
        let parameters = Parameters::new(parameters)?;
        let response = self.ready()?.query_params(sql, &parameters)?;
        Rows::start(self, response)
    }

    /// Runs a statement to its end and returns how many rows it inserted, updated, deleted or returned.
    ///
    /// # Errors
    /// As for [`Client::query`].
    pub fn execute(&mut self, sql: &str) -> Result<u64, Error> {
        self.query(sql)?.finish().map(affected)
    }

    /// Like [`Client::execute`], with values for `$1`, `$2` ... in the statement.
    ///
    /// # Errors
    /// As for [`Client::query`].
    pub fn execute_params(&mut self, sql: &str, parameters: &[&dyn ToParameter]) -> Result<u64, Error> {
        self.query_params(sql, parameters)?.finish().map(affected)
    }

    /// Runs statements one after the other and returns what each did. The first that fails ends it.
    ///
    /// They are not one transaction, and not sent at once either: that would gain 9 %, while an answer that fails to
    /// come could not be told from one that was never due.
    ///
    /// # Errors
    /// [`Error::Batch`], which says which one failed.
    pub fn batch<S: AsRef<str>>(
        &mut self,
        statements: impl IntoIterator<Item = S>,
    ) -> Result<Vec<u64>, Error> {
        let numbered = statements.into_iter().enumerate();
        let run =
            |(index, sql): (usize, S)| self.execute(sql.as_ref()).map_err(|error| error.in_batch(index));
        numbered.map(run).collect()
    }

    /// Prepares a statement. `types` says what its `$1`, `$2` ... are, one each; values must then be of exactly that
    /// type, or text. Hyper does not tell what it would have inferred, and takes a binary value of another length
    /// without a complaint, so that there is no guessing here; except for [`Type::Numeric`], which Hyper infers, because
    /// it would round to whole numbers what is declared so.
    ///
    /// # Errors
    /// As for [`Client::query`]; fewer types than parameters are an error of the statement.
    pub fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        let mut preparing = Preparing::new(sql, types);
        self.until(|inner| inner.poll_prepared(&mut preparing))
    }

    /// Runs a prepared statement and hands out its rows as they come.
    ///
    /// # Errors
    /// As for [`Client::query`]; a statement of another client; another number of parameters than it has.
    pub fn query_prepared(
        &mut self,
        statement: &Statement,
        parameters: &[&dyn ToParameter],
    ) -> Result<Rows<'_>, Error> {
        let parameters = Parameters::new(parameters)?;
        let response = self.ready()?.query_prepared(statement, &parameters)?;
        Rows::start(self, response)
    }

    /// Runs a prepared statement to its end; see [`Client::execute`].
    ///
    /// # Errors
    /// As for [`Client::query_prepared`].
    pub fn execute_prepared(
        &mut self,
        statement: &Statement,
        parameters: &[&dyn ToParameter],
    ) -> Result<u64, Error> {
        self.query_prepared(statement, parameters)?.finish().map(affected)
    }

    /// Begins a transaction; it is rolled back unless it is committed.
    ///
    /// # Errors
    /// One is open already, or as for [`Client::query`].
    pub fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        Transaction::begin(self)
    }

    /// Shows that the server answers, by its cheapest round trip.
    ///
    /// # Errors
    /// It does not answer within `timeout`, or the connection is lost; the client is of no use then.
    pub fn ping(&mut self, timeout: Duration) -> Result<(), Error> {
        let response = self.ready()?.ping(timeout)?;
        self.finish(response).map(drop)
    }

    /// Cancels every following statement that runs longer than this. `None`, the default, sets no bound.
    pub fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_statement_timeout(timeout);
    }

    /// Something that cancels this client's statements, for another thread to use.
    ///
    /// # Errors
    /// The server gave this session no key for that.
    pub fn cancel_handle(&self) -> Result<CancelHandle, Error> {
        self.inner.cancel_target().map(CancelHandle::new).ok_or(Error::NoCancelKey)
    }

    /// What the server had to say besides results, oldest first: the last 256 notices since the last call.
    pub fn notices(&mut self) -> Vec<ServerError> {
        self.inner.take_notices()
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn transaction_status(&self) -> TransactionStatus {
        self.inner.session().transaction()
    }

    /// What the server reported of itself when the session started.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.inner.session().settings()
    }

    /// What the socket was set up with, and how soon a vanished peer is noticed because of it.
    #[must_use]
    pub fn link(&self) -> &LinkReport {
        self.inner.link()
    }

    /// Whether the session is dead.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.session().fault().is_some()
    }

    /// Ends the session in good order: rolls back an open transaction, lets go of the database, and waits until the
    /// server has closed its end.
    ///
    /// When it returns, what was committed is in the file, unless another client still has the database open. That
    /// takes as long as the file takes to be written, and a statement timeout bounds it; the rest takes at most 25 s.
    /// A client that is merely dropped lets go of the database too, some time later.
    ///
    /// # Errors
    /// The server could not write the database, or the connection was lost before it said that it had: then the file
    /// may lack what was committed.
    pub fn close(mut self) -> Result<(), Error> {
        let mut closing = Closing::default();
        let outcome = self.until(|inner| inner.poll_closed(&mut closing));
        closing.ended(outcome)
    }

    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        let mut response = self.ready()?.begin()?;
        self.until(|inner| response.poll_begun(inner))
    }

    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        let mut committing = Committing::default();
        let outcome = self.until(|inner| inner.poll_committed(&mut committing));
        committing.ended(outcome)
    }

    /// If it fails, the session is over, and so every later call fails.
    pub(crate) fn roll_back(&mut self) -> Result<(), Error> {
        self.inner.orphan_transaction();
        self.ready().map(drop)
    }

    fn finish(&mut self, mut response: Response) -> Result<u64, Error> {
        self.until(|inner| response.poll_finished(inner)).map(affected)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.inner.hang_up();
    }
}
