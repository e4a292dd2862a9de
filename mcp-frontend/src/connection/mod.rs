//! From the arguments to a connection: the one place that knows how hyperd is found, started and spoken to.

mod database;
mod results;
mod server;
#[cfg(unix)]
pub(crate) mod shared;

use std::path::PathBuf;

use hyperwire_blocking::hyperd::{Environment, install, locate};
use hyperwire_blocking::hyperwire_core::hyperd::DEFAULT_USER;
use hyperwire_blocking::hyperwire_core::wire::Format;
use hyperwire_blocking::{Client as Session, Config, Error};

pub(crate) use hyperwire_blocking::with_causes;

use crate::args::SqlArguments;
use crate::hyperd_command;
use crate::progress::Shown;
use crate::sql::client::Client;
use crate::sql::interrupt::Interrupt;
use server::Server;

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

/// Finds or starts hyperd, opens (or creates) the database and connects, and tells `interrupt` how to cancel.
pub(crate) fn open(arguments: &SqlArguments, interrupt: &Interrupt) -> Result<Box<dyn Client>, OpenError> {
    let database = arguments.database.as_deref().map(|path| database::spelled(path, arguments.create));
    let database = database.transpose().map_err(OpenError::Arguments)?;
    let server = Server::open(arguments.private)?;
    if arguments.create
        && let Some(path) = &database
    {
        server.create_database(path)?;
    }
    let (server, session) = server.connect(|endpoint| {
        let mut config = Config::new(endpoint, DEFAULT_USER);
        config.session.result_format = Format::Text;
        // Enough digits that every float is read back as the same number.
        config.session.options.push(("extra_float_digits".to_owned(), "3".to_owned()));
        config.session.database.clone_from(&database);
        config
    })?;
    let cancel = session.cancel_handle().map_err(refused_or_lost)?;
    // Best effort: if the request does not get through, the user presses again.
    interrupt.on_cancel(move || drop(cancel.cancel()));
    Ok(Box::new(Connection { session, server }))
}

/// A session and the hyperd that it is on.
struct Connection {
    session: Session,
    server: Server,
}

fn refused_or_lost(error: Error) -> OpenError {
    match error.server() {
        Some(server) => OpenError::Refused(server.to_string()),
        None => OpenError::Lost(with_causes(&error)),
    }
}

/// The hyperd on this machine.
pub(crate) struct LocalHyperd;

impl hyperd_command::Hyperd for LocalHyperd {
    fn path(&self) -> Result<PathBuf, String> {
        match locate(&Environment::of_this_process()) {
            Ok(located) => Ok(located.path),
            Err(error) => Err(with_causes(&error)),
        }
    }

    fn install(&self) -> Result<PathBuf, String> {
        let mut progress = Shown::new();
        install(&Environment::of_this_process(), &mut |now| progress.show(now))
            .map(|located| located.path)
            .map_err(|error| with_causes(&error))
    }
}
