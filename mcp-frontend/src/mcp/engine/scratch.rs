//! A folder for what ends with the server: the scratch database, parked results, inline data.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

const PREFIX: &str = "hyperwire-mcp-";
const LOCK: &str = "in-use";

/// A folder that only this user can look into. It is removed with this; what a killed server left is removed by the next.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    /// Removed with this.
    owned: Mutex<Option<TempDir>>,
    /// Locked as long as the server lives.
    _lock: File,
}

impl Scratch {
    pub(crate) fn create() -> io::Result<Self> {
        let place = std::env::temp_dir().canonicalize()?;
        sweep(&place);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
        // Locked under another name: who sweeps takes one that is not locked yet for a dead server's.
        let unlocked = folder.path().join("unlocked");
        let lock = File::create(&unlocked)?;
        lock.lock()?;
        fs::rename(unlocked, folder.path().join(LOCK))?;
        let path = folder.path().to_owned();
        Ok(Self { folder: path, owned: Mutex::new(Some(folder)), _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Removes it now: a process that ends does not wait for whoever still has a share in this.
    pub(crate) fn remove(&self) {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The scratch database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("local.hyper")
    }
}

/// Removes the folders of servers that are gone. Those of others, or that cannot be removed, stay.
fn sweep(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && is_abandoned(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A server that has just made its folder has no lock in it yet.
pub(crate) fn is_abandoned(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_whose_server_lives_stays_and_another_is_swept() {
        let place = tempfile::tempdir().unwrap();
        let [alive, dead, new] = ["alive", "dead", "new"].map(|name| {
            let folder = place.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&folder).unwrap();
            folder
        });
        let lock = File::create(alive.join(LOCK)).unwrap();
        lock.lock().unwrap();
        File::create(dead.join(LOCK)).unwrap();

        sweep(place.path());

        assert_eq!([alive.exists(), dead.exists(), new.exists()], [true, false, true]);
    }
}
