//! Two hosts and the path between them, inside one process, so that a test can cut the path.
//!
//! Linux gives each *thread* a network namespace of its own if it asks for one. A [`Host`] is such a thread; whatever
//! it opens, or a thread or process that it starts, lives on that host's network. A pair of virtual Ethernet devices
//! is the path. The system's other networks are not touched, and everything vanishes with the threads.
//!
//! This needs root, the command `ip` (package iproute2) and, to cut the path, `nft` (package nftables).

mod command;
mod host;
mod path_loss;

use std::io;
use std::net::Ipv4Addr;

use skipped_tests::skip;

pub use host::Host;
pub use path_loss::PathLoss;

/// Address of the client's end of the path. Namespaces do not see each other, so every network uses the same two.
pub const CLIENT_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// Address of the server's end of the path.
pub const SERVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
/// The name of the device at either end.
const DEVICE: &str = "path0";

/// A client host and a server host, joined by a path that loses nothing until it is told to.
#[derive(Debug)]
pub struct Network {
    /// Has [`CLIENT_ADDRESS`].
    pub client: Host,
    /// Has [`SERVER_ADDRESS`].
    pub server: Host,
}

impl Network {
    /// Two new hosts and the path between them.
    ///
    /// # Errors
    ///
    /// When this process may not create namespaces, or `ip` is missing or fails.
    pub fn new() -> Result<Self, NetworkError> {
        let network = Self { client: Host::new("client")?, server: Host::new("server")? };
        let server = network.server.thread_id().to_string();
        network.client.run(move || {
            let peer = ["peer", "name", DEVICE, "netns", &server];
            command::ip(&[&["link", "add", DEVICE, "type", "veth"][..], &peer].concat())
        })?;
        network.client.run(|| bring_up(CLIENT_ADDRESS))?;
        network.server.run(|| bring_up(SERVER_ADDRESS))?;
        Ok(network)
    }

    /// A new network, or `None` after saying why this test is skipped.
    ///
    /// # Panics
    ///
    /// When the network cannot be made although the environment variable `CI` is set.
    #[must_use]
    pub fn new_or_skip() -> Option<Self> {
        Self::new().map_err(skip).ok()
    }

    /// A new network whose path can be cut, or `None` after saying why this test is skipped.
    ///
    /// # Panics
    ///
    /// As [`Self::new_or_skip`].
    #[must_use]
    pub fn that_loses_or_skip() -> Option<Self> {
        let network = Self::new_or_skip()?;
        // Tried once, so that a test does not find out in its midst.
        let tried = PathLoss::drop_both(&network).and_then(PathLoss::heal);
        tried.map_err(skip).ok()?;
        Some(network)
    }
}

fn bring_up(address: Ipv4Addr) -> Result<(), NetworkError> {
    command::ip(&["address", "add", &format!("{address}/24"), "dev", DEVICE])?;
    command::ip(&["link", "set", "lo", "up"])?;
    command::ip(&["link", "set", DEVICE, "up"])
}

/// Why there is no network to test with.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The system refuses a namespace.
    #[error("no network namespace: {0}; run the test as root (capability CAP_SYS_ADMIN)")]
    Namespace(io::Error),
    /// A command is not installed.
    #[error("the command `{command}` is missing: install the package {package}")]
    MissingCommand {
        /// Its name.
        command: &'static str,
        /// The package that brings it, as Debian, Fedora and Alpine call it.
        package: &'static str,
    },
    /// A command failed.
    #[error("`{command}` failed: {reason}")]
    Command {
        /// The command line, or its input.
        command: String,
        /// What it said.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn the_hosts_reach_each_other_and_nobody_else_reaches_them() {
        let Some(network) = Network::new_or_skip() else { return };
        let listener =
            network.server.run(|| TcpListener::bind((SERVER_ADDRESS, 0))).expect("the server's address");
        let address = listener.local_addr().expect("bound");

        let from_the_client = network.client.run(move || TcpStream::connect(address));
        let bound_outside = TcpListener::bind((SERVER_ADDRESS, 0));

        let peer = from_the_client.and_then(|stream| stream.local_addr()).expect("a path to the server");
        assert_eq!(peer.ip(), CLIENT_ADDRESS);
        assert_eq!(bound_outside.expect_err("not our address").kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn a_panic_on_a_host_reaches_the_test() {
        let Some(network) = Network::new_or_skip() else { return };

        let outcome = catch_unwind(AssertUnwindSafe(|| network.client.run(|| panic!("on the host"))));

        assert!(outcome.is_err());
        assert_eq!(network.client.run(|| 7), 7, "the host lives on");
    }

    #[test]
    fn a_missing_command_names_its_package() {
        let error = NetworkError::MissingCommand { command: "nft", package: "nftables" };

        assert_eq!(error.to_string(), "the command `nft` is missing: install the package nftables");
    }
}
