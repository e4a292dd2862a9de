//! A file or folder in the making, beside the place where it will be.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::mcp::disk::{Disk, Fault, File, blocking};
use crate::mcp::failure::Failure;

/// What the names of unfinished files begin with; the process that writes one comes next.
const PREFIX: &str = ".hyperwire-export-";

/// Folders that calls of this server write now.
static WRITING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// What is written until it is whole. Dropped before that, it is removed.
#[derive(Debug)]
pub(super) struct Part {
    disk: Disk,
    /// Where it will be.
    target: PathBuf,
    path: PathBuf,
    overwrite: bool,
    before: Option<Before>,
    _turn: Option<Turn>,
}

/// What was there before.
#[derive(Debug)]
enum Before {
    /// A file that is written elsewhere leaves it alone. This is what it has, or what new files have here.
    Untouched(Permissions),
    /// A folder is written where it will be, since Iceberg's files name each other by their whole paths. What was there
    /// stands aside meanwhile.
    Aside(Option<PathBuf>),
}

/// A folder that nobody else of this server writes until this is dropped.
#[derive(Debug)]
struct Turn(PathBuf);

impl Part {
    /// For `target`, which is canonical. What servers that were killed left beside it is removed.
    pub(super) async fn new(
        disk: &Disk,
        target: &Path,
        is_folder: bool,
        overwrite: bool,
    ) -> Result<Self, Failure> {
        let turn = if is_folder { Some(Turn::take(target)?) } else { None };
        let made = disk.run(target, move |target| {
            sweep(target.parent().unwrap_or(target));
            if is_folder { folder(target, overwrite) } else { file(target) }
        });
        let (path, before) = made.await.map_err(|fault| cannot(target, &fault))?;
        Ok(Self {
            disk: disk.clone(),
            target: target.to_owned(),
            path,
            overwrite,
            before: Some(before),
            _turn: turn,
        })
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes room for a file that hyperd wants to make itself.
    pub(super) async fn clear(&self) -> Result<(), Failure> {
        self.disk.remove(&self.path).await.map_err(|fault| cannot(&self.target, &fault))
    }

    /// Adds to the file; the buffer comes back, empty.
    pub(super) async fn append(&self, mut bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let appended = self.disk.run(&self.path, move |path| {
            File::append(path)?.write_all(&bytes)?;
            bytes.clear();
            Ok(bytes)
        });
        appended.await.map_err(|fault| cannot(&self.target, &fault))
    }

    /// How much is written.
    pub(super) async fn bytes(&self) -> u64 {
        self.disk.run(&self.path, |path| Ok(blocking::size(path))).await.unwrap_or(0)
    }

    /// It is whole: puts it into its place; how large it is.
    pub(super) async fn finish(mut self) -> Result<u64, Failure> {
        let bytes = self.bytes().await;
        let Some(before) = self.before.take() else { return Ok(bytes) };
        let (path, target, overwrite) = (self.path.clone(), self.target.clone(), self.overwrite);
        let put = self.disk.run(&self.target, move |_| {
            match before {
                Before::Untouched(permissions) => {
                    let put = blocking::give(&path, permissions)
                        .and_then(|()| blocking::put_into_place(&path, &target, overwrite));
                    if put.is_err() {
                        let _ = blocking::remove(&path);
                    }
                    put
                }
                Before::Aside(aside) => {
                    // The new one is in its place; what is left of the old one has another name.
                    aside.map_or(Ok(()), |aside| blocking::remove(&aside).or(Ok(())))
                }
            }
        });
        put.await.map_err(|fault| cannot(&self.target, &fault))?;
        Ok(bytes)
    }

    /// It will not be whole: removes it, and puts back what was there.
    pub(super) async fn discard(mut self) {
        if let Some(before) = self.before.take() {
            let (path, target) = (self.path.clone(), self.target.clone());
            let undoing = self.disk.long(&self.target, move || undo(&path, &target, before));
            // What is left is removed by the next export.
            let _ = undoing.await;
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            let (path, target) = (self.path.clone(), self.target.clone());
            self.disk.later(move || undo(&path, &target, before));
        }
    }
}

impl Turn {
    fn take(folder: &Path) -> Result<Self, Failure> {
        let mut writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        if !writing.insert(folder.to_owned()) {
            return Err(Failure::new(format!(
                "Another call is writing {} now. Nothing was written. Next: wait for it, or choose another path.",
                crate::mcp::disk::shown(folder)
            )));
        }
        Ok(Self(folder.to_owned()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        WRITING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// A new file beside its target. hyperd writes into the file that it finds, and makes new ones that only it can read.
fn file(target: &Path) -> io::Result<(PathBuf, Before)> {
    let permissions = blocking::permissions_at(target)?;
    let path = blocking::beside(target, PREFIX);
    File::create_new(&path)?;
    Ok((path, Before::Untouched(permissions)))
}

/// A new folder in its place. Of several that make it at once, one succeeds.
fn folder(target: &Path, overwrite: bool) -> io::Result<(PathBuf, Before)> {
    let mut aside = None;
    if overwrite && blocking::about_link(target).is_ok() {
        let mut name = target.as_os_str().to_owned();
        name.push(".before-export");
        let place = blocking::beside(
            target,
            &format!("{}-", Path::new(&name).file_name().unwrap_or_default().display()),
        );
        blocking::rename(target, &place)?;
        aside = Some(place);
    }
    match blocking::make_folder(target) {
        Ok(()) => Ok((target.to_owned(), Before::Aside(aside))),
        Err(error) => {
            if let Some(aside) = aside {
                let _ = blocking::put_into_place(&aside, target, false);
            }
            Err(error)
        }
    }
}

fn undo(path: &Path, target: &Path, before: Before) {
    let _ = blocking::remove(path);
    if let Before::Aside(Some(aside)) = before {
        // If that fails, it is whole, under the other name.
        let _ = blocking::put_into_place(&aside, target, false);
    }
}

/// Whether a folder is one that an export wrote, or empty: any other must not be replaced.
pub(super) fn is_iceberg(folder: &Path) -> bool {
    let is_other = |name: &std::ffi::OsString| !["data", "metadata"].iter().any(|known| name == known);
    blocking::names(folder, is_other).is_ok_and(|others| others.names.is_empty())
}

fn cannot(target: &Path, fault: &Fault) -> Failure {
    if matches!(fault, Fault::System { kind: io::ErrorKind::AlreadyExists, .. } | Fault::Exists { .. }) {
        return Fault::Exists { path: target.to_owned() }.failure("written");
    }
    Failure::new(format!(
        "{} cannot be written: {}. Nothing was written. Next: choose another folder.",
        crate::mcp::disk::shown(target),
        fault.why()
    ))
}

/// Removes what exports of servers that are gone left unfinished.
fn sweep(folder: &Path) {
    let process = |name: &std::ffi::OsString| -> Option<i32> {
        name.to_str()?.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
    };
    let Ok(found) = blocking::names(folder, |name| process(name).is_some()) else { return };
    for name in found.names {
        if process(&name).is_some_and(|process| !is_running(process)) {
            let _ = blocking::remove(&folder.join(name));
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
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn what_is_not_finished_is_removed_and_what_is_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let target = folder.join("result.csv");
        fs::write(&target, "old").unwrap();

        let part = Part::new(&Disk::default(), &target, false, true).await.unwrap();
        fs::write(part.path(), "half").unwrap();
        part.discard().await;
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);

        let part = Part::new(&Disk::default(), &target, false, true).await.unwrap();
        fs::write(part.path(), "whole").unwrap();
        assert_eq!(part.finish().await.unwrap(), 5);
        assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_folder_takes_the_place_of_another_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().canonicalize().unwrap().join("ice");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "old").unwrap();

        let part = Part::new(&Disk::default(), &target, true, true).await.unwrap();
        part.discard().await;
        assert!(target.join("old").exists());

        let part = Part::new(&Disk::default(), &target, true, true).await.unwrap();
        fs::write(part.path().join("new"), "new").unwrap();
        part.finish().await.unwrap();

        let names: Vec<_> = fs::read_dir(&target).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["new"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn of_two_that_make_one_file_or_folder_without_overwriting_one_succeeds() {
        for is_folder in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().canonicalize().unwrap().join("new");
            let disk = Disk::default();
            let make = async || Part::new(&disk, &target, is_folder, false).await?.finish().await;

            let (one, other) = (Part::new(&disk, &target, is_folder, false).await.unwrap(), make().await);
            let outcomes = [one.finish().await, other];

            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
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
    #[tokio::test]
    async fn the_permissions_of_a_file_that_is_replaced_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().canonicalize().unwrap().join("secret.csv");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();

        let part = Part::new(&Disk::default(), &target, false, true).await.unwrap();
        fs::write(part.path(), "new").unwrap();
        part.finish().await.unwrap();

        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
