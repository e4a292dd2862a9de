//! Reading, writing, and what the end of either means.

use std::io;
use std::time::Instant as SystemInstant;

use hyperwire_core::session::{Fault, LinkLoss, Timer};

use crate::bound::FOR_EVER;
use crate::client::Client;
use crate::connection::Connection;
use crate::error::Error;
use crate::socket::{is_not_now, loss};
use crate::transport::{Ready, Transport};

/// What to wait for, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// What the transport should become ready for.
    pub ready: Ready,
    /// There is something to do right now: do not wait.
    pub at_once: bool,
    /// When to stop waiting; at most a year away.
    pub deadline: Option<SystemInstant>,
}

impl<T: Transport> Connection<T> {
    /// What the transport should become ready for.
    #[must_use]
    pub fn wanted(&self) -> Ready {
        self.link.handshake().unwrap_or_else(|| {
            let wants = self.session.wants(&self.out);
            Ready {
                readable: wants.readable || self.closing.is_some(),
                writable: wants.writable || self.link.holds_back(),
            }
        })
    }

    /// What to wait for.
    pub fn wants(&mut self) -> Wants {
        let ready = self.wanted();
        let at_once = ready.readable && !self.is_handshaking() && self.link.holds_plaintext();
        Wants { ready, at_once, deadline: self.deadline() }
    }

    /// When to call [`Self::check_time`]; at most a year away.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemInstant> {
        let session = self.session.deadline().and_then(|(at, _)| self.clock.system(at));
        session.into_iter().chain(self.closing).min().map(|at| at.min(T::now() + FOR_EVER))
    }

    /// Moves what can be moved, and tells the session the time.
    ///
    /// # Errors
    /// The connection is lost, or the TLS handshake failed.
    pub fn carry(&mut self, ready: Ready) -> Result<(), Error> {
        self.advance_to(self.clock());
        if self.is_handshaking() {
            self.shake_hands()?;
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

    /// Acts on the deadlines that had passed when the clock was last read.
    pub fn check_time(&mut self) {
        self.session.handle_timeout(self.now);
    }

    /// Whether the TLS handshake is in progress; [`Self::shake_hands`] continues it.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.link.handshake().is_some()
    }

    /// Continues the TLS handshake until the transport is not ready for more; whether it is over.
    ///
    /// # Errors
    /// It failed.
    pub fn shake_hands(&mut self) -> Result<bool, Error> {
        let over = self.link.shake_hands().map_err(|error| self.tls_failed(error))?;
        if over {
            self.session.tls_established(&mut self.out);
        }
        Ok(over)
    }

    /// Sends what is queued, as far as that takes no waiting; whether there was anything.
    ///
    /// # Errors
    /// As for [`Self::carry`].
    pub fn try_write(&mut self) -> Result<bool, Error> {
        let any = !self.out.is_empty() || self.link.holds_back();
        if any {
            self.write()?;
        }
        Ok(any)
    }

    /// Reads once, without waiting; whether anything arrived for the session.
    ///
    /// # Errors
    /// As for [`Self::carry`].
    pub fn try_read(&mut self) -> Result<bool, Error> {
        if self.is_handshaking() {
            return Ok(false);
        }
        match self.link.read(self.input.space()) {
            Ok(0) => Err(self.end_of_file()),
            Ok(count) => {
                self.input.filled(count);
                self.advance_to(self.clock());
                Ok(true)
            }
            Err(error) if is_not_now(&error) => Ok(false),
            Err(error) => Err(self.link_lost(error)),
        }
    }

    pub(crate) fn write(&mut self) -> Result<(), Error> {
        while !self.out.is_empty() {
            match self.link.write(self.out.unsent()) {
                Ok(count) => self.out.sent(count),
                Err(error) if is_not_now(&error) => return Ok(()),
                // The server may have said why before it closed: what it said is read first.
                Err(error) => {
                    self.out.clear();
                    self.lost.get_or_insert(error);
                    return Ok(());
                }
            }
        }
        self.link
            .flush()
            .or_else(|error| if is_not_now(&error) { Ok(()) } else { Err(self.link_lost(error)) })
    }

    /// Whether writing has failed. Reading then returns the reason.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.lost.is_some()
    }

    fn end_of_file(&mut self) -> Error {
        // The system reports a vanished peer once. If that was to a write, a read finds the end of the file.
        let fault = match self.lost.as_ref().map(loss) {
            Some(LinkLoss::TimedOut) => self.session.handle_link_loss(LinkLoss::TimedOut),
            _ => self.session.handle_eof(),
        };
        self.dead(fault)
    }

    /// Reports that waiting for the transport failed.
    pub fn link_lost(&mut self, error: io::Error) -> Error {
        let loss = loss(&error);
        self.lost.get_or_insert(error);
        let fault = self.session.handle_link_loss(loss);
        self.dead(fault)
    }

    pub(crate) fn tls_failed(&mut self, error: io::Error) -> Error {
        self.give_up(&error);
        Error::Tls(error)
    }

    /// Closes the transport, so that a server that still works for this session learns of its end.
    pub(crate) fn dead(&mut self, fault: Fault) -> Error {
        self.link.close();
        if fault == Fault::Deadline(Timer::Startup) && self.is_handshaking() {
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

/// What a runtime asks for when it waits.
impl<T: Transport> Client<T> {
    /// [`Connection::transport`]
    ///
    /// # Errors
    /// It was closed because the session is over.
    pub fn transport(&mut self) -> io::Result<&mut T> {
        self.connection.transport()
    }

    /// [`Connection::wants`]
    pub fn wants(&mut self) -> Wants {
        self.connection.wants()
    }

    /// [`Connection::carry`]
    ///
    /// # Errors
    /// The connection is lost, or the TLS handshake failed.
    pub fn carry(&mut self, ready: Ready) -> Result<(), Error> {
        self.connection.carry(ready)
    }

    /// [`Connection::check_time`]
    pub fn check_time(&mut self) {
        self.connection.check_time();
    }

    /// [`Connection::try_write`]
    ///
    /// # Errors
    /// As for [`Client::carry`].
    pub fn try_write(&mut self) -> Result<bool, Error> {
        self.connection.try_write()
    }

    /// [`Connection::try_read`]
    ///
    /// # Errors
    /// As for [`Client::carry`].
    pub fn try_read(&mut self) -> Result<bool, Error> {
        self.connection.try_read()
    }

    /// [`Connection::link_lost`]
    pub fn link_lost(&mut self, error: io::Error) -> Error {
        self.connection.link_lost(error)
    }
}
