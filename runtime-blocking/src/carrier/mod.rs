//! What every runtime does but wait: for those who write one.
//!
//! A [`Carrier`] is a session with its buffers and its transport. Its `poll_` methods go as far as that takes no
//! waiting. When they are [`Pending`](Poll::Pending), a runtime delivers a cancel if one is due
//! ([`Carrier::take_cancel`]), waits for [`Carrier::wants`], tells [`Carrier::carry`] what came of it, and polls again.
//! Nothing is lost if it does not: everything that is under way is kept here, not in whoever polls.
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
mod request;
mod socket;

use std::collections::VecDeque;
use std::io;
use std::task::Poll;
use std::time::{Duration, Instant as Clock};

use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::session::{Event, Fault, RequestId, ServerError, Session};
use hyperwire_core::time::Instant;
use hyperwire_core::wire::CancelKey;

pub use answer::{Answer, affected};
pub use channel::{Ready, Transport};
pub use socket::Wants;

use crate::config::Config;
use crate::error::Error;
use crate::socket::LinkReport;
use crate::statement::Graveyard;
use channel::Channel;

/// Notices kept for a caller who does not fetch them.
const MAX_NOTICES: usize = 256;

/// Longer than anybody waits, and short enough for every clock to be added to.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A session and what carries it.
#[derive(Debug)]
pub struct Carrier<T> {
    session: Session,
    input: InBuf,
    out: OutBuf,
    channel: Channel<T>,
    config: Config,
    epoch: Clock,
    /// The time as of the last wait. Reading the clock for every row would cost more than the row.
    now: Instant,
    link: LinkReport,
    notices: VecDeque<ServerError>,
    graveyard: Graveyard,
    statement_timeout: Option<Duration>,
    /// The last request that somebody waited for.
    open: Option<RequestId>,
    /// The owner of the transaction has gone without ending it.
    orphaned: bool,
    /// What ends such a transaction, until it is answered.
    rollback: Option<Answer>,
    cancel_due: Option<CancelKey>,
    /// When to stop waiting for the server's end of a connection that was said goodbye to.
    closing: Option<Clock>,
    /// What the system said when the connection was lost.
    lost: Option<io::Error>,
}

impl<T: Transport> Carrier<T> {
    /// When a connection that is begun at `epoch` has to be ready.
    #[must_use]
    pub fn connect_deadline(config: &Config, epoch: Clock) -> Clock {
        epoch + config.connect_timeout.min(FOR_EVER)
    }

    /// Starts a session on a transport that is connected since `epoch`, or a little later.
    ///
    /// # Errors
    /// A configuration that cannot be sent; no random bytes.
    pub fn start(mut config: Config, transport: T, link: LinkReport, epoch: Clock) -> Result<Self, Error> {
        let passed = T::now().saturating_duration_since(epoch);
        let left = config.connect_timeout.min(FOR_EVER).saturating_sub(passed);
        config.session.startup_timeout = config.session.startup_timeout.min(left);
        let (now, mut out) = (Instant::EPOCH + passed, OutBuf::new());
        let session = Session::start(config.session.clone(), nonce()?, now, &mut out)?;
        Ok(Self {
            session,
            input: InBuf::new(),
            out,
            channel: Channel::new(transport),
            config,
            epoch,
            now,
            link,
            notices: VecDeque::new(),
            graveyard: Graveyard::default(),
            statement_timeout: None,
            open: None,
            orphaned: false,
            rollback: None,
            cancel_due: None,
            closing: None,
            lost: None,
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
        if let Some(fault) = self.session.fault() {
            let fault = fault.clone();
            return Poll::Ready(Err(self.dead(fault)));
        }
        loop {
            if self.poll_rollback()?.is_pending() {
                return Poll::Pending;
            }
            if let Some(id) = self.open.take().filter(|_| !self.session.is_idle()) {
                self.abandon(id);
            }
            while !self.session.is_idle() {
                if self.news()?.is_none() && !self.session.is_idle() {
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
            match self.session.poll(&mut self.input, &mut self.out, self.now) {
                Ok(Some(event @ Event::Row(_))) => return Ok(Some(event)),
                Ok(Some(Event::SendCancel(key))) => {
                    // It is delivered before anything else is listened to.
                    self.cancel_due = Some(key);
                    return Ok(None);
                }
                Ok(Some(Event::StartTls)) => self.channel.start_tls(&self.config).map_err(Error::Tls)?,
                Ok(Some(Event::Notice(notice))) => {
                    if self.notices.len() == MAX_NOTICES {
                        self.notices.pop_front();
                    }
                    self.notices.push_back(*notice);
                }
                Ok(Some(Event::Pulse)) => {}
                Ok(event) => return Ok(event),
                Err(fault) => return Err(self.dead(fault)),
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
        self.now = self.clock();
        self.session.cancel_delivered(&mut self.out);
    }

    /// Forgets a request; what is left of its answer is thrown away.
    fn abandon(&mut self, id: RequestId) {
        self.open = self.open.filter(|open| *open != id);
        if self.session.fault().is_none() {
            self.now = self.clock();
            self.session.abandon(id, self.now, &mut self.out);
        }
    }

    /// Ends the session; [`Carrier::poll_closed`] waits for the server to close its end, at most `bound`.
    pub fn start_close(&mut self, bound: Duration) {
        self.session.terminate(&mut self.out);
        self.closing = Some(T::now() + bound.min(FOR_EVER));
    }

    /// Goes on until the server has closed its end, or the bound has passed. That the transport fails is an end, too.
    pub fn poll_closed(&mut self) -> Poll<()> {
        let over = self.news().is_err() || self.closing.is_none_or(|deadline| deadline <= T::now());
        if over { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Says goodbye as far as that takes no waiting.
    pub fn hang_up(&mut self) {
        if self.session.is_idle() {
            self.session.terminate(&mut self.out);
            let _ = self.write();
        }
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// How it was connected.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the socket was set up with.
    #[must_use]
    pub fn link(&self) -> &LinkReport {
        &self.link
    }

    /// The last 256 notices since the last call.
    pub fn take_notices(&mut self) -> Vec<ServerError> {
        self.notices.drain(..).collect()
    }

    /// Whether the last thing sent was the rollback of a transaction without an owner.
    #[must_use]
    pub fn is_rolling_back(&self) -> bool {
        self.rollback.is_some()
    }

    fn clock(&self) -> Instant {
        Instant::EPOCH + T::now().saturating_duration_since(self.epoch)
    }
}

fn nonce() -> Result<[u8; 18], Error> {
    let mut nonce = [0; 18];
    getrandom::fill(&mut nonce).map_err(|error| Error::Session {
        fault: Fault::Closed,
        source: Some(io::Error::other(format!("the system gave no random bytes: {error}"))),
    })?;
    Ok(nonce)
}
