//! The database that outlives the server.

use std::env;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Fault, Kind, blocking, shown};
use super::engine::databases::{Database, Mode, PERSISTENT};
use super::failure::Failure;
use super::paths::Paths;

/// Which database it is; its file is created when it is first used. A read-only server creates none: without a file there
/// is no such database.
pub(crate) async fn locate(
    disk: &Disk,
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
    let cannot = |fault: Fault| {
        Failure::new(format!("the persistent database {} cannot be used: {}", shown(&path), fault.why()))
    };
    let path = std::path::absolute(&path).map_err(|error| {
        Failure::new(format!("the persistent database {} cannot be used: {error}", shown(&path)))
    })?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::new(format!("{} is no file for a persistent database", shown(&path))));
    };
    // One spelling: hyperd takes another for another database.
    let path = match disk.canonical(&path).await {
        Ok(path) => path,
        Err(fault) if !fault.is_missing() => return Err(cannot(fault)),
        Err(_) if read_only => return Ok(None),
        Err(_) => {
            disk.run(folder, blocking::make_folders).await.map_err(cannot)?;
            disk.canonical(folder).await.map_err(cannot)?.join(name)
        }
    };
    match disk.about(&path).await {
        Ok(about) => match about.kind {
            Kind::Special(what) => return Err(cannot(Fault::Special { path, what })),
            Kind::Folder => {
                return Err(Failure::new(format!("{} is a folder, and no database", shown(&path))));
            }
            Kind::File | Kind::Link => {}
        },
        Err(fault) if fault.is_missing() => {}
        Err(fault) => return Err(cannot(fault)),
    }
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
