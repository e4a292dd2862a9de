//! The one place through which every path of the server goes.
//!
//! A file system may not answer: a network folder that is away, a FIFO without a writer, a disk that fails. The thread that
//! asks it then waits in the kernel, and nothing but the file system can end that. So everything that asks the system about
//! a path is here, and `clippy.toml` keeps it out of the rest of the server:
//!
//! - it runs on threads that serve nobody else, and no caller waits longer than 10 s for one operation;
//! - at most 32 operations hang at once; a path that hangs is not tried again until it answers;
//! - FIFOs, devices and sockets are refused by name;
//! - what is written is put into its place whole, over regular files only, and over nothing unless that was asked for.
//!
//! [`Disk`] is for async code. Inside of [`Disk::run`] and [`Disk::long`], the functions of [`blocking`] are used, which
//! refuse to run elsewhere.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the place where the file system is asked"
)]

mod fault;
mod file;
mod kind;
mod lane;
mod listing;
mod name;
mod place;
pub(crate) mod quota;
mod temporary;

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::failure::Failure;
pub(crate) use fault::Fault;
pub(crate) use file::File;
pub(crate) use kind::{About, Kind};
use lane::{Bounds, Lane, operation};

pub(crate) use listing::MOST_ENTRIES;
pub(crate) use name::{is_plain, shown};
pub(crate) use temporary::{Charged, Temporary, TemporaryPath};

/// What blocks, for use on the threads of [`Disk`].
pub(crate) mod blocking {
    pub(crate) use super::listing::names;
    pub(crate) use super::place::{beside, give, permissions_at, put_into_place, write_whole};
    pub(crate) use super::system::*;
}

/// Asks the file system without anybody else waiting for it. Clones share their bounds.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Lane>);

impl Default for Disk {
    fn default() -> Self {
        Self(Arc::new(Lane::new(Bounds::default())))
    }
}

impl Disk {
    /// Does one thing to `path` on another thread, within 10 s.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = path.to_owned();
        self.0.run(path, move || work(&place)).await
    }

    /// Does work of any length on another thread, such as reading a file, each operation of which is bounded. `path` is what
    /// it mostly concerns. Dropped, the work goes on until it ends by itself.
    pub(crate) async fn long<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.0.long(path, work).await
    }

    /// Has work done on another thread while nobody waits for it.
    pub(crate) fn later(&self, work: impl FnOnce() + Send + 'static) {
        self.0.later(work);
    }

    /// Does work when the server ends, however much hangs.
    pub(crate) async fn last(&self, work: impl FnOnce() + Send + 'static) {
        let _ = tokio::task::spawn_blocking(move || lane::permitted(work)).await;
    }

    /// Paths that hang now, and for how many seconds.
    pub(crate) fn hanging(&self) -> Vec<(PathBuf, u64)> {
        self.0.hanging().into_iter().map(|(path, age)| (path, age.as_secs())).collect()
    }

    /// Where a path leads, every link followed.
    pub(crate) async fn canonical(&self, path: &Path) -> Result<PathBuf, Fault> {
        self.run(path, Path::canonicalize).await
    }

    /// What a path leads to, links followed.
    pub(crate) async fn about(&self, path: &Path) -> Result<About, Fault> {
        self.run(path, blocking::about).await
    }

    /// A folder that has to exist, as its canonical path.
    pub(crate) async fn folder(&self, path: &Path) -> Result<PathBuf, Failure> {
        let found = self.canonical(path).await.map_err(|fault| fault.failure("used as a folder"))?;
        match self.about(&found).await.map_err(|fault| fault.failure("used as a folder"))?.kind {
            Kind::Folder => Ok(found),
            Kind::Special(what) => Err(Fault::Special { path: found, what }.failure("used as a folder")),
            _ => Err(Failure::new(format!(
                "{} is a file, and a folder is needed. Next: give the folder.",
                shown(&found)
            ))),
        }
    }

    /// Whether there is something, which a path that cannot be asked about is not known to be.
    pub(crate) async fn exists(&self, path: &Path) -> Result<bool, Fault> {
        self.run(path, Path::try_exists).await
    }

    /// A regular file's content, of `most` bytes at most.
    pub(crate) async fn read(&self, path: &Path, most: u64) -> Result<Vec<u8>, Fault> {
        let place = path.to_owned();
        let reading = self.long(path, move || {
            let mut bytes = Vec::new();
            File::open(&place)?.take(most + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > most {
                return Err(Fault::TooLarge { path: place, most }.carried());
            }
            Ok(bytes)
        });
        reading.await?.map_err(|error| Fault::system(path, error))
    }

    /// Removes a file, or a folder with all that is in it.
    pub(crate) async fn remove(&self, path: &Path) -> Result<(), Fault> {
        let place = path.to_owned();
        self.long(path, move || blocking::remove(&place)).await?.map_err(|error| Fault::system(path, error))
    }
}

/// Operations of the system that may hang.
mod system {
    use std::fs;

    use super::*;

    /// What a path leads to, links followed.
    pub(crate) fn about(path: &Path) -> io::Result<About> {
        operation(path, || path.metadata()).map(|metadata| About::of(&metadata))
    }

    /// What stands at a path, which may be a link.
    pub(crate) fn about_link(path: &Path) -> io::Result<About> {
        operation(path, || path.symlink_metadata()).map(|metadata| About::of(&metadata))
    }

    /// Where a path leads, every link followed.
    pub(crate) fn canonical(path: &Path) -> io::Result<PathBuf> {
        operation(path, || path.canonicalize())
    }

    /// Makes a folder, and those around it.
    pub(crate) fn make_folders(path: &Path) -> io::Result<()> {
        operation(path, || fs::create_dir_all(path))
    }

    /// Makes a folder that must not be there yet.
    pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
        operation(path, || fs::create_dir(path))
    }

    /// Makes a folder of a new name in `place` that this user alone can look into.
    pub(crate) fn make_private_folder(place: &Path, prefix: &str) -> io::Result<PathBuf> {
        operation(place, || {
            let mut builder = tempfile::Builder::new();
            builder.prefix(prefix);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                builder.permissions(fs::Permissions::from_mode(0o700));
            }
            let folder = builder.tempdir_in(place)?.keep();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                // Some file systems, and some default access lists, give more than was asked for.
                let mode = folder.metadata()?.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    let _ = fs::remove_dir(&folder);
                    return Err(io::Error::other(format!(
                        "a folder made there is open to other users (mode {mode:04o})"
                    )));
                }
            }
            Ok(folder)
        })
    }

    /// Gives a file or folder another name. Over what has that name: for our own files only.
    pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
        operation(from, || fs::rename(from, to))
    }

    /// Removes a file, or a folder with all that is in it. A link is removed, not what it leads to.
    pub(crate) fn remove(path: &Path) -> io::Result<()> {
        match about_link(path)?.kind {
            Kind::Folder => {
                for name in names(path)? {
                    remove(&path.join(name))?;
                }
                operation(path, || fs::remove_dir(path))
            }
            _ => operation(path, || fs::remove_file(path)),
        }
    }

    fn names(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
        operation(folder, || folder.read_dir()?.map(|entry| Ok(entry?.file_name())).collect())
    }

    /// How many bytes a file has, or the files in a folder; what cannot be asked about has none.
    pub(crate) fn size(path: &Path) -> u64 {
        match about_link(path) {
            Ok(about) if about.is_folder() => {
                names(path).unwrap_or_default().iter().map(|name| size(&path.join(name))).sum()
            }
            Ok(about) => about.size,
            Err(_) => 0,
        }
    }

    /// Whether somebody has a file open with a lock on it.
    pub(crate) fn is_locked(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| !file.is_unlocked())
    }
}

/// What proc(5) says of a process. That is the kernel's memory and does not hang.
pub(crate) fn process_status(pid: u32) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}
