//! From the arguments to a connection: the one file that knows how hyperd is found, started and spoken to.

use std::io::Write;
use std::path::PathBuf;

use crate::args::SqlArguments;
use crate::hyperd_command::Hyperd;
use crate::sql::client::Client;
use crate::sql::interrupt::Interrupt;

/// Why there is no connection. Each holds a sentence for the user, with what to do next.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The database cannot be what was meant: a missing file, a path that is not text ...
    Arguments(String),
    /// hyperd was not found or did not start.
    NoHyperd(String),
    /// hyperd runs and refused: the database is locked, not a database ...
    Refused(String),
    /// The connection was lost while it was made.
    Lost(String),
}

const NOT_WIRED: &str = "this build of hyperwire cannot reach hyperd yet";

/// Starts hyperd, opens (or creates) the database and connects, and tells `interrupt` how to cancel.
pub(crate) fn open(_arguments: &SqlArguments, _interrupt: &Interrupt) -> Result<Box<dyn Client>, OpenError> {
    Err(OpenError::NoHyperd(NOT_WIRED.to_owned()))
}

/// The hyperd on this machine.
pub(crate) struct LocalHyperd;

impl Hyperd for LocalHyperd {
    fn path(&self) -> Result<PathBuf, String> {
        Err(NOT_WIRED.to_owned())
    }

    fn install(&self, _progress: &mut dyn Write) -> Result<PathBuf, String> {
        Err(NOT_WIRED.to_owned())
    }
}
