use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::system;

const LOCK: &str = "lock";
/// How many letters and digits make a folder's name its own.
const RANDOM: usize = 8;
/// A folder that has not got its name after this long was left by a process that was killed in between.
const UNNAMED_FOR: Duration = Duration::from_secs(3600);

/// A folder that only this user can enter, and that says by a lock whether anybody still uses it.
///
/// It is locked before it gets its name, so a named folder with a free lock is always an abandoned one. The lock is
/// held by every process that the descriptor is handed to, until the last of them has ended.
#[derive(Debug)]
pub(super) struct PrivateFolder {
    path: PathBuf,
    lock: File,
}

impl PrivateFolder {
    /// Makes `<base>/<name>-<random>`; `base` must exist.
    pub(super) fn create(base: &Path, name: &str) -> io::Result<Self> {
        let hidden = format!(".{name}-");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&hidden).rand_bytes(RANDOM);
        system::only_for_this_user(&mut builder);
        let unnamed = builder.tempdir_in(base)?;
        let lock = File::options().read(true).write(true).create_new(true).open(unnamed.path().join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
        })?;
        let visible = unnamed.path().file_name().and_then(|name| name.to_str()).map(|name| &name[1..]);
        let path = base.join(visible.ok_or(io::ErrorKind::InvalidFilename)?);
        fs::rename(unnamed.path(), &path)?;
        let _moved = unnamed.keep();
        Ok(Self { path, lock })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The lock, to hand it on.
    pub(super) fn lock(&self) -> &File {
        &self.lock
    }

    /// Removes it with everything in it. No error when it is gone already.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // Best effort: what stays behind is swept by the next one who makes such a folder.
        let _ = self.remove();
    }
}

/// Removes the abandoned folders of this user that were made in `base` under this name: those that are named as
/// [`PrivateFolder::create`] names them and hold its lock, which is an empty file. Where others have folders too, `contents`
/// names all that can be in one of ours besides the lock; one that holds anything else stays.
pub(super) fn sweep(base: &Path, name: &str, contents: Option<&[&str]>) {
    let (named, unnamed) = (format!("{name}-"), format!(".{name}-"));
    let is_random = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if !metadata.is_dir() || !system::is_ours(&metadata) {
            continue;
        }
        let (folder, entry_name) = (entry.path(), entry.file_name());
        let entry_name = entry_name.to_string_lossy();
        if entry_name.strip_prefix(&named).is_some_and(is_random) {
            if contents.is_none_or(|contents| holds_at_most(&folder, contents)) {
                sweep_if_unlocked(&folder);
            }
        } else if entry_name.strip_prefix(&unnamed).is_some_and(is_random)
            && is_older_than(&metadata, UNNAMED_FOR)
            && holds_at_most(&folder, &[])
        {
            // It got no further than its lock.
            let _ = fs::remove_file(folder.join(LOCK));
            let _ = fs::remove_dir(folder);
        }
    }
}

fn sweep_if_unlocked(folder: &Path) {
    // Without a lock file it is being removed at this moment, or is not one of ours.
    let Ok(lock) = File::options().read(true).write(true).open(folder.join(LOCK)) else { return };
    let is_empty = lock.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0);
    if is_empty && lock.try_lock().is_ok() {
        let _ = fs::remove_dir_all(folder);
    }
}

/// Whether there is nothing in it but these and the lock.
fn holds_at_most(folder: &Path, contents: &[&str]) -> bool {
    let is_known = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| {
            let name = entry.file_name();
            name == LOCK || name.to_str().is_some_and(|name| contents.contains(&name))
        })
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_known))
}

fn is_older_than(metadata: &fs::Metadata, age: Duration) -> bool {
    let made = metadata.modified().unwrap_or_else(|_| SystemTime::now());
    SystemTime::now().duration_since(made).is_ok_and(|elapsed| elapsed > age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_not_swept_and_an_abandoned_one_is() {
        let base = tempfile::tempdir().unwrap();
        let used = PrivateFolder::create(base.path(), "x").unwrap();
        let abandoned = base.path().join("x-abandon3");
        fs::create_dir_all(abandoned.join("temp")).unwrap();
        fs::write(abandoned.join(LOCK), "").unwrap();
        fs::write(abandoned.join("temp").join("spilled"), "text").unwrap();
        let foreign = base.path().join("x-without-a-lock-file");
        fs::create_dir(&foreign).unwrap();

        sweep(base.path(), "x", Some(&["temp"]));

        assert!(used.path().is_dir());
        assert!(!abandoned.exists());
        assert!(foreign.is_dir());
    }

    #[test]
    fn a_folder_of_that_name_with_other_things_in_it_is_not_swept() {
        let base = tempfile::tempdir().unwrap();
        let kept =
            ["x-thesis01/thesis.txt", "x-notes/lock", "x-my-notes/temp/lock", ".x-thesis02/thesis.txt"];
        for file in kept {
            let file = base.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "years of work").unwrap();
        }
        // Ours, but for what is in it, or its name.
        for folder in ["x-thesis01", "x-my-notes"] {
            File::create(base.path().join(folder).join(LOCK)).unwrap();
        }
        let unnamed = File::open(base.path().join(".x-thesis02")).unwrap();
        unnamed.set_modified(SystemTime::now() - 2 * UNNAMED_FOR).unwrap();

        sweep(base.path(), "x", Some(&["temp"]));

        assert!(kept.iter().all(|file| base.path().join(file).is_file()));
    }

    #[test]
    fn the_lock_lives_as_long_as_any_descriptor_of_it() {
        let base = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::create(base.path(), "x").unwrap();
        let handed_on = folder.lock().try_clone().unwrap();
        let path = folder.path().to_path_buf();
        let PrivateFolder { lock, .. } = &folder;
        assert!(lock.metadata().is_ok());
        let other = File::options().write(true).open(path.join(LOCK)).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));

        drop(folder);
        assert!(
            matches!(other.try_lock(), Err(TryLockError::WouldBlock)),
            "the other descriptor still holds it"
        );
        drop(handed_on);

        assert!(other.try_lock().is_ok());
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_enter_it() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::create(base.path(), "x").unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_never_got_its_name_is_swept_by_its_age() {
        let base = tempfile::tempdir().unwrap();
        let (young, old) = (base.path().join(".x-young678"), base.path().join(".x-old45678"));
        fs::create_dir(&young).unwrap();
        fs::create_dir(&old).unwrap();
        File::open(&old).unwrap().set_modified(SystemTime::now() - 2 * UNNAMED_FOR).unwrap();

        sweep(base.path(), "x", Some(&["temp"]));

        assert!(young.is_dir());
        assert!(!old.exists());
    }
}
