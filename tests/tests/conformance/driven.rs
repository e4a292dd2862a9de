//! What makes a driver of the bare core a client of the conformance suite.

use std::any::Any;
use std::ops::ControlFlow;
use std::time::Duration;

use hyperwire_blocking::Error;
use hyperwire_core::buffer::OutBuf;
use hyperwire_core::row::{Parameters, Row, Type};
use hyperwire_core::session::{
    CommandTag, Event, Misuse, Prepared, RequestId, RequestOptions, ServerError, Session,
};
use hyperwire_core::wire::TransactionStatus;
use hyperwire_tests::conformance::{Client, Part, Request};

/// What carries a session and waits for it.
pub(crate) trait Drive {
    /// Runs a request and shows `each` its events, up to the first at which it breaks.
    fn run(
        &mut self,
        timeout: Option<Duration>,
        start: impl FnOnce(&mut Session, RequestOptions, &mut OutBuf) -> Result<RequestId, Misuse>,
        each: impl FnMut(&Event, Option<Row<'_>>) -> ControlFlow<()>,
    ) -> Result<(), Error>;

    fn session(&self) -> &Session;

    fn notices(&mut self) -> Vec<ServerError>;

    /// [`Client::canceler`]
    fn canceler(&self) -> Result<Box<dyn FnOnce() -> Result<(), Error> + Send>, Error>;
}

/// A client on a driver.
pub(crate) struct Driven<D> {
    driver: D,
    timeout: Option<Duration>,
}

impl<D: Drive> Driven<D> {
    pub(crate) fn new(driver: D) -> Self {
        Self { driver, timeout: None }
    }

    fn ask(
        &mut self,
        request: &Request<'_>,
        each: impl FnMut(&Event, Option<Row<'_>>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let given = request.parameters();
        let parameters = Parameters::new(&given)?;
        let start = |session: &mut Session, options, out: &mut _| match *request {
            Request::Simple(sql) => session.query(sql, options, out),
            Request::Parameters(sql, _) => session.query_params(sql, &parameters, None, options, out),
            Request::Prepared(statement, _) => {
                let statement =
                    statement.downcast_ref::<Prepared>().expect("prepared by a client of this kind");
                session.execute(statement, &parameters, options, out)
            }
        };
        self.driver.run(self.timeout, start, each)
    }
}

impl<D: Drive> Client for Driven<D> {
    fn finish(&mut self, request: &Request<'_>) -> Result<Option<CommandTag>, Error> {
        let mut tag = None;
        self.ask(request, |event, _| {
            if let Event::Complete { tag: found, .. } = event {
                tag.get_or_insert_with(|| found.clone());
            }
            ControlFlow::Continue(())
        })?;
        Ok(tag)
    }

    fn read(
        &mut self,
        request: &Request<'_>,
        read: &mut dyn FnMut(Part<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut streaming = false;
        self.ask(request, |event, row| match (event, row) {
            (Event::Columns { columns, .. }, _) => {
                streaming = true;
                read(Part::Result(Some(columns)))
            }
            (Event::Row(_), Some(row)) => read(Part::Row(row)),
            (Event::Complete { .. } | Event::Empty(_), _) => {
                if !std::mem::take(&mut streaming) {
                    read(Part::Result(None))?;
                }
                let Event::Complete { tag, .. } = event else { return read(Part::Done(None)) };
                read(Part::Done(Some(tag)))
            }
            _ => ControlFlow::Continue(()),
        })
    }

    fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Box<dyn Any>, Error> {
        let types: Vec<_> = types.iter().map(|ty| ty.oid()).collect();
        let mut prepared: Option<Box<dyn Any>> = None;
        let start = |session: &mut Session, options, out: &mut _| session.prepare(sql, &types, options, out);
        self.driver.run(self.timeout, start, |event, _| {
            if let Event::Prepared { statement, .. } = event {
                prepared = Some(statement.clone());
            }
            ControlFlow::Continue(())
        })?;
        Ok(prepared.expect("a prepare that does not fail gives a statement"))
    }

    fn ping(&mut self, within: Duration) -> Result<(), Error> {
        let start = |session: &mut Session, options, out: &mut _| session.sync(options, out);
        self.driver.run(Some(within), start, |_, _| ControlFlow::Continue(()))
    }

    fn canceler(&self) -> Result<Box<dyn FnOnce() -> Result<(), Error> + Send>, Error> {
        self.driver.canceler()
    }

    fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    fn notices(&mut self) -> Vec<ServerError> {
        self.driver.notices()
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.driver.session().settings().get(name)
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.driver.session().transaction()
    }

    fn is_closed(&self) -> bool {
        self.driver.session().fault().is_some()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        drop(self);
        Ok(())
    }
}
