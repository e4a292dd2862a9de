//! Ending a statement from another task.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;

use hyperwire_carrier::{CancelOutcome, CancelTarget, Delivery, Error, Ready};
use tokio::time::sleep_until;

use crate::connect::connect;
use crate::transport::Transport;

/// Ends whatever statement of one client runs, which then fails
/// with SQLSTATE 57014. It owns what it needs, so any task may use it while another waits for the statement.
#[derive(Clone, Debug)]
pub struct CancelHandle(CancelTarget);

impl CancelHandle {
    pub(crate) fn new(target: CancelTarget) -> Self {
        Self(target)
    }

    /// Sends the request over a connection of its own and waits until the server has taken it, at most
    /// [`CANCEL_TIMEOUT`](hyperwire_core::session::CANCEL_TIMEOUT). Dropped earlier, it may or may not have been sent.
    ///
    /// # Errors
    /// The server is out of reach, or slower than that. If it may still take the request, which a dropped future does not
    /// know either, that could cancel any statement: the client's session ends behind the one that runs.
    pub async fn cancel(&self) -> Result<(), Error> {
        let outcome = deliver(&self.0, self.0.deliver_from_outside()).await;
        outcome.result.map_err(|error| Error::connect(self.0.config(), error))
    }
}

/// Waits until it is known what became of it.
pub(crate) async fn deliver(target: &CancelTarget, mut delivery: Delivery<Transport>) -> CancelOutcome {
    let config = target.config();
    match connect(&config.endpoint, &config.link, delivery.deadline()).await {
        Ok((transport, _)) => delivery.connected(transport),
        Err(error) => return delivery.fail(error),
    }
    let mut timer = pin!(sleep_until(delivery.deadline().into()));
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(outcome) = delivery.poll() {
                return Poll::Ready(outcome);
            }
            let (wanted, deadline) = (delivery.wanted(), delivery.deadline().into());
            let ready = delivery.transport().and_then(|transport| transport.poll_ready(cx, wanted));
            match ready {
                Ok(ready) if ready != Ready::default() => {}
                Ok(_) => {
                    if timer.deadline() != deadline {
                        timer.as_mut().reset(deadline);
                    }
                    if timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Err(error) => return Poll::Ready(delivery.fail(error)),
            }
        }
    })
    .await
}
