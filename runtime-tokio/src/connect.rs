//! A connection within a deadline, without a thread.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::time::Instant;

use hyperwire_carrier::Transport as _;
#[cfg(unix)]
use hyperwire_carrier::socket::FullBacklog;
use hyperwire_carrier::socket::{Attempts, LinkReport, addresses, configure};
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;
use socket2::SockAddr;
use tokio::net::{TcpSocket, lookup_host};
use tokio::time::timeout_at;

use crate::transport::Transport;

/// Connects to `endpoint` before `deadline`; the counterpart of the blocking runtime's, with the same errors. Only tokio's
/// own look-up of a host name uses a thread of tokio.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    policy: &LinkPolicy,
    deadline: Instant,
) -> io::Result<(Transport, LinkReport)> {
    let mut attempts = Attempts::begin(endpoint, Transport::now(), deadline);
    let found = match endpoint {
        Endpoint::Tcp { host, port } => match within(deadline, look_up(host, *port)).await {
            Ok(addresses) => addresses.into_iter().map(SockAddr::from).collect(),
            Err(error) => return Err(attempts.unresolved(host, error, Transport::now())),
        },
        _ => match addresses(endpoint) {
            Ok(addresses) => addresses,
            Err(error) => return Err(attempts.refused(error, Transport::now())),
        },
    };
    attempts.resolved(found);
    while let Some((address, until)) = attempts.next(Transport::now()) {
        match within(until, connect_to(&address, policy)).await {
            Ok(transport) => {
                let report = configure(transport.socket(), policy);
                return Ok((transport, report));
            }
            Err(error) => attempts.failed(&address, error),
        }
    }
    Err(attempts.error(Transport::now()))
}

async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    if addresses.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(addresses) }
}

async fn connect_to(address: &SockAddr, policy: &LinkPolicy) -> io::Result<Transport> {
    #[cfg(unix)]
    if let Some(path) = address.as_pathname() {
        return connect_unix(path).await;
    }
    match address.as_socket() {
        Some(address) => connect_tcp(address, policy).await,
        None => Err(io::ErrorKind::Unsupported.into()),
    }
}

async fn connect_tcp(address: SocketAddr, policy: &LinkPolicy) -> io::Result<Transport> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Before connecting, since the handshake tells the peer the size of the receive buffer.
    configure(&socket, policy);
    let stream = socket.connect(address).await?;
    // A port from the ephemeral range on which nobody listens may have been given to this very socket.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(Transport::Tcp(stream))
}

/// A socket whose backlog is full is tried again until the deadline.
#[cfg(unix)]
async fn connect_unix(path: &Path) -> io::Result<Transport> {
    let mut full = FullBacklog::default();
    loop {
        match tokio::net::UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(full.pause()).await,
            outcome => return outcome.map(Transport::Unix),
        }
    }
}

/// A future that is ready is not asked the time, so a deadline that has passed is an error before it is polled.
async fn within<R>(deadline: Instant, future: impl Future<Output = io::Result<R>>) -> io::Result<R> {
    if deadline <= Transport::now() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    timeout_at(deadline.into(), future).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
