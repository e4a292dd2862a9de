use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// The addresses of a host in the order in which the resolver recommends them.
///
/// The system's resolver has no deadline and cannot be interrupted, so a name is looked up in a thread of its own; if
/// the deadline passes first, that thread ends unnoticed when the resolver does. An IP address needs no look-up.
pub(super) fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = host.to_owned();
    within(deadline, move || Ok((name.as_str(), port).to_socket_addrs()?.collect()))
}

fn within(
    deadline: Instant,
    look_up: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> io::Result<Vec<SocketAddr>> {
    let (sender, answer) = mpsc::sync_channel(1);
    thread::Builder::new().name("hyperwire-resolve".into()).spawn(move || {
        // Nobody listens any more after the deadline.
        let _ = sender.send(look_up());
    })?;
    match answer.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(io::ErrorKind::AddrNotAvailable.into()),
        Ok(answer) => answer,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_ip_address_needs_no_resolver() {
        let deadline_already_passed = Instant::now();

        let addresses = resolve("::1", 7483, deadline_already_passed).expect("an address");

        assert_eq!(addresses, ["[::1]:7483".parse().expect("an address")]);
    }

    #[test]
    fn a_resolver_that_hangs_is_left_behind_at_the_deadline() {
        let (release, released) = mpsc::channel::<()>();
        let deadline = Instant::now() + Duration::from_millis(50);

        let outcome = within(deadline, move || {
            let _ = released.recv();
            Ok(vec![])
        });

        assert_eq!(outcome.expect_err("nobody answered").kind(), io::ErrorKind::TimedOut);
        drop(release);
    }

    #[test]
    fn a_name_without_an_address_is_an_error() {
        let deadline = Instant::now() + Duration::from_secs(60);

        let outcome = within(deadline, || Ok(vec![]));

        assert_eq!(outcome.expect_err("no address").kind(), io::ErrorKind::AddrNotAvailable);
    }
}
