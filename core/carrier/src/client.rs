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
    /// The last request, until its response is over.
    pub(crate) open: Option<RequestId>,
    /// The transaction's owner has gone: roll it back if it is still open.
    pub(crate) orphaned: bool,
    /// The ROLLBACK of such a transaction, until it is answered.
    pub(crate) rollback: Option<Response>,
    pub(crate) cancel_due: Option<CancelKey>,
    /// The CancelRequests of this client's handles.
    cancels: Arc<Cancels>,
    /// The next request has to wait for those.
    awaits_cancels: bool,
}

impl<T: Transport> Client<T> {
    /// The deadline for a connection that was started at `epoch`.
    #[must_use]
    pub fn connect_deadline(config: &Config, epoch: SystemInstant) -> SystemInstant {
        epoch + config.connect_bound()
    }

    /// Starts a session on a connected transport. Connecting began at `epoch`, from which the bounds are counted.
    ///
    /// # Errors
    /// The configuration cannot be sent, or the system gives no random bytes.
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

    /// Ready when the start-up is over.
    pub fn poll_started(&mut self) -> Poll<Result<(), Error>> {
        loop {
            match self.next_event()? {
                Some(Event::Ready) => return Poll::Ready(Ok(())),
                Some(_) => {}
                None => return Poll::Pending,
            }
        }
    }

    /// Ready when the next request can be sent. Until then it discards or cancels what is left of an abandoned response,
    /// rolls back a transaction whose owner has gone, and waits for CancelRequests of other threads or tasks, so that none
    /// of them hits a statement that is sent later.
    ///
    /// Then it reads, without waiting, what arrived since the last request. An idle server may only send notices or close
    /// the connection; anything else is a protocol violation and is never taken for the answer to the next request. If the
    /// server has closed, it is certain that the next request was not sent.
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

    /// Ready when no CancelRequest can hit the next request.
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

    /// The CancelRequests that the next request has to wait for, instead of the transport; `None` if there are none.
    #[must_use]
    pub fn awaited_cancels(&self) -> Option<Arc<Cancels>> {
        self.awaits_cancels.then(|| Arc::clone(&self.cancels))
    }

    /// What it takes to cancel a statement of this session; `None` if the server gave no key.
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

    /// The next event that concerns the caller, if it has arrived. Handles the events before it.
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

    /// The next event of this request, if it has arrived.
    #[inline]
    pub(crate) fn next_event_of(&mut self, id: RequestId) -> Result<Option<Event>, Error> {
        loop {
            match self.next_event()? {
                Some(event) if event.request() != Some(id) => {}
                event => return Ok(event),
            }
        }
    }

    /// The target of a CancelRequest that is to be delivered now, once; report the outcome to [`Client::cancel_ended`].
    pub fn take_cancel(&mut self) -> Option<CancelTarget> {
        self.cancel_due.take()?;
        self.cancel_target()
    }

    /// Reports the outcome of a CancelRequest. If it may still arrive, the session ends after the open request; the wait
    /// for its effect is bounded by the session's `cancel_grace`.
    pub fn cancel_ended(&mut self, delivery: CancelDelivery) {
        self.connection.advance_to(self.connection.clock());
        self.connection.cancel_ended(delivery);
    }

    /// Abandons a request; the rest of its answer is discarded.
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

    /// The configuration it was connected with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.connection.config
    }

    /// What the socket was set up with.
    #[must_use]
    pub fn link(&self) -> &LinkReport {
        &self.link
    }

    /// The notices since the last call: the newest 256, fewer if their text exceeds 16 MiB.
    pub fn take_notices(&mut self) -> Vec<ServerError> {
        self.notices.take()
    }

    /// Whether the rollback of a transaction whose owner has gone is in progress.
    #[must_use]
    pub fn is_rolling_back(&self) -> bool {
        self.rollback.is_some()
    }
}
