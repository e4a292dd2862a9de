//! Where daemon and client meet: ports, environment, file names.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::Incarnation;

/// The first port that a daemon tries (`hyperdb-mcp`, `DEFAULT_DAEMON_BASE_PORT`).
pub const BASE_PORT: u16 = 7485;
/// How many ports, counted from the first (`hyperdb-mcp`, `DAEMON_PORT_SCAN_SPAN`).
pub const PORT_SPAN: u16 = 16;

/// Names the folder of all files below; without it they are in [`STATE_DIR_NAME`] in the user's home.
pub const ENV_STATE_DIR: &str = "HYPERDB_STATE_DIR";
/// Pins the daemon's port; see [`Ports::from_env`].
pub const ENV_DAEMON_PORT: &str = "HYPERDB_DAEMON_PORT";
/// Seconds without a user after which a daemon retires; see [`idle_timeout`].
pub const ENV_IDLE_TIMEOUT: &str = "HYPERDB_DAEMON_IDLE_TIMEOUT";

/// The state folder in the user's home folder.
pub const STATE_DIR_NAME: &str = ".hyperdb";
/// Whoever holds the lock on this file is the daemon. The file is never deleted: two processes could then hold "the"
/// lock, on two files.
pub const DAEMON_LOCK: &str = "daemon.lock";
/// A client holds the lock on this file while it starts a daemon, so that a herd starts one and not twenty.
pub const SPAWN_LOCK: &str = "spawn.lock";
/// The [`Record`](super::Record).
pub const RECORD: &str = "daemon.json";

/// The ports that a daemon may listen on, all on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    base: u16,
    span: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { base: BASE_PORT, span: PORT_SPAN }
    }
}

impl Ports {
    /// `span` ports from `base` on, as far as there are ports; at least one.
    #[must_use]
    pub const fn new(base: u16, span: u16) -> Self {
        let room = u16::MAX - base;
        let span = if span == 0 { 1 } else { span };
        Self { base, span: if span - 1 > room { room + 1 } else { span } }
    }

    /// What [`ENV_DAEMON_PORT`] asks for: that port alone. Zero and what is no port give the usual range, as in
    /// `hyperdb-mcp`.
    #[must_use]
    pub fn from_env(value: Option<&str>) -> Self {
        match value.and_then(|value| value.parse().ok()) {
            Some(port) if port != 0 => Self::new(port, 1),
            _ => Self::default(),
        }
    }

    /// The lowest one, which every program prefers.
    #[must_use]
    pub const fn base(self) -> u16 {
        self.base
    }

    /// The one after `port`; the lowest after `None`.
    #[must_use]
    pub fn after(self, port: Option<u16>) -> Option<u16> {
        let next = match port {
            None => self.base,
            Some(port) => port.checked_add(1)?,
        };
        (next - self.base < self.span).then_some(next)
    }
}

/// What [`ENV_IDLE_TIMEOUT`] asks for; `None`, the default, is to stay for ever.
#[must_use]
pub fn idle_timeout(value: Option<&str>) -> Option<Duration> {
    value?.parse().ok().map(Duration::from_secs)
}

/// The name under which an incarnation writes its record before it renames it to [`RECORD`]. No two incarnations
/// share one, so none can publish the half-written file of another.
#[must_use]
pub fn temporary_record(incarnation: Incarnation) -> String {
    format!("{RECORD}.{incarnation}.tmp")
}

/// The folder, in the state folder, of an incarnation's engine socket: predecessor and successor never collide. Short,
/// because a socket path may have 104 bytes on some systems.
#[must_use]
pub fn socket_folder(incarnation: Incarnation) -> String {
    let [a, b, c, d, ..] = incarnation.0;
    format!("sockets/{a:02x}{b:02x}{c:02x}{d:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_range_has_sixteen_ports_and_ends() {
        let ports = Ports::from_env(None);

        let all: alloc::vec::Vec<_> =
            core::iter::successors(ports.after(None), |port| ports.after(Some(*port))).collect();

        assert_eq!((all.first(), all.last(), all.len()), (Some(&7485), Some(&7500), 16));
    }

    #[test]
    fn a_pinned_port_is_the_only_one_and_nonsense_pins_nothing() {
        assert_eq!(Ports::from_env(Some("9000")), Ports::new(9000, 1));
        assert_eq!(Ports::from_env(Some("0")), Ports::default());
        assert_eq!(Ports::from_env(Some("all")), Ports::default());
    }

    #[test]
    fn a_range_at_the_end_of_all_ports_does_not_wrap() {
        let ports = Ports::new(65_534, 16);

        assert_eq!(ports.after(Some(65_534)), Some(65_535));
        assert_eq!(ports.after(Some(65_535)), None);
    }
}
