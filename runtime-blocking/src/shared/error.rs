use std::io;
use std::path::PathBuf;
use std::time::Duration;

use hyperwire_core::control::SystemError;
use hyperwire_core::election::{ElectionError, Phase};
use hyperwire_core::hyperd::EndpointError;

use crate::Error;

/// Why there is no shared hyperd.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The search ended without one.
    #[error(transparent)]
    Election(#[from] ElectionError),
    /// The command that runs a daemon could not be given.
    #[error("no daemon could be started: {0}")]
    Command(String),
    /// The caller's own time was over first.
    #[error("no daemon could be had in the time given; the search is still on, in its phase {phase}")]
    Late {
        /// Where the search is.
        phase: Phase,
    },
    /// The state folder's path is of no use.
    #[error(
        "the state folder {} is not an absolute path in UTF-8; name another with HYPERDB_STATE_DIR",
        path.display()
    )]
    StateFolder {
        /// The path.
        path: PathBuf,
    },
    /// The system did not give what the search needs.
    #[error("the system did not let the search for a daemon begin")]
    System(#[from] io::Error),
}

/// Why there is no connection to a shared hyperd.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is no shared hyperd.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The record names no endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// hyperd could not be connected to for as long as there was time, or refused.
    #[error(transparent)]
    Client(#[from] Error),
}

/// Why a database was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Another program holds the lock for too long.
    #[error("another program has been creating a database for {}; it may hang", humane(*.0))]
    Locked(Duration),
    /// The lock cannot be had.
    #[error("the state folder cannot be used: {0}; check its owner, its permissions and the space left")]
    StateFolder(SystemError),
    /// The record names no endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Its file cannot be given its name, or what a killed program left cannot be removed.
    #[error("the database file cannot be created: {reason}; {next}", reason = .0, next = next(.0))]
    File(io::Error),
    /// hyperd did not create it.
    #[error(transparent)]
    Client(#[from] Error),
}

fn next(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::InvalidFilename => "choose a shorter name",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on its disk",
        io::ErrorKind::ReadOnlyFilesystem => "choose a folder that can be written to",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "make its folder first",
        _ => "check the permissions of its folder",
    }
}

fn humane(time: Duration) -> String {
    format!("{} s", time.as_secs())
}
