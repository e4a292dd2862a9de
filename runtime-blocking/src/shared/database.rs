//! Creating a database, one program at a time.

use std::ffi::OsString;
use std::io::ErrorKind::AlreadyExists;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use hyperwire_core::control::LockTry;
use hyperwire_core::hyperd::{DEFAULT_USER, Endpoint};
use hyperwire_core::sql::Identifier;

use super::CreateError;
use crate::daemon::StateFolder;
use crate::{Client, Config};

/// The lock's file in the state folder.
const CREATING_LOCK: &str = "creating.lock";
/// How often a held lock is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(5);

/// Creates the database file unless it is there, while no other program of the place does. Waits, at most so long.
///
/// # Errors
/// See [`CreateError`].
pub fn create(
    folder: &StateFolder,
    endpoint: Endpoint,
    path: &str,
    within: Duration,
) -> Result<(), CreateError> {
    let deadline = hyperwire_carrier::deadline(within);
    let lock = loop {
        match folder.try_lock(CREATING_LOCK) {
            (LockTry::Locked(_), Some(lock)) => break lock,
            (LockTry::Error(error), _) => return Err(CreateError::StateFolder(error)),
            _ if Instant::now() >= deadline => return Err(CreateError::Locked(within)),
            _ => thread::sleep(TRY_AGAIN),
        }
    };
    let created = create_unless_there(endpoint, path, deadline);
    // Closing would do, unless another thread has just copied the descriptor into a child.
    let _ = lock.unlock();
    created
}

/// hyperd makes the file before it is done with it, and who attaches it in between hangs for good, with all who attach it
/// later. So it is made under another name: once it has its own, it is ready.
fn create_unless_there(endpoint: Endpoint, path: &str, deadline: Instant) -> Result<(), CreateError> {
    if Path::new(path).try_exists().map_err(CreateError::File)? {
        return Ok(());
    }
    let left = || deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
    let mut config = Config::new(endpoint, DEFAULT_USER);
    config.connect_timeout = left();
    let mut client = Client::connect(config)?;
    client.set_statement_timeout(Some(left()));
    let draft = draft(path);
    // Of a program that was killed: nobody else creates one now.
    remove(&draft).map_err(CreateError::File)?;
    client.execute(&format!("CREATE DATABASE {}", Identifier(&draft.display().to_string())))?;
    client.close()?;
    name(&draft, Path::new(path)).map_err(CreateError::File)?;
    Ok(())
}

/// Where a database is made, in the same folder.
fn draft(path: &str) -> PathBuf {
    let path = Path::new(path);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".creating");
    path.with_file_name(name)
}

/// Gives the file its name, unless another program has made one of that name meanwhile: then that one it is.
fn name(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Ok(()) => remove(draft),
        Err(error) if error.kind() == AlreadyExists => remove(draft),
        // Not every file system has links.
        Err(_) => fs::rename(draft, path),
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
