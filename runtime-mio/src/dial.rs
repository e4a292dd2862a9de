//! Making a connection, one address after the other, without waiting.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use hyperwire_carrier::Config;
use hyperwire_carrier::socket::{
    ConnectError, ConnectStep, LinkReport, addresses, begin_connect, finish_connect,
};
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;
use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::SockAddr;

use crate::transport::Transport;

/// How long to leave a domain socket alone whose backlog is full, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// An attempt to reach an endpoint. Each address gets an equal share of the time that is left, so that one which
/// swallows packets does not starve the others.
#[derive(Debug)]
pub(crate) struct Dial {
    endpoint: Endpoint,
    policy: LinkPolicy,
    token: Token,
    begun: Instant,
    deadline: Instant,
    untried: VecDeque<SockAddr>,
    current: Option<Attempt>,
    failed: Vec<(String, io::Error)>,
}

#[derive(Debug)]
struct Attempt {
    address: SockAddr,
    deadline: Instant,
    /// `None` while the backlog is full.
    transport: Option<Transport>,
    try_again: Instant,
    pause: Duration,
}

/// A connection that was made, registered under the token.
pub(crate) type Dialed = (Transport, LinkReport);

impl Dial {
    /// Begins; the first address is tried by [`Dial::advance`].
    pub(crate) fn start(config: &Config, token: Token, deadline: Instant) -> io::Result<Self> {
        let mut dial = Self {
            endpoint: config.endpoint.clone(),
            policy: config.link,
            token,
            begun: Instant::now(),
            deadline,
            untried: VecDeque::new(),
            current: None,
            failed: Vec::new(),
        };
        match addresses(&config.endpoint) {
            Ok(addresses) => dial.untried = addresses.into(),
            Err(error) => {
                dial.failed.push((config.endpoint.to_string(), error));
                return Err(dial.error(ConnectStep::Resolve));
            }
        }
        Ok(dial)
    }

    /// When to call [`Dial::advance`] if nothing happens before.
    pub(crate) fn deadline(&self) -> Instant {
        match &self.current {
            Some(Attempt { transport: None, try_again, deadline, .. }) => *(try_again.min(deadline)),
            Some(Attempt { deadline, .. }) => *deadline,
            None => self.begun,
        }
    }

    /// Goes on as far as that takes no waiting; early and repeated calls change nothing.
    pub(crate) fn advance(&mut self, now: Instant, registry: &Registry) -> io::Result<Option<Dialed>> {
        loop {
            let Some(mut attempt) = self.current.take().or_else(|| self.next_attempt(now)) else {
                return Err(self.error(ConnectStep::Connect));
            };
            match attempt.advance(now, &self.policy, self.token, registry) {
                Ok(Some(dialed)) => return Ok(Some(dialed)),
                Ok(None) => {
                    self.current = Some(attempt);
                    return Ok(None);
                }
                Err(error) => self.failed.push((text(&attempt.address, &self.endpoint), error)),
            }
        }
    }

    fn next_attempt(&mut self, now: Instant) -> Option<Attempt> {
        let untried = u32::try_from(self.untried.len()).unwrap_or(u32::MAX);
        let address = self.untried.pop_front()?;
        let deadline = now + self.deadline.saturating_duration_since(now) / untried;
        Some(Attempt { address, deadline, transport: None, try_again: now, pause: PAUSES.0 })
    }

    fn error(&mut self, step: ConnectStep) -> io::Error {
        let (endpoint, attempts) = (self.endpoint.clone(), std::mem::take(&mut self.failed));
        ConnectError { endpoint, step, elapsed: self.begun.elapsed(), attempts }.into()
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
                    self.try_again = now + self.pause;
                    self.pause = (self.pause * 2).min(PAUSES.1);
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

fn text(address: &SockAddr, endpoint: &Endpoint) -> String {
    address.as_socket().map_or_else(|| endpoint.to_string(), |address| address.to_string())
}
