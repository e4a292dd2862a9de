//! Ending a statement from another task.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::task::Poll;
use std::time::Instant;

use hyperwire_blocking::carrier::{Ready, Transport as _};
use hyperwire_blocking::{Config, Error};
use hyperwire_core::buffer::OutBuf;
use hyperwire_core::session::CANCEL_TIMEOUT;
use hyperwire_core::wire::{CancelKey, InitialMessage};
use tokio::time::timeout_at;

use crate::connect::connect;
use crate::transport::Transport;

/// [`hyperwire_blocking::CancelHandle`] for tasks: it ends whatever statement of one client runs, which then fails
/// with SQLSTATE 57014. It owns what it needs, so any task may use it while another waits for the statement.
#[derive(Clone, Debug)]
pub struct CancelHandle(Config, CancelKey);

impl CancelHandle {
    pub(crate) fn new(config: &Config, key: CancelKey) -> Self {
        Self(config.clone(), key)
    }

    /// Sends the request over a connection of its own and waits until the server has taken it, at most
    /// [`CANCEL_TIMEOUT`]. Dropped earlier, it may or may not have been sent.
    ///
    /// # Errors
    /// The server is out of reach, or slower than that.
    pub async fn cancel(&self) -> Result<(), Error> {
        let deadline = Transport::now() + CANCEL_TIMEOUT;
        let delivered = timeout_at(deadline.into(), self.deliver(deadline)).await;
        let outcome = delivered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        outcome.map_err(|source| Error::Connect { endpoint: self.0.endpoint.clone(), source })
    }

    async fn deliver(&self, deadline: Instant) -> io::Result<()> {
        let (mut transport, _) = connect(&self.0.endpoint, &self.0.link, deadline).await?;
        let (mut out, mut answer) = (OutBuf::new(), [0; 16]);
        out.push(&InitialMessage::CancelRequest(self.1));
        while !out.is_empty() {
            let count = when(Ready { writable: true, readable: false }, &mut transport, |transport| {
                transport.write(out.unsent())
            });
            out.sent(count.await?);
        }
        // Once it has acted, the server closes, without a word if it is hyperd.
        loop {
            let wanted = Ready { readable: true, writable: false };
            match when(wanted, &mut transport, |transport| transport.read(&mut answer)).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Waits for the socket, then does it; again if that was too early.
async fn when<R>(
    wanted: Ready,
    transport: &mut Transport,
    mut act: impl FnMut(&mut Transport) -> io::Result<R>,
) -> io::Result<R> {
    poll_fn(|cx| {
        while transport.poll_ready(cx, wanted)? == wanted {
            match act(transport) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
        Poll::Pending
    })
    .await
}
