//! Bytes in, bytes out, and the end of both.

use std::io;
use std::time::Instant;

use hyperwire_blocking::Error;
use hyperwire_blocking::socket::{is_not_now, loss};
use hyperwire_core::session::{Fault, LinkLoss, Timer};

use super::{Connection, Link, Ready};
use crate::channel::Channel;

impl Connection {
    /// Moves what can be moved without waiting; whether the session may have something to say because of it. Reading
    /// never waits for writing.
    pub(super) fn carry(&mut self) -> Result<bool, Error> {
        self.deliver();
        self.dial();
        if let Some(error) = self.failed.take() {
            self.due = false;
            return Err(error);
        }
        if self.is_handshaking() {
            return self.shake_hands();
        }
        self.write();
        self.read()
    }

    /// Hears, without waiting, what came since the last request: a server that nobody asked has nothing to say but
    /// notices and goodbye, and nothing else may pass for the answer to the next request. After a goodbye it is certain
    /// that the next request was never sent.
    pub(super) fn catch_up(&mut self) -> Result<(), Error> {
        let mut to_read = self.session.is_idle();
        while self.session.is_idle() {
            match self.session.poll(&mut self.input, &mut self.out, self.now) {
                Ok(Some(event)) => {
                    let event = self.take(event)?;
                    self.early.extend(event);
                }
                Ok(None) if std::mem::take(&mut to_read) => {
                    // The poll may not have told yet.
                    self.ready.readable = true;
                    self.reads = self.reads.max(1);
                    self.read()?;
                }
                Ok(None) => return Ok(()),
                Err(fault) => return Err(self.dead(fault)),
            }
        }
        Ok(())
    }

    /// Goes on to connect. A failure is kept for whoever polls.
    pub(super) fn dial(&mut self) {
        let Link::Dialing(dial) = &mut self.link else { return };
        match dial.advance(Instant::now(), &self.registry) {
            Ok(Some((transport, report))) => {
                self.link = Link::Up(Channel::new(transport), report.into());
                // Whatever event there was, it was for the dial; trying does no harm.
                self.ready = Ready { readable: true, writable: true };
            }
            Ok(None) => {}
            Err(source) => {
                self.give_up(&source);
                let endpoint = self.config.endpoint.clone();
                self.failed = Some(Error::Connect { endpoint, source });
                self.due = true;
            }
        }
    }

    pub(super) fn start_tls(&mut self) -> Result<(), Error> {
        let Link::Up(channel, _) = &mut self.link else { return Ok(()) };
        channel.start_tls(&self.config).map_err(|error| self.tls_failed(error))
    }

    /// Whether moving bytes might help right now, as far as is known.
    pub(super) fn can_move(&self) -> bool {
        let Link::Up(channel, _) = &self.link else { return false };
        let writable = self.ready.writable && (!self.out.is_empty() || channel.holds_back());
        writable || (self.ready.readable && (self.wants_to_read() || channel.is_handshaking()))
    }

    /// Sends what is to be sent as far as there is room for it.
    pub(super) fn write(&mut self) {
        loop {
            let Link::Up(channel, _) = &mut self.link else { return };
            if !self.ready.writable || (self.out.is_empty() && !channel.holds_back()) {
                return;
            }
            let moved = if self.out.is_empty() {
                channel.flush()
            } else {
                channel.write(self.out.unsent()).map(|count| self.out.sent(count))
            };
            match moved {
                Ok(()) => {}
                Err(error) if is_not_now(&error) => self.not_ready_to_write(&error),
                // The server may have said why before it closed: what it said is read first.
                Err(error) => {
                    self.out.clear();
                    self.lost.get_or_insert(error);
                    self.ready = Ready { readable: true, writable: false };
                }
            }
        }
    }

    /// Reads once; whether anything came.
    fn read(&mut self) -> Result<bool, Error> {
        let wanted = self.ready.readable && self.wants_to_read() && self.reads > 0;
        let Link::Up(channel, _) = &mut self.link else { return Ok(false) };
        if !wanted {
            return Ok(false);
        }
        match channel.read(self.input.space()) {
            Ok(0) => self.end_of_file().map(|()| false),
            Ok(count) => {
                self.reads -= 1;
                self.input.filled(count);
                self.now = self.now.max(self.clock.now());
                // Also a server that never pauses has to keep to deadlines.
                self.session.handle_timeout(self.now);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.readable = false;
                Ok(false)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => self.link_lost(error).map(|()| false),
        }
    }

    fn wants_to_read(&self) -> bool {
        self.session.wants(&self.out).readable || self.is_saying_goodbye()
    }

    fn not_ready_to_write(&mut self, error: &io::Error) {
        self.ready.writable &= error.kind() != io::ErrorKind::WouldBlock;
    }

    fn is_handshaking(&self) -> bool {
        matches!(&self.link, Link::Up(channel, _) if channel.is_handshaking())
    }

    /// Goes on with the TLS handshake; whether it is over.
    fn shake_hands(&mut self) -> Result<bool, Error> {
        while let Link::Up(channel, _) = &mut self.link {
            if self.ready.writable
                && let Err(error) = channel.flush()
            {
                if !is_not_now(&error) {
                    return Err(self.tls_failed(error));
                }
                self.not_ready_to_write(&error);
                continue;
            }
            if !channel.is_handshaking() {
                self.session.tls_established(&mut self.out);
                return Ok(true);
            }
            if !self.ready.readable {
                break;
            }
            match channel.shake_hands() {
                Ok(0) => return Err(self.tls_failed(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.tls_failed(error)),
            }
        }
        Ok(false)
    }

    fn tls_failed(&mut self, error: io::Error) -> Error {
        self.give_up(&error);
        Error::Tls(error)
    }

    /// Is an error unless the server was to close.
    fn end_of_file(&mut self) -> Result<(), Error> {
        if self.is_saying_goodbye() {
            self.end_closing();
            return Ok(());
        }
        // The system reports a vanished peer once. If that was to a write, a read finds the end of the file.
        let vanished = self.lost.as_ref().map(loss) == Some(LinkLoss::TimedOut);
        let loss = if vanished { LinkLoss::TimedOut } else { LinkLoss::Eof };
        let fault = self.session.handle_link_loss(loss);
        Err(self.dead(fault))
    }

    fn link_lost(&mut self, error: io::Error) -> Result<(), Error> {
        if self.is_saying_goodbye() {
            self.end_closing();
            return Ok(());
        }
        let fault = self.session.handle_link_loss(loss(&error));
        self.lost.get_or_insert(error);
        Err(self.dead(fault))
    }

    /// Nothing comes of this connection; whoever asks later is told what the system said.
    fn give_up(&mut self, error: &io::Error) {
        self.session.handle_link_loss(loss(error));
        self.lost = Some(io::Error::new(error.kind(), error.to_string()));
        self.hang_up();
    }

    /// Nothing more is to be heard here. A server that still works for this session is to learn that.
    pub(super) fn dead(&mut self, fault: Fault) -> Error {
        let handshaking = self.is_handshaking();
        self.hang_up();
        if handshaking && fault == Fault::Deadline(Timer::Startup) {
            let late = "the server did not finish it in time";
            return Error::Tls(io::Error::new(io::ErrorKind::TimedOut, late));
        }
        let source = self.lost.as_ref().filter(|_| matches!(fault, Fault::Link { .. }));
        let source = source.map(|error| io::Error::new(error.kind(), error.to_string()));
        Error::Session { fault, source }
    }

    pub(super) fn hang_up(&mut self) {
        self.link = Link::Gone;
        self.delivery = None;
        self.due = false;
    }
}
