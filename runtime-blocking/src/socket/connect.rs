//! A connection within a deadline.

use std::io;
use std::time::{Duration, Instant};

use hyperwire_carrier::Ready;
use hyperwire_carrier::socket::{
    Attempts, FullBacklog, LinkReport, addresses, begin_connect, finish_connect,
};
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;
use socket2::{SockAddr, Socket};

use super::resolve::resolve;
use crate::wait::wait;

/// Opens a connection to `endpoint`, set up by `policy`, before `deadline`. The socket is non-blocking.
///
/// Every address of a host name is tried in turn; each gets an equal share of the time that is left, so that one
/// which swallows packets does not starve the others.
///
/// # Errors
///
/// The kind tells the case: `ConnectionRefused`, `NetworkUnreachable` or `HostUnreachable`, `NotFound` (no such Unix
/// domain socket), `TimedOut` (at the deadline, never later by more than the system's timers) or whatever else the
/// system says. The value inside is a [`ConnectError`](super::ConnectError) with every attempt.
pub fn connect(
    endpoint: &Endpoint,
    policy: &LinkPolicy,
    deadline: Instant,
) -> io::Result<(Socket, LinkReport)> {
    let mut attempts = Attempts::begin(endpoint, Instant::now(), deadline);
    let found = match endpoint {
        Endpoint::Tcp { host, port } => match resolve(host, *port, deadline) {
            Ok(addresses) => addresses.into_iter().map(SockAddr::from).collect(),
            Err(error) => return Err(attempts.unresolved(host, error, Instant::now())),
        },
        _ => match addresses(endpoint) {
            Ok(addresses) => addresses,
            Err(error) => return Err(attempts.refused(error, Instant::now())),
        },
    };
    attempts.resolved(found);
    first_that_answers(attempts, policy)
}

fn first_that_answers(mut attempts: Attempts, policy: &LinkPolicy) -> io::Result<(Socket, LinkReport)> {
    while let Some((address, until)) = attempts.next(Instant::now()) {
        match connect_to(&address, policy, until) {
            Ok(connected) => return Ok(connected),
            Err(error) => attempts.failed(&address, error),
        }
    }
    Err(attempts.error(Instant::now()))
}

/// A domain socket whose backlog is full is tried again until the deadline.
fn connect_to(
    address: &SockAddr,
    policy: &LinkPolicy,
    deadline: Instant,
) -> io::Result<(Socket, LinkReport)> {
    let mut full = FullBacklog::default();
    loop {
        let left = time_left(deadline)?;
        match begin_connect(address, policy) {
            Ok(socket) => return finish(socket, policy, deadline),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(full.pause().min(left));
            }
            Err(error) => return Err(error),
        }
    }
}

fn finish(socket: Socket, policy: &LinkPolicy, deadline: Instant) -> io::Result<(Socket, LinkReport)> {
    loop {
        if let Some(report) = finish_connect(&socket, policy)? {
            return Ok((socket, report));
        }
        time_left(deadline)?;
        wait(&socket, Ready { readable: false, writable: true }, Some(deadline))?;
    }
}

fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};

    use hyperwire_carrier::socket::{ConnectError, ConnectStep};
    use socket2::{Domain, Type};

    use super::*;

    /// Longer than any of these tests takes on the slowest machine; reaching it means that something hangs.
    const GENEROUS: Duration = Duration::from_secs(20);

    fn tcp(address: SocketAddr) -> Endpoint {
        Endpoint::Tcp { host: address.ip().to_string(), port: address.port() }
    }

    fn connect_within(endpoint: &Endpoint, time: Duration) -> io::Result<(Socket, LinkReport)> {
        connect(endpoint, &LinkPolicy::DEFAULT, Instant::now() + time)
    }

    fn first_of(addresses: &[SocketAddr], time: Duration) -> io::Result<(Socket, LinkReport)> {
        let now = Instant::now();
        let mut attempts = Attempts::begin(&tcp(addresses[0]), now, now + time);
        attempts.resolved(addresses.iter().map(|address| SockAddr::from(*address)));
        first_that_answers(attempts, &LinkPolicy::DEFAULT)
    }

    /// A port that is taken, so nobody else can start to listen there, and on which nobody listens.
    fn closed_port() -> (Socket, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let address = socket.local_addr().expect("bound").as_socket().expect("an IP address");
        (socket, address)
    }

    /// A listener that accepts nothing and whose backlog is full, so that its host drops every further SYN.
    #[cfg(target_os = "linux")]
    fn swallowing_listener() -> (Vec<Socket>, SocketAddr) {
        let (listener, address) = closed_port();
        listener.listen(0).expect("a bound socket listens");
        let mut sockets = vec![listener];
        loop {
            match connect_within(&tcp(address), Duration::from_millis(200)) {
                Ok((socket, _)) => sockets.push(socket),
                Err(_) => return (sockets, address),
            }
            assert!(sockets.len() < 10, "a backlog of 0 takes a connection or two");
        }
    }

    #[test]
    fn the_socket_is_non_blocking_and_carries_the_policy() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = tcp(listener.local_addr().expect("bound"));

        let (socket, report) = connect_within(&endpoint, GENEROUS).expect("a listener");

        let nothing_to_read =
            socket.recv(&mut [std::mem::MaybeUninit::uninit()]).expect_err("nobody sent a byte");
        assert_eq!(nothing_to_read.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(report.bound.idle, Some(LinkPolicy::DEFAULT.keepalive.bound()));
    }

    #[test]
    fn a_host_name_is_resolved() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();

        let (socket, _) =
            connect_within(&Endpoint::Tcp { host: "localhost".into(), port }, GENEROUS).expect("a listener");

        assert_eq!(socket.peer_addr().ok().and_then(|a| a.as_socket()).map(|a| a.port()), Some(port));
    }

    #[test]
    fn a_closed_port_is_refused_with_the_address_and_what_to_do() {
        let (_reserved, address) = closed_port();

        let error = connect_within(&tcp(address), GENEROUS).expect_err("nobody listens");

        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let text = error.to_string();
        assert!(text.contains(&address.to_string()) && text.contains("nothing listens there"), "{text}");
        let inner = error.get_ref().and_then(|e| e.downcast_ref::<ConnectError>()).expect("a ConnectError");
        assert_eq!((inner.step, inner.attempts.len()), (ConnectStep::Connect, 1));
    }

    /// Linux has no route for TCP to a broadcast address, whatever the network of the machine.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_host_without_a_route_is_unreachable() {
        let endpoint = Endpoint::Tcp { host: "255.255.255.255".into(), port: 7483 };

        let error = connect_within(&endpoint, GENEROUS).expect_err("no route");

        assert_eq!(error.kind(), io::ErrorKind::NetworkUnreachable);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_peer_that_swallows_packets_is_given_up_at_the_deadline() {
        let (_held, address) = swallowing_listener();
        let time = Duration::from_millis(300);
        let start = Instant::now();

        let error = connect_within(&tcp(address), time).expect_err("nobody answers");

        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let elapsed = start.elapsed();
        assert!(elapsed >= time && elapsed < GENEROUS, "{elapsed:?}");
    }

    #[test]
    fn a_deadline_that_has_passed_is_a_timeout_and_not_an_attempt() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");

        let error = connect_within(&tcp(listener.local_addr().expect("bound")), Duration::ZERO);

        assert_eq!(error.expect_err("no time").kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn an_address_that_refuses_is_followed_by_the_next_one() {
        let (_reserved, refusing) = closed_port();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let answering = listener.local_addr().expect("bound");

        let (socket, _) = first_of(&[refusing, answering], GENEROUS).expect("the second address answers");

        assert_eq!(socket.peer_addr().ok().and_then(|a| a.as_socket()), Some(answering));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_address_that_swallows_packets_leaves_time_for_the_next_one() {
        let (_held, swallowing) = swallowing_listener();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let answering = listener.local_addr().expect("bound");
        let time = Duration::from_secs(2);

        let (socket, _) = first_of(&[swallowing, answering], time).expect("the second address answers");

        assert_eq!(socket.peer_addr().ok().and_then(|a| a.as_socket()), Some(answering));
    }

    #[cfg(unix)]
    mod unix {
        use super::*;
        use std::path::PathBuf;

        /// A path of its own for each test, gone at the end.
        struct SocketPath(PathBuf);

        impl SocketPath {
            fn new(name: &str) -> Self {
                let path = std::env::temp_dir().join(format!("hyperwire-{}-{name}", std::process::id()));
                let _ = std::fs::remove_file(&path);
                Self(path)
            }

            fn listen(&self, backlog: i32) -> Socket {
                let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
                listener.bind(&SockAddr::unix(&self.0).expect("a short path")).expect("a free path");
                listener.listen(backlog).expect("bound");
                listener
            }

            fn endpoint(&self) -> Endpoint {
                Endpoint::Domain { path: self.0.to_string_lossy().into_owned() }
            }
        }

        impl Drop for SocketPath {
            fn drop(&mut self) {
                let _ = std::fs::remove_file(&self.0);
            }
        }

        #[cfg(target_os = "linux")]
        fn fill_backlog(endpoint: &Endpoint) -> Vec<Socket> {
            let mut held = Vec::new();
            while let Ok((socket, _)) = connect_within(endpoint, Duration::from_millis(50)) {
                held.push(socket);
                assert!(held.len() < 10, "a backlog of 0 takes a connection or two");
            }
            held
        }

        #[test]
        fn a_listener_is_reached_and_no_bound_is_claimed() {
            let path = SocketPath::new("reached");
            let _listener = path.listen(1);

            let (socket, report) = connect_within(&path.endpoint(), GENEROUS).expect("a listener");

            assert!(socket.peer_addr().is_ok());
            assert_eq!((report.bound.idle, report.bound.in_flight), (None, None));
        }

        #[test]
        fn a_path_without_a_socket_is_not_found() {
            let path = SocketPath::new("absent");

            let error = connect_within(&path.endpoint(), GENEROUS).expect_err("no such socket");

            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }

        #[test]
        fn a_socket_that_a_dead_server_left_behind_is_refused() {
            let path = SocketPath::new("stale");
            drop(path.listen(1));

            let error = connect_within(&path.endpoint(), GENEROUS).expect_err("nobody listens");

            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }

        #[test]
        fn a_path_too_long_for_a_socket_is_an_error() {
            let endpoint = Endpoint::Domain { path: "/".to_owned() + &"x".repeat(200) };

            let error = connect_within(&endpoint, GENEROUS).expect_err("too long");

            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }

        /// Elsewhere a full backlog refuses at once.
        #[test]
        #[cfg(target_os = "linux")]
        fn a_full_backlog_is_given_up_at_the_deadline() {
            let path = SocketPath::new("full");
            let _listener = path.listen(0);
            let _held = fill_backlog(&path.endpoint());
            let time = Duration::from_millis(200);
            let start = Instant::now();

            let error = connect_within(&path.endpoint(), time).expect_err("no place in the backlog");

            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            let elapsed = start.elapsed();
            assert!(elapsed >= time && elapsed < GENEROUS, "{elapsed:?}");
        }

        #[test]
        #[cfg(target_os = "linux")]
        fn a_place_that_frees_up_in_the_backlog_is_taken() {
            let path = SocketPath::new("freed");
            let listener = path.listen(0);
            let _held = fill_backlog(&path.endpoint());

            let connected = std::thread::scope(|scope| {
                let waiting = scope.spawn(|| connect_within(&path.endpoint(), GENEROUS));
                let _accepted = listener.accept().expect("the backlog is full");
                waiting.join().expect("no panic")
            });

            assert!(connected.is_ok(), "{connected:?}");
        }
    }
}
