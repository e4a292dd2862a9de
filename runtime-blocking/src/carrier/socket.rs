//! Bytes in, bytes out, and the end of both.

use std::io;
use std::time::{Duration, Instant as Clock};

use hyperwire_core::session::{Fault, LinkLoss, Timer};

use super::channel::{Ready, Transport};
use super::{Carrier, FOR_EVER};
use crate::error::Error;

/// What to wait for, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// What the transport is to be ready for.
    pub ready: Ready,
    /// It is so already: do not wait.
    pub at_once: bool,
    /// When to stop waiting; at most a year away.
    pub deadline: Option<Clock>,
}

impl<T: Transport> Carrier<T> {
    /// The transport, to wait for it.
    ///
    /// # Errors
    /// It was closed, because the session is dead.
    pub fn transport(&mut self) -> io::Result<&mut T> {
        self.channel.transport()
    }

    /// What to wait for.
    pub fn wants(&mut self) -> Wants {
        let wants = self.session.wants(&self.out);
        let ready = self.channel.handshake().unwrap_or_else(|| Ready {
            readable: wants.readable || self.closing.is_some(),
            writable: wants.writable || self.channel.holds_back(),
        });
        let deadline = wants.deadline.map(|(at, _)| self.epoch + Duration::from_nanos(at.as_nanos()));
        let soonest = deadline.into_iter().chain(self.closing).min();
        let at_once = ready.readable && self.channel.handshake().is_none() && self.channel.holds_plaintext();
        Wants { ready, at_once, deadline: soonest.map(|at| at.min(T::now() + FOR_EVER)) }
    }

    /// Moves what can be moved, and tells the session what time it is.
    ///
    /// # Errors
    /// The connection is lost, or the TLS handshake failed.
    pub fn carry(&mut self, ready: Ready) -> Result<(), Error> {
        self.now = self.clock();
        if self.channel.handshake().is_some() {
            if self.channel.shake_hands().map_err(Error::Tls)? {
                self.session.tls_established(&mut self.out);
            }
        } else {
            if ready.writable {
                self.write()?;
            }
            if ready.readable {
                self.try_read()?;
            }
        }
        self.check_time();
        Ok(())
    }

    /// Acts upon deadlines that have passed by the last reading of the clock.
    pub fn check_time(&mut self) {
        self.session.handle_timeout(self.now);
    }

    /// Sends what is to be sent as far as that takes no waiting; whether there was anything.
    ///
    /// # Errors
    /// As for [`Carrier::carry`].
    pub fn try_write(&mut self) -> Result<bool, Error> {
        let any = !self.out.is_empty();
        if any {
            self.write()?;
        }
        Ok(any)
    }

    /// Reads without waiting; whether anything came for the session.
    ///
    /// # Errors
    /// As for [`Carrier::carry`].
    pub fn try_read(&mut self) -> Result<bool, Error> {
        if self.channel.handshake().is_some() {
            return Ok(false);
        }
        match self.channel.read(self.input.space()) {
            Ok(0) => Err(self.end_of_file()),
            Ok(count) => {
                self.input.filled(count);
                self.now = self.clock();
                Ok(true)
            }
            Err(error) if not_now(&error) => Ok(false),
            Err(error) => Err(self.link_lost(error)),
        }
    }

    pub(super) fn write(&mut self) -> Result<(), Error> {
        while !self.out.is_empty() {
            match self.channel.write(self.out.unsent()) {
                Ok(count) => self.out.sent(count),
                Err(error) if not_now(&error) => return Ok(()),
                // The server may have said why before it closed: what it said is read first.
                Err(error) => {
                    self.out.clear();
                    self.lost = Some(error);
                    return Ok(());
                }
            }
        }
        self.channel
            .flush()
            .or_else(|error| if not_now(&error) { Ok(()) } else { Err(self.link_lost(error)) })
    }

    fn end_of_file(&mut self) -> Error {
        // The system reports a vanished peer once. If that was to a write, a read finds the end of the file.
        let fault = match self.lost.as_ref().map(loss) {
            Some(LinkLoss::TimedOut) => self.session.handle_link_loss(LinkLoss::TimedOut),
            _ => self.session.handle_eof(),
        };
        self.dead(fault)
    }

    /// Says that waiting for the transport failed.
    pub fn link_lost(&mut self, error: io::Error) -> Error {
        let loss = loss(&error);
        self.lost.get_or_insert(error);
        let fault = self.session.handle_link_loss(loss);
        self.dead(fault)
    }

    /// Nothing more is to be heard here. A server that still works for this session is to learn that.
    pub(super) fn dead(&mut self, fault: Fault) -> Error {
        self.channel.close();
        if fault == Fault::Deadline(Timer::Startup) && self.channel.handshake().is_some() {
            return Error::Tls(io::Error::new(
                io::ErrorKind::TimedOut,
                "the server did not finish it in time",
            ));
        }
        let source = self.lost.as_ref().map(|error| io::Error::new(error.kind(), error.to_string()));
        Error::Session { fault, source: source.filter(|_| self.link_is_gone()) }
    }

    fn link_is_gone(&self) -> bool {
        matches!(self.session.fault(), Some(Fault::Link { .. }))
    }
}

fn loss(error: &io::Error) -> LinkLoss {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            LinkLoss::Reset
        }
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            LinkLoss::TimedOut
        }
        io::ErrorKind::UnexpectedEof => LinkLoss::Eof,
        _ => LinkLoss::Other,
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
