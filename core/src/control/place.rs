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

    /// What [`ENV_DAEMON_PORT`] asks for: that port alone. None, and zero, give the usual range, as in `hyperdb-mcp`.
    ///
    /// # Errors
    /// It is no port. `hyperdb-mcp` takes that for none, so that a slip of the pen leads to another daemon.
    pub fn from_env(value: Option<&str>) -> Result<Self, VariableError> {
        let Some(value) = value else { return Ok(Self::default()) };
        let bad =
            || VariableError { name: ENV_DAEMON_PORT, value: value.into(), wanted: "a port from 1 to 65535" };
        match value.parse().map_err(|_| bad())? {
            0 => Ok(Self::default()),
            port => Ok(Self::new(port, 1)),
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
        next.checked_sub(self.base).is_some_and(|offset| offset < self.span).then_some(next)
    }
}

/// What [`ENV_IDLE_TIMEOUT`] asks for; `None`, the default, is to stay for ever.
///
/// # Errors
/// It is no number of seconds.
pub fn idle_timeout(value: Option<&str>) -> Result<Option<Duration>, VariableError> {
    let Some(value) = value else { return Ok(None) };
    let bad = |_| VariableError {
        name: ENV_IDLE_TIMEOUT,
        value: value.into(),
        wanted: "a whole number of seconds",
    };
    value.parse().map(|seconds| Some(Duration::from_secs(seconds))).map_err(bad)
}

/// A variable of the environment says what cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name} is {value:?}, which is not {wanted}; correct it or unset it")]
pub struct VariableError {
    /// Which.
    pub name: &'static str,
    /// What it says.
    pub value: String,
    /// What it may say.
    pub wanted: &'static str,
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

/// Whether a name within `sockets` is one that [`socket_folder`] gives.
#[must_use]
pub fn is_socket_folder(name: &str) -> bool {
    name.len() == 8 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_usual_range_has_sixteen_ports_and_ends() {
        let ports = Ports::from_env(None).expect("it is not set");

        let all: alloc::vec::Vec<_> =
            core::iter::successors(ports.after(None), |port| ports.after(Some(*port))).collect();

        assert_eq!((all.first(), all.last(), all.len()), (Some(&7485), Some(&7500), 16));
    }

    #[test]
    fn a_pinned_port_is_the_only_one_and_zero_pins_nothing() {
        assert_eq!(Ports::from_env(Some("9000")), Ok(Ports::new(9000, 1)));
        assert_eq!(Ports::from_env(Some("0")), Ok(Ports::default()));
        assert_eq!(idle_timeout(Some("0")), Ok(Some(Duration::ZERO)));
        assert_eq!(idle_timeout(None), Ok(None));
    }

    #[test]
    fn what_is_no_number_is_an_error_that_names_the_variable() {
        for value in ["all", "65536", "-1", "7485 ", "7,485", "0x1d3d", ""] {
            let error = Ports::from_env(Some(value)).expect_err("it is no port").to_string();
            assert!(error.contains(ENV_DAEMON_PORT) && error.contains(value), "{error}");
        }
        for value in ["never", "1.5", "-1", "60s", ""] {
            let error = idle_timeout(Some(value)).expect_err("it is no number").to_string();
            assert!(error.contains(ENV_IDLE_TIMEOUT) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn a_port_below_the_range_has_none_after_it() {
        assert_eq!(Ports::new(9000, 1).after(Some(80)), None);
        assert_eq!(Ports::new(9000, 4).after(Some(8999)), Some(9000));
    }

    #[test]
    fn a_range_at_the_end_of_all_ports_does_not_wrap() {
        let ports = Ports::new(65_534, 16);

        assert_eq!(ports.after(Some(65_534)), Some(65_535));
        assert_eq!(ports.after(Some(65_535)), None);
    }
}
