//! A folder for what ends with the server: the scratch database, parked results, inline data.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::mcp::disk::{Disk, Fault, File, blocking};

const PREFIX: &str = "hyperwire-mcp-";
const LOCK: &str = "in-use";

/// A folder that only this user can look into. It is removed with this; what a killed server left is removed by the next.
#[derive(Debug)]
pub(crate) struct Scratch {
    disk: Disk,
    folder: PathBuf,
    /// Locked as long as the folder is there.
    lock: Arc<Mutex<Option<File>>>,
}

impl Scratch {
    pub(crate) async fn create(disk: &Disk) -> Result<Self, Fault> {
        let (folder, lock) = disk.run(&std::env::temp_dir(), create).await?;
        if let Some(place) = folder.parent().map(Path::to_path_buf) {
            disk.later(move || sweep(&place));
        }
        Ok(Self { disk: disk.clone(), folder, lock: Arc::new(Mutex::new(Some(lock))) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Removes it now: a process that ends does not wait for whoever still has a share in this.
    pub(crate) async fn remove(&self) {
        // If it cannot be, the next server does it.
        let folder = self.folder.clone();
        self.disk.last(move || drop(blocking::remove(&folder))).await;
        self.take_lock();
    }

    fn take_lock(&self) -> Option<File> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The scratch database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("local.hyper")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(lock) = self.take_lock() {
            let folder = std::mem::take(&mut self.folder);
            self.disk.later(move || {
                let _ = blocking::remove(&folder);
                drop(lock);
            });
        }
    }
}

/// Whether a folder may be one of these by its name.
pub(crate) fn is_scratch_name(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// A new folder, and its lock, which is held.
fn create(place: &Path) -> io::Result<(PathBuf, File)> {
    let folder = blocking::make_private_folder(&blocking::canonical(place)?, PREFIX)?;
    // Locked under another name: who sweeps takes one that is not locked yet for a dead server's.
    let unlocked = folder.join("unlocked");
    let lock = File::create_new(&unlocked)?;
    lock.lock()?;
    blocking::rename(&unlocked, &folder.join(LOCK))?;
    Ok((folder, lock))
}

/// Removes the folders of servers that are gone. Those of others, or that cannot be removed, stay.
fn sweep(place: &Path) {
    let is_ours = |name: &std::ffi::OsString| name.to_str().is_some_and(|name| name.starts_with(PREFIX));
    let Ok(found) = blocking::names(place, is_ours) else { return };
    for name in found.names {
        let folder = place.join(name);
        if is_abandoned(&folder) {
            let _ = blocking::remove(&folder);
        }
    }
}

/// A server that has just made its folder has no lock in it yet. Blocks.
pub(crate) fn is_abandoned(folder: &Path) -> bool {
    File::open(&folder.join(LOCK)).is_ok_and(|lock| lock.is_unlocked())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_can_look_into_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let scratch = Scratch::create(&Disk::default()).await.unwrap();

        assert_eq!(fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o7777, 0o700);
        scratch.remove().await;
        assert!(!scratch.path().exists());
    }

    #[test]
    fn a_folder_whose_server_lives_stays_and_another_is_swept() {
        let place = tempfile::tempdir().unwrap();
        let [alive, dead, new] = ["alive", "dead", "new"].map(|name| {
            let folder = place.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&folder).unwrap();
            folder
        });
        let lock = File::create_new(&alive.join(LOCK)).unwrap();
        lock.lock().unwrap();
        File::create_new(&dead.join(LOCK)).unwrap();

        sweep(place.path());

        assert_eq!([alive.exists(), dead.exists(), new.exists()], [true, false, true]);
    }
}
