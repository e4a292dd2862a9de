//! Regular files, opened so that nothing else can be in their place.

use std::fs::{File as Raw, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use super::fault::Fault;
use super::kind::{About, Kind};
use super::lane::operation;

/// A regular file. Each operation on it counts as one that may hang. Clones are the same file, each with a place of its own.
#[derive(Clone, Debug)]
pub(crate) struct File {
    raw: Arc<Raw>,
    path: Arc<Path>,
    at: u64,
}

impl File {
    /// Opens a file for reading. FIFOs, devices and sockets are refused, also if one takes the file's place meanwhile.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        operation(path, || {
            // Opening a device can already do something, and opening a FIFO lets its writer go on.
            expect_file(path, &path.metadata()?)?;
            let mut options = OpenOptions::new();
            options.read(true);
            Self::checked(path, options)
        })
    }

    /// Creates a file that must not be there yet, for this user alone.
    pub(crate) fn create_new(path: &Path) -> io::Result<Self> {
        operation(path, || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            #[cfg(unix)]
            {
                use std::os::unix::fs::OpenOptionsExt as _;
                options.mode(0o600);
            }
            Self::checked(path, options)
        })
    }

    /// Opens a file that is there for writing at its end.
    pub(crate) fn append(path: &Path) -> io::Result<Self> {
        operation(path, || {
            expect_file(path, &path.symlink_metadata()?)?;
            let mut options = OpenOptions::new();
            options.append(true);
            Self::checked(path, options)
        })
    }

    fn checked(path: &Path, mut options: OpenOptions) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            // A FIFO that was put there just now is opened without waiting, and refused.
            let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
            options.custom_flags(flags.bits() as i32);
        }
        let raw = options.open(path)?;
        expect_file(path, &raw.metadata()?)?;
        Ok(Self { raw: Arc::new(raw), path: path.into(), at: 0 })
    }

    /// Its size in bytes.
    pub(crate) fn size(&self) -> io::Result<u64> {
        operation(&self.path, || self.raw.metadata()).map(|about| about.len())
    }

    /// Whether nobody holds a lock on it.
    pub(crate) fn is_unlocked(&self) -> bool {
        self.raw.try_lock().is_ok()
    }

    /// Holds a lock on it until it is closed.
    pub(crate) fn lock(&self) -> io::Result<()> {
        operation(&self.path, || self.raw.lock())
    }

    /// Where it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = operation(&self.path, || read_at(&self.raw, buffer, self.at))?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = operation(&self.path, || write_at(&self.raw, bytes, self.at))?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size()?.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(unix)]
use std::os::unix::fs::FileExt as _;

#[cfg(unix)]
fn read_at(file: &Raw, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    file.read_at(buffer, at)
}

#[cfg(unix)]
fn write_at(file: &Raw, bytes: &[u8], at: u64) -> io::Result<usize> {
    file.write_at(bytes, at)
}

#[cfg(windows)]
use std::os::windows::fs::FileExt as _;

#[cfg(windows)]
fn read_at(file: &Raw, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    file.seek_read(buffer, at)
}

#[cfg(windows)]
fn write_at(file: &Raw, bytes: &[u8], at: u64) -> io::Result<usize> {
    file.seek_write(bytes, at)
}

/// Refuses what is no regular file, by what it is.
pub(super) fn expect_file(path: &Path, metadata: &Metadata) -> io::Result<()> {
    match About::of(metadata).kind {
        Kind::File => Ok(()),
        Kind::Special(what) => Err(Fault::Special { path: path.to_owned(), what }.carried()),
        Kind::Folder => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, and no file")),
        Kind::Link => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link, and no file")),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_no_file_is_refused_by_name_and_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();

        for (path, what) in [
            (fifo.as_path(), "a FIFO (named pipe)"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a character device"),
        ] {
            let refused = File::open(path).unwrap_err();
            assert!(refused.to_string().contains(what), "{}: {refused}", path.display());
        }
        assert!(File::open(folder.path()).is_err());
    }

    #[test]
    fn a_fifo_that_takes_a_files_place_after_the_look_is_refused_too() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let mut options = OpenOptions::new();
        options.read(true);

        let refused = File::checked(&fifo, options).unwrap_err();

        assert!(refused.to_string().contains("FIFO"), "{refused}");
    }
}
