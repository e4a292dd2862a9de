//! Making a connection, one address after the other, without waiting.

use std::io;
use std::time::Instant;

use hyperwire_carrier::Config;
use hyperwire_carrier::socket::{
    Attempts, FullBacklog, LinkReport, addresses, begin_connect, finish_connect,
};
use hyperwire_core::liveness::link::LinkPolicy;
use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::SockAddr;

use crate::transport::Transport;

/// An attempt to reach an endpoint.
#[derive(Debug)]
pub(crate) struct Dial {
    attempts: Attempts,
    policy: LinkPolicy,
    token: Token,
    current: Option<Attempt>,
}

#[derive(Debug)]
struct Attempt {
    address: SockAddr,
    deadline: Instant,
    /// `None` while the backlog is full.
    transport: Option<Transport>,
    try_again: Instant,
    full: FullBacklog,
}

/// A connection that was made, registered under the token.
pub(crate) type Dialed = (Transport, LinkReport);

impl Dial {
    /// Begins; the first address is tried by [`Dial::advance`].
    pub(crate) fn start(config: &Config, token: Token, deadline: Instant) -> io::Result<Self> {
        let begun = Instant::now();
        let mut attempts = Attempts::begin(&config.endpoint, begun, deadline);
        match addresses(&config.endpoint) {
            Ok(addresses) => attempts.resolved(addresses),
            Err(error) => return Err(attempts.unresolved(&config.endpoint.to_string(), error, begun)),
        }
        Ok(Self { attempts, policy: config.link, token, current: None })
    }

    /// When to call [`Dial::advance`] if nothing happens before.
    pub(crate) fn deadline(&self) -> Instant {
        match &self.current {
            Some(Attempt { transport: None, try_again, deadline, .. }) => *(try_again.min(deadline)),
            Some(Attempt { deadline, .. }) => *deadline,
            None => self.attempts.begun(),
        }
    }

    /// Goes on as far as that takes no waiting; early and repeated calls change nothing.
    pub(crate) fn advance(&mut self, now: Instant, registry: &Registry) -> io::Result<Option<Dialed>> {
        loop {
            let Some(mut attempt) = self.current.take().or_else(|| self.next_attempt(now)) else {
                return Err(self.attempts.error(Instant::now()));
            };
            match attempt.advance(now, &self.policy, self.token, registry) {
                Ok(Some(dialed)) => return Ok(Some(dialed)),
                Ok(None) => {
                    self.current = Some(attempt);
                    return Ok(None);
                }
                Err(error) => self.attempts.failed(&attempt.address, error),
            }
        }
    }

    fn next_attempt(&mut self, now: Instant) -> Option<Attempt> {
        let (address, deadline) = self.attempts.next(now)?;
        let full = FullBacklog::default();
        Some(Attempt { address, deadline, transport: None, try_again: now, full })
    }
}

impl Attempt {
    fn advance(
        &mut self,
        now: Instant,
        policy: &LinkPolicy,
        token: Token,
        registry: &Registry,
    ) -> io::Result<Option<Dialed>> {
        if self.transport.is_none() && self.try_again <= now && now < self.deadline {
            match begin_connect(&self.address, policy) {
                Ok(socket) => {
                    let mut transport = Transport::new(socket, &self.address);
                    transport.register(registry, token, Interest::READABLE | Interest::WRITABLE)?;
                    self.transport = Some(transport);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.try_again = now + self.full.pause();
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(transport) = &self.transport
            && let Some(report) = finish_connect(transport.socket(), policy)?
        {
            return Ok(self.transport.take().map(|transport| (transport, report)));
        }
        if self.deadline <= now { Err(io::ErrorKind::TimedOut.into()) } else { Ok(None) }
    }
}
