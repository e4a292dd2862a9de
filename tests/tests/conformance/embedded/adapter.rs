//! What makes an embedder's driver a runtime of the conformance suite.

use std::any::Any;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::time::Duration;

use hyperwire_blocking::{self as blocking, Config};
use hyperwire_core::buffer::OutBuf;
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::row::{Parameters, Row, Type};
use hyperwire_core::session::{
    CommandTag, Event, Misuse, Prepared, RequestId, RequestOptions, ServerError, Session,
};
use hyperwire_core::wire::TransactionStatus;
use hyperwire_tests::conformance::{Client, Offer, Part, Request, Runtime};

use super::driver::{Driver, deliver};
use super::{Error, Executor};

/// A driver over this executor.
pub(crate) struct Embedded<X>(PhantomData<X>);

impl<X> Embedded<X> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

struct Embedder<X> {
    driver: Driver<X>,
    endpoint: Endpoint,
    timeout: Option<Duration>,
}

impl<X: Executor> Runtime for Embedded<X> {
    fn name(&self) -> &'static str {
        X::NAME
    }

    fn offers(&self, offer: Offer) -> bool {
        offer == Offer::CancelHandles
    }

    fn connect(&self, mut config: Config) -> Result<Box<dyn Client>, blocking::Error> {
        config.session.startup_timeout = config.session.startup_timeout.min(config.connect_timeout);
        let endpoint = config.endpoint;
        let driver = X::block_on(Driver::<X>::connect(endpoint.clone(), config.session));
        let driver = driver.map_err(|error| in_words_of_the_suite(error, &endpoint))?;
        Ok(Box::new(Embedder { driver, endpoint, timeout: None }))
    }
}

impl<X: Executor> Embedder<X> {
    fn ask(
        &mut self,
        request: &Request<'_>,
        each: impl FnMut(&Event, Option<Row<'_>>) -> ControlFlow<()>,
    ) -> Result<(), blocking::Error> {
        let given = request.parameters();
        let parameters = Parameters::new(&given)?;
        let start = |session: &mut Session, options, out: &mut _| match *request {
            Request::Simple(sql) => session.query(sql, options, out),
            Request::Parameters(sql, _) => session.query_params(sql, &parameters, None, options, out),
            Request::Prepared(statement, _) => {
                let statement = statement.downcast_ref::<Prepared>().expect("prepared by an embedder");
                session.execute(statement, &parameters, options, out)
            }
        };
        self.run(self.timeout, start, each)
    }

    fn run(
        &mut self,
        timeout: Option<Duration>,
        start: impl FnOnce(&mut Session, RequestOptions, &mut OutBuf) -> Result<RequestId, Misuse>,
        each: impl FnMut(&Event, Option<Row<'_>>) -> ControlFlow<()>,
    ) -> Result<(), blocking::Error> {
        let outcome = X::block_on(self.driver.run(timeout, start, each));
        outcome.map_err(|error| in_words_of_the_suite(error, &self.endpoint))
    }
}

impl<X: Executor> Client for Embedder<X> {
    fn finish(&mut self, request: &Request<'_>) -> Result<Option<CommandTag>, blocking::Error> {
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
    ) -> Result<(), blocking::Error> {
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

    fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Box<dyn Any>, blocking::Error> {
        let types: Vec<_> = types.iter().map(|ty| ty.oid()).collect();
        let mut prepared: Option<Box<dyn Any>> = None;
        let start = |session: &mut Session, options, out: &mut _| session.prepare(sql, &types, options, out);
        self.run(self.timeout, start, |event, _| {
            if let Event::Prepared { statement, .. } = event {
                prepared = Some(statement.clone());
            }
            ControlFlow::Continue(())
        })?;
        Ok(prepared.expect("a prepare that does not fail gives a statement"))
    }

    fn ping(&mut self, within: Duration) -> Result<(), blocking::Error> {
        let start = |session: &mut Session, options, out: &mut _| session.sync(options, out);
        self.run(Some(within), start, |_, _| ControlFlow::Continue(()))
    }

    fn canceler(&self) -> Result<Box<dyn FnOnce() -> Result<(), blocking::Error> + Send>, blocking::Error> {
        let key = self.driver.session.cancel_key().ok_or(blocking::Error::NoCancelKey)?;
        let endpoint = self.endpoint.clone();
        Ok(Box::new(move || {
            X::block_on(deliver::<X>(endpoint.clone(), key))
                .map_err(|source| blocking::Error::Connect { endpoint, source })
        }))
    }

    fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    fn notices(&mut self) -> Vec<ServerError> {
        std::mem::take(&mut self.driver.notices)
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.driver.session.settings().get(name)
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.driver.session.transaction()
    }

    fn is_closed(&self) -> bool {
        self.driver.session.fault().is_some()
    }

    fn close(self: Box<Self>) -> Result<(), blocking::Error> {
        drop(self);
        Ok(())
    }
}

fn in_words_of_the_suite(error: Error, endpoint: &Endpoint) -> blocking::Error {
    match error {
        Error::Connect(source) => blocking::Error::Connect { endpoint: endpoint.clone(), source },
        Error::Session(fault) => fault.into(),
        Error::Statement(error) => error.into(),
        Error::Misuse(misuse) => misuse.into(),
    }
}
