use std::path::{Path, PathBuf};

use super::environment::PROGRAM;
use super::python::{self, Package};
use super::{Environment, LocateError, system};

/// A hyperd on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Located {
    /// The program, as an absolute path.
    pub path: PathBuf,
    /// Which of the places it was found in.
    pub source: Source,
}

/// The places where hyperd is looked for, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The variable `HYPERD_PATH` names it.
    HyperdPath,
    /// It was fetched by hyperwire, now or earlier.
    Cache,
    /// It is on `PATH`.
    Path,
    /// It is in the package `tableauhyperapi` of a Python.
    Python {
        /// The interpreter that has the package.
        interpreter: PathBuf,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HyperdPath => f.write_str("HYPERD_PATH"),
            Self::Cache => f.write_str("the cache of hyperwire"),
            Self::Path => f.write_str("PATH"),
            Self::Python { interpreter } => {
                write!(f, "the package tableauhyperapi of {}", interpreter.display())
            }
        }
    }
}

/// Finds a hyperd. Asks Python last, which takes some 50 ms and is bounded by
/// [`Environment::python_answers_within`]; the other places are a few looks at the file system.
///
/// # Errors
/// [`LocateError::HyperdPath`] when that variable is set and useless, whatever else there is;
/// [`LocateError::NotFound`] with what was wrong in each place.
pub fn locate(environment: &Environment) -> Result<Located, LocateError> {
    if let Some(named) = &environment.hyperd_path {
        let path = from_hyperd_path(named)?;
        return Ok(Located { path, source: Source::HyperdPath });
    }
    let mut looked = Vec::new();
    match environment.cached_hyperd() {
        Some(path) if is_the_pinned_one(environment, &path) => {
            return Ok(Located { path, source: Source::Cache });
        }
        Some(path) => looked.push(format!("the cache has no usable {}", path.display())),
        None => looked.push("there is no cache for this platform and user".to_owned()),
    }
    match environment.on_path("hyperd") {
        Some(path) => return Ok(Located { path, source: Source::Path }),
        None => looked.push("PATH has none".to_owned()),
    }
    match python::package_of(environment) {
        Package::At { interpreter, folder } => {
            let path = folder.join("bin").join("hyper").join(PROGRAM);
            if system::is_executable(&path) {
                return Ok(Located { path, source: Source::Python { interpreter } });
            }
            looked.push(format!("the Python package has no usable {}", path.display()));
        }
        Package::Missing { reason } => looked.push(reason),
    }
    Err(LocateError::NotFound { looked })
}

/// Whether the cache has what it says: a hyperd that was put there is complete, but somebody may have been at it.
pub(super) fn is_the_pinned_one(environment: &Environment, path: &Path) -> bool {
    let size = path.metadata().map(|metadata| metadata.len()).ok();
    system::is_executable(path) && size == environment.wheel.map(|wheel| wheel.member_size)
}

fn from_hyperd_path(named: &Path) -> Result<PathBuf, LocateError> {
    let useless = |reason| LocateError::HyperdPath { path: named.to_path_buf(), reason };
    let path = std::path::absolute(named).map_err(|_| useless("that is no path"))?;
    if !path.exists() {
        return Err(useless("there is nothing"));
    }
    let (path, missing, unusable) = if path.is_dir() {
        (path.join(PROGRAM), "that folder has no hyperd in it", "the hyperd in that folder is not executable")
    } else {
        (path, "that is not a file", "that file is not executable")
    };
    if !path.is_file() {
        return Err(useless(missing));
    }
    if !system::is_executable(&path) {
        return Err(useless(unusable));
    }
    Ok(path)
}
