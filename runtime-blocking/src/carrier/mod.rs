//! What every runtime does but wait: for those who write one.
//!
//! A [`Carrier`] is a session with its buffers and its transport. Its `poll_` methods go as far as that takes no
//! waiting. When they are [`Pending`](Poll::Pending), a runtime delivers a cancel if one is due
//! ([`Carrier::take_cancel`]), waits for [`Carrier::wants`], tells [`Carrier::carry`] what came of it, and polls again.
//! Nothing is lost if it does not: everything that is under way is kept here, not in whoever polls.
//!
//! A runtime that hands out events instead of answers takes the half below, a [`Conduit`]: session, buffers, transport,
//! TLS, and what the end of either means.
//!
//! ```no_run
//! # use std::task::Poll;
//! # use hyperwire_blocking::{Error, carrier::{Carrier, Ready, Transport}};
//! fn until<T: Transport, R>(
//!     carrier: &mut Carrier<T>,
//!     mut step: impl FnMut(&mut Carrier<T>) -> Poll<Result<R, Error>>,
//! ) -> Result<R, Error> {
//!     loop {
//!         if let Poll::Ready(outcome) = step(carrier) {
//!             return outcome;
//!         }
//!         carrier.carry(Ready { readable: true, writable: true })?; // A runtime would wait before.
//!     }
//! }
//! # fn ready<T: Transport>(carrier: &mut Carrier<T>) -> Result<(), Error> {
//! until(carrier, Carrier::poll_ready)
//! # }
//! ```

mod answer;
mod channel;
mod conduit;
mod notices;
mod request;
mod socket;

use std::task::Poll;
use std::time::{Duration, Instant as Clock};

use hyperwire_core::session::{Event, RequestId, ServerError, Session};
use hyperwire_core::wire::CancelKey;

pub use answer::{Answer, affected};
pub use channel::{Ready, Transport};
pub use conduit::Conduit;
pub use socket::Wants;

use notices::Notices;

use crate::bound::FOR_EVER;
use crate::config::Config;
use crate::error::Error;
use crate::socket::LinkReport;
use crate::statement::Graveyard;

/// A session and what carries it, for those who wait for answers.
#[derive(Debug)]
pub struct Carrier<T> {
    conduit: Conduit<T>,
    link: LinkReport,
    notices: Notices,
    graveyard: Graveyard,
    statement_timeout: Option<Duration>,
    /// The last request that somebody waited for.
    open: Option<RequestId>,
    /// The owner of the transaction has gone without ending it.
    orphaned: bool,
    /// What ends such a transaction, until it is answered.
    rollback: Option<Answer>,
    cancel_due: Option<CancelKey>,
}

impl<T: Transport> Carrier<T> {
    /// When a connection that is begun at `epoch` has to be ready.
    #[must_use]
    pub fn connect_deadline(config: &Config, epoch: Clock) -> Clock {
        epoch + connect_bound(config)
    }

    /// Starts a session on a transport that is connected since `epoch`, or a little later.
    ///
    /// # Errors
    /// A configuration that cannot be sent; no random bytes.
    pub fn start(config: Config, transport: T, link: LinkReport, epoch: Clock) -> Result<Self, Error> {
        let mut conduit = Conduit::start(config, epoch)?;
        conduit.connected(transport);
        Ok(Self {
            conduit,
            link,
            notices: Notices::default(),
            graveyard: Graveyard::default(),
            statement_timeout: None,
            open: None,
            orphaned: false,
            rollback: None,
            cancel_due: None,
        })
    }

    /// Goes on until the start-up is over.
    pub fn poll_started(&mut self) -> Poll<Result<(), Error>> {
        loop {
            match self.news()? {
                Some(Event::Ready) => return Poll::Ready(Ok(())),
                Some(_) => {}
                None => return Poll::Pending,
            }
        }
    }

    /// Goes on until the session is ready for a request: what nobody waits for any more is thrown away or canceled, a
    /// transaction without an owner rolled back.
    ///
    /// Then it hears, without waiting, what came since the last request: a server that nobody asked has nothing to say
    /// but notices and goodbye, and nothing else may pass for the answer to the next request. After a goodbye it is
    /// certain that the next request was never sent.
    pub fn poll_ready(&mut self) -> Poll<Result<(), Error>> {
        if let Some(fault) = self.conduit.session.fault() {
            let fault = fault.clone();
            return Poll::Ready(Err(self.conduit.dead(fault)));
        }
        loop {
            if self.poll_rollback()?.is_pending() {
                return Poll::Pending;
            }
            if let Some(id) = self.open.take().filter(|_| !self.conduit.session.is_idle()) {
                self.abandon(id);
            }
            while !self.conduit.session.is_idle() {
                if self.news()?.is_none() && !self.conduit.session.is_idle() {
                    return Poll::Pending;
                }
            }
            if !std::mem::take(&mut self.orphaned) {
                break;
            }
            self.start_rollback()?;
        }
        while self.news()?.is_some() {}
        if self.try_read()? {
            while self.news()?.is_some() {}
        }
        Poll::Ready(Ok(()))
    }

    /// The next event that is for the caller, if it is here already; does what the events before it ask for.
    #[inline]
    fn news(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.conduit.poll()? {
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
    fn news_of(&mut self, id: RequestId) -> Result<Option<Event>, Error> {
        loop {
            match self.news()? {
                Some(event) if event.request() != Some(id) => {}
                event => return Ok(event),
            }
        }
    }

    /// What a CancelRequest that is to be delivered now must carry; [`Carrier::cancel_delivered`] follows, whatever
    /// came of it.
    pub fn take_cancel(&mut self) -> Option<CancelKey> {
        self.cancel_due.take()
    }

    /// Says that a CancelRequest was delivered, or could not be. Undeliverable is as good as unheeded: the session's
    /// grace bounds the wait for its effect.
    pub fn cancel_delivered(&mut self) {
        self.conduit.advance_to(self.conduit.clock());
        self.conduit.session.cancel_delivered(&mut self.conduit.out);
    }

    /// Forgets a request; what is left of its answer is thrown away.
    fn abandon(&mut self, id: RequestId) {
        self.open = self.open.filter(|open| *open != id);
        if self.conduit.session.fault().is_none() {
            self.conduit.advance_to(self.conduit.clock());
            self.conduit.session.abandon(id, self.conduit.now, &mut self.conduit.out);
        }
    }

    /// Ends the session; [`Carrier::poll_closed`] waits for the server to close its end, at most `bound`.
    pub fn start_close(&mut self, bound: Duration) {
        self.conduit.start_close(bound);
    }

    /// Goes on until the server has closed its end, or the bound has passed. That the transport fails is an end, too.
    pub fn poll_closed(&mut self) -> Poll<()> {
        if self.news().is_err() || self.conduit.is_close_overdue() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// [`Conduit::hang_up`]
    pub fn hang_up(&mut self) {
        self.conduit.hang_up();
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.conduit.session
    }

    /// How it was connected.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.conduit.config
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

/// How long connecting and the start-up may take.
fn connect_bound(config: &Config) -> Duration {
    config.connect_timeout.min(FOR_EVER)
}
