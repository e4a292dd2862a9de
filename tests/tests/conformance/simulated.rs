//! The bare session of the core, in a world: no socket, no clock but the world's, and nothing between the session and the
//! suite but this.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Clock};

use hyperwire_blocking::{Config, Error};
use hyperwire_core::buffer::{InBuf, OutBuf};
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::row::Row;
use hyperwire_core::session::{
    CANCEL_TIMEOUT, CancelDelivery, Event, Fault, LinkLoss, Misuse, RequestId, RequestOptions, ServerError,
    Session, Timer,
};
use hyperwire_core::time::Instant;
use hyperwire_core::wire::{CancelKey, InitialMessage};
use hyperwire_tests::conformance::{Client, Offer, Runtime, SocketKind};
use hyperwire_tests::virtual_time::{self, End, random_bytes, wait};
use rustls::{ClientConnection, StreamOwned};

use crate::driven::{Drive, Driven};

/// The core alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simulated;

impl Runtime for Simulated {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn offers(&self, offer: Offer) -> bool {
        match offer {
            Offer::Tls | Offer::CancelHandles => true,
            // What a client makes of a session: a type that ends a transaction when it is dropped, one that has a statement
            // closed, and one that waits for what others send. The core sends BEGIN, COMMIT and Close when it is told to.
            Offer::Transactions
            | Offer::ClosingStatements
            | Offer::OrderedCancels
            | Offer::EncryptedCancels => false,
        }
    }

    fn sockets(&self) -> &'static [SocketKind] {
        &[SocketKind::Memory]
    }

    fn connect(&self, config: Config) -> Result<Box<dyn Client>, Error> {
        Ok(Box::new(Driven::new(Driver::connect(config)?)))
    }
}

struct Driver {
    session: Session,
    input: InBuf,
    out: OutBuf,
    /// `None` once the session is dead, so that the server learns it.
    wire: Option<Wire>,
    config: Config,
    epoch: Clock,
    open: Option<RequestId>,
    delivery: Option<Delivery>,
    /// A canceler does not know whether its CancelRequest will arrive.
    is_burnt: Arc<AtomicBool>,
    notices: Vec<ServerError>,
}

enum Wire {
    Plain(End),
    Tls(Box<StreamOwned<ClientConnection, End>>),
}

impl Driver {
    fn connect(config: Config) -> Result<Self, Error> {
        let wire = Some(Wire::Plain(dial(&config.endpoint).map_err(|source| unreachable(&config, source))?));
        let (mut out, input, epoch) = (OutBuf::new(), InBuf::new(), virtual_time::now());
        let mut of_session = config.session.clone();
        of_session.startup_timeout = of_session.startup_timeout.min(config.connect_timeout);
        let session = Session::start(of_session, random_bytes(), Instant::EPOCH, &mut out)?;
        let (open, delivery, is_burnt, notices) = (None, None, Arc::default(), Vec::new());
        let mut driver = Self { session, input, out, wire, config, epoch, open, delivery, is_burnt, notices };
        loop {
            match driver.next()? {
                Event::Ready => return Ok(driver),
                Event::StartTls => driver.start_tls().map_err(Error::Tls)?,
                _ => {}
            }
        }
    }

    fn start_tls(&mut self) -> io::Result<()> {
        let no_tls =
            || io::Error::new(ErrorKind::InvalidInput, "no certificates are configured; set Config::tls");
        let tls = self.config.tls.as_ref().ok_or_else(no_tls)?;
        let connection = ClientConnection::new(tls.client.clone(), tls.server_name.clone());
        let connection = connection.map_err(io::Error::other)?;
        let Some(Wire::Plain(end)) = self.wire.take() else { return Err(ErrorKind::NotConnected.into()) };
        let mut stream = Box::new(StreamOwned::new(connection, end));
        while stream.conn.is_handshaking() {
            match stream.conn.complete_io(&mut stream.sock) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(earliest([self.deadline(), stream.sock.next_arrival()]));
                    self.session.handle_timeout(self.now());
                    if self.session.fault().is_some() {
                        return Err(ErrorKind::TimedOut.into());
                    }
                }
                outcome => drop(outcome?),
            }
        }
        self.wire = Some(Wire::Tls(stream));
        self.session.tls_established(&mut self.out);
        Ok(())
    }

    fn next(&mut self) -> Result<Event, Fault> {
        loop {
            match self.take_event()? {
                Some(event) => return Ok(event),
                None => self.wait(),
            }
        }
    }

    fn take_event(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            let now = self.now();
            match self.session.poll(&mut self.input, &mut self.out, now).inspect_err(|_| self.wire = None)? {
                Some(Event::SendCancel(key)) => {
                    self.delivery = Some(Delivery::start(&self.config.endpoint, key));
                }
                Some(Event::Notice(notice)) => self.notices.push(*notice),
                event => return Ok(event),
            }
        }
    }

    /// Moves what can be moved, or lets time pass to the next moment that was announced.
    fn wait(&mut self) {
        let announced = self.session.deadline();
        assert!(!matches!(announced, Some((_, Timer::Queued))), "an event was not told");
        if !(self.deliver() | self.write() | self.read()) {
            let arrival = self.wire.as_ref().filter(|_| self.session.wants(&self.out).readable);
            let delivery = self.delivery.as_ref().map(Delivery::due);
            wait(earliest([self.deadline(), arrival.and_then(Wire::next_arrival), delivery]));
        }
        let now = self.now();
        self.session.handle_timeout(now);
        let left = self.session.deadline().filter(|(_, timer)| *timer != Timer::Queued);
        assert!(left.is_none_or(|(at, _)| at > now), "at {now:?} it waits for {left:?}");
    }

    fn deliver(&mut self) -> bool {
        let Some(delivery) = &mut self.delivery else { return false };
        let Some(outcome) = delivery.advance() else { return false };
        let became = delivery.became(&outcome);
        self.delivery = None;
        self.session.cancel_ended(became, &mut self.out);
        true
    }

    fn write(&mut self) -> bool {
        let Some(wire) = &mut self.wire else { return false };
        let mut any = false;
        while !self.out.is_empty() {
            match wire.write(self.out.unsent()) {
                Ok(count) => self.out.sent(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The server may have said why before it closed: what it said is read first.
                Err(_) => self.out.clear(),
            }
            any = true;
        }
        // What TLS holds back goes when there is room.
        let _ = wire.flush();
        any
    }

    fn read(&mut self) -> bool {
        let Some(wire) = &mut self.wire else { return false };
        if !self.session.wants(&self.out).readable {
            return false;
        }
        match wire.read(self.input.space()) {
            Ok(0) => drop(self.session.handle_eof()),
            Ok(count) => self.input.filled(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                drop(self.session.handle_link_loss(LinkLoss::Reset));
            }
            Err(_) => drop(self.session.handle_link_loss(LinkLoss::Other)),
        }
        true
    }

    fn deadline(&self) -> Option<Clock> {
        let at = self.session.deadline()?.0;
        self.epoch.checked_add(Duration::from_nanos(at.as_nanos()))
    }

    fn now(&self) -> Instant {
        Instant::EPOCH + (virtual_time::now() - self.epoch)
    }
}

impl Drive for Driver {
    fn run(
        &mut self,
        timeout: Option<Duration>,
        start: impl FnOnce(&mut Session, RequestOptions, &mut OutBuf) -> Result<RequestId, Misuse>,
        mut each: impl FnMut(&Event, Option<Row<'_>>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        if let Some(id) = self.open.take() {
            let now = self.now();
            self.session.abandon(id, now, &mut self.out);
        }
        while self.take_event()?.is_some() {}
        while !self.session.is_idle() {
            self.wait();
            while self.take_event()?.is_some() {}
        }
        if self.is_burnt.load(Ordering::Acquire) {
            self.session.burn_cancel_key();
        }
        while self.read() {
            while self.take_event()?.is_some() {}
        }
        while self.take_event()?.is_some() {}
        let options = RequestOptions::default().deadline(timeout.map(|timeout| self.now() + timeout));
        let id = start(&mut self.session, options, &mut self.out)?;
        self.open = Some(id);
        self.session.demand(id, u64::MAX);
        let mut outcome = Ok(());
        loop {
            match self.next()? {
                event if event.request() != Some(id) => {}
                Event::Failed { error, .. } => outcome = Err(error.into()),
                Event::Finished { .. } => break,
                event if each(&event, self.session.row(&self.input)).is_break() => return Ok(()),
                _ => {}
            }
        }
        self.open = None;
        outcome
    }

    fn session(&self) -> &Session {
        &self.session
    }

    fn notices(&mut self) -> Vec<ServerError> {
        std::mem::take(&mut self.notices)
    }

    fn canceler(&self) -> Result<Box<dyn FnOnce() -> Result<(), Error> + Send>, Error> {
        let key = self.session.cancel_key().ok_or(Error::NoCancelKey)?;
        let (config, is_burnt) = (self.config.clone(), self.is_burnt.clone());
        Ok(Box::new(move || {
            let mut delivery = Delivery::start(&config.endpoint, key);
            loop {
                match delivery.advance() {
                    Some(outcome) => {
                        let unknown = delivery.became(&outcome) == CancelDelivery::Unknown;
                        is_burnt.fetch_or(unknown, Ordering::Release);
                        return outcome.map_err(|source| unreachable(&config, source));
                    }
                    None => wait(Some(delivery.due())),
                }
            }
        }))
    }
}

/// Says goodbye, as far as that takes no waiting.
impl Drop for Driver {
    fn drop(&mut self) {
        if self.session.is_idle() {
            self.session.terminate(&mut self.out);
            self.write();
        }
    }
}

impl Wire {
    fn next_arrival(&self) -> Option<Clock> {
        match self {
            Self::Plain(end) => end.next_arrival(),
            Self::Tls(stream) => stream.sock.next_arrival(),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(end) => end.read(space),
            Self::Tls(stream) => stream.read(space),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(end) => end.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(end) => end.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A CancelRequest on its way.
struct Delivery {
    end: Option<End>,
    out: OutBuf,
    until: Clock,
}

impl Delivery {
    fn start(endpoint: &Endpoint, key: CancelKey) -> Self {
        let (end, mut out) = (dial(endpoint).ok(), OutBuf::new());
        out.push(&InitialMessage::CancelRequest(key));
        Self { end, out, until: virtual_time::now() + CANCEL_TIMEOUT }
    }

    /// What came of it, once it is over: the server has closed the connection, which it does when it has acted.
    fn advance(&mut self) -> Option<io::Result<()>> {
        let Some(end) = &mut self.end else { return Some(Err(ErrorKind::ConnectionRefused.into())) };
        if virtual_time::now() >= self.until {
            return Some(Err(ErrorKind::TimedOut.into()));
        }
        while !self.out.is_empty() {
            match end.write(self.out.unsent()) {
                Ok(count) => self.out.sent(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        loop {
            match end.read(&mut [0; 1024]) {
                Ok(0) => return Some(Ok(())),
                Ok(_) if virtual_time::now() < self.until => {}
                Ok(_) => return Some(Err(ErrorKind::TimedOut.into())),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// What the session is to know of it.
    fn became(&self, outcome: &io::Result<()>) -> CancelDelivery {
        match outcome {
            Ok(()) => CancelDelivery::Delivered,
            Err(_) if self.out.is_empty() => CancelDelivery::Unknown,
            Err(_) => CancelDelivery::NotSent,
        }
    }

    fn due(&self) -> Clock {
        let arrival = self.end.as_ref().and_then(End::next_arrival);
        arrival.map_or(self.until, |at| at.min(self.until))
    }
}

fn dial(endpoint: &Endpoint) -> io::Result<End> {
    match endpoint {
        Endpoint::Domain { path } => virtual_time::connect(path),
        _ => Err(ErrorKind::Unsupported.into()),
    }
}

fn unreachable(config: &Config, source: io::Error) -> Error {
    Error::Connect { endpoint: config.endpoint.clone(), source }
}

fn earliest<const N: usize>(moments: [Option<Clock>; N]) -> Option<Clock> {
    moments.into_iter().flatten().min()
}
