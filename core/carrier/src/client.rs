//! A client whose every step is a poll.

use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Instant as SystemInstant;

use hyperwire_core::session::{CancelDelivery, Event, RequestId, ServerError, Session};
use hyperwire_core::wire::CancelKey;

use crate::cancels::{Cancels, Standing};
use crate::config::Config;
use crate::connection::Connection;
use crate::delivery::CancelTarget;
use crate::error::Error;
use crate::notices::Notices;
use crate::response::Response;
use crate::socket::LinkReport;
use crate::statement::PendingCloses;
use crate::transport::Transport;

/// A connection on which requests are made one at a time, each answered by a [`Response`]. Every step is a poll; the
/// clients of the runtimes are this and their way to wait.
#[derive(Debug)]
pub struct Client<T> {
    pub(crate) connection: Connection<T>,
    link: LinkReport,
    notices: Notices,
    pub(crate) pending_closes: PendingCloses,
    /// The last request that somebody waited for.
    pub(crate) open: Option<RequestId>,
    /// The owner of the transaction has gone: it is rolled back unless it is over.
    pub(crate) orphaned: bool,
    /// What ends such a transaction, until it is answered.
    pub(crate) rollback: Option<Response>,
    pub(crate) cancel_due: Option<CancelKey>,
    /// What its handles do.
    cancels: Arc<Cancels>,
    /// A request has to wait for those.
    awaits_cancels: bool,
}

impl<T: Transport> Client<T> {
    /// When a connection that is begun at `epoch` has to be ready.
    #[must_use]
    pub fn connect_deadline(config: &Config, epoch: SystemInstant) -> SystemInstant {
        epoch + config.connect_bound()
    }

    /// Starts a session on a transport that is connected since `epoch`, or a little later.
    ///
    /// # Errors
    /// A configuration that cannot be sent; no random bytes.
    pub fn start(
        config: Config,
        transport: T,
        link: LinkReport,
        epoch: SystemInstant,
    ) -> Result<Self, Error> {
        let mut connection = Connection::start(config, epoch)?;
        connection.connected(transport);
        Ok(Self {
            connection,
            link,
            notices: Notices::default(),
            pending_closes: PendingCloses::default(),
            open: None,
            orphaned: false,
            rollback: None,
            cancel_due: None,
            cancels: Arc::default(),
            awaits_cancels: false,
        })
    }

    /// Goes on until the start-up is over.
    pub fn poll_started(&mut self) -> Poll<Result<(), Error>> {
        loop {
            match self.next_event()? {
                Some(Event::Ready) => return Poll::Ready(Ok(())),
                Some(_) => {}
                None => return Poll::Pending,
            }
        }
    }

    /// Goes on until the session is ready for a request: what nobody waits for any more is thrown away or canceled, a
    /// transaction without an owner rolled back. A CancelRequest that somebody has sent from outside is waited for, so that
    /// it hits no statement that was sent behind it.
    ///
    /// Then it hears, without waiting, what came since the last request: a server that nobody asked has nothing to say
    /// but notices and goodbye, and nothing else may pass for the answer to the next request. After a goodbye it is
    /// certain that the next request was never sent.
    pub fn poll_ready(&mut self) -> Poll<Result<(), Error>> {
        ready!(self.poll_clear_to_send())?;
        loop {
            if self.poll_rollback()?.is_pending() {
                return Poll::Pending;
            }
            if let Some(id) = self.open.take().filter(|_| !self.connection.session.is_idle()) {
                self.abandon(id);
            }
            while !self.connection.session.is_idle() {
                if self.next_event()?.is_none() && !self.connection.session.is_idle() {
                    return Poll::Pending;
                }
            }
            if !std::mem::take(&mut self.orphaned) {
                break;
            }
            self.start_rollback()?;
        }
        while self.next_event()?.is_some() {}
        if self.try_read()? {
            while self.next_event()?.is_some() {}
        }
        self.poll_clear_to_send()
    }

    /// Whether no CancelRequest could hit what is sent next.
    fn poll_clear_to_send(&mut self) -> Poll<Result<(), Error>> {
        let standing = self.cancels.standing(T::now);
        self.awaits_cancels = standing == Standing::UnderWay;
        if standing == Standing::Burnt {
            self.connection.session.burn_cancel_key();
        }
        match self.connection.session.fault() {
            Some(fault) => {
                let fault = fault.clone();
                Poll::Ready(Err(self.connection.dead(fault)))
            }
            None if self.awaits_cancels => Poll::Pending,
            None => Poll::Ready(Ok(())),
        }
    }

    pub(crate) fn is_clear_to_send(&self) -> bool {
        self.cancels.standing(T::now) == Standing::Clear
    }

    /// What a request has to wait for instead of the transport, if it has to.
    #[must_use]
    pub fn awaited_cancels(&self) -> Option<Arc<Cancels>> {
        self.awaits_cancels.then(|| Arc::clone(&self.cancels))
    }

    /// What it takes to have a statement of this session canceled; `None` if the server gave no key.
    #[must_use]
    pub fn cancel_target(&self) -> Option<CancelTarget> {
        let key = self.connection.session.cancel_key()?;
        Some(CancelTarget::new(
            &self.connection.config,
            key,
            self.connection.link.is_encrypted(),
            &self.cancels,
        ))
    }

    /// The next event that is for the caller, if it is here already; does what the events before it ask for.
    #[inline]
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.connection.poll()? {
                Some(event @ Event::Row(_)) => return Ok(Some(event)),
                Some(Event::SendCancel(key)) => {
                    // It is delivered before anything else is listened to.
                    self.cancel_due = Some(key);
                    return Ok(None);
                }
                Some(Event::Notice(notice)) => self.notices.push(*notice),
                Some(Event::Pulse) => {}
                event => return Ok(event),
            }
        }
    }

    /// The next event of this request, if it is here already.
    #[inline]
    pub(crate) fn next_event_of(&mut self, id: RequestId) -> Result<Option<Event>, Error> {
        loop {
            match self.next_event()? {
                Some(event) if event.request() != Some(id) => {}
                event => return Ok(event),
            }
        }
    }

    /// Whether a CancelRequest is to be delivered now; [`Client::cancel_ended`] says what came of that.
    pub fn take_cancel(&mut self) -> Option<CancelTarget> {
        self.cancel_due.take()?;
        self.cancel_target()
    }

    /// Says what became of a CancelRequest. If it may still arrive, the session ends behind the open request; the
    /// session's grace bounds the wait for its effect.
    pub fn cancel_ended(&mut self, delivery: CancelDelivery) {
        self.connection.advance_to(self.connection.clock());
        self.connection.cancel_ended(delivery);
    }

    /// Forgets a request; what is left of its answer is thrown away.
    pub(crate) fn abandon(&mut self, id: RequestId) {
        self.open = self.open.filter(|open| *open != id);
        if self.connection.session.fault().is_none() {
            self.connection.advance_to(self.connection.clock());
            self.connection.abandon(id);
        }
    }

    /// [`Connection::hang_up`]
    pub fn hang_up(&mut self) {
        self.connection.hang_up();
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.connection.session
    }

    /// How it was connected.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.connection.config
    }

    /// What the socket was set up with.
    #[must_use]
    pub fn link(&self) -> &LinkReport {
        &self.link
    }

    /// The last 256 notices since the last call, fewer if they have more than 16 MiB of text.
    pub fn take_notices(&mut self) -> Vec<ServerError> {
        self.notices.take()
    }

    /// Whether the last thing sent was the rollback of a transaction without an owner.
    #[must_use]
    pub fn is_rolling_back(&self) -> bool {
        self.rollback.is_some()
    }
}
