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
    /// Names this machine and its boot.
    pub host: String,
    /// This process.
    pub process: Process,
    /// The wall clock at the start, in RFC 3339.
    pub started_at: String,
    /// Retire when nobody held a lease or sent a heartbeat for this long; `None`: never.
    pub idle: Option<Duration>,
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
            started_at: started_at.into(),
            idle: None,
            drain_limit: None,
        }
    }
}
