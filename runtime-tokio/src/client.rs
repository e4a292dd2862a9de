//! The client: one session, used by one task at a time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use hyperwire_carrier::socket::LinkReport;
use hyperwire_carrier::{self as carrier, Closing, Config, Error, Preparing, Response, Statement, affected};
use hyperwire_core::row::{ParameterError, Parameters, ToParameter, Type};
use hyperwire_core::session::{ServerError, Settings};
use hyperwire_core::wire::TransactionStatus;
use tokio::time::Sleep;

use crate::cancel::CancelHandle;
use crate::rows::Rows;
use crate::transaction::Transaction;
use crate::transport::Transport;
use crate::waiting::Delivery;

/// A connection to Hyper, for one task at a time. It owns no task: its socket is looked at while one of its futures is
/// polled, and only then.
///
/// **Every future may be dropped at any time.** The request that it waited for is abandoned: the next call reads away
/// the rest of its answer, has the server cancel it if that takes longer than 20 ms or is larger than 1 MiB, and then
/// does its own work. Whether an abandoned statement has done its work is unknown. Until the next call, or until the
/// client is dropped, which ends the connection, the server may go on with it; a [`CancelHandle`] stops it at once.
///
/// A statement without a timeout may take as long as the server works on it; see [`Client::set_statement_timeout`].
pub struct Client {
    pub(crate) inner: carrier::Client<Transport>,
    /// Only ever reached through `&mut`: the mutex makes a client `Sync`, and is never locked.
    pub(crate) delivery: Mutex<Option<Delivery>>,
    pub(crate) timer: Option<Pin<Box<Sleep>>>,
    /// How often in a row there was nothing to wait for.
    pub(crate) turn: u32,
}

impl Client {
    /// Connects, logs in, and opens the database if the configuration names one.
    ///
    /// # Errors
    /// There is no server, or not within [`Config::connect_timeout`]; it refuses the login or the database.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        Self::open(config).await
    }

    /// Runs a statement in one round trip. Its rows are handed out as they come.
    ///
    /// # Errors
    /// The statement fails before it has shown a row, or the connection is lost.
    pub async fn query(&mut self, sql: &str) -> Result<Rows<'_>, Error> {
        let response = self.ready().await?.query(sql)?;
        Rows::start(self, response).await
    }

    /// [`Client::query`] with values for `$1`, `$2` ... They are encoded before this returns the future, and have to be
    /// `Sync` only because a caller who writes them down where the future is awaited holds on to them until it is done.
    ///
    /// # Errors
    /// As for [`Client::query`]; values that cannot be sent.
    pub fn query_params<'c>(
        &'c mut self,
        sql: &'c str,
        parameters: &[&(dyn ToParameter + Sync)],
    ) -> impl Future<Output = Result<Rows<'c>, Error>> + use<'c> {
        let parameters = encode(parameters);
        async move {
            let parameters = parameters?;
            let response = self.ready().await?.query_params(sql, &parameters)?;
            Rows::start(self, response).await
        }
    }

    /// Runs a statement to its end; how many rows it inserted, updated, deleted or returned.
    ///
    /// # Errors
    /// As for [`Client::query`].
    pub async fn execute(&mut self, sql: &str) -> Result<u64, Error> {
        self.query(sql).await?.finish().await.map(affected)
    }

    /// [`Client::execute`] with values for `$1`, `$2` ...
    ///
    /// # Errors
    /// As for [`Client::query_params`].
    pub fn execute_params<'c>(
        &'c mut self,
        sql: &'c str,
        parameters: &[&(dyn ToParameter + Sync)],
    ) -> impl Future<Output = Result<u64, Error>> + use<'c> {
        let rows = self.query_params(sql, parameters);
        async move { rows.await?.finish().await.map(affected) }
    }

    /// Runs statements one after the other, up to the first that fails; how many rows each changed. They are not a
    /// transaction.
    ///
    /// # Errors
    /// [`Error::Batch`] with the number of the one that failed.
    pub async fn batch<S: AsRef<str>>(
        &mut self,
        statements: impl IntoIterator<Item = S>,
    ) -> Result<Vec<u64>, Error> {
        let mut counts = Vec::new();
        for (index, sql) in statements.into_iter().enumerate() {
            match self.execute(sql.as_ref()).await {
                Ok(count) => counts.push(count),
                Err(error) => return Err(error.in_batch(index)),
            }
        }
        Ok(counts)
    }

    /// Prepares a statement with a type for each of `$1`, `$2` ..., of which its values must then be, or text; see
    /// `hyperwire_blocking::Client::prepare`. If this future is dropped, what it has prepared is closed again.
    ///
    /// # Errors
    /// As for [`Client::query`]; fewer types than parameters.
    pub async fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        let mut preparing = Preparing::new(sql, types);
        self.until(|inner| inner.poll_prepared(&mut preparing)).await
    }

    /// Runs a prepared statement. Its rows are handed out as they come.
    ///
    /// # Errors
    /// As for [`Client::query_params`]; a statement of another client.
    pub fn query_prepared<'c>(
        &'c mut self,
        statement: &'c Statement,
        parameters: &[&(dyn ToParameter + Sync)],
    ) -> impl Future<Output = Result<Rows<'c>, Error>> + use<'c> {
        let parameters = encode(parameters);
        async move {
            let parameters = parameters?;
            let response = self.ready().await?.query_prepared(statement, &parameters)?;
            Rows::start(self, response).await
        }
    }

    /// Runs a prepared statement to its end, as [`Client::execute`] does.
    ///
    /// # Errors
    /// As for [`Client::query_prepared`].
    pub fn execute_prepared<'c>(
        &'c mut self,
        statement: &'c Statement,
        parameters: &[&(dyn ToParameter + Sync)],
    ) -> impl Future<Output = Result<u64, Error>> + use<'c> {
        let rows = self.query_prepared(statement, parameters);
        async move { rows.await?.finish().await.map(affected) }
    }

    /// Begins a transaction, which is rolled back unless it is committed. If this future is dropped, so is what it has
    /// begun.
    ///
    /// # Errors
    /// A transaction is open, or as for [`Client::query`].
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        Transaction::begin(self).await
    }

    /// A round trip that runs nothing.
    ///
    /// # Errors
    /// No answer within `timeout`, after which the client is closed, or the connection is lost.
    pub async fn ping(&mut self, timeout: Duration) -> Result<(), Error> {
        let response = self.ready().await?.ping(timeout)?;
        self.finish(response).await.map(drop)
    }

    /// Does now what the next call would do first: waits until what was abandoned is over, at the server too, and an
    /// abandoned transaction rolled back.
    ///
    /// # Errors
    /// The server does not stop in time, or the connection is lost; the client is closed then.
    pub async fn settle(&mut self) -> Result<(), Error> {
        self.ready().await.map(drop)
    }

    /// How long each following statement may run before it is canceled at the server; `None`, as at first, is for ever.
    /// It is looked at while a future of the client is polled.
    pub fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_statement_timeout(timeout);
    }

    /// What another task cancels this client's statements with.
    ///
    /// # Errors
    /// The server gave no key for that.
    pub fn cancel_handle(&self) -> Result<CancelHandle, Error> {
        self.inner.cancel_target().map(CancelHandle::new).ok_or(Error::NoCancelKey)
    }

    /// What else the server said, oldest first: at most 256 notices since the last call.
    pub fn notices(&mut self) -> Vec<ServerError> {
        self.inner.take_notices()
    }

    /// Whether a transaction is open, as of the last answer.
    #[must_use]
    pub fn transaction_status(&self) -> TransactionStatus {
        self.inner.session().transaction()
    }

    /// What the server told about itself and this session.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.inner.session().settings()
    }

    /// What the socket really has, and how soon it notices that the server has vanished.
    #[must_use]
    pub fn link(&self) -> &LinkReport {
        self.inner.link()
    }

    /// Whether the session is over, so that every call fails.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.session().fault().is_some()
    }

    /// Ends the session in good order: what was committed is in the file when this is done, unless somebody else has
    /// the database open. It takes as long as that is written, at most the statement timeout, and 25 s for the rest.
    /// A client that is merely dropped, or this future, leaves it to the server to do so some time later.
    ///
    /// # Errors
    /// The server could not write the database, or it is unknown whether it did.
    pub async fn close(mut self) -> Result<(), Error> {
        let mut closing = Closing::default();
        let outcome = self.until(|inner| inner.poll_closed(&mut closing)).await;
        closing.ended(outcome)
    }

    pub(crate) async fn finish(&mut self, mut response: Response) -> Result<u64, Error> {
        self.until(|inner| response.poll_finished(inner)).await.map(affected)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.inner.hang_up();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("inner", &self.inner).finish_non_exhaustive()
    }
}

fn encode(values: &[&(dyn ToParameter + Sync)]) -> Result<Parameters, ParameterError> {
    let mut parameters = Parameters::default();
    values.iter().try_for_each(|value| parameters.push(*value))?;
    Ok(parameters)
}
