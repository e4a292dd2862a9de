//! Which files may be read and written.

use std::path::{Path, PathBuf};

use super::failure::Failure;

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
        let found = Path::new(path).canonicalize().map_err(|error| {
            Failure::new(format!(
                "{path} cannot be read: {error}. Next: give the absolute path of a file that exists."
            ))
        })?;
        self.allow(path, found)
    }

    /// A file that is to be written, as its canonical path; its folder has to exist.
    pub(crate) fn to_write(&self, path: &str, overwrite: bool) -> Result<PathBuf, Failure> {
        let given = std::path::absolute(path)
            .map_err(|error| Failure::new(format!("{path} is no path: {error}.")))?;
        let (Some(folder), Some(name)) = (given.parent(), given.file_name()) else {
            return Err(Failure::new(format!("{path} names no file.")));
        };
        let folder = folder.canonicalize().map_err(|error| {
            Failure::new(format!(
                "The folder of {path} cannot be written to: {error}. Next: choose one that exists."
            ))
        })?;
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

    /// The folders; none is everywhere.
    pub(crate) fn allowed(&self) -> &[PathBuf] {
        &self.allowed
    }

    fn allow(&self, given: &str, path: PathBuf) -> Result<PathBuf, Failure> {
        if self.allowed.is_empty() || self.allowed.iter().any(|folder| path.starts_with(folder)) {
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
    fn what_exists_is_not_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();

        let refused = Paths::default().to_write(file.to_str().unwrap(), false).unwrap_err();

        assert!(refused.text().contains("exists"), "{}", refused.text());
        assert!(Paths::default().to_write(file.to_str().unwrap(), true).is_ok());
    }
}
