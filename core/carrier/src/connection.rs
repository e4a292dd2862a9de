//! A session and what moves its bytes: requests in, events out.

use std::io;
use std::time::{Duration, Instant as SystemInstant};

use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::row::Row;
use hyperwire_core::session::{Event, Fault, Session};
use hyperwire_core::time::Instant;
use hyperwire_core::wire::CancelKey;

use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::error::Error;
use crate::link::Link;
use crate::transport::Transport;

/// How long the server may take to close its end once it has let go of the database: 1 ms is usual.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// A session with its buffers and its transport. A [`Client`](super::Client) adds responses that callers wait for; a runtime
/// that hands out events uses the connection alone.
///
/// Such a runtime [polls](Self::poll) until there are no more events, [writes](Self::try_write), [reads](Self::try_read)
/// once, and starts over; when neither moved any bytes, it waits for [`Self::wants`]. After an error the transport is
/// closed, and every later call returns the same error.
#[derive(Debug)]
pub struct Connection<T> {
    pub(crate) session: Session,
    pub(crate) input: InBuf,
    pub(crate) out: OutBuf,
    pub(crate) link: Link<T>,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    /// The time as of the last wait. Reading the clock for every row would cost more than the row.
    pub(crate) now: Instant,
    pub(crate) statement_timeout: Option<Duration>,
    /// When to stop waiting for the server to close a connection that was terminated.
    pub(crate) closing: Option<SystemInstant>,
    /// What the system said when the connection was lost.
    pub(crate) lost: Option<io::Error>,
}

impl<T: Transport> Connection<T> {
    /// Starts a session that has no transport yet: it accepts requests and moves no bytes. Its start-up must be over
    /// [`Config::connect_timeout`] after `epoch`, or earlier if the session's own bound is shorter.
    ///
    /// # Errors
    /// The configuration cannot be sent, or the system gives no random bytes.
    pub fn start(mut config: Config, epoch: SystemInstant) -> Result<Self, Error> {
        let passed = T::now().saturating_duration_since(epoch);
        let left = config.connect_bound().saturating_sub(passed);
        config.session.startup_timeout = config.session.startup_timeout.min(left);
        let (now, mut out) = (Instant::EPOCH + passed, OutBuf::new());
        let session = Session::start(config.session.clone(), nonce()?, now, &mut out)?;
        let (input, link) = (InBuf::new(), Link::new());
        Ok(Self {
            session,
            input,
            out,
            link,
            config,
            clock: Clock::starting(epoch),
            now,
            statement_timeout: None,
            closing: None,
            lost: None,
        })
    }

    /// Hands over the transport, which must be connected.
    pub fn connected(&mut self, transport: T) {
        self.link.open(transport);
    }

    /// The transport, so that a runtime can wait for it.
    ///
    /// # Errors
    /// There is none yet, or it was closed because the session is over.
    pub fn transport(&mut self) -> io::Result<&mut T> {
        self.link.transport()
    }

    /// The next event, if it has arrived. Starts TLS when the session asks for it; delivering a CancelRequest is up to the
    /// caller.
    ///
    /// # Errors
    /// The session is over.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if self.session.wants_time() {
                self.advance_to(self.clock());
            }
            match self.session.poll(&mut self.input, &mut self.out, self.now) {
                Ok(Some(Event::StartTls)) => self.start_tls()?,
                Ok(event) => return Ok(event),
                Err(fault) => return Err(self.dead(fault)),
            }
        }
    }

    #[cold]
    fn start_tls(&mut self) -> Result<(), Error> {
        self.link.start_tls(&self.config).map_err(|error| self.tls_failed(error))
    }

    /// The row that the last event announced.
    #[inline]
    #[must_use]
    pub fn row(&self) -> Option<Row<'_>> {
        self.session.row(&self.input)
    }

    /// Calls `each` with every row that has arrived and was asked for, starting with the one that the last event announced.
    ///
    /// # Errors
    /// What `each` returns.
    #[inline]
    pub fn each_row<E>(&mut self, each: impl FnMut(Row<'_>) -> Result<(), E>) -> Result<(), E> {
        self.session.each_row(&mut self.input, each)
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// How it is connected.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Terminates the session; the server then has 5 s to close its end.
    pub fn say_goodbye(&mut self) {
        self.session.terminate(&mut self.out);
        self.closing = Some(T::now() + GOODBYE_TIMEOUT);
    }

    /// Whether the server's time to close its end is over.
    #[must_use]
    pub fn is_close_overdue(&self) -> bool {
        self.closing.is_none_or(|deadline| deadline <= T::now())
    }

    /// Sends Terminate if no request is open, as far as that takes no waiting.
    pub fn hang_up(&mut self) {
        if self.session.is_idle() {
            self.session.terminate(&mut self.out);
            let _ = self.write();
        }
    }

    /// Closes the transport, so that the server learns at once that nobody listens any more.
    pub fn close(&mut self) {
        self.link.close();
    }

    /// Ends a session that never got a connection; later calls report this error.
    pub fn give_up(&mut self, error: &io::Error) {
        let fault = self.session.handle_link_loss(crate::socket::loss(error));
        self.lost = Some(io::Error::new(error.kind(), error.to_string()));
        let _ = self.dead(fault);
    }

    /// Starts to deliver the CancelRequest with this key, which the session asked for.
    #[must_use]
    pub fn deliver(&self, key: CancelKey) -> Delivery<T> {
        Delivery::start(&self.config, key, self.link.is_encrypted())
    }

    /// The time now, by the session's clock.
    #[must_use]
    pub fn clock(&self) -> Instant {
        self.clock.at(T::now())
    }

    /// Sets the session's time to this, unless it is already later.
    pub fn advance_to(&mut self, now: Instant) {
        self.now = self.now.max(now);
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
