//! CancelRequest, on a connection of its own.

use std::io::{self, Read, Write};
use std::time::Instant;

use hyperwire_core::buffer::OutBuf;
use hyperwire_core::session::{CANCEL_TIMEOUT, RequestId};
use hyperwire_core::wire::{CancelKey, InitialMessage};
use mio::Registry;

use super::Connection;
use crate::dial::Dial;
use crate::transport::Transport;

/// Reads of a server that talks instead of closing, before others get their turn.
const READS_AT_ONCE: u32 = 16;

/// A CancelRequest on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    way: Way,
    out: OutBuf,
    deadline: Instant,
}

#[derive(Debug)]
enum Way {
    Dialing(Box<Dial>),
    Up(Transport),
}

impl Connection {
    /// Asks the server to end a request. One that was not sent yet fails as never sent; one that runs usually with
    /// SQLSTATE 57014, within 25 ms, or it completes if it was faster. The connection goes on either way. Unknown and
    /// finished requests are left alone.
    pub fn cancel(&mut self, id: RequestId) {
        self.due = true;
        let now = self.conduit.clock();
        self.conduit.ask().0.cancel(id, now);
    }

    pub(super) fn start_delivery(&mut self, key: CancelKey) {
        match Delivery::start(self, key) {
            Ok(delivery) => self.delivery = Some(delivery),
            // Undeliverable is as good as unheeded: the session's grace bounds the wait for its effect.
            Err(_) => self.cancel_delivered(),
        }
    }

    /// Goes on with the delivery as far as that takes no waiting.
    pub(super) fn deliver(&mut self) {
        let Some(delivery) = &mut self.delivery else { return };
        if delivery.is_over(&self.registry) {
            self.delivery = None;
            self.cancel_delivered();
        }
    }

    fn cancel_delivered(&mut self) {
        let (session, out) = self.conduit.ask();
        session.cancel_delivered(out);
    }
}

impl Delivery {
    fn start(connection: &Connection, key: CancelKey) -> io::Result<Self> {
        let deadline = Instant::now() + CANCEL_TIMEOUT;
        let dial = Dial::start(connection.conduit.config(), connection.cancel_token(), deadline)?;
        let mut out = OutBuf::new();
        out.push(&InitialMessage::CancelRequest(key));
        Ok(Self { way: Way::Dialing(dial.into()), out, deadline })
    }

    pub(super) fn deadline(&self) -> Instant {
        match &self.way {
            Way::Dialing(dial) => dial.deadline(),
            Way::Up(_) => self.deadline,
        }
    }

    /// Whether the server has taken it, or never will.
    fn is_over(&mut self, registry: &Registry) -> bool {
        let now = Instant::now();
        if let Way::Dialing(dial) = &mut self.way {
            match dial.advance(now, registry) {
                Ok(Some((transport, _))) => self.way = Way::Up(transport),
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
        match self.say_and_listen() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.deadline <= now,
            // The server closes without a word once it has acted.
            Ok(()) | Err(_) => true,
        }
    }

    fn say_and_listen(&mut self) -> io::Result<()> {
        let Way::Up(transport) = &mut self.way else { return Err(io::ErrorKind::WouldBlock.into()) };
        while !self.out.is_empty() {
            self.out.sent(transport.write(self.out.unsent())?);
        }
        for _ in 0..READS_AT_ONCE {
            if transport.read(&mut [0; 4096])? == 0 {
                return Ok(());
            }
        }
        // A server that says so much has not understood; and it was told all there is.
        Ok(())
    }
}
