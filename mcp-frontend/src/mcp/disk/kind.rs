//! What stands at a path.

use std::fmt;
use std::fs::{FileType, Metadata};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a path leads to that is neither a file nor a folder. Reading one may wait for ever, or never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    Fifo,
    CharacterDevice,
    BlockDevice,
    Socket,
    /// Of a kind that this platform has and others have not.
    Other,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// A link that was not followed.
    Link,
    Special(Special),
}

/// What the system knows of a path.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) kind: Kind,
    /// Bytes of a file.
    pub(crate) size: u64,
    /// When it was last written, since 1970; zero where that is unknown.
    pub(crate) modified: std::time::Duration,
}

impl Kind {
    pub(super) fn of(kind: FileType) -> Self {
        if kind.is_file() {
            return Self::File;
        }
        if kind.is_dir() {
            return Self::Folder;
        }
        if kind.is_symlink() {
            return Self::Link;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileTypeExt as _;
            for (is, special) in [
                (kind.is_fifo(), Special::Fifo),
                (kind.is_char_device(), Special::CharacterDevice),
                (kind.is_block_device(), Special::BlockDevice),
                (kind.is_socket(), Special::Socket),
            ] {
                if is {
                    return Self::Special(special);
                }
            }
        }
        Self::Special(Special::Other)
    }
}

impl About {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Self {
            kind: Kind::of(metadata.file_type()),
            size: metadata.len(),
            modified: modified.duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        self.kind == Kind::File
    }

    pub(crate) fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fifo => "a FIFO (named pipe)",
            Self::CharacterDevice => "a character device",
            Self::BlockDevice => "a block device",
            Self::Socket => "a socket",
            Self::Other => "neither a file nor a folder",
        })
    }
}
