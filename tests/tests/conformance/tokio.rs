//! The adapter of the tokio client: each call blocks on the client's own runtime.

use std::any::Any;
use std::ops::ControlFlow;
use std::time::Duration;

use hyperwire_tests::conformance::{Client, End, Offer, Part, Request, Runtime};
use hyperwire_tokio::hyperwire_core::row::Type;
use hyperwire_tokio::hyperwire_core::session::{CommandTag, ServerError};
use hyperwire_tokio::hyperwire_core::wire::TransactionStatus;
use hyperwire_tokio::{self as async_client, Config, Error, Rows, Statement};
use tokio::runtime::Builder;

/// [`hyperwire_tokio`], on one of tokio's executors.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tokio {
    /// Sockets and timers are looked after by the thread that waits.
    CurrentThread,
    /// They are looked after by other threads.
    MultiThread,
}

struct OnTokio {
    executor: Tokio,
    runtime: tokio::runtime::Runtime,
    client: async_client::Client,
}

impl Tokio {
    fn start(self) -> tokio::runtime::Runtime {
        let mut builder = match self {
            Self::CurrentThread => Builder::new_current_thread(),
            Self::MultiThread => Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_all().build().expect("tokio starts")
    }
}

impl Runtime for Tokio {
    fn name(&self) -> &'static str {
        match self {
            Self::CurrentThread => "tokio_current_thread",
            Self::MultiThread => "tokio_multi_thread",
        }
    }

    fn offers(&self, _: Offer) -> bool {
        true
    }

    fn connect(&self, config: Config) -> Result<Box<dyn Client>, Error> {
        let runtime = self.start();
        let client = runtime.block_on(async_client::Client::connect(config))?;
        Ok(Box::new(OnTokio { executor: *self, runtime, client }))
    }
}

impl Client for OnTokio {
    fn finish(&mut self, request: &Request<'_>) -> Result<Option<CommandTag>, Error> {
        self.runtime.block_on(async { query(&mut self.client, request).await?.finish().await })
    }

    fn read(
        &mut self,
        request: &Request<'_>,
        read: &mut dyn FnMut(Part<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.runtime.block_on(async {
            let mut rows = query(&mut self.client, request).await?;
            loop {
                if read(Part::Result(rows.columns())).is_break() {
                    return Ok(());
                }
                while let Some(row) = rows.next().await? {
                    if read(Part::Row(row)).is_break() {
                        return Ok(());
                    }
                }
                if read(Part::Done(rows.tag())).is_break() || !rows.next_result().await? {
                    return Ok(());
                }
            }
        })
    }

    fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(self.runtime.block_on(self.client.prepare(sql, types))?))
    }

    fn ping(&mut self, within: Duration) -> Result<(), Error> {
        self.runtime.block_on(self.client.ping(within))
    }

    fn transaction(&mut self, statements: &[&str], end: End) -> Result<(), Error> {
        self.runtime.block_on(async {
            let mut transaction = self.client.transaction().await?;
            let _ = transaction.batch(statements).await;
            match end {
                End::Commit => transaction.commit().await,
                End::RollBack => transaction.rollback().await,
                End::Drop => Ok(()),
            }
        })
    }

    fn canceler(&self) -> Result<Box<dyn FnOnce() -> Result<(), Error> + Send>, Error> {
        let (handle, executor) = (self.client.cancel_handle()?, self.executor);
        Ok(Box::new(move || executor.start().block_on(handle.cancel())))
    }

    fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.client.set_statement_timeout(timeout);
    }

    fn notices(&mut self) -> Vec<ServerError> {
        self.client.notices()
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.client.settings().get(name)
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.client.transaction_status()
    }

    fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        self.runtime.block_on(self.client.close())
    }
}

async fn query<'c>(
    client: &'c mut async_client::Client,
    request: &'c Request<'_>,
) -> Result<Rows<'c>, Error> {
    match *request {
        Request::Simple(sql) => client.query(sql).await,
        Request::Parameters(sql, parameters) => client.query_params(sql, parameters).await,
        Request::Prepared(statement, parameters) => {
            let statement = statement.downcast_ref::<Statement>().expect("prepared by a client of this kind");
            client.query_prepared(statement, parameters).await
        }
    }
}
