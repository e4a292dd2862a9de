//! CancelRequest, on a connection of its own.

use std::io;
use std::task::Poll;
use std::time::Instant;

use hyperwire_carrier::CancelOutcome;
use hyperwire_core::session::{CancelDelivery, RequestId};
use hyperwire_core::wire::CancelKey;
use mio::Registry;

use super::Connection;
use crate::dial::Dial;
use crate::transport::Transport;

/// A CancelRequest on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    /// `None` once it is connected.
    dial: Option<Box<Dial>>,
    request: hyperwire_carrier::Delivery<Transport>,
}

impl Connection {
    /// Asks the server to end a request. One that was not sent yet fails as never sent; one that runs usually with
    /// SQLSTATE 57014, within 25 ms, or it completes if it was faster. The connection goes on either way, unless the server
    /// does not confirm within 5 s that it has taken the cancel: it could then hit any statement, so the connection ends
    /// behind the request. Unknown and finished requests are left alone.
    pub fn cancel(&mut self, id: RequestId) {
        self.due = true;
        self.inner.cancel(id);
    }

    pub(super) fn start_delivery(&mut self, key: CancelKey) {
        match Delivery::start(self, key) {
            Ok(delivery) => self.delivery = Some(delivery),
            // The session's grace bounds the wait for its effect.
            Err(_) => self.inner.cancel_ended(CancelDelivery::NotSent),
        }
    }

    /// Goes on with the delivery as far as that takes no waiting; whether it ended, which the session may have news of.
    pub(super) fn deliver(&mut self) -> bool {
        let Some(delivery) = &mut self.delivery else { return false };
        let Poll::Ready(outcome) = delivery.poll(&self.registry) else { return false };
        self.delivery = None;
        self.inner.cancel_ended(outcome.delivery);
        true
    }
}

impl Delivery {
    fn start(connection: &Connection, key: CancelKey) -> io::Result<Self> {
        let request = connection.inner.deliver(key);
        let (config, token) = (connection.inner.config(), connection.cancel_token());
        let dial = Dial::start(config, token, request.deadline())?;
        Ok(Self { dial: Some(dial.into()), request })
    }

    pub(super) fn deadline(&self) -> Instant {
        self.dial.as_ref().map_or_else(|| self.request.deadline(), |dial| dial.deadline())
    }

    fn poll(&mut self, registry: &Registry) -> Poll<CancelOutcome> {
        if let Some(dial) = &mut self.dial {
            match dial.advance(Instant::now(), registry) {
                Ok(Some((transport, _))) => self.request.connected(transport),
                Ok(None) => return Poll::Pending,
                Err(error) => return Poll::Ready(self.request.fail(error)),
            }
            self.dial = None;
        }
        self.request.poll()
    }
}
