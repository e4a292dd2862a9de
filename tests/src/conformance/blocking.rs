//! The adapter of the blocking client.

use std::any::Any;
use std::ops::ControlFlow;
use std::time::Duration;

use hyperwire_blocking::{self as blocking, Config, Error, Rows, Statement};
use hyperwire_core::row::Type;
use hyperwire_core::session::{CommandTag, ServerError};
use hyperwire_core::wire::TransactionStatus;

use super::{Client, End, Offer, Part, Request, Runtime};

/// [`hyperwire_blocking`].
#[derive(Clone, Copy, Debug)]
pub struct Blocking;

impl Runtime for Blocking {
    fn name(&self) -> &'static str {
        "blocking"
    }

    fn offers(&self, _: Offer) -> bool {
        true
    }

    fn connect(&self, config: Config) -> Result<Box<dyn Client>, Error> {
        Ok(Box::new(blocking::Client::connect(config)?))
    }
}

impl Client for blocking::Client {
    fn finish(&mut self, request: &Request<'_>) -> Result<Option<CommandTag>, Error> {
        query(self, request)?.finish()
    }

    fn read(
        &mut self,
        request: &Request<'_>,
        read: &mut dyn FnMut(Part<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut rows = query(self, request)?;
        loop {
            if read(Part::Result(rows.columns())).is_break() {
                return Ok(());
            }
            while let Some(row) = rows.next()? {
                if read(Part::Row(row)).is_break() {
                    return Ok(());
                }
            }
            if read(Part::Done(rows.tag())).is_break() || !rows.next_result()? {
                return Ok(());
            }
        }
    }

    fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(self.prepare(sql, types)?))
    }

    fn ping(&mut self, within: Duration) -> Result<(), Error> {
        self.ping(within)
    }

    fn transaction(&mut self, statements: &[&str], end: End) -> Result<(), Error> {
        let mut transaction = self.transaction()?;
        let _ = transaction.batch(statements);
        match end {
            End::Commit => transaction.commit(),
            End::RollBack => transaction.rollback(),
            End::Drop => Ok(()),
        }
    }

    fn canceler(&self) -> Result<Box<dyn FnOnce() -> Result<(), Error> + Send>, Error> {
        let handle = self.cancel_handle()?;
        Ok(Box::new(move || handle.cancel()))
    }

    fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.set_statement_timeout(timeout);
    }

    fn notices(&mut self) -> Vec<ServerError> {
        self.notices()
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.settings().get(name)
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.transaction_status()
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        (*self).close()
    }
}

fn query<'c>(client: &'c mut blocking::Client, request: &Request<'_>) -> Result<Rows<'c>, Error> {
    match *request {
        Request::Simple(sql) => client.query(sql),
        Request::Parameters(sql, _) => client.query_params(sql, &request.parameters()),
        Request::Prepared(statement, _) => {
            let statement = statement.downcast_ref::<Statement>().expect("prepared by a client of this kind");
            client.query_prepared(statement, &request.parameters())
        }
    }
}
