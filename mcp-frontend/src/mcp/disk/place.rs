//! Putting a finished file into its place: whole or not at all, over nothing but a regular file, and over nothing at all
//! unless that was asked for.

use std::fs::{self, Permissions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::file::{File, expect_file};
use super::lane::operation;

/// Moves a finished file to `target` in the same folder. If something is there, it must be a regular file, and `overwrite`
/// be set. Of several that do this at once without `overwrite`, one succeeds.
pub(crate) fn put_into_place(part: &Path, target: &Path, overwrite: bool) -> io::Result<()> {
    operation(target, || {
        if !overwrite {
            return rename_to_new(part, target).map_err(|error| existing(target, error));
        }
        match target.symlink_metadata() {
            Ok(there) => expect_file(target, &there)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        fs::rename(part, target)
    })
}

/// Writes a whole file of these bytes, by way of another in the same folder. One that is there keeps its permissions.
pub(crate) fn write_whole(target: &Path, bytes: &[u8], overwrite: bool) -> io::Result<()> {
    let part = beside(target, ".hyperwire-write-");
    let write = || {
        let permissions = permissions_at(target)?;
        let mut file = File::create_new(&part)?;
        file.write_all(bytes)?;
        give(&part, permissions)?;
        put_into_place(&part, target, overwrite)
    };
    let written = write();
    if written.is_err() {
        // What is not whole is of no use.
        let _ = fs::remove_file(&part);
    }
    written
}

/// The permissions of what is to be replaced, or those of a new file of this process.
pub(crate) fn permissions_at(target: &Path) -> io::Result<Permissions> {
    operation(target, || match target.metadata() {
        Ok(old) => Ok(old.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(of_new_files()),
        Err(error) => Err(error),
    })
}

/// Sets a file's permissions.
pub(crate) fn give(path: &Path, permissions: Permissions) -> io::Result<()> {
    operation(path, || fs::set_permissions(path, permissions))
}

/// A name beside `target` that nobody else has.
pub(crate) fn beside(target: &Path, prefix: &str) -> PathBuf {
    let folder = target.parent().unwrap_or(target);
    let nonce = RandomState::new().hash_one(target);
    folder.join(format!("{prefix}{}-{nonce:016x}", std::process::id()))
}

#[cfg(unix)]
fn of_new_files() -> Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    Permissions::from_mode(0o666 & !umask())
}

/// What the user takes away from new files. The only other way to ask is to change it, for all threads.
#[cfg(target_os = "linux")]
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(0o077)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn umask() -> u32 {
    0o022
}

#[cfg(not(unix))]
fn of_new_files() -> Permissions {
    std::env::temp_dir().metadata().map(|about| about.permissions()).unwrap_or_else(|_| unreachable!())
}

/// Renames unless something has that name, in one step.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_to_new(from, to),
        outcome => outcome.map_err(io::Error::from),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    link_to_new(from, to)
}

/// The same for file systems that cannot: a second name is never given over a first one.
fn link_to_new(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

fn existing(target: &Path, error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Fault::Exists { path: target.to_owned() }.carried(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_unless_it_may_be_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");

        write_whole(&path, b"one", false).unwrap();
        let refused = write_whole(&path, b"two", false).unwrap_err();

        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_whole(&path, b"three", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn of_many_that_make_one_file_one_succeeds_by_either_way() {
        for put in [rename_to_new, link_to_new] {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("target");
            let start = std::sync::Barrier::new(8);

            let outcomes: Vec<_> = std::thread::scope(|scope| {
                let (start, target, folder) = (&start, &target, folder.path());
                let threads: Vec<_> = (0..8)
                    .map(|number| {
                        scope.spawn(move || {
                            let part = folder.join(format!("part{number}"));
                            fs::write(&part, number.to_string()).unwrap();
                            start.wait();
                            put(&part, target).map(|()| number)
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });

            let [winner] = outcomes.iter().flatten().collect::<Vec<_>>()[..] else { panic!("{outcomes:?}") };
            assert_eq!(fs::read_to_string(&target).unwrap(), winner.to_string());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nothing_but_a_regular_file_is_replaced() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();

        for target in [&fifo, &link, &folder.path().to_owned()] {
            assert!(write_whole(target, b"new", true).is_err(), "{}", target.display());
            assert!(write_whole(target, b"new", false).is_err(), "{}", target.display());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
