//! Connecting without waiting: begun here, finished when the socket is writable.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::LinkReport;
use super::configure::{apply, report};

/// The addresses of an endpoint, in the order in which to try them, if they are known without a look-up: those of a Unix
/// domain socket, of an IP address, and of `localhost`, which is this machine by definition (RFC 6761 section 6.3).
///
/// # Errors
/// `InvalidInput` for any other host name, since every way to look one up may wait, and for a path that is too long;
/// `Unsupported` for an endpoint that this system does not have.
pub fn addresses(endpoint: &Endpoint) -> io::Result<Vec<SockAddr>> {
    match endpoint {
        Endpoint::Tcp { host, port } => {
            let addresses = match host.parse::<IpAddr>() {
                Ok(address) => vec![address],
                Err(_) if host.eq_ignore_ascii_case("localhost") => {
                    vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
                }
                Err(_) => return Err(needs_look_up()),
            };
            Ok(addresses.into_iter().map(|address| SocketAddr::new(address, *port).into()).collect())
        }
        #[cfg(unix)]
        Endpoint::Domain { path } => Ok(vec![SockAddr::unix(path)?]),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Begins to connect to one address with the options of `policy`, and does not wait. The socket does not block.
///
/// It becomes writable when the connection is made or has failed; [`finish_connect`] says which.
///
/// # Errors
/// What the system reports at once. A Unix domain socket whose backlog is full gives `WouldBlock`; no event announces a
/// free place, so try again after [`FullBacklog::pause`](super::FullBacklog::pause).
pub fn begin_connect(address: &SockAddr, policy: &LinkPolicy) -> io::Result<Socket> {
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    // Before connecting: the size of the receive buffer is part of what the handshake tells the peer.
    apply(&SockRef::from(&socket), policy);
    socket.set_nonblocking(true)?;
    match socket.connect(address) {
        Err(error) if !is_under_way(&error, address) => Err(error),
        _ => Ok(socket),
    }
}

/// The options of a connection that [`begin_connect`] began, once it is made; `None` before. It may be called too early.
///
/// # Errors
/// Connecting failed; the system tells the reason only once.
pub fn finish_connect<'s>(
    socket: impl Into<SockRef<'s>>,
    policy: &LinkPolicy,
) -> io::Result<Option<LinkReport>> {
    let socket = socket.into();
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(None),
        Err(error) => Err(error),
        Ok(peer) if peer.is_ipv4() || peer.is_ipv6() => {
            if is_connected_to_itself(&socket)? {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Ok(Some(report(&socket, policy)))
        }
        Ok(_) => Ok(Some(report(&socket, policy))),
    }
}

/// A local port from the ephemeral range on which nobody listens may be given to the very socket that connects to it,
/// which then meets itself (simultaneous open, RFC 9293 section 3.5).
fn is_connected_to_itself(socket: &Socket) -> io::Result<bool> {
    Ok(socket.local_addr()?.as_socket() == socket.peer_addr()?.as_socket())
}

fn is_under_way(error: &io::Error, address: &SockAddr) -> bool {
    #[cfg(unix)]
    let in_progress = error.raw_os_error() == Some(libc::EINPROGRESS);
    #[cfg(not(unix))]
    let in_progress = false;
    // Windows says so of TCP.
    in_progress || (error.kind() == io::ErrorKind::WouldBlock && address.domain() != Domain::UNIX)
}

fn needs_look_up() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "a host name has to be looked up, which may wait; look it up and give its addresses",
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use super::*;

    fn endpoint(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { host: host.into(), port }
    }

    fn finish(socket: &Socket) -> io::Result<LinkReport> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(report) = finish_connect(socket, &LinkPolicy::DEFAULT)? {
                return Ok(report);
            }
            assert!(Instant::now() < deadline, "a connection on this machine is there or fails");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_connection_that_was_begun_is_there_and_carries_the_policy() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();

        let address = &addresses(&endpoint("127.0.0.1", port)).expect("an IP address")[0];
        let socket = begin_connect(address, &LinkPolicy::DEFAULT).expect("begun");
        let report = finish(&socket).expect("a listener");

        let nothing = socket.recv(&mut [std::mem::MaybeUninit::uninit()]).expect_err("nobody sent a byte");
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(report.bound.idle, Some(LinkPolicy::DEFAULT.keepalive.bound()));
    }

    #[test]
    fn a_closed_port_is_refused_when_it_is_finished_at_the_latest() {
        // Bound and not listening, so that nobody else can listen there.
        let closed = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        closed.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let address = closed.local_addr().expect("bound");

        let outcome =
            begin_connect(&address, &LinkPolicy::DEFAULT).and_then(|socket| finish(&socket).map(drop));

        assert_eq!(outcome.expect_err("nobody listens").kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_socket_without_a_peer_is_not_connected_yet() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");

        assert!(matches!(finish_connect(&socket, &LinkPolicy::DEFAULT), Ok(None)));
    }

    #[test]
    fn localhost_is_this_machine_and_any_other_name_needs_somebody_to_ask() {
        let localhost = addresses(&endpoint("localhost", 1)).expect("known");
        let elsewhere = addresses(&endpoint("hyper.example", 1)).expect_err("unknown");

        assert!(localhost.iter().all(|a| a.as_socket().is_some_and(|a| a.ip().is_loopback())));
        assert_eq!(elsewhere.kind(), io::ErrorKind::InvalidInput);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_that_met_itself_is_recognized() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let address = socket.local_addr().expect("bound");
        socket.connect(&address).expect("a simultaneous open with itself");

        assert!(is_connected_to_itself(&socket).expect("connected"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_domain_socket_is_there_at_once_until_its_backlog_is_full() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("hyper");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        listener.bind(&SockAddr::unix(&path).expect("a short path")).expect("a free path");
        listener.listen(0).expect("bound");
        let endpoint = Endpoint::Domain { path: path.to_str().expect("UTF-8").into() };
        let address = &addresses(&endpoint).expect("a path")[0];

        let first = begin_connect(address, &LinkPolicy::DEFAULT).expect("a place in the backlog");
        let second = begin_connect(address, &LinkPolicy::DEFAULT);

        assert!(matches!(finish_connect(&first, &LinkPolicy::DEFAULT), Ok(Some(_))));
        assert_eq!(second.expect_err("no place").kind(), io::ErrorKind::WouldBlock);
    }
}
