//! What makes an embedder's driver a runtime of the conformance suite.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyperwire_blocking::{self as blocking, Config};
use hyperwire_core::buffer::OutBuf;
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::row::Row;
use hyperwire_core::session::{
    CancelDelivery, Event, Fault, Misuse, RequestId, RequestOptions, ServerError, Session, StatementError,
};
use hyperwire_tests::conformance::{Client, Offer, Runtime};

use super::driver::{Driver, Error, Executor, deliver};
use super::{AsyncStd, Smol};
use crate::driven::{Drive, Driven};

/// What the suite needs of an executor, besides.
pub(crate) trait Blocks: Executor {
    const NAME: &'static str;

    /// Runs a future on this thread until it is done.
    fn block_on<T>(future: impl Future<Output = T>) -> T;
}

impl Blocks for AsyncStd {
    const NAME: &'static str = "embedded_in_async_std";

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        async_std::task::block_on(future)
    }
}

impl Blocks for Smol {
    const NAME: &'static str = "embedded_in_smol";

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        smol::block_on(future)
    }
}

/// A driver over this executor.
pub(crate) struct Embedded<X>(PhantomData<X>);

impl<X> Embedded<X> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

struct Embedder<X> {
    driver: Driver<X>,
    /// A canceler does not know whether its CancelRequest will arrive.
    is_burnt: Arc<AtomicBool>,
    endpoint: Endpoint,
}

impl<X: Blocks> Runtime for Embedded<X> {
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
        Ok(Box::new(Driven::new(Embedder { driver, is_burnt: Arc::default(), endpoint })))
    }
}

impl<X: Blocks> Drive for Embedder<X> {
    fn run(
        &mut self,
        timeout: Option<Duration>,
        start: impl FnOnce(&mut Session, RequestOptions, &mut OutBuf) -> Result<RequestId, Misuse>,
        each: impl FnMut(&Event, Option<Row<'_>>) -> ControlFlow<()>,
    ) -> Result<(), blocking::Error> {
        if self.is_burnt.load(Ordering::Acquire) {
            self.driver.session.burn_cancel_key();
        }
        let outcome = X::block_on(self.driver.run(timeout, start, each));
        outcome.map_err(|error| in_words_of_the_suite(error, &self.endpoint))
    }

    fn session(&self) -> &Session {
        &self.driver.session
    }

    fn notices(&mut self) -> Vec<ServerError> {
        std::mem::take(&mut self.driver.notices)
    }

    fn canceler(&self) -> Result<Box<dyn FnOnce() -> Result<(), blocking::Error> + Send>, blocking::Error> {
        let key = self.driver.session.cancel_key().ok_or(blocking::Error::NoCancelKey)?;
        let (endpoint, is_burnt) = (self.endpoint.clone(), self.is_burnt.clone());
        Ok(Box::new(move || {
            let (became, delivered) = X::block_on(deliver::<X>(endpoint.clone(), key));
            is_burnt.fetch_or(became == CancelDelivery::Unknown, Ordering::Release);
            delivered.map_err(|error| in_words_of_the_suite(error, &endpoint))
        }))
    }
}

fn in_words_of_the_suite(error: Error, endpoint: &Endpoint) -> blocking::Error {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        fault.clone().into()
    } else if let Some(error) = error.downcast_ref::<StatementError>() {
        error.clone().into()
    } else if let Some(misuse) = error.downcast_ref::<Misuse>() {
        misuse.clone().into()
    } else {
        let source = match error.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(error) => io::Error::other(error),
        };
        blocking::Error::Connect { endpoint: endpoint.clone(), source }
    }
}
