//! The adapter of the mio client: a loop that turns until the outcome of a call is there.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyperwire_mio::hyperwire_core::row::Type;
use hyperwire_mio::hyperwire_core::session::{CommandTag, RequestId, ServerError};
use hyperwire_mio::hyperwire_core::wire::TransactionStatus;
use hyperwire_mio::{Config, Connection, Error, Event, Statement};
use hyperwire_tests::conformance::{Client, Offer, Part, Request, Runtime};
use mio::{Events, Poll, Token, Waker};

/// [`hyperwire_mio`], in a loop of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mio;

/// An embedder with one connection.
struct OnMio {
    poll: Poll,
    events: Events,
    connection: Connection,
    request: Option<RequestId>,
    interrupt: Arc<Interrupt>,
    notices: Vec<ServerError>,
}

/// How another thread asks the loop for a cancel.
struct Interrupt {
    waker: Waker,
    asked: AtomicBool,
}

impl Runtime for Mio {
    fn name(&self) -> &'static str {
        "mio"
    }

    fn offers(&self, offer: Offer) -> bool {
        match offer {
            Offer::Tls | Offer::EncryptedCancels => true,
            // Events say what comes of statements, so nothing here ends when it is dropped: embedders send BEGIN, COMMIT
            // and ROLLBACK themselves and call `close_statement`. They also cancel a request by its name, and one that
            // does not run has nothing to be canceled.
            Offer::Transactions | Offer::ClosingStatements | Offer::CancelHandles | Offer::OrderedCancels => {
                false
            }
        }
    }

    fn connect(&self, config: Config) -> Result<Box<dyn Client>, Error> {
        let poll = Poll::new().expect("a poll");
        let connection = Connection::connect(config, poll.registry(), Token(0))?;
        let waker = Waker::new(poll.registry(), Token(Connection::TOKENS)).expect("a waker");
        let interrupt = Arc::new(Interrupt { waker, asked: AtomicBool::new(false) });
        let (events, notices) = (Events::with_capacity(16), Vec::new());
        let mut client = OnMio { poll, events, connection, request: None, interrupt, notices };
        while !matches!(client.next()?, Event::Ready) {}
        Ok(Box::new(client))
    }
}

impl OnMio {
    /// The next event that is not a notice.
    fn next(&mut self) -> Result<Event, Error> {
        loop {
            match self.connection.poll_event()? {
                Some(Event::Notice(notice)) => self.notices.push(*notice),
                Some(event) => return Ok(event),
                None => self.wait(),
            }
        }
    }

    /// Waits once, as the connection has it.
    fn wait(&mut self) {
        let left = self.connection.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        self.poll.poll(&mut self.events, left).expect("the poll waits");
        self.events.iter().for_each(|event| self.connection.on_ready(event));
        self.connection.on_timeout(Instant::now());
        if let Some(id) = self.request
            && self.interrupt.asked.swap(false, Ordering::Acquire)
        {
            self.connection.cancel(id);
        }
    }

    /// Takes the events of a request to its end, or to the first at which `each` breaks.
    fn run(
        &mut self,
        id: RequestId,
        mut each: impl FnMut(&Connection, Event) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.request = Some(id);
        // A cancel that was asked for behind the last request is not for this one.
        self.interrupt.asked.store(false, Ordering::Relaxed);
        self.connection.demand(id, u64::MAX);
        let mut outcome = Ok(());
        loop {
            match self.next()? {
                Event::Failed { error, .. } => outcome = Err(error.into()),
                Event::Finished { .. } => return outcome,
                event => {
                    if each(&self.connection, event).is_break() {
                        self.connection.abandon(id);
                        return Ok(());
                    }
                }
            }
        }
    }

    fn start(&mut self, request: &Request<'_>) -> Result<RequestId, Error> {
        match *request {
            Request::Simple(sql) => self.connection.query(sql),
            Request::Parameters(sql, _) => self.connection.query_params(sql, &request.parameters()),
            Request::Prepared(statement, _) => {
                let statement =
                    statement.downcast_ref::<Statement>().expect("prepared by a client of this kind");
                self.connection.query_prepared(statement, &request.parameters())
            }
        }
    }
}

impl Client for OnMio {
    fn finish(&mut self, request: &Request<'_>) -> Result<Option<CommandTag>, Error> {
        let mut first = None;
        self.read(request, &mut |part| {
            if let Part::Done(tag) = part {
                first.get_or_insert_with(|| tag.cloned());
            }
            ControlFlow::Continue(())
        })?;
        Ok(first.flatten())
    }

    fn read(
        &mut self,
        request: &Request<'_>,
        read: &mut dyn FnMut(Part<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let id = self.start(request)?;
        let mut has_columns = false;
        self.run(id, |connection, event| match event {
            Event::Columns { columns, .. } => {
                has_columns = true;
                read(Part::Result(Some(&columns)))
            }
            Event::Row(_) => read(Part::Row(connection.row().expect("it was announced"))),
            Event::Complete { .. } | Event::Empty(_) => {
                if !std::mem::take(&mut has_columns) {
                    read(Part::Result(None))?;
                }
                let Event::Complete { tag, .. } = event else { return read(Part::Done(None)) };
                read(Part::Done(Some(&tag)))
            }
            _ => ControlFlow::Continue(()),
        })
    }

    fn prepare(&mut self, sql: &str, types: &[Type]) -> Result<Box<dyn Any>, Error> {
        let id = self.connection.prepare(sql, types)?;
        let mut prepared = None;
        self.run(id, |_, event| {
            if let Event::Prepared { statement, .. } = event {
                prepared = Some(statement);
            }
            ControlFlow::Continue(())
        })?;
        Ok(Box::new(prepared.expect("a prepare that does not fail gives a statement")))
    }

    fn ping(&mut self, within: Duration) -> Result<(), Error> {
        let id = self.connection.ping(within)?;
        self.run(id, |_, _| ControlFlow::Continue(()))
    }

    fn canceler(&self) -> Result<Box<dyn FnOnce() -> Result<(), Error> + Send>, Error> {
        let interrupt = self.interrupt.clone();
        Ok(Box::new(move || {
            interrupt.asked.store(true, Ordering::Release);
            interrupt.waker.wake().expect("the loop can be woken");
            Ok(())
        }))
    }

    fn set_statement_timeout(&mut self, timeout: Option<Duration>) {
        self.connection.set_statement_timeout(timeout);
    }

    fn notices(&mut self) -> Vec<ServerError> {
        std::mem::take(&mut self.notices)
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.connection.settings().get(name)
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.connection.transaction_status()
    }

    fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }

    fn close(mut self: Box<Self>) -> Result<(), Error> {
        self.connection.close();
        while !matches!(self.next()?, Event::Closed) {}
        Ok(())
    }
}
