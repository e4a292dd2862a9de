//! How a client waits: one session, one socket.

use std::task::Poll;
use std::time::Instant;

use hyperwire_carrier::{self as carrier, Config, Error};

use crate::cancel::deliver;
use crate::client::Client;
use crate::socket;
use crate::transport::Transport;
use crate::wait::{wait, wait_for_cancels};

impl Client {
    pub(crate) fn open(config: Config) -> Result<Self, Error> {
        let epoch = Instant::now();
        let deadline = carrier::Client::<Transport>::connect_deadline(&config, epoch);
        let (socket, link) = socket::connect(&config.endpoint, &config.link, deadline)
            .map_err(|error| Error::connect(&config, error))?;
        let mut client = Self { inner: carrier::Client::start(config, Transport(socket), link, epoch)? };
        client.until(carrier::Client::poll_started)?;
        Ok(client)
    }

    /// Waits until a request can be sent.
    pub(crate) fn ready(&mut self) -> Result<&mut carrier::Client<Transport>, Error> {
        self.until(carrier::Client::poll_ready)?;
        Ok(&mut self.inner)
    }

    /// Waits for what `step` polls.
    #[inline]
    pub(crate) fn until<R>(
        &mut self,
        mut step: impl FnMut(&mut carrier::Client<Transport>) -> Poll<Result<R, Error>>,
    ) -> Result<R, Error> {
        loop {
            if let Poll::Ready(outcome) = step(&mut self.inner) {
                return outcome;
            }
            self.wait()?;
        }
    }

    /// Sends what is to be sent and waits for what the session wants. Reading never waits for writing.
    fn wait(&mut self) -> Result<(), Error> {
        if let Some(target) = self.inner.take_cancel() {
            // The session bounds the wait for its effect, whatever comes of it.
            self.inner.cancel_ended(deliver(&target, target.deliver()).delivery);
            return Ok(());
        }
        if let Some(cancels) = self.inner.awaited_cancels() {
            wait_for_cancels(&cancels);
            return Ok(());
        }
        let wrote = self.inner.try_write()?;
        let wants = self.inner.wants();
        // Behind a request the answer takes a while; within an answer, more is usually here already.
        if !wrote && wants.ready.readable && self.inner.try_read()? {
            // Also a server that never pauses has to keep to deadlines.
            self.inner.check_time();
            return Ok(());
        }
        if wants.at_once {
            return self.inner.carry(wants.ready);
        }
        let ready =
            self.inner.transport().and_then(|transport| wait(&transport.0, wants.ready, wants.deadline));
        match ready {
            Ok(ready) => self.inner.carry(ready),
            Err(error) => Err(self.inner.link_lost(error)),
        }
    }
}
