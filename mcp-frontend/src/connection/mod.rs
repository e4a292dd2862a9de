//! From the arguments to a connection: the one place that knows how hyperd is found, started and spoken to.

mod database;
mod results;

use std::path::PathBuf;
use std::time::Duration;

use hyperwire_blocking::core::hyperd::DEFAULT_USER;
use hyperwire_blocking::core::wire::Format;
use hyperwire_blocking::hyperd::{Ending, Environment, Hyperd, Settings, install, locate, locate_or_install};
use hyperwire_blocking::{Client as Session, Config, Error};

use crate::args::SqlArguments;
use crate::hyperd_command;
use crate::progress::Shown;
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

/// How long hyperd may take to write what is not on disk yet, before it is told with signals. What it writes is only
/// bounded by the disk's speed and its memory.
const SHUTDOWN: Duration = Duration::from_secs(600);

/// Starts hyperd, opens (or creates) the database and connects, and tells `interrupt` how to cancel.
pub(crate) fn open(arguments: &SqlArguments, interrupt: &Interrupt) -> Result<Box<dyn Client>, OpenError> {
    let database = arguments.database.as_deref().map(|path| database::spelled(path, arguments.create));
    let database = database.transpose().map_err(OpenError::Arguments)?;
    let mut progress = Shown::new();
    let located = locate_or_install(&Environment::of_this_process(), &mut |now| progress.show(now))
        .map_err(|error| OpenError::NoHyperd(with_causes(&error)))?;
    drop(progress);
    let hyperd = Hyperd::start(&Settings::new(located.path))
        .map_err(|error| OpenError::NoHyperd(with_causes(&error)))?;

    let config = || {
        let mut config = Config::new(hyperd.endpoint().clone(), DEFAULT_USER);
        config.session.result_format = Format::Text;
        // Enough digits that every float is read back as the same number.
        config.session.options.push(("extra_float_digits".to_owned(), "3".to_owned()));
        config
    };
    if arguments.create
        && let Some(path) = &database
    {
        let mut session = Session::connect(config()).map_err(refused_or_lost)?;
        session.execute(&database::create_statement(path)).map_err(refused_or_lost)?;
        session.close().map_err(refused_or_lost)?;
    }
    let config = match database {
        Some(path) => config().database(path),
        None => config(),
    };
    let session = Session::connect(config).map_err(refused_or_lost)?;
    let cancel = session.cancel_handle().map_err(refused_or_lost)?;
    // Best effort: if the request does not get through, the user presses again.
    interrupt.on_cancel(move || drop(cancel.cancel()));
    Ok(Box::new(Connection { session, hyperd }))
}

/// A session on a hyperd of its own.
struct Connection {
    session: Session,
    hyperd: Hyperd,
}

impl Connection {
    /// See [`Client::close`]. Hyper writes the database when it ends, not when it commits.
    fn end(self) -> Result<(), String> {
        // The end of hyperd ends the session too, and is what counts.
        let _ = self.session.close();
        let ended = self.hyperd.shutdown(SHUTDOWN).map_err(|error| with_causes(&error))?;
        match ended.ending {
            Ending::Orderly | Ending::Terminated => Ok(()),
            _ => Err(format!(
                "hyperd did not end in order ({}); what was written since it started may be lost",
                ended.status
            )),
        }
    }
}

fn refused_or_lost(error: Error) -> OpenError {
    match error.server() {
        Some(server) => OpenError::Refused(server.to_string()),
        None => OpenError::Lost(with_causes(&error)),
    }
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
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
