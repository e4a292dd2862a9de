//! Which files may be read and written.

use std::path::{Path, PathBuf};

use super::advice::Advice;
use super::disk::{About, Disk, Fault, Kind, blocking, shown};
use super::failure::Failure;
use super::links::link_outside;
use super::read_only::may_open_files;

/// The folders that the user allowed, with every symbolic link followed; none is everywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    disk: Disk,
    allowed: Vec<PathBuf>,
}

impl Paths {
    /// Folders that have to exist.
    pub(crate) async fn new(disk: &Disk, folders: &[PathBuf]) -> Result<Self, Failure> {
        let mut allowed = Vec::new();
        for folder in folders {
            allowed.push(disk.folder(folder).await?);
        }
        Ok(Self { disk: disk.clone(), allowed })
    }

    /// A file or folder that exists, as its canonical path. Without a folder of its own a path is the server's. What is
    /// neither a file nor a folder is refused.
    pub(crate) async fn to_read(&self, path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
        let path = path.as_ref();
        let found = match self.disk.canonical(path).await {
            Ok(found) => self.allow(path, found)?,
            Err(fault) => {
                // What is outside is not even said to be missing.
                if fault.is_answer() {
                    self.allow(path, self.nearest_folder(path).await?)?;
                }
                return Err(fault.failure("read"));
            }
        };
        match self.disk.about(&found).await {
            Ok(About { kind: Kind::Special(what), .. }) => {
                Err(Fault::Special { path: found, what }.failure("read"))
            }
            Ok(_) => Ok(found),
            Err(fault) => Err(fault.failure("read")),
        }
    }

    /// A file that is to be written, as its canonical path; its folder has to exist. What is there already has to be a file
    /// or folder that may be overwritten.
    pub(crate) async fn to_write(&self, path: impl AsRef<Path>, overwrite: bool) -> Result<PathBuf, Failure> {
        let path = path.as_ref();
        let given = absolute(path)?;
        let (Some(folder), Some(name)) = (given.parent(), given.file_name()) else {
            return Err(Failure::new(format!("{} names no file.", shown(path))));
        };
        let folder = match self.disk.canonical(folder).await {
            Ok(folder) => self.allow(path, folder)?,
            Err(fault) => {
                if fault.is_answer() {
                    self.allow(path, self.nearest_folder(path).await?)?;
                }
                return Err(Failure::new(format!(
                    "The folder of {} cannot be written to: {}. Nothing was written. Next: choose one that exists.",
                    shown(&given),
                    fault.why()
                )));
            }
        };
        let place = folder.join(name);
        let there = self.disk.run(&place, blocking::about_link).await;
        // What stands there may be a link to somewhere else.
        let place = match there {
            Ok(_) if !overwrite => return Err(Fault::Exists { path: given }.failure("written")),
            Ok(_) => self
                .disk
                .canonical(&place)
                .await
                .map_err(|fault| nothing_written(fault.failure("overwritten")))?,
            Err(fault) if fault.is_missing() => return self.allow(path, place),
            Err(fault) => return Err(nothing_written(fault.failure("written"))),
        };
        let place = self.allow(path, place)?;
        match self.disk.about(&place).await {
            Ok(About { kind: Kind::Special(what), .. }) => {
                Err(nothing_written(Fault::Special { path: place, what }.failure("overwritten")))
            }
            Ok(_) => Ok(place),
            Err(fault) => Err(nothing_written(fault.failure("overwritten"))),
        }
    }

    /// Refuses SQL that may open files by name while a link in an allowed folder leads out of it. hyperd keeps to the
    /// folders, whatever SQL says ([`Kind::Bounded`](super::engine::Kind::Bounded)), and looks through links to folders,
    /// but not through links to files.
    pub(crate) async fn allow_sql(&self, sql: &str) -> Result<(), Failure> {
        if self.allowed.is_empty() || !may_open_files(sql) {
            return Ok(());
        }
        let (allowed, first) = (self.allowed.clone(), self.allowed[0].clone());
        match self.disk.long(&first, move || link_outside(&allowed)).await? {
            Ok(None) => Ok(()),
            Ok(Some(link)) => Err(Failure::new(format!(
                "{} is a link to something outside the folders that the user allowed, so SQL that may open files by name \
                 is not run here. Nothing was run.",
                shown(&link)
            ))
            .next(Advice::CheckedPaths)),
            Err(why) => Err(Failure::new(format!(
                "It cannot be said whether a link leads out of the folders that the user allowed: {why}. So SQL that may \
                 open files by name is not run here. Nothing was run."
            ))
            .next(Advice::CheckedPaths)),
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

    fn allow(&self, given: &Path, path: PathBuf) -> Result<PathBuf, Failure> {
        if self.contain(&path) {
            return Ok(path);
        }
        let allowed: Vec<_> = self.allowed.iter().map(|folder| folder.display().to_string()).collect();
        Err(Failure::new(format!(
            "{} is outside the folders that the user allowed: {}. Next: use a file in one of them, or ask the user \
             to start the server with another --allow-dir.",
            shown(given),
            allowed.join(", ")
        )))
    }

    /// The innermost folder around `path` that there is, as its canonical path.
    async fn nearest_folder(&self, path: &Path) -> Result<PathBuf, Failure> {
        let whole = absolute(path)?;
        for folder in whole.ancestors() {
            match self.disk.canonical(folder).await {
                Ok(found) => return Ok(found),
                Err(fault) if fault.is_answer() => {}
                Err(fault) => return Err(fault.failure("read")),
            }
        }
        Err(Failure::new(format!("{} is nowhere.", shown(path))))
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::new(format!("{} is no path: {error}.", shown(path))))
}

fn nothing_written(failure: Failure) -> Failure {
    failure.advise("Nothing was written.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_path_that_leads_outside_is_refused_however_it_is_spelled() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("secret"), "").unwrap();
        std::fs::write(inside.path().join("file"), "").unwrap();
        let paths = Paths::new(&Disk::default(), &[inside.path().to_owned()]).await.unwrap();
        let climbing = format!(
            "{}/../{}/secret",
            inside.path().display(),
            outside.path().file_name().unwrap().to_str().unwrap()
        );

        assert!(paths.to_read(inside.path().join("file").to_str().unwrap()).await.is_ok());
        for path in [climbing.as_str(), outside.path().join("secret").to_str().unwrap()] {
            assert!(paths.to_read(path).await.unwrap_err().text().contains("outside"), "{path}");
            assert!(paths.to_write(path, true).await.unwrap_err().text().contains("outside"), "{path}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_that_leads_outside_is_refused() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("secret"), "").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), inside.path().join("link")).unwrap();
        let paths = Paths::new(&Disk::default(), &[inside.path().to_owned()]).await.unwrap();
        let link = inside.path().join("link");

        assert!(paths.to_read(link.to_str().unwrap()).await.is_err());
        assert!(paths.to_write(link.to_str().unwrap(), true).await.is_err());
    }

    #[tokio::test]
    async fn what_is_missing_outside_is_not_said_to_be_missing() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let paths = Paths::new(&Disk::default(), &[inside.path().to_owned()]).await.unwrap();
        let [near, far] =
            [&inside, &outside].map(|folder| folder.path().join("none/file").to_str().unwrap().to_owned());

        for refused in [paths.to_read(&near).await, paths.to_write(&near, false).await] {
            assert!(!refused.unwrap_err().text().contains("outside"));
        }
        for refused in [paths.to_read(&far).await, paths.to_write(&far, false).await] {
            assert!(refused.unwrap_err().text().contains("outside"));
        }
    }

    #[tokio::test]
    async fn what_exists_is_not_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();

        let refused = Paths::default().to_write(file.to_str().unwrap(), false).await.unwrap_err();

        assert!(refused.text().contains("exists"), "{}", refused.text());
        assert!(Paths::default().to_write(file.to_str().unwrap(), true).await.is_ok());
    }
}
