//! One session, one socket, and an embedder who waits for it.

mod cancel;
mod carry;
mod close;
mod request;

use std::collections::VecDeque;
use std::time::Instant;

use hyperwire_carrier::socket::LinkReport;
use hyperwire_carrier::{self as carrier, Clock, Config, Error, FOR_EVER, Ready};
use hyperwire_core::row::Row;
use hyperwire_core::session::{Event as SessionEvent, RequestId, Settings};
use hyperwire_core::time::Instant as SessionTime;
use hyperwire_core::wire::TransactionStatus;
use mio::{Registry, Token};

use crate::dial::Dial;
use crate::event::{Event, Owner};
use crate::transport::Transport;
use crate::wants::Wants;
use cancel::Delivery;
use close::Closing;

/// Reads that one [`Connection::on_ready`] or [`Connection::on_timeout`] is good for, of at most 256 KiB each: then it
/// is the turn of other connections, and [`Connection::deadline`] says to come back at once.
const READS_A_TURN: u32 = 16;

/// A connection to Hyper that never waits: the embedder does, for [readiness](Self::on_ready) and for
/// [time](Self::deadline), and takes out [events](Self::poll_event).
///
/// Requests may be given at any time, also before the connection is there; they are run one after the other. Rows come
/// only while there is [demand](Self::demand) for them: one that nobody asks for stays in the server, which waits.
///
/// The rule for embedders: after anything was called, call [`Self::poll_event`] until it returns `None`, then wait until
/// [`Self::deadline`] at most.
///
/// When it is dropped between requests, it says goodbye as far as that takes no waiting.
#[derive(Debug)]
pub struct Connection {
    inner: carrier::Connection<Transport>,
    link: Link,
    registry: Registry,
    token: Token,
    clock: Clock,
    /// What the socket may be ready for: what its last event said and nothing has disproved yet.
    ready: Ready,
    /// That are left of this turn.
    reads: u32,
    /// Something was called since [`Connection::poll_event`] last had nothing more to say.
    due: bool,
    delivery: Option<Delivery>,
    closing: Option<Closing>,
    /// What was heard before a request was given, and not told yet.
    early: VecDeque<Event>,
    /// Requests whose rows nobody wants to see.
    rowless: Vec<RequestId>,
    owner: Owner,
    /// What ended the connection, until it was said.
    failed: Option<Error>,
}

#[derive(Debug)]
enum Link {
    Dialing(Box<Dial>),
    Up(Box<LinkReport>),
    Gone,
}

impl Connection {
    /// How many tokens a connection takes, counted from the one it is given: one for its session, one for the
    /// CancelRequests that it sends over a connection of their own.
    pub const TOKENS: usize = 2;

    /// Begins to connect, to log in, and to open the database if one is named. [`Event::Ready`] says when that is done.
    /// It takes at most [`Config::connect_timeout`] or the session's own bound for its start-up, whichever is shorter,
    /// both counted from here.
    ///
    /// Sockets are registered with `registry` under [`Self::TOKENS`] tokens from `first` on.
    ///
    /// # Errors
    /// A configuration that cannot be sent; no random bytes; a host name other than `localhost`, since looking one up
    /// may wait: then set [`Config::endpoint`] to the address. That nobody listens is said by [`Self::poll_event`].
    pub fn connect(config: Config, registry: &Registry, first: Token) -> Result<Self, Error> {
        let failed = |error| Error::connect(&config, error);
        let clock = Clock::start();
        let bound = config.session.startup_timeout.min(config.connect_timeout).min(FOR_EVER);
        let dial = Dial::start(&config, first, clock.epoch() + bound).map_err(failed)?;
        let registry = registry.try_clone().map_err(failed)?;
        Ok(Self {
            inner: carrier::Connection::start(config, clock.epoch())?,
            link: Link::Dialing(dial.into()),
            registry,
            token: first,
            clock,
            ready: Ready::default(),
            reads: READS_A_TURN,
            due: true,
            delivery: None,
            closing: None,
            early: VecDeque::new(),
            rowless: Vec::new(),
            owner: Owner::default(),
            failed: None,
        })
    }

    /// Takes an event of the poll; those with foreign tokens are ignored, and one that came for nothing does no harm.
    pub fn on_ready(&mut self, event: &mio::event::Event) {
        if event.token() == self.token {
            self.ready.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
            self.ready.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        } else if event.token() != self.cancel_token() {
            return;
        }
        self.begin_turn(self.clock.now());
    }

    /// Says what time it is. Early and repeated calls change nothing.
    pub fn on_timeout(&mut self, now: Instant) {
        self.begin_turn(self.clock.at(now));
        // What the link says of its end says more than the session can.
        self.dial();
        self.inner.check_time();
    }

    /// When to call [`Self::on_timeout`] if no event comes before: a time that has passed, when there is more to do right
    /// now. `None` says that nothing bounds the wait, not that there is something to wait for: that says [`Self::wants`].
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if matches!(self.link, Link::Gone) {
            return self.failed.as_ref().map(|_| self.clock.epoch());
        }
        if self.due || self.can_move() {
            return Some(self.clock.epoch());
        }
        let dialing = if let Link::Dialing(dial) = &self.link { Some(dial.deadline()) } else { None };
        let delivery = self.delivery.as_ref().map(Delivery::deadline);
        [dialing, delivery, self.inner.deadline()].into_iter().flatten().min()
    }

    /// What has to happen before [`Self::poll_event`] has something new to tell, once that returned `None`. An embedder
    /// that is about to wait without a bound asks this, so that it does not wait for itself.
    #[must_use]
    pub fn wants(&self) -> Wants {
        let session = self.inner.session();
        match self.deadline() {
            Some(at) if at <= self.clock.epoch() => Wants::Turn,
            _ if self.is_closed() => Wants::Nothing,
            _ if session.wants_demand() => Wants::Demand,
            Some(at) => Wants::Until(at),
            None if session.is_idle() && self.closing.is_none() => Wants::Request,
            None => Wants::Readiness,
        }
    }

    /// The next thing that happened. `None` until there is more readiness, more time, or more demand.
    ///
    /// # Errors
    /// The connection could not be made or is lost; it says so every time from then on.
    #[inline]
    pub fn poll_event(&mut self) -> Result<Option<Event>, Error> {
        if let Some(event) = self.early.pop_front() {
            return Ok(Some(event));
        }
        if let Some(error) = self.failed.take() {
            self.due = false;
            return Err(error);
        }
        loop {
            match self.poll()? {
                Some(SessionEvent::Row(id)) if self.rowless.is_empty() => return Ok(Some(Event::Row(id))),
                Some(event) => {
                    if let Some(event) = self.take(event) {
                        return Ok(Some(event));
                    }
                }
                None => {
                    if self.carry()? || self.go_on_closing()? {
                        continue;
                    }
                    self.due = false;
                    return self.say_closed();
                }
            }
        }
    }

    #[inline]
    fn poll(&mut self) -> Result<Option<SessionEvent>, Error> {
        match self.inner.poll() {
            Err(_) if self.has_closed() => Ok(None),
            outcome => outcome.inspect_err(|_| self.hang_up()),
        }
    }

    /// The row that the last event announced. It borrows the connection's buffer.
    #[inline]
    #[must_use]
    pub fn row(&self) -> Option<Row<'_>> {
        self.inner.row()
    }

    /// Calls `each` with the row that the last event announced and with all behind it that are here and wanted, up to
    /// the first that it fails on: the fastest way to read many. What comes behind them the next event says.
    ///
    /// # Errors
    /// What `each` returns; the row that it failed on counts as taken.
    pub fn for_each_row<E>(&mut self, each: impl FnMut(Row<'_>) -> Result<(), E>) -> Result<(), E> {
        self.due = true;
        self.inner.each_row(each)
    }

    /// Whether a transaction is open, as of the last finished request.
    #[must_use]
    pub fn transaction_status(&self) -> TransactionStatus {
        self.inner.session().transaction()
    }

    /// What the server reported of itself when the session started.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.inner.session().settings()
    }

    /// What the socket was set up with, and how soon a vanished peer is noticed because of it; `None` without a
    /// connection.
    #[must_use]
    pub fn link(&self) -> Option<&LinkReport> {
        if let Link::Up(report) = &self.link { Some(report) } else { None }
    }

    /// Whether no request is open or in line, and the session is ready for one.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inner.session().is_idle()
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.link, Link::Gone)
    }

    fn begin_turn(&mut self, now: SessionTime) {
        self.inner.advance_to(now);
        self.reads = READS_A_TURN;
        self.due = true;
    }

    fn cancel_token(&self) -> Token {
        Token(self.token.0 + 1)
    }

    /// Does what an event asks of the driver; gives back what is for the embedder.
    fn take(&mut self, event: SessionEvent) -> Option<Event> {
        if self.is_of_closing(&event) {
            return None;
        }
        Some(match event {
            SessionEvent::SendCancel(key) => {
                self.start_delivery(key);
                return None;
            }
            SessionEvent::Columns { id, .. } | SessionEvent::Row(id) if self.rowless.contains(&id) => {
                return None;
            }
            SessionEvent::Ready => Event::Ready,
            SessionEvent::Columns { id, columns } => Event::Columns { id, columns },
            SessionEvent::Row(id) => Event::Row(id),
            SessionEvent::Complete { id, tag } => Event::Complete { id, tag },
            SessionEvent::Empty(id) => Event::Empty(id),
            SessionEvent::Prepared { id, statement } => {
                Event::Prepared { id, statement: self.owner.statement(statement) }
            }
            SessionEvent::Failed { id, error } => Event::Failed { id, error },
            SessionEvent::Finished { id, transaction } => {
                self.rowless.retain(|rowless| *rowless != id);
                Event::Finished { id, transaction }
            }
            SessionEvent::Notice(notice) => Event::Notice(notice),
            SessionEvent::Pulse => Event::Pulse,
            // COPY is refused by the session unless a request asks for it, and none here does.
            _ => return None,
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.inner.hang_up();
    }
}
