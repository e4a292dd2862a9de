//! The database that outlives the server.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::engine::Engine;
use super::engine::databases::{Database, Mode, PERSISTENT};
use super::failure::Failure;

/// Makes it known. Its file is created when it is first used.
pub(crate) fn register(engine: &Engine, asked: Option<&Path>) -> Result<(), Failure> {
    let path = match asked
        .map(Path::to_path_buf)
        .or_else(|| env::var_os("HYPERDB_PERSISTENT_DB").map(PathBuf::from))
    {
        Some(path) => path,
        None => default_path()?,
    };
    let cannot =
        |error| Failure::new(format!("the persistent database {} cannot be: {error}", path.display()));
    let path = std::path::absolute(&path).map_err(cannot)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::new(format!("{} is no file for a persistent database", path.display())));
    };
    fs::create_dir_all(folder).map_err(cannot)?;
    // One spelling: hyperd takes another for another database.
    let path = match path.canonicalize() {
        Ok(path) => path,
        Err(_) => folder.canonicalize().map_err(cannot)?.join(name),
    };
    engine.databases.add(Database { alias: PERSISTENT.to_owned(), path, mode: Mode::ReadWrite })
}

fn default_path() -> Result<PathBuf, Failure> {
    let folder = dirs::data_dir().ok_or_else(|| {
        Failure::new("there is no folder for a persistent database; pass --persistent-db or --ephemeral-only")
    })?;
    Ok(folder.join("hyperwire").join("persistent.hyper"))
}
