//! What a turn of the embedder's loop moves.

use std::time::Instant;

use hyperwire_carrier::{Error, Ready};

use super::{Connection, Link};

impl Connection {
    /// Moves what can be moved without waiting; whether the session may have something to say because of it. Reading
    /// never waits for writing.
    pub(super) fn carry(&mut self) -> Result<bool, Error> {
        if self.deliver() {
            return Ok(true);
        }
        self.dial();
        if let Some(error) = self.failed.take() {
            self.due = false;
            return Err(error);
        }
        if self.inner.is_handshaking() {
            return self.shake_hands();
        }
        self.write()?;
        self.read()
    }

    /// Hears, without waiting, what came since the last request: a server that nobody asked has nothing to say but
    /// notices and goodbye, and nothing else may pass for the answer to the next request. After a goodbye it is certain
    /// that the next request was never sent.
    pub(super) fn catch_up(&mut self) -> Result<(), Error> {
        let mut to_read = self.is_idle();
        while self.is_idle() {
            match self.poll()? {
                Some(event) => {
                    let event = self.take(event);
                    self.early.extend(event);
                }
                None if std::mem::take(&mut to_read) => {
                    // The poll may not have told yet.
                    self.ready.readable = true;
                    self.reads = self.reads.max(1);
                    self.read()?;
                }
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Goes on to connect. A failure is kept for whoever polls.
    pub(super) fn dial(&mut self) {
        let Link::Dialing(dial) = &mut self.link else { return };
        match dial.advance(Instant::now(), &self.registry) {
            Ok(Some((transport, report))) => {
                self.link = Link::Up(report.into());
                self.inner.connected(transport);
                // Whatever event there was, it was for the dial; trying does no harm.
                self.ready = Ready { readable: true, writable: true };
            }
            Ok(None) => {}
            Err(error) => {
                self.inner.give_up(&error);
                self.hang_up();
                self.failed = Some(Error::connect(self.inner.config(), error));
                self.due = true;
            }
        }
    }

    /// Whether moving bytes might help right now, as far as is known.
    pub(super) fn can_move(&self) -> bool {
        let (is_up, wanted) = (matches!(self.link, Link::Up(_)), self.inner.wanted());
        is_up && ((self.ready.writable && wanted.writable) || (self.ready.readable && wanted.readable))
    }

    /// Sends what is to be sent as far as there is room for it.
    fn write(&mut self) -> Result<(), Error> {
        if !self.ready.writable || !matches!(self.link, Link::Up(_)) {
            return Ok(());
        }
        let outcome = self.inner.try_write();
        self.or_end(outcome)?;
        self.ready.writable = !self.inner.wanted().writable;
        // What it said before it closed is to be read.
        self.ready.readable |= self.inner.is_broken();
        Ok(())
    }

    /// Reads once; whether anything came.
    fn read(&mut self) -> Result<bool, Error> {
        let is_up = matches!(self.link, Link::Up(_));
        if !is_up || !self.ready.readable || !self.inner.wanted().readable || self.reads == 0 {
            return Ok(false);
        }
        let outcome = self.inner.try_read();
        let came = self.or_end(outcome)?;
        if came {
            self.reads -= 1;
            // Also a server that never pauses has to keep to deadlines.
            self.inner.check_time();
        } else {
            self.ready.readable = false;
        }
        Ok(came)
    }

    /// Goes on with the TLS handshake; whether it is over.
    fn shake_hands(&mut self) -> Result<bool, Error> {
        let outcome = self.inner.shake_hands();
        let over = self.or_end(outcome)?;
        if over {
            // Data may have come with its last message.
            self.ready.readable = true;
        } else if self.inner.wanted().writable {
            self.ready.writable = false;
        } else {
            self.ready.readable = false;
        }
        Ok(over)
    }

    /// The end of the connection is an error unless the server was to close it.
    pub(super) fn or_end<T: Default>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        match outcome {
            Err(_) if self.is_saying_goodbye() => {
                self.end_closing();
                Ok(T::default())
            }
            Err(error) => {
                self.hang_up();
                Err(error)
            }
            outcome => outcome,
        }
    }

    /// Nothing more is to be heard here.
    pub(super) fn hang_up(&mut self) {
        self.inner.close();
        self.link = Link::Gone;
        self.delivery = None;
        self.due = false;
    }
}
