//! The database that outlives the server.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::engine::databases::{Database, Mode, PERSISTENT};
use super::failure::Failure;
use super::paths::Paths;

/// Which database it is; its file is created when it is first used. A read-only server creates none: without a file there
/// is no such database.
pub(crate) fn locate(
    asked: Option<&Path>,
    read_only: bool,
    paths: &Paths,
) -> Result<Option<Database>, Failure> {
    let of_environment = || env::var_os("HYPERDB_PERSISTENT_DB").filter(|path| !path.is_empty());
    let asked = asked.map(Path::to_path_buf).or_else(|| of_environment().map(PathBuf::from));
    let is_asked = asked.is_some();
    let path = match asked {
        Some(path) => path,
        None => default_path()?,
    };
    let cannot =
        |error| Failure::new(format!("the persistent database {} cannot be: {error}", path.display()));
    let path = std::path::absolute(&path).map_err(cannot)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::new(format!("{} is no file for a persistent database", path.display())));
    };
    if read_only && !path.exists() {
        return Ok(None);
    }
    fs::create_dir_all(folder).map_err(cannot)?;
    // One spelling: hyperd takes another for another database.
    let path = match path.canonicalize() {
        Ok(path) => path,
        Err(_) => folder.canonicalize().map_err(cannot)?.join(name),
    };
    // SQL can open whatever lies beside it. Only hyperwire's files lie beside the default one.
    if is_asked && !paths.contain(&path) {
        return Err(Failure::new(format!(
            "the persistent database {} is outside the folders of --allow-dir; add its folder, or pass --ephemeral-only",
            path.display()
        )));
    }
    let mode = if read_only { Mode::ReadOnly } else { Mode::ReadWrite };
    Ok(Some(Database { alias: PERSISTENT.to_owned(), path, mode }))
}

fn default_path() -> Result<PathBuf, Failure> {
    let folder = dirs::data_dir().ok_or_else(|| {
        Failure::new("there is no folder for a persistent database; pass --persistent-db or --ephemeral-only")
    })?;
    Ok(folder.join("hyperwire").join("persistent.hyper"))
}
