//! Which files may be read and written.

use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use super::failure::Failure;
use super::links::link_outside;
use super::read_only::may_open_files;

/// The folders that the user allowed, with every symbolic link followed; none is everywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    allowed: Vec<PathBuf>,
}

impl Paths {
    /// Folders that have to exist.
    pub(crate) fn new(folders: &[PathBuf]) -> Result<Self, Failure> {
        let canonical = |folder: &PathBuf| match folder.canonicalize() {
            Ok(folder) if folder.is_dir() => Ok(folder),
            Ok(_) => Err(Failure::new(format!("{} is no folder.", folder.display()))),
            Err(error) => Err(Failure::new(format!("The folder {} cannot be: {error}.", folder.display()))),
        };
        Ok(Self { allowed: folders.iter().map(canonical).collect::<Result<_, _>>()? })
    }

    /// A file or folder that exists, as its canonical path. Without a folder of its own a path is the server's.
    pub(crate) fn to_read(&self, path: &str) -> Result<PathBuf, Failure> {
        match Path::new(path).canonicalize() {
            Ok(found) => self.allow(path, found),
            Err(error) => {
                // What is outside is not even said to be missing.
                self.allow(path, nearest_folder(path)?)?;
                Err(Failure::new(format!(
                    "{path} cannot be read: {error}. Next: give the absolute path of a file that exists."
                )))
            }
        }
    }

    /// A file that is to be written, as its canonical path; its folder has to exist.
    pub(crate) fn to_write(&self, path: &str, overwrite: bool) -> Result<PathBuf, Failure> {
        let given = std::path::absolute(path)
            .map_err(|error| Failure::new(format!("{path} is no path: {error}.")))?;
        let (Some(folder), Some(name)) = (given.parent(), given.file_name()) else {
            return Err(Failure::new(format!("{path} names no file.")));
        };
        let folder = match folder.canonicalize() {
            Ok(folder) => self.allow(path, folder)?,
            Err(error) => {
                self.allow(path, nearest_folder(path)?)?;
                return Err(Failure::new(format!(
                    "The folder of {path} cannot be written to: {error}. Next: choose one that exists."
                )));
            }
        };
        let place = folder.join(name);
        // What stands there may be a link to somewhere else.
        let place = match place.symlink_metadata() {
            Ok(_) if !overwrite => {
                return Err(Failure::new(format!(
                    "{path} exists. Nothing was written. Next: choose another name, or pass overwrite = true."
                )));
            }
            Ok(_) => place
                .canonicalize()
                .map_err(|error| Failure::new(format!("{path} cannot be overwritten: {error}.")))?,
            Err(_) => place,
        };
        self.allow(path, place)
    }

    /// Refuses SQL that may open files by name while a link in an allowed folder leads out of it. hyperd keeps to the
    /// folders, whatever SQL says ([`Kind::Bounded`](super::engine::Kind::Bounded)), and looks through links to folders,
    /// but not through links to files.
    pub(crate) async fn allow_sql(&self, sql: &str) -> Result<(), Failure> {
        if self.allowed.is_empty() || !may_open_files(sql) {
            return Ok(());
        }
        let allowed = self.allowed.clone();
        let looking = spawn_blocking(move || link_outside(&allowed));
        match looking.await.map_err(|stopped| Failure::new(stopped.to_string()))? {
            Ok(None) => Ok(()),
            Ok(Some(link)) => Err(Failure::new(format!(
                "{} is a link to something outside the folders that the user allowed, so SQL that may open files by name \
                 is not run here. Nothing was run. Next: use `load`, `export` or `database`, which check each path.",
                link.display()
            ))),
            Err(why) => Err(Failure::new(format!(
                "It cannot be said whether a link leads out of the folders that the user allowed: {why}. So SQL that may \
                 open files by name is not run here. Nothing was run. Next: use `load`, `export` or `database`."
            ))),
        }
    }

    /// The folders; none is everywhere.
    pub(crate) fn allowed(&self) -> &[PathBuf] {
        &self.allowed
    }

    /// Whether a canonical path lies in one of them.
    pub(crate) fn contain(&self, path: &Path) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|folder| path.starts_with(folder))
    }

    fn allow(&self, given: &str, path: PathBuf) -> Result<PathBuf, Failure> {
        if self.contain(&path) {
            return Ok(path);
        }
        let allowed: Vec<_> = self.allowed.iter().map(|folder| folder.display().to_string()).collect();
        Err(Failure::new(format!(
            "{given} is outside the folders that the user allowed: {}. Next: use a file in one of them, or ask the user \
             to start the server with another --allow-dir.",
            allowed.join(", ")
        )))
    }
}

/// The innermost folder around `path` that there is, as its canonical path.
fn nearest_folder(path: &str) -> Result<PathBuf, Failure> {
    let whole =
        std::path::absolute(path).map_err(|error| Failure::new(format!("{path} is no path: {error}.")))?;
    whole
        .ancestors()
        .find_map(|folder| folder.canonicalize().ok())
        .ok_or_else(|| Failure::new(format!("{path} is nowhere.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_outside_is_refused_however_it_is_spelled() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("secret"), "").unwrap();
        std::fs::write(inside.path().join("file"), "").unwrap();
        let paths = Paths::new(&[inside.path().to_owned()]).unwrap();
        let climbing = format!(
            "{}/../{}/secret",
            inside.path().display(),
            outside.path().file_name().unwrap().to_str().unwrap()
        );

        assert!(paths.to_read(inside.path().join("file").to_str().unwrap()).is_ok());
        for path in [climbing.as_str(), outside.path().join("secret").to_str().unwrap()] {
            assert!(paths.to_read(path).unwrap_err().text().contains("outside"), "{path}");
            assert!(paths.to_write(path, true).unwrap_err().text().contains("outside"), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_outside_is_refused() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("secret"), "").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), inside.path().join("link")).unwrap();
        let paths = Paths::new(&[inside.path().to_owned()]).unwrap();
        let link = inside.path().join("link");

        assert!(paths.to_read(link.to_str().unwrap()).is_err());
        assert!(paths.to_write(link.to_str().unwrap(), true).is_err());
    }

    #[test]
    fn what_is_missing_outside_is_not_said_to_be_missing() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let paths = Paths::new(&[inside.path().to_owned()]).unwrap();
        let [near, far] =
            [&inside, &outside].map(|folder| folder.path().join("none/file").to_str().unwrap().to_owned());

        for refused in [paths.to_read(&near), paths.to_write(&near, false)] {
            assert!(!refused.unwrap_err().text().contains("outside"));
        }
        for refused in [paths.to_read(&far), paths.to_write(&far, false)] {
            assert!(refused.unwrap_err().text().contains("outside"));
        }
    }

    #[test]
    fn what_exists_is_not_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();

        let refused = Paths::default().to_write(file.to_str().unwrap(), false).unwrap_err();

        assert!(refused.text().contains("exists"), "{}", refused.text());
        assert!(Paths::default().to_write(file.to_str().unwrap(), true).is_ok());
    }
}
