//! Where the programs of one user meet.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, io};

use hyperwire_core::control::{
    ENV_DAEMON_PORT, ENV_IDLE_TIMEOUT, ENV_STATE_DIR, Ports, STATE_DIR_NAME, VariableError, idle_timeout,
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

/// Why the environment names no place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// There is no home folder.
    #[error("there is no home folder to keep the daemon's state in; set {ENV_STATE_DIR}")]
    NoHome,
    /// A relative state folder means nothing where this process is.
    #[error(
        "{ENV_STATE_DIR} is a relative path, and the current folder cannot be told: {0}; give an absolute path"
    )]
    WorkingFolder(io::Error),
    /// A variable is no number.
    #[error(transparent)]
    Variable(#[from] VariableError),
}

impl Place {
    /// This state folder, with the usual ports.
    #[must_use]
    pub fn new(state_folder: impl Into<PathBuf>) -> Self {
        Self { state_folder: state_folder.into(), ports: Ports::default(), idle_timeout: None }
    }

    /// What the environment of this process says: `HYPERDB_STATE_DIR` or else `~/.hyperdb`, `HYPERDB_DAEMON_PORT`,
    /// `HYPERDB_DAEMON_IDLE_TIMEOUT`, all as `hyperdb-mcp` reads them, except that what is no number is an error. An empty
    /// variable counts as none.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn of_this_process() -> Result<Self, PlaceError> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let text = |name| set(name).map(|value| value.to_string_lossy().into_owned());
        let folder = match set(ENV_STATE_DIR) {
            Some(folder) => std::path::absolute(folder).map_err(PlaceError::WorkingFolder)?,
            None => etcetera::home_dir().map_err(|_| PlaceError::NoHome)?.join(STATE_DIR_NAME),
        };
        Ok(Self {
            state_folder: folder,
            ports: Ports::from_env(text(ENV_DAEMON_PORT).as_deref())?,
            idle_timeout: idle_timeout(text(ENV_IDLE_TIMEOUT).as_deref())?,
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
