use std::io;
use std::time::Duration;

use hyperwire_core::hyperd::Endpoint;

/// Why no connection could be made. Runtimes return it inside an [`io::Error`] of the same kind, from which
/// `error.get_ref()` and `downcast_ref` recover it.
#[derive(Debug, thiserror::Error)]
#[error("no connection to {endpoint}: {step} failed after {elapsed:.1?}: {attempts}; {advice}",
    attempts = list(.attempts), advice = advice(*.step, self.kind()))]
pub struct ConnectError {
    /// Where the connection was to lead.
    pub endpoint: Endpoint,
    /// The step that failed.
    pub step: ConnectStep,
    /// How long it took in all.
    pub elapsed: Duration,
    /// Each address that was tried (or the endpoint itself) and its error, in the order of the attempts. Never empty.
    pub attempts: Vec<(String, io::Error)>,
}

/// A step on the way to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectStep {
    /// The host name is turned into addresses.
    Resolve,
    /// The addresses are tried in turn.
    Connect,
}

impl std::fmt::Display for ConnectStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolve => "name resolution",
            Self::Connect => "connecting",
        })
    }
}

impl ConnectError {
    /// The error kind of the first attempt, whose address the resolver put first.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.attempts.first().map_or(io::ErrorKind::Other, |(_, error)| error.kind())
    }
}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        Self::new(error.kind(), error)
    }
}

fn list(attempts: &[(String, io::Error)]) -> String {
    attempts.iter().map(|(address, error)| format!("{address}: {error}")).collect::<Vec<_>>().join(", ")
}

fn advice(step: ConnectStep, kind: io::ErrorKind) -> &'static str {
    match (step, kind) {
        (ConnectStep::Resolve, io::ErrorKind::TimedOut) => {
            "the name server does not answer: check the network"
        }
        (ConnectStep::Resolve, _) => "check the host name",
        (_, io::ErrorKind::ConnectionRefused) => {
            "nothing listens there: check that the server runs, and the address"
        }
        (_, io::ErrorKind::NotFound) => "there is no such socket: check that the server runs, and the path",
        (_, io::ErrorKind::TimedOut) => {
            "the host is down, a firewall drops the packets, or the server accepts no connections at the moment"
        }
        (_, io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
            "no route leads there: check the network of this machine"
        }
        (_, io::ErrorKind::PermissionDenied) => "this user may not connect: check the socket's permissions",
        _ => "check the address and the network of this machine",
    }
}
