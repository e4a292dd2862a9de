//! Which address is tried next, and for how long: decided here for every runtime.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use hyperwire_core::hyperd::Endpoint;
use socket2::SockAddr;

use super::{ConnectError, ConnectStep};

/// The attempts to connect to an endpoint. Its addresses are tried in turn, each for an equal share of the time that is
/// left, so that one that swallows packets does not starve the others.
#[derive(Debug)]
pub struct Attempts {
    endpoint: Endpoint,
    begun: Instant,
    deadline: Instant,
    untried: VecDeque<SockAddr>,
    failed: Vec<(String, io::Error)>,
}

/// The pauses between attempts on a Unix domain socket whose backlog is full, from 1 ms up to 50 ms. The system refuses at
/// once and has no event for a free place.
#[derive(Clone, Copy, Debug)]
pub struct FullBacklog {
    pause: Duration,
}

impl Attempts {
    /// Starts now; the connection must be made before the deadline.
    #[must_use]
    pub fn begin(endpoint: &Endpoint, now: Instant, deadline: Instant) -> Self {
        Self {
            endpoint: endpoint.clone(),
            begun: now,
            deadline,
            untried: VecDeque::new(),
            failed: Vec::new(),
        }
    }

    /// When the attempts began.
    #[must_use]
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Adds the addresses of the endpoint.
    pub fn resolved(&mut self, addresses: impl IntoIterator<Item = SockAddr>) {
        self.untried.extend(addresses);
    }

    /// The next address and its deadline; `None` when all have failed.
    pub fn next(&mut self, now: Instant) -> Option<(SockAddr, Instant)> {
        let untried = u32::try_from(self.untried.len()).unwrap_or(u32::MAX);
        let address = self.untried.pop_front()?;
        Some((address, now + self.deadline.saturating_duration_since(now) / untried))
    }

    /// Records that this address failed.
    pub fn failed(&mut self, address: &SockAddr, error: io::Error) {
        let shown =
            address.as_socket().map_or_else(|| self.endpoint.to_string(), |address| address.to_string());
        self.failed.push((shown, error));
    }

    /// The error when every address has failed: a [`ConnectError`] inside of an [`io::Error`].
    pub fn error(&mut self, now: Instant) -> io::Error {
        self.end(ConnectStep::Connect, now)
    }

    /// The error when the host's name cannot be resolved.
    pub fn unresolved(&mut self, host: &str, error: io::Error, now: Instant) -> io::Error {
        self.failed.push((host.to_owned(), error));
        self.end(ConnectStep::Resolve, now)
    }

    /// The error when the endpoint has no address that could be tried.
    pub fn refused(&mut self, error: io::Error, now: Instant) -> io::Error {
        self.failed.push((self.endpoint.to_string(), error));
        self.end(ConnectStep::Connect, now)
    }

    fn end(&mut self, step: ConnectStep, now: Instant) -> io::Error {
        let (endpoint, attempts) = (self.endpoint.clone(), std::mem::take(&mut self.failed));
        ConnectError { endpoint, step, elapsed: now.saturating_duration_since(self.begun), attempts }.into()
    }
}

impl Default for FullBacklog {
    fn default() -> Self {
        Self { pause: Duration::from_millis(1) }
    }
}

impl FullBacklog {
    /// How long to wait before the next attempt.
    pub fn pause(&mut self) -> Duration {
        const LONGEST: Duration = Duration::from_millis(50);
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;

    fn address(port: u16) -> SockAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()
    }

    #[test]
    fn each_address_has_an_equal_share_of_the_time_that_is_left() {
        let now = Instant::now();
        let endpoint = Endpoint::Tcp { host: "two".into(), port: 1 };
        let mut attempts = Attempts::begin(&endpoint, now, now + Duration::from_secs(9));
        attempts.resolved([address(1), address(2), address(3)]);

        let (first, until) = attempts.next(now).expect("three");
        attempts.failed(&first, io::ErrorKind::ConnectionRefused.into());
        // It failed at once, so that the others have more.
        let (second, then) = attempts.next(now).expect("two");
        attempts.failed(&second, io::ErrorKind::TimedOut.into());
        let (third, end) = attempts.next(then).expect("one");
        attempts.failed(&third, io::ErrorKind::TimedOut.into());

        assert_eq!(until, now + Duration::from_secs(3));
        assert_eq!(then, now + Duration::from_millis(4_500));
        assert_eq!(end, now + Duration::from_secs(9));
        assert!(attempts.next(end).is_none());
        let error = attempts.error(end);
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "that of the first");
        assert!(error.to_string().contains("after 9.0s: 127.0.0.1:1"), "{error}");
    }

    #[test]
    fn a_full_backlog_is_asked_ever_more_seldom() {
        let mut full = FullBacklog::default();

        let pauses: Vec<_> = std::iter::repeat_with(|| full.pause().as_millis()).take(8).collect();

        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 50, 50]);
    }
}
