//! Creating a database, one program at a time.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_core::control::LockTry;
use hyperwire_core::hyperd::{DEFAULT_USER, Endpoint};

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
    let deadline = Instant::now() + within;
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

fn create_unless_there(endpoint: Endpoint, path: &str, deadline: Instant) -> Result<(), CreateError> {
    if Path::new(path).exists() {
        return Ok(());
    }
    let left = || deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
    let mut config = Config::new(endpoint, DEFAULT_USER);
    config.connect_timeout = left();
    let mut client = Client::connect(config)?;
    client.set_statement_timeout(Some(left()));
    client.execute(&format!("CREATE DATABASE IF NOT EXISTS \"{}\"", path.replace('"', "\"\"")))?;
    client.close()?;
    Ok(())
}
