//! The loop: one session, one socket, and waiting for it.

use std::task::Poll;
use std::time::{Duration, Instant as Clock};

use socket2::Socket;

use crate::cancel::CancelHandle;
use crate::carrier::Carrier;
use crate::config::Config;
use crate::error::Error;
use crate::socket;
use crate::wait::wait;

/// A session and what waits for it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) carrier: Carrier<Socket>,
}

impl Connection {
    pub(crate) fn open(config: Config) -> Result<Self, Error> {
        let epoch = Clock::now();
        let deadline = Carrier::<Socket>::connect_deadline(&config, epoch);
        let (socket, link) = socket::connect(&config.endpoint, &config.link, deadline)
            .map_err(|source| Error::Connect { endpoint: config.endpoint.clone(), source })?;
        let mut connection = Self { carrier: Carrier::start(config, socket, link, epoch)? };
        connection.until(Carrier::poll_started)?;
        Ok(connection)
    }

    /// Waits until a request can be sent.
    pub(crate) fn ready(&mut self) -> Result<&mut Carrier<Socket>, Error> {
        self.until(Carrier::poll_ready)?;
        Ok(&mut self.carrier)
    }

    /// Waits for what `step` polls.
    #[inline]
    pub(crate) fn until<R>(
        &mut self,
        mut step: impl FnMut(&mut Carrier<Socket>) -> Poll<Result<R, Error>>,
    ) -> Result<R, Error> {
        loop {
            if let Poll::Ready(outcome) = step(&mut self.carrier) {
                return outcome;
            }
            self.wait()?;
        }
    }

    /// Ends the session and waits, bounded, until the server has closed its end.
    pub(crate) fn close(&mut self, bound: Duration) {
        self.carrier.start_close(bound);
        while self.carrier.poll_closed().is_pending() {
            if self.wait().is_err() {
                return;
            }
        }
    }

    /// Sends what is to be sent and waits for what the session wants. Reading never waits for writing.
    fn wait(&mut self) -> Result<(), Error> {
        if self.carrier.take_cancel().is_some() {
            if let Some(handle) = self.cancel_handle() {
                // The session bounds the wait for its effect, whatever comes of it.
                let _ = handle.cancel();
            }
            self.carrier.cancel_delivered();
        }
        let wrote = self.carrier.try_write()?;
        let wants = self.carrier.wants();
        // Behind a request the answer takes a while; within an answer, more is usually here already.
        if !wrote && wants.ready.readable && self.carrier.try_read()? {
            // Also a server that never pauses has to keep to deadlines.
            self.carrier.check_time();
            return Ok(());
        }
        if wants.at_once {
            return self.carrier.carry(wants.ready);
        }
        let ready = self.carrier.transport().and_then(|socket| wait(socket, wants.ready, wants.deadline));
        match ready {
            Ok(ready) => self.carrier.carry(ready),
            Err(error) => Err(self.carrier.link_lost(error)),
        }
    }

    pub(crate) fn cancel_handle(&self) -> Option<CancelHandle> {
        Some(CancelHandle::new(self.carrier.config(), self.carrier.session().cancel_key()?))
    }
}
