//! A connection within a deadline, without a thread.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::time::Duration;
use std::time::Instant;

use hyperwire_carrier::Transport as _;
use hyperwire_carrier::socket::{ConnectError, ConnectStep, LinkReport, configure};
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;
use tokio::net::{TcpSocket, lookup_host};
use tokio::time::timeout_at;

use crate::transport::Transport;

/// Connects to `endpoint` before `deadline`; the counterpart of the blocking runtime's, with the same errors. Only tokio's own look-up of a host name uses a thread of tokio.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    policy: &LinkPolicy,
    deadline: Instant,
) -> io::Result<(Transport, LinkReport)> {
    let start = Transport::now();
    let outcome = match endpoint {
        Endpoint::Tcp { host, port } => match within(deadline, look_up(host, *port)).await {
            Ok(addresses) => first_that_answers(addresses, policy, deadline).await,
            Err(error) => Err((ConnectStep::Resolve, vec![(host.clone(), error)])),
        },
        #[cfg(unix)]
        Endpoint::Domain { path } => {
            let connected = within(deadline, connect_unix(path)).await;
            connected.map_err(|error| (ConnectStep::Connect, vec![(endpoint.to_string(), error)]))
        }
        // A kind of endpoint that this system does not have.
        _ => Err((ConnectStep::Connect, vec![(endpoint.to_string(), io::ErrorKind::Unsupported.into())])),
    };
    match outcome {
        Ok(transport) => {
            let report = configure(transport.socket(), policy);
            Ok((transport, report))
        }
        Err((step, attempts)) => {
            let elapsed = Transport::now().saturating_duration_since(start);
            Err(ConnectError { endpoint: endpoint.clone(), step, elapsed, attempts }.into())
        }
    }
}

async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    if addresses.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(addresses) }
}

/// Each address gets an equal share of the time that is left.
async fn first_that_answers(
    addresses: Vec<SocketAddr>,
    policy: &LinkPolicy,
    deadline: Instant,
) -> Result<Transport, (ConnectStep, Vec<(String, io::Error)>)> {
    let (mut attempts, mut untried) = (Vec::new(), addresses.len() as u32);
    for address in addresses {
        let now = Transport::now();
        let share = deadline.saturating_duration_since(now) / untried;
        match within(now + share, connect_tcp(address, policy)).await {
            Ok(transport) => return Ok(transport),
            Err(error) => attempts.push((address.to_string(), error)),
        }
        untried -= 1;
    }
    Err((ConnectStep::Connect, attempts))
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

/// While the listener's backlog is full the system says so at once, and nothing tells when it no longer is.
#[cfg(unix)]
async fn connect_unix(path: &str) -> io::Result<Transport> {
    let mut pause = Duration::from_millis(1);
    loop {
        match tokio::net::UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(pause).await,
            outcome => return outcome.map(Transport::Unix),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// A future that is ready is not asked the time, so a deadline that has passed is an error before it is polled.
async fn within<R>(deadline: Instant, future: impl Future<Output = io::Result<R>>) -> io::Result<R> {
    if deadline <= Transport::now() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    timeout_at(deadline.into(), future).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
