use std::time::Duration;

use hyperwire_core::liveness::link::{DetectionBound, LinkOption, LinkOptions, LinkPolicy};
use socket2::SockRef;

use super::{keepalive, retransmission};

/// The options that a socket really has after it was set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkReport {
    /// Every option as the socket itself answered.
    pub options: LinkOptions,
    /// How soon a vanished peer is noticed because of them.
    pub bound: DetectionBound,
    /// What the policy asks for and this system does not grant; empty on a Unix domain socket, to which none of it
    /// applies.
    pub unmet: Vec<LinkOption>,
}

/// Sets the options of an open socket, a `TcpStream` or `UnixStream` of any runtime, and reads them all back.
///
/// Best effort: an option that the system refuses is missing from the report, and the connection works without it. Whether
/// the socket blocks is not changed.
pub fn configure<'s>(socket: impl Into<SockRef<'s>>, policy: &LinkPolicy) -> LinkReport {
    let socket = socket.into();
    apply(&socket, policy);
    report(&socket, policy)
}

/// Sets every option. Errors are left aside here because only the answer of [`report`] is proof.
pub(super) fn apply(socket: &SockRef<'_>, policy: &LinkPolicy) {
    if let Some(bytes) = policy.send_buffer {
        let _ = socket.set_send_buffer_size(bytes);
    }
    if let Some(bytes) = policy.receive_buffer {
        let _ = socket.set_recv_buffer_size(bytes);
    }
    if is_unix(socket) {
        return;
    }
    let _ = socket.set_tcp_nodelay(true);
    keepalive::apply(socket, &policy.keepalive);
    retransmission::apply(socket, policy);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_user_timeout(None);
}

/// Asks the socket for every option.
pub(super) fn report(socket: &SockRef<'_>, policy: &LinkPolicy) -> LinkReport {
    let buffers = LinkOptions {
        send_buffer: socket.send_buffer_size().ok(),
        receive_buffer: socket.recv_buffer_size().ok(),
        ..LinkOptions::default()
    };
    if is_unix(socket) {
        return LinkReport { options: buffers, bound: buffers.detection_bound(), unmet: Vec::new() };
    }
    let options = LinkOptions {
        keepalive: socket.keepalive().ok(),
        keepalive_idle: keepalive::idle(socket),
        keepalive_interval: keepalive::interval(socket),
        keepalive_probes: keepalive::probes(socket),
        no_delay: socket.tcp_nodelay().ok(),
        retransmit_cap: retransmission::cap(socket),
        retransmit_limit: retransmission::limit(socket),
        retransmit_attempts: retransmission::attempts(),
        user_timeout: user_timeout(socket),
        ..buffers
    };
    LinkReport { options, bound: options.detection_bound(), unmet: options.unmet(policy) }
}

fn is_unix(socket: &SockRef<'_>) -> bool {
    socket.local_addr().is_ok_and(|address| address.is_unix())
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn user_timeout(socket: &SockRef<'_>) -> Option<Duration> {
    socket.tcp_user_timeout().ok().map(Option::unwrap_or_default)
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn user_timeout(_: &SockRef<'_>) -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn tcp_connection() -> (TcpStream, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("a listener");
        (stream, listener)
    }

    #[test]
    fn keepalive_of_60_10_3_is_read_back_from_the_socket() {
        let (stream, _listener) = tcp_connection();

        let report = configure(&stream, &LinkPolicy::DEFAULT);

        assert_eq!(report.options.keepalive, Some(true));
        assert_eq!(report.options.keepalive_idle, Some(Duration::from_secs(60)));
        assert_eq!(report.options.keepalive_interval, Some(Duration::from_secs(10)));
        assert_eq!(report.options.keepalive_probes, Some(3));
        assert_eq!(report.options.no_delay, Some(true));
        assert_eq!(report.bound.idle, Some(Duration::from_secs(90)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_retransmission_cap_is_read_back_or_named_as_unmet() {
        let (stream, _listener) = tcp_connection();

        let report = configure(&stream, &LinkPolicy::DEFAULT);

        assert!(report.options.retransmit_attempts.is_some(), "tcp_retries2 can be read: {report:?}");
        match report.options.retransmit_cap {
            Some(cap) => {
                assert_eq!(cap, Duration::from_millis(7_500));
                assert_eq!(report.unmet, []);
            }
            None => assert_eq!(report.unmet, [LinkOption::RetransmissionBound], "a kernel before 6.15"),
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_user_timeout_that_somebody_left_on_the_socket_is_cleared() {
        let (stream, _listener) = tcp_connection();
        SockRef::from(&stream).set_tcp_user_timeout(Some(Duration::from_secs(5))).expect("Linux has it");

        let report = configure(&stream, &LinkPolicy::DEFAULT);

        assert_eq!(report.options.user_timeout, Some(Duration::ZERO));
    }

    #[test]
    fn buffers_are_left_to_the_kernel_unless_asked_for() {
        let (stream, _listener) = tcp_connection();
        let untouched = SockRef::from(&stream).send_buffer_size().expect("readable");

        let by_default = configure(&stream, &LinkPolicy::DEFAULT);
        let asked = configure(&stream, &LinkPolicy { send_buffer: Some(50_000), ..LinkPolicy::DEFAULT });

        assert_eq!(by_default.options.send_buffer, Some(untouched));
        assert_ne!(asked.options.send_buffer, Some(untouched));
        assert!(asked.options.send_buffer >= Some(50_000));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_impossible_value_is_reported_as_unmet_and_harms_nothing() {
        let (stream, _listener) = tcp_connection();
        let policy = LinkPolicy {
            keepalive: hyperwire_core::liveness::link::Keepalive { probes: 100_000, ..Default::default() },
            ..LinkPolicy::DEFAULT
        };

        let report = configure(&stream, &policy);

        assert!(report.unmet.contains(&LinkOption::KeepaliveProbes), "{report:?}");
        assert_eq!(report.options.keepalive_idle, Some(Duration::from_secs(60)), "the others are applied");
        assert_eq!(
            report.options.keepalive_interval,
            Some(Duration::from_secs(10)),
            "the others are applied"
        );
    }

    #[test]
    #[cfg(unix)]
    fn nothing_of_tcp_is_set_on_a_unix_domain_socket() {
        let (stream, _peer) = std::os::unix::net::UnixStream::pair().expect("a pair");

        let report = configure(&stream, &LinkPolicy::DEFAULT);

        assert!(!SockRef::from(&stream).keepalive().expect("readable"));
        assert_eq!(report.bound, DetectionBound::default());
        assert_eq!(report.unmet, []);
        assert!(report.options.send_buffer.is_some());
    }
}
