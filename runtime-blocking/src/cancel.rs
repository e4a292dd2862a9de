//! Ending a statement from anywhere.

use std::task::Poll;

use hyperwire_carrier::{CancelOutcome, CancelTarget, Delivery, Error};

use crate::socket;
use crate::transport::Transport;
use crate::wait::wait;

/// Asks the server to end whatever statement of one client runs. Any thread may use it, as often as it likes.
///
/// The statement then fails with SQLSTATE 57014, usually within 25 ms, and the client goes on. Without a running
/// statement nothing happens: the client sends its next one only once the request has been taken. The request travels
/// encrypted if the client's connection is.
#[derive(Clone, Debug)]
pub struct CancelHandle(CancelTarget);

impl CancelHandle {
    pub(crate) fn new(target: CancelTarget) -> Self {
        Self(target)
    }

    /// Sends the request over a connection of its own and waits until the server has taken it, at most
    /// [`CANCEL_TIMEOUT`](hyperwire_core::session::CANCEL_TIMEOUT).
    ///
    /// # Errors
    /// The server cannot be reached or did not take the request in time. If it may still take it later, it could cancel
    /// any statement, so the client's session ends behind the one that runs: its next call fails.
    pub fn cancel(&self) -> Result<(), Error> {
        let outcome = deliver(&self.0, self.0.deliver_from_outside());
        outcome.result.map_err(|error| Error::connect(self.0.config(), error))
    }
}

/// Waits until it is known what became of it.
pub(crate) fn deliver(target: &CancelTarget, mut delivery: Delivery<Transport>) -> CancelOutcome {
    let config = target.config();
    match socket::connect(&config.endpoint, &config.link, delivery.deadline()) {
        Ok((socket, _)) => delivery.connected(Transport(socket)),
        Err(error) => return delivery.fail(error),
    }
    loop {
        if let Poll::Ready(outcome) = delivery.poll() {
            return outcome;
        }
        let (wanted, deadline) = (delivery.wanted(), delivery.deadline());
        let waited = delivery.transport().and_then(|stream| wait(&stream.0, wanted, Some(deadline)));
        if let Err(error) = waited {
            return delivery.fail(error);
        }
    }
}
