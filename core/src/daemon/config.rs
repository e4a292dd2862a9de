//! What a daemon is told.

use alloc::string::String;
use core::time::Duration;

use crate::control::{Ports, Process};

/// How a daemon lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// Where it may listen.
    pub ports: Ports,
    /// The state folder, absolute.
    pub state_folder: String,
    /// Names this machine, its boot and its network; see [`is_same_machine`](crate::control::is_same_machine).
    pub host: String,
    /// This process.
    pub process: Process,
    /// The file that it runs; `None` if its path is not UTF-8 or not known.
    pub executable: Option<String>,
    /// The wall clock at the start, in RFC 3339.
    pub started_at: String,
    /// Retire when nobody held a lease or sent a heartbeat for this long; `None`: never.
    pub idle: Option<Duration>,
    /// How many connections are served at once: [`MAX_CONNECTIONS`](super::MAX_CONNECTIONS), or fewer where the system
    /// lets this process have few files open.
    pub max_connections: usize,
    /// End hyperd this long after leaving began, whatever still runs; `None`: never.
    pub drain_limit: Option<Duration>,
}

impl Config {
    /// With the usual ports, and never retiring.
    #[must_use]
    pub fn new(state_folder: &str, host: &str, process: Process, started_at: &str) -> Self {
        Self {
            ports: Ports::default(),
            state_folder: state_folder.into(),
            host: host.into(),
            process,
            executable: None,
            started_at: started_at.into(),
            idle: None,
            max_connections: super::MAX_CONNECTIONS,
            drain_limit: None,
        }
    }
}
