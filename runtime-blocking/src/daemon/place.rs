//! Where the programs of one user meet.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperwire_core::control::{
    ENV_DAEMON_PORT, ENV_IDLE_TIMEOUT, ENV_STATE_DIR, Ports, STATE_DIR_NAME, idle_timeout,
};

/// The state folder, and what the environment says of the daemon that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The state folder, absolute. It need not exist. Its daemon is the one and only for whoever names this folder.
    pub state_folder: PathBuf,
    /// Where the daemon may listen, on 127.0.0.1.
    pub ports: Ports,
    /// After how long without a user a daemon retires that is started from here; `None`: never.
    pub idle_timeout: Option<Duration>,
}

impl Place {
    /// This state folder, with the usual ports.
    #[must_use]
    pub fn new(state_folder: impl Into<PathBuf>) -> Self {
        Self { state_folder: state_folder.into(), ports: Ports::default(), idle_timeout: None }
    }

    /// What the environment of this process says: `HYPERDB_STATE_DIR` or else `~/.hyperdb`, `HYPERDB_DAEMON_PORT`,
    /// `HYPERDB_DAEMON_IDLE_TIMEOUT`, all as `hyperdb-mcp` reads them. `None` without a home folder.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let folder = match env::var_os(ENV_STATE_DIR).filter(|value| !value.is_empty()) {
            Some(folder) => std::path::absolute(folder).ok()?,
            None => etcetera::home_dir().ok()?.join(STATE_DIR_NAME),
        };
        Some(Self {
            state_folder: folder,
            ports: Ports::from_env(set(ENV_DAEMON_PORT).as_deref()),
            idle_timeout: idle_timeout(set(ENV_IDLE_TIMEOUT).as_deref()),
        })
    }

    /// Where the daemon's log is, and, in the folder `hyperd`, those of hyperd.
    #[must_use]
    pub fn log_folder(&self) -> PathBuf {
        self.state_folder.join("logs")
    }

    /// The log of daemons that were started in the background.
    #[must_use]
    pub fn daemon_log(&self) -> PathBuf {
        self.log_folder().join("daemon.log")
    }

    /// The state folder as the machines know it; `None` if its path is not UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        Path::to_str(&self.state_folder)
    }

    /// The environment that makes another process find this place.
    pub(crate) fn environment(&self) -> Vec<(&'static str, std::ffi::OsString)> {
        let mut variables = vec![(ENV_STATE_DIR, self.state_folder.clone().into_os_string())];
        let only = self.ports.after(Some(self.ports.base())).is_none();
        if only {
            variables.push((ENV_DAEMON_PORT, self.ports.base().to_string().into()));
        }
        if let Some(timeout) = self.idle_timeout {
            variables.push((ENV_IDLE_TIMEOUT, timeout.as_secs().to_string().into()));
        }
        variables
    }
}
