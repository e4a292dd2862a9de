//! A file or folder in the making, beside the place where it will be.

use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use crate::mcp::failure::Failure;

/// What the names of unfinished files begin with; the process that writes one comes next.
const PREFIX: &str = ".hyperwire-export-";

/// What is written until it is whole. Dropped before that, it is removed.
#[derive(Debug)]
pub(super) struct Part {
    /// Where it will be.
    target: PathBuf,
    path: PathBuf,
    before: Before,
}

/// What was there before.
#[derive(Debug)]
enum Before {
    /// A file that is written elsewhere leaves it alone. This is what it has, or what new files have here.
    Untouched(Permissions),
    /// A folder is written where it will be, since Iceberg's files name each other by their whole paths. What was there
    /// stands aside meanwhile.
    Aside(Option<PathBuf>),
    /// The new one is in its place.
    Replaced,
}

impl Part {
    /// For `target`, which is canonical. What servers that were killed left beside it is removed.
    pub(super) fn new(target: &Path, is_folder: bool) -> Result<Self, Failure> {
        let cannot = |error: io::Error| cannot(target, &error);
        let folder = target.parent().unwrap_or(target);
        sweep(folder);
        let nonce = RandomState::new().hash_one(target);
        if is_folder {
            let mut aside = target.as_os_str().to_owned();
            aside.push(format!(".before-export-{nonce:016x}"));
            let aside = PathBuf::from(aside);
            let is_there = target.symlink_metadata().is_ok();
            if is_there {
                fs::rename(target, &aside).map_err(cannot)?;
            }
            let before = Before::Aside(is_there.then_some(aside));
            return Ok(Self { target: target.to_owned(), path: target.to_owned(), before });
        }
        let path = folder.join(format!("{PREFIX}{}-{nonce:016x}", std::process::id()));
        // hyperd writes into the file that it finds, and makes new ones that only it can read.
        let new = OpenOptions::new().write(true).create_new(true).open(&path).map_err(cannot)?;
        let permissions = match target.metadata() {
            Ok(old) => old.permissions(),
            Err(_) => new.metadata().map_err(cannot)?.permissions(),
        };
        Ok(Self { target: target.to_owned(), path, before: Before::Untouched(permissions) })
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes room for a file that hyperd wants to make itself.
    pub(super) fn clear(&self) {
        remove(&self.path);
    }

    /// How much is written.
    pub(super) fn bytes(&self) -> u64 {
        size(&self.path)
    }

    /// It is whole: puts it into its place; how large it is.
    pub(super) fn finish(mut self) -> Result<u64, Failure> {
        let bytes = self.bytes();
        match &self.before {
            Before::Untouched(permissions) => fs::set_permissions(&self.path, permissions.clone())
                .and_then(|()| fs::rename(&self.path, &self.target))
                .map_err(|error| cannot(&self.target, &error))?,
            Before::Aside(Some(aside)) => remove(aside),
            Before::Aside(None) | Before::Replaced => {}
        }
        self.before = Before::Replaced;
        Ok(bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if matches!(self.before, Before::Replaced) {
            return;
        }
        remove(&self.path);
        if let Before::Aside(Some(aside)) = &self.before {
            // If that fails, it is whole, under the other name.
            let _ = fs::rename(aside, &self.target);
        }
    }
}

/// Whether a folder is one that an export wrote, or empty: any other must not be replaced.
pub(super) fn is_iceberg(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().all(|entry| ["data", "metadata"].iter().any(|name| entry.file_name() == *name))
    })
}

fn cannot(target: &Path, error: &io::Error) -> Failure {
    Failure::new(format!(
        "{} cannot be written: {error}. Nothing was written. Next: choose another folder.",
        target.display()
    ))
}

/// Whether somebody has a database file open: hyperd holds a lock on it then, whichever hyperd it is.
pub(super) fn is_open_database(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

fn size(path: &Path) -> u64 {
    let Ok(about) = path.symlink_metadata() else { return 0 };
    if !about.is_dir() {
        return about.len();
    }
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| size(&entry.path())).sum()
}

fn remove(path: &Path) {
    // Mostly it is not there, being in its place; where it cannot be removed, the next export tries again.
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

/// Removes what exports of servers that are gone left unfinished.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
        if process.is_some_and(|process| !is_running(process)) {
            remove(&entry.path());
        }
    }
}

#[cfg(unix)]
fn is_running(process: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    Pid::from_raw(process).is_some_and(|process| test_kill_process(process) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_running(_process: i32) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finished_is_removed_and_what_is_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let target = folder.join("result.csv");
        fs::write(&target, "old").unwrap();

        let part = Part::new(&target, false).unwrap();
        fs::write(part.path(), "half").unwrap();
        drop(part);
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);

        let part = Part::new(&target, false).unwrap();
        fs::write(part.path(), "whole").unwrap();
        assert_eq!(part.finish().unwrap(), 5);
        assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_takes_the_place_of_another_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().canonicalize().unwrap().join("ice");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "old").unwrap();

        let part = Part::new(&target, true).unwrap();
        fs::create_dir(part.path()).unwrap();
        drop(part);
        assert!(target.join("old").exists());

        let part = Part::new(&target, true).unwrap();
        fs::create_dir(part.path()).unwrap();
        fs::write(part.path().join("new"), "new").unwrap();
        part.finish().unwrap();

        let names: Vec<_> = fs::read_dir(&target).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["new"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_killed_server_left_is_swept_and_what_a_living_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        // Larger than any process number.
        let dead = folder.path().join(format!("{PREFIX}2147483646-0"));
        let alive = folder.path().join(format!("{PREFIX}{}-0", std::process::id()));
        fs::write(&dead, "").unwrap();
        fs::write(&alive, "").unwrap();

        sweep(folder.path());

        assert!(!dead.exists());
        assert!(alive.exists());
    }

    #[cfg(unix)]
    #[test]
    fn the_permissions_of_a_file_that_is_replaced_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().canonicalize().unwrap().join("secret.csv");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();

        let part = Part::new(&target, false).unwrap();
        fs::write(part.path(), "new").unwrap();
        part.finish().unwrap();

        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
