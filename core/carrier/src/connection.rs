//! A session and what moves its bytes: events out, and nothing that waits for them.

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

/// A session, its buffers and its transport. A [`Client`](super::Client) is one with answers that are waited for; a
/// runtime that hands out events as they come, to whoever drives it, takes the connection alone.
///
/// Such a runtime [polls](Self::poll) until there is nothing more to tell, [writes](Self::try_write),
/// [reads](Self::try_read) once, and begins again; when neither moved anything it waits for [`Self::wants`]. After an
/// error the transport is closed, and every later call says the same.
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
    /// When to stop waiting for the server's end of a connection that was said goodbye to.
    pub(crate) closing: Option<SystemInstant>,
    /// What the system said when the connection was lost.
    pub(crate) lost: Option<io::Error>,
}

impl<T: Transport> Connection<T> {
    /// Starts a session that has no transport yet: requests are taken, nothing is moved. Its start-up has to be over
    /// [`Config::connect_timeout`] after `epoch`, or earlier if the session's own bound is.
    ///
    /// # Errors
    /// A configuration that cannot be sent; no random bytes.
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

    /// Gives it the transport, which is connected.
    pub fn connected(&mut self, transport: T) {
        self.link.open(transport);
    }

    /// The transport, to wait for it.
    ///
    /// # Errors
    /// There is none yet, or it was closed because the session is dead.
    pub fn transport(&mut self) -> io::Result<&mut T> {
        self.link.transport()
    }

    /// The next event, if it is here already. TLS is seen to in here; a CancelRequest is not.
    ///
    /// # Errors
    /// The session is dead.
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

    /// Hands every row that is here and wanted to `each`, starting with the one that the last event announced.
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

    /// Ends the session: says goodbye, and waits for the server to close its end, for 5 s at most.
    pub fn say_goodbye(&mut self) {
        self.session.terminate(&mut self.out);
        self.closing = Some(T::now() + GOODBYE_TIMEOUT);
    }

    /// Whether the server has had its time to close its end.
    #[must_use]
    pub fn is_close_overdue(&self) -> bool {
        self.closing.is_none_or(|deadline| deadline <= T::now())
    }

    /// Says goodbye as far as that takes no waiting, if nothing is open.
    pub fn hang_up(&mut self) {
        if self.session.is_idle() {
            self.session.terminate(&mut self.out);
            let _ = self.write();
        }
    }

    /// Closes the transport: the server is to learn at once that nobody listens any more.
    pub fn close(&mut self) {
        self.link.close();
    }

    /// Nothing comes of this session, which has not begun; whoever asks later is told what the system said.
    pub fn give_up(&mut self, error: &io::Error) {
        let fault = self.session.handle_link_loss(crate::socket::loss(error));
        self.lost = Some(io::Error::new(error.kind(), error.to_string()));
        let _ = self.dead(fault);
    }

    /// Begins to deliver the CancelRequest with this key that the session asked for.
    #[must_use]
    pub fn deliver(&self, key: CancelKey) -> Delivery<T> {
        Delivery::start(&self.config, key, self.link.is_encrypted())
    }

    /// What time it is by the session's clock.
    #[must_use]
    pub fn clock(&self) -> Instant {
        self.clock.at(T::now())
    }

    /// Takes this for the time, if it is later than what was taken for it before.
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
