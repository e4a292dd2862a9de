//! Files in the scratch folder.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::File;
use super::lane::{may_block, operation, permitted};
use super::place::beside;
use super::quota::Charge;

/// A new file in the scratch folder, removed with this.
#[derive(Debug)]
pub(crate) struct Temporary {
    file: Charged,
    path: TemporaryPath,
}

/// The file's name. The file is removed with it.
#[derive(Debug)]
pub(crate) struct TemporaryPath {
    path: PathBuf,
    /// Given back with the file.
    _charge: Arc<Charge>,
}

impl Temporary {
    pub(crate) fn new_in(folder: &Path) -> io::Result<Self> {
        let path = beside(&folder.join("x"), "part-");
        let charge = Arc::new(Charge::default());
        let file = Charged { file: File::create_new(&path)?, charge: charge.clone() };
        Ok(Self { file, path: TemporaryPath { path, _charge: charge } })
    }

    /// Closes it; the file stays as long as its name is held.
    pub(crate) fn into_path(self) -> TemporaryPath {
        self.path
    }

    /// The open file, and its name.
    pub(crate) fn into_parts(self) -> (Charged, TemporaryPath) {
        (self.file, self.path)
    }
}

/// An open file in the scratch folder, whose size is limited together with the others.
#[derive(Clone, Debug)]
pub(crate) struct Charged {
    file: File,
    charge: Arc<Charge>,
}

impl Charged {
    /// The file, for reading.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl Write for Charged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.charge.add(self.file.path(), bytes.len() as u64)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Charged {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::ops::Deref for TemporaryPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        // If it cannot be removed, it goes with the whole folder when the server ends.
        let remove = move || drop(operation(&path, || std::fs::remove_file(&path)));
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !may_block() => drop(runtime.spawn_blocking(move || permitted(remove))),
            _ => remove(),
        }
    }
}
