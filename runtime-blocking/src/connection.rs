//! The loop: one session, one socket, and waiting for it.

use std::task::Poll;
use std::time::{Duration, Instant as Clock};

use hyperwire_carrier::{Carrier, Config, Error};

use crate::cancel::{CancelHandle, deliver};
use crate::socket;
use crate::stream::Stream;
use crate::wait::{wait, wait_for_cancels};

/// A session and what waits for it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) carrier: Carrier<Stream>,
}

impl Connection {
    pub(crate) fn open(config: Config) -> Result<Self, Error> {
        let epoch = Clock::now();
        let deadline = Carrier::<Stream>::connect_deadline(&config, epoch);
        let (socket, link) = socket::connect(&config.endpoint, &config.link, deadline)
            .map_err(|source| Error::Connect { endpoint: config.endpoint.clone(), source })?;
        let mut connection = Self { carrier: Carrier::start(config, Stream(socket), link, epoch)? };
        connection.until(Carrier::poll_started)?;
        Ok(connection)
    }

    /// Waits until a request can be sent.
    pub(crate) fn ready(&mut self) -> Result<&mut Carrier<Stream>, Error> {
        self.until(Carrier::poll_ready)?;
        Ok(&mut self.carrier)
    }

    /// Waits for what `step` polls.
    #[inline]
    pub(crate) fn until<R>(
        &mut self,
        mut step: impl FnMut(&mut Carrier<Stream>) -> Poll<Result<R, Error>>,
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
        if let Some(target) = self.carrier.take_cancel() {
            // The session bounds the wait for its effect, whatever comes of it.
            self.carrier.cancel_ended(deliver(&target, target.deliver()).delivery);
            return Ok(());
        }
        if let Some(cancels) = self.carrier.awaited_cancels() {
            wait_for_cancels(&cancels);
            return Ok(());
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
        let ready = self.carrier.transport().and_then(|stream| wait(&stream.0, wants.ready, wants.deadline));
        match ready {
            Ok(ready) => self.carrier.carry(ready),
            Err(error) => Err(self.carrier.link_lost(error)),
        }
    }

    pub(crate) fn cancel_handle(&self) -> Option<CancelHandle> {
        self.carrier.cancel_target().map(CancelHandle::new)
    }
}
