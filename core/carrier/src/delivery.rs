//! Delivery of a CancelRequest over a connection of its own, encrypted if the session's is.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant as SystemInstant};

use hyperwire_core::buffer::OutBuf;
use hyperwire_core::session::{CANCEL_TIMEOUT, CancelDelivery};
use hyperwire_core::wire::{CancelKey, InitialMessage};

use crate::cancels::{Cancels, UnderWay};
use crate::config::Config;
use crate::link::Link;
use crate::socket::is_not_now;
use crate::transport::{Ready, Transport};

/// How often to read from a server that talks instead of closing, before others get their turn.
const READS_AT_ONCE: u32 = 16;

/// A poll that comes later than this after the deadline was held up by its own side; the server then gets a second chance.
const PUNCTUAL: Duration = Duration::from_millis(250);

/// What it takes to cancel a statement of a session, from any thread or task.
#[derive(Clone, Debug)]
pub struct CancelTarget {
    config: Config,
    key: CancelKey,
    is_encrypted: bool,
    cancels: Arc<Cancels>,
}

/// The outcome of a CancelRequest.
#[derive(Debug)]
pub struct CancelOutcome {
    /// For the session: whether the request may still arrive.
    pub delivery: CancelDelivery,
    /// For the caller.
    pub result: io::Result<()>,
}

/// A CancelRequest that is being delivered, for at most [`CANCEL_TIMEOUT`].
///
/// A runtime connects before [`Delivery::deadline`], calls [`Delivery::connected`] or [`Delivery::fail`], and then polls
/// whenever the transport is ready for what is [wanted](Delivery::wanted) or the deadline has passed. It may be dropped at
/// any time.
pub struct Delivery<T> {
    link: Link<T>,
    config: Config,
    key: CancelKey,
    is_encrypted: bool,
    out: OutBuf,
    step: Step,
    deadline: SystemInstant,
    /// The server sent more than was read.
    more: bool,
    from_outside: Option<UnderWay>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Connect,
    AskForTls,
    ShakeHands,
    Say,
    /// The server closes, without a word if it is hyperd, once it has acted.
    Listen,
}

impl CancelTarget {
    pub(crate) fn new(config: &Config, key: CancelKey, is_encrypted: bool, cancels: &Arc<Cancels>) -> Self {
        Self { config: config.clone(), key, is_encrypted, cancels: Arc::clone(cancels) }
    }

    /// The session's configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Starts a delivery that the session asked for.
    #[must_use]
    pub fn deliver<T: Transport>(&self) -> Delivery<T> {
        Delivery::start(&self.config, self.key, self.is_encrypted)
    }

    /// Starts a delivery that a cancel handle asked for; the session waits for it.
    #[must_use]
    pub fn deliver_from_outside<T: Transport>(&self) -> Delivery<T> {
        let mut delivery = self.deliver();
        delivery.from_outside = Some(self.cancels.begin(delivery.deadline));
        delivery
    }
}

impl<T: Transport> Delivery<T> {
    pub(crate) fn start(config: &Config, key: CancelKey, is_encrypted: bool) -> Self {
        Self {
            link: Link::new(),
            config: config.clone(),
            key,
            is_encrypted,
            out: OutBuf::new(),
            step: Step::Connect,
            deadline: T::now() + CANCEL_TIMEOUT,
            more: false,
            from_outside: None,
        }
    }

    /// When to poll at the latest.
    #[must_use]
    pub fn deadline(&self) -> SystemInstant {
        if self.more { T::now() } else { self.deadline }
    }

    /// What the transport should become ready for.
    #[must_use]
    pub fn wanted(&self) -> Ready {
        self.link.handshake().unwrap_or_else(|| Ready {
            readable: matches!(self.step, Step::AskForTls | Step::Listen),
            writable: !self.out.is_empty() || self.link.holds_back(),
        })
    }

    /// The transport, so that a runtime can wait for it.
    ///
    /// # Errors
    /// There is none yet.
    pub fn transport(&mut self) -> io::Result<&mut T> {
        self.link.transport()
    }

    /// Hands over the transport, which must be connected.
    pub fn connected(&mut self, transport: T) {
        self.link.open(transport);
        if self.is_encrypted {
            self.out.push(&InitialMessage::SslRequest);
            self.step = Step::AskForTls;
        } else {
            self.begin_to_say();
        }
    }

    /// Ends it because connecting or waiting failed.
    pub fn fail(&mut self, error: io::Error) -> CancelOutcome {
        self.end(Err(error))
    }

    /// Continues as far as that takes no waiting.
    pub fn poll(&mut self) -> Poll<CancelOutcome> {
        let now = T::now();
        if now > self.deadline + PUNCTUAL {
            self.deadline = now + PUNCTUAL;
        }
        self.more = false;
        match self.go_on() {
            Ok(true) => Poll::Ready(self.end(Ok(()))),
            Err(error) if !is_not_now(&error) => Poll::Ready(self.end(Err(error))),
            _ if now < self.deadline => Poll::Pending,
            _ => Poll::Ready(self.end(Err(io::ErrorKind::TimedOut.into()))),
        }
    }

    /// Whether the server has closed its end.
    fn go_on(&mut self) -> io::Result<bool> {
        loop {
            match self.step {
                Step::Connect => return Ok(false),
                Step::AskForTls => {
                    self.send()?;
                    let mut answer = [0];
                    match self.link.read(&mut answer)? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        _ if answer == *b"S" => self.link.start_tls(&self.config)?,
                        // What it carries would be read by whoever listens.
                        _ => return Err(io::Error::other("the server has no TLS for a cancel request")),
                    }
                    self.step = Step::ShakeHands;
                }
                Step::ShakeHands if !self.link.shake_hands()? => return Ok(false),
                Step::ShakeHands => self.begin_to_say(),
                Step::Say => {
                    self.send()?;
                    self.step = Step::Listen;
                }
                Step::Listen => {
                    for _ in 0..READS_AT_ONCE {
                        match self.link.read(&mut [0; 4096]) {
                            Ok(0) => return Ok(true),
                            Ok(_) => {}
                            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(true),
                            Err(error) => return Err(error),
                        }
                    }
                    self.more = true;
                    return Ok(false);
                }
            }
        }
    }

    fn begin_to_say(&mut self) {
        self.out.push(&InitialMessage::CancelRequest(self.key));
        self.step = Step::Say;
    }

    fn send(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            let count = self.link.write(self.out.unsent())?;
            self.out.sent(count);
        }
        self.link.flush()
    }
}

impl<T> Delivery<T> {
    fn end(&mut self, result: io::Result<()>) -> CancelOutcome {
        // A server that got only a part of it sees the end of the connection there.
        let may_have_left = match self.step {
            Step::Connect | Step::AskForTls | Step::ShakeHands => false,
            Step::Say => self.out.is_empty(),
            Step::Listen => true,
        };
        let delivery = match result {
            Ok(()) => CancelDelivery::Delivered,
            Err(_) if may_have_left => CancelDelivery::Unknown,
            Err(_) => CancelDelivery::NotSent,
        };
        if let Some(under_way) = self.from_outside.take() {
            under_way.end(delivery);
        }
        CancelOutcome { delivery, result }
    }
}

impl<T> Drop for Delivery<T> {
    fn drop(&mut self) {
        if self.from_outside.is_some() {
            let _ = self.end(Err(io::ErrorKind::Interrupted.into()));
        }
    }
}

impl<T> fmt::Debug for Delivery<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("step", &self.step).finish_non_exhaustive()
    }
}
