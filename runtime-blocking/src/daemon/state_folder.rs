//! The files in the state folder: locks, record, lock body.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyperwire_core::control::{
    DAEMON_LOCK, Incarnation, LockBody, LockTest, LockTry, MAX_LINE, RECORD, Record, RecordRead, SystemError,
};
use rustix::process::geteuid;

use super::system_error::system_error;

/// Owner only: the record holds the secret.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// Who may look into the folder learns names; who may write to it may replace its files.
const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;

/// The state folder: its locks and its record. Nothing here waits for anybody.
#[derive(Clone, Debug)]
pub struct StateFolder {
    path: PathBuf,
}

impl StateFolder {
    /// The one at this path, which need not exist.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates it, for its owner only. One that is there must be this user's. What others may do in it is taken from them if
    /// a daemon's files are in it, as `hyperdb-mcp` or a generous umask makes it. Any other folder that others may write to is
    /// refused: they may have prepared it, or it is theirs to use.
    pub(crate) fn create(&self) -> Result<(), SystemError> {
        let mode = || fs::metadata(&self.path).map(|metadata| metadata.permissions().mode());
        self.make().map_err(|error| system_error(&error))?;
        let before = mode().map_err(|error| system_error(&error))?;
        if before & OTHERS == 0 {
            return Ok(());
        }
        if self.is_a_state_folder() || (before & OTHERS_WRITE == 0 && self.is_empty()) {
            // Not every file system has permissions.
            let _ = fs::set_permissions(&self.path, Permissions::from_mode(FOLDER_MODE));
        }
        let after = mode().map_err(|error| system_error(&error))?;
        if after & OTHERS_WRITE == 0 { Ok(()) } else { Err(SystemError::Exposed) }
    }

    fn make(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.path)?;
        let is_ours = fs::metadata(&self.path)?.uid() == geteuid().as_raw();
        if is_ours { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    /// It has a daemon's files in it, which are this user's.
    fn is_a_state_folder(&self) -> bool {
        let me = geteuid().as_raw();
        let is_ours = |found: fs::Metadata| found.is_file() && found.uid() == me;
        [RECORD, DAEMON_LOCK].iter().any(|name| fs::symlink_metadata(self.path.join(name)).is_ok_and(is_ours))
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// Creates a folder in it.
    pub(crate) fn create_inner(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        create_folder(&path)?;
        Ok(path)
    }

    /// Reads the record.
    #[must_use]
    pub fn read_record(&self) -> RecordRead {
        match read(&self.path.join(RECORD)) {
            Ok(text) => Record::parse(&text)
                .map_or(RecordRead::Unreadable, |record| RecordRead::Found(Arc::new(record))),
            Err(error) if matches!(system_error(&error), SystemError::NotFound) => RecordRead::Missing,
            Err(_) => RecordRead::Unreadable,
        }
    }

    /// Writes the record under a name of its own and renames it: whoever reads sees all of it or the one before.
    pub(crate) fn publish(&self, record: &Record, temporary: &str) -> Result<(), SystemError> {
        self.create()?;
        let temporary = self.path.join(temporary);
        let written = write_new(&temporary, record.to_json().as_bytes())
            .and_then(|()| fs::rename(&temporary, self.path.join(RECORD)));
        written.map_err(|error| {
            // Nothing to be done if that fails too; the name is never used again.
            let _ = fs::remove_file(&temporary);
            system_error(&error)
        })
    }

    /// Deletes the record if it is this one's.
    pub(crate) fn remove_record(&self, of: Option<Incarnation>) {
        let found = self.read_record().incarnation();
        if of.is_none() || found == of {
            let _ = fs::remove_file(self.path.join(RECORD));
        }
    }

    /// Tries an exclusive lock without waiting. The file is kept open by whoever gets it.
    #[must_use]
    pub fn try_lock(&self, name: &str) -> (LockTry, Option<File>) {
        match self.lock(name) {
            Ok(Some(file)) => {
                let body = body_of(&file).map(Arc::new);
                (LockTry::Locked(body), Some(file))
            }
            Ok(None) => (LockTry::Held, None),
            Err(error) => (LockTry::Error(error), None),
        }
    }

    fn lock(&self, name: &str) -> Result<Option<File>, SystemError> {
        self.create()?;
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let file = options.open(&path).map_err(|error| system_error(&error))?;
        match file.try_lock() {
            Ok(()) if self.is_intact(&file, name) => Ok(Some(file)),
            // It was replaced between the opening and the locking.
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(system_error(&error)),
        }
    }

    /// Whether somebody holds the lock. Changes nothing, creates nothing.
    #[must_use]
    pub fn test_lock(&self, name: &str) -> LockTest {
        let file = match File::open(self.path.join(name)) {
            Ok(file) => file,
            Err(error) => {
                return match system_error(&error) {
                    SystemError::NotFound => LockTest::Free,
                    error => LockTest::Error(error),
                };
            }
        };
        match file.try_lock_shared() {
            Ok(()) => {
                // Closing would do, unless another thread has just copied the descriptor into a child.
                let _ = file.unlock();
                LockTest::Free
            }
            Err(TryLockError::WouldBlock) => LockTest::Held(body_of(&file).map(Arc::new)),
            Err(TryLockError::Error(error)) => LockTest::Error(system_error(&error)),
        }
    }

    /// Whether the path still names this file.
    pub(crate) fn is_intact(&self, file: &File, name: &str) -> bool {
        let there = fs::metadata(self.path.join(name));
        matches!((file.metadata(), there), (Ok(open), Ok(there))
            if (open.dev(), open.ino()) == (there.dev(), there.ino()))
    }
}

/// Best effort: only the lock counts, not its text.
pub(crate) fn describe(mut lock: &File, body: &LockBody) {
    let text = body.to_json();
    let _ = lock.seek(SeekFrom::Start(0)).and_then(|_| lock.write_all(text.as_bytes()));
    let _ = lock.set_len(text.len() as u64);
}

fn body_of(mut lock: &File) -> Option<LockBody> {
    let mut text = Vec::new();
    lock.seek(SeekFrom::Start(0)).ok()?;
    lock.take(MAX_LINE as u64).read_to_end(&mut text).ok()?;
    LockBody::parse(&text)
}

/// One within a state folder. Others must not be able to replace what is in it; where they could, that is taken from them.
fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
    let metadata = fs::metadata(path)?;
    if metadata.uid() != geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mode = metadata.permissions().mode();
    if mode & OTHERS_WRITE != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS_WRITE))?;
    }
    Ok(())
}

/// Reads a file of this user, up to a bound that no record comes near.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a named pipe would wait for somebody to write to it.
    let not_waiting = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(not_waiting).open(path)?;
    let metadata = file.metadata()?;
    if metadata.uid() != geteuid().as_raw() || !metadata.is_file() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut text = Vec::new();
    file.take(MAX_LINE as u64).read_to_end(&mut text)?;
    Ok(text)
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    file.write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    fn with_mode(base: &tempfile::TempDir, name: &str, mode: u32) -> PathBuf {
        let path = base.path().join(name);
        fs::create_dir(&path).expect("it is not there yet");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
        path
    }

    #[test]
    fn a_state_folder_is_its_owners_only_however_it_was_made() {
        let base = tempfile::tempdir().expect("a folder");
        for before in [0o700, 0o755, 0o775, 0o777, 0o1777] {
            for name in [RECORD, DAEMON_LOCK] {
                let path = with_mode(&base, &format!("{before:o}-{name}"), before);
                fs::write(path.join(name), "").expect("it is ours");

                assert_eq!(StateFolder::new(&path).create(), Ok(()), "{before:o} {name}");

                assert_eq!(mode(&path), FOLDER_MODE, "{before:o} {name}");
            }
        }
        for path in [base.path().join("a").join("new"), with_mode(&base, "empty", 0o755)] {
            assert_eq!(StateFolder::new(&path).create(), Ok(()));
            assert_eq!(mode(&path), FOLDER_MODE);
        }
    }

    #[test]
    fn a_folder_without_a_daemons_files_is_left_as_it_is_and_refused_if_others_may_write() {
        let base = tempfile::tempdir().expect("a folder");
        for (before, outcome) in
            [(0o755, Ok(())), (0o775, Err(SystemError::Exposed)), (0o777, Err(SystemError::Exposed))]
        {
            let path = with_mode(&base, &format!("{before:o}"), before);
            if before == 0o755 {
                fs::write(path.join("thesis.txt"), "years").expect("it is ours");
            }

            assert_eq!(StateFolder::new(&path).create(), outcome, "{before:o}");

            assert_eq!(mode(&path), before);
        }
    }

    #[test]
    fn others_cannot_write_to_a_folder_within_it() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = StateFolder::new(base.path());
        let path = with_mode(&base, "logs", 0o775);

        let created = folder.create_inner("logs").expect("it is ours");

        assert_eq!((created, mode(&path)), (path.clone(), 0o755));
    }
}
