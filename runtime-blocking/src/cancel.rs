//! Ending a statement from anywhere.

use std::io::{self, Read, Write};
use std::time::Instant;

use hyperwire_core::buffer::OutBuf;
use hyperwire_core::session::CANCEL_TIMEOUT;
use hyperwire_core::wire::{CancelKey, InitialMessage};
use socket2::Socket;

use crate::carrier::Ready;
use crate::config::Config;
use crate::error::Error;
use crate::socket;
use crate::wait::wait;

/// Asks the server to end whatever statement of one client runs. Any thread may use it, as often as it likes.
///
/// The statement then fails with SQLSTATE 57014, usually within 25 ms, and the client goes on. Without a running
/// statement nothing happens.
#[derive(Clone, Debug)]
pub struct CancelHandle {
    config: Config,
    key: CancelKey,
}

impl CancelHandle {
    pub(crate) fn new(config: &Config, key: CancelKey) -> Self {
        Self { config: config.clone(), key }
    }

    /// Sends the request over a connection of its own and waits until the server has taken it, at most
    /// [`CANCEL_TIMEOUT`].
    ///
    /// # Errors
    /// The server cannot be reached or did not take the request in time.
    pub fn cancel(&self) -> Result<(), Error> {
        let endpoint = &self.config.endpoint;
        self.deliver().map_err(|source| Error::Connect { endpoint: endpoint.clone(), source })
    }

    fn deliver(&self) -> io::Result<()> {
        let deadline = Instant::now() + CANCEL_TIMEOUT;
        let (mut socket, _) = socket::connect(&self.config.endpoint, &self.config.link, deadline)?;
        let mut out = OutBuf::new();
        out.push(&InitialMessage::CancelRequest(self.key));
        while !out.is_empty() {
            match socket.write(out.unsent()) {
                Ok(count) => out.sent(count),
                Err(error) => until(&socket, WRITABLE, deadline, error)?,
            }
        }
        // The server closes without a word once it has acted.
        let mut answer = [0; 16];
        loop {
            match socket.read(&mut answer) {
                Ok(0) => return Ok(()),
                Ok(_) if Instant::now() < deadline => {}
                Ok(_) => return Err(io::ErrorKind::TimedOut.into()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => until(&socket, READABLE, deadline, error)?,
            }
        }
    }
}

const READABLE: Ready = Ready { readable: true, writable: false };
const WRITABLE: Ready = Ready { readable: false, writable: true };

fn until(socket: &Socket, wanted: Ready, deadline: Instant, error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock if Instant::now() < deadline => {
            wait(socket, wanted, Some(deadline)).map(drop)
        }
        io::ErrorKind::WouldBlock => Err(io::ErrorKind::TimedOut.into()),
        _ => Err(error),
    }
}
