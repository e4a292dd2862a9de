//! What an adapter implements.

use std::any::Any;
use std::ops::ControlFlow;
use std::time::Duration;

use hyperwire_blocking::{Config, Error};
use hyperwire_core::row::{Columns, Row, ToParameter, Type};
use hyperwire_core::session::{CommandTag, ServerError};
use hyperwire_core::wire::TransactionStatus;

use super::SocketKind;

/// A way to drive sessions.
pub trait Runtime: Sync {
    /// What it is called in the names of cases, in snake case.
    fn name(&self) -> &'static str;

    /// Whether its clients have this; scenarios that need what they have not are not listed for it.
    fn offers(&self, offer: Offer) -> bool;

    /// What its connections can be made of.
    fn sockets(&self) -> &'static [SocketKind] {
        &[SocketKind::Tcp, SocketKind::Unix]
    }

    /// Connects and logs in.
    ///
    /// # Errors
    /// What stands in the way.
    fn connect(&self, config: Config) -> Result<Box<dyn Client>, Error>;
}

/// What a client may have, and need not to drive a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// [`Config::tls`].
    Tls,
    /// [`Client::transaction`].
    Transactions,
    /// Prepared statements that are closed some time after they were dropped.
    ClosingStatements,
    /// A [`Client::canceler`] that sends a CancelRequest whatever the server does, and says what came of that.
    CancelHandles,
    /// A CancelRequest of its own travels encrypted if the session does.
    EncryptedCancels,
    /// The next statement waits for such a CancelRequest that is on its way.
    OrderedCancels,
}

/// A client: one session, whose calls wait for their outcome.
pub trait Client {
    /// Runs a statement to its end; what its first result did.
    ///
    /// # Errors
    /// Why it failed.
    fn finish(&mut self, request: &Request<'_>) -> Result<Option<CommandTag>, Error>;

    /// Runs a statement and shows `read` each part of its results as it comes. When `read` breaks, the rest is dropped,
    /// and nothing more is waited for.
    ///
    /// # Errors
    /// Why it failed.
    fn read(
        &mut self,
        request: &Request<'_>,
        read: &mut dyn FnMut(Part<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error>;

    /// Prepares a statement, for [`Request::Prepared`].
    ///
    /// # Errors
    /// Why the server does not.
    fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Box<dyn Any>, Error>;

    /// A round trip that runs nothing.
    ///
    /// # Errors
    /// The connection is lost.
    fn ping(&mut self, within: Duration) -> Result<(), Error>;

    /// Begins a transaction, runs statements in it up to the first that fails, and ends it however they went.
    ///
    /// # Errors
    /// Why it could not begin or end.
    fn transaction(&mut self, _statements: &[&str], _end: End) -> Result<(), Error> {
        panic!("only for runtimes that offer it")
    }

    /// What cancels the statement that this client runs, from any thread.
    ///
    /// # Errors
    /// It cannot.
    fn canceler(&self) -> Result<Box<dyn FnOnce() -> Result<(), Error> + Send>, Error>;

    /// How long each following statement may take.
    fn set_statement_timeout(&mut self, timeout: Option<Duration>);

    /// What the server said besides, since the last call.
    fn notices(&mut self) -> Vec<ServerError>;

    /// What the server reported of itself under this name.
    fn setting(&self, name: &str) -> Option<&str>;

    /// Whether a transaction is open.
    fn transaction_status(&self) -> TransactionStatus;

    /// Whether the session is dead.
    fn is_closed(&self) -> bool;

    /// Ends it in good order.
    ///
    /// # Errors
    /// The order was not good.
    fn close(self: Box<Self>) -> Result<(), Error>;
}

/// A statement, in each of the forms that it can have.
#[derive(Clone, Copy)]
pub enum Request<'a> {
    /// The simple protocol.
    Simple(&'a str),
    /// The extended protocol, in one round trip.
    Parameters(&'a str, &'a [&'a (dyn ToParameter + Sync)]),
    /// What [`Client::prepare`] gave.
    Prepared(&'a dyn Any, &'a [&'a (dyn ToParameter + Sync)]),
}

impl<'a> Request<'a> {
    /// The values of `$1`, `$2` ...
    #[must_use]
    pub fn parameters(&self) -> Vec<&'a dyn ToParameter> {
        match *self {
            Self::Simple(_) => Vec::new(),
            Self::Parameters(_, given) | Self::Prepared(_, given) => {
                given.iter().map(|one| *one as _).collect()
            }
        }
    }
}

/// A part of an answer.
#[derive(Debug)]
pub enum Part<'a> {
    /// A result begins: its columns, or `None` if it has no rows.
    Result(Option<&'a Columns>),
    /// A row.
    Row(Row<'a>),
    /// A result is over; what the statement did, unless it was empty.
    Done(Option<&'a CommandTag>),
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// COMMIT
    Commit,
    /// ROLLBACK
    RollBack,
    /// Its owner forgets it.
    Drop,
}

impl dyn Client + '_ {
    /// Runs a simple statement to its end; how many rows it concerned.
    ///
    /// # Errors
    /// Why it failed.
    pub fn execute(&mut self, sql: &str) -> Result<u64, Error> {
        let tag = self.finish(&Request::Simple(sql))?;
        Ok(tag.as_ref().and_then(CommandTag::rows).unwrap_or(0))
    }

    /// Runs a simple statement; its first column as text, NULL as `None`.
    ///
    /// # Errors
    /// Why it failed.
    pub fn texts(&mut self, sql: &str) -> Result<Vec<Option<String>>, Error> {
        self.texts_of(&Request::Simple(sql))
    }

    /// Runs a statement; its first column as text, NULL as `None`.
    ///
    /// # Errors
    /// Why it failed.
    pub fn texts_of(&mut self, request: &Request<'_>) -> Result<Vec<Option<String>>, Error> {
        let mut texts = Vec::new();
        let read = &mut |part: Part<'_>| {
            if let Part::Row(row) = part {
                texts.push(row.get::<Option<&str>>(0).map(|text| text.map(str::to_owned)));
            }
            ControlFlow::Continue(())
        };
        self.read(request, read)?;
        Ok(texts.into_iter().collect::<Result<_, _>>()?)
    }

    /// Runs a simple statement and drops its result behind so many rows.
    ///
    /// # Errors
    /// Why it failed before.
    pub fn drop_after(&mut self, sql: &str, rows: usize) -> Result<(), Error> {
        let mut left = rows;
        self.read(&Request::Simple(sql), &mut |part| {
            match part {
                Part::Result(_) => {}
                Part::Row(_) => left -= 1,
                Part::Done(_) => panic!("{sql} has fewer than {rows} rows"),
            }
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }

    /// Shows that the session goes on, by another statement.
    ///
    /// # Panics
    /// When it does not.
    pub fn shows_that_it_is_usable(&mut self) {
        assert!(!self.is_closed());
        assert_eq!(self.texts("select 'usable'").expect("the session goes on"), [Some("usable".to_owned())]);
        assert_eq!(self.transaction_status(), TransactionStatus::Idle);
    }
}
