//! Why nothing came of an operation on a path.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::kind::Special;
use super::lane::MOST_HANGING;
use super::name::shown;
use crate::mcp::failure::Failure;

/// Paths that a message names.
const NAMED: usize = 3;

/// What went wrong with a path, and whose fault it is.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The operating system refused.
    System { path: PathBuf, kind: io::ErrorKind, why: String },
    /// It is no file and no folder.
    Special { path: PathBuf, what: Special },
    /// The file system does not answer.
    Hangs { path: PathBuf, seconds: u64 },
    /// An earlier operation on the same path has not returned.
    StillHangs { path: PathBuf, seconds: u64 },
    /// As many operations hang as may.
    Crowded { path: PathBuf, hanging: Vec<PathBuf> },
    /// Something that must not be replaced is there.
    Exists { path: PathBuf },
    /// It has more bytes than are taken.
    TooLarge { path: PathBuf, most: u64 },
    /// The scratch folder is as full as it may be.
    Quota { path: PathBuf, most: u64 },
    /// A bug of ours.
    Defect { path: PathBuf, why: String },
}

/// Carries a [`Fault`] through code that knows only I/O errors.
#[derive(Debug)]
struct Carried(Fault);

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Carried {}

impl Fault {
    /// What an I/O error on this path means.
    pub(super) fn system(path: &Path, error: io::Error) -> Self {
        match error.downcast::<Carried>() {
            Ok(Carried(fault)) => fault,
            Err(error) => Self::System { path: path.to_owned(), kind: error.kind(), why: error.to_string() },
        }
    }

    /// The fault that an I/O error carries, if it is one of ours.
    pub(crate) fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref::<Carried>().map(|Carried(fault)| fault)
    }

    /// As an I/O error.
    pub(super) fn carried(self) -> io::Error {
        let kind = match &self {
            Self::System { kind, .. } => *kind,
            Self::Exists { .. } => io::ErrorKind::AlreadyExists,
            Self::Hangs { .. } | Self::StillHangs { .. } => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, Carried(self))
    }

    /// Whether there is nothing of that name.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::System { kind: io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, .. })
    }

    /// Whether the system has answered.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::System { .. })
    }

    /// What happened, and whose fault it is, for the end of a sentence on this path: `cannot be read: ...`.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::System { why, .. } => why.clone(),
            Self::Special { what, .. } => format!("it is {what}, and not a regular file"),
            Self::Hangs { path, seconds } => format!(
                "the file system did not answer for {} within {} s. The fault lies with the file system (a network folder \
                 that is away, a failing disk), not with this server, and nothing else waits for it",
                shown(path),
                seconds
            ),
            Self::StillHangs { path, seconds } => format!(
                "an earlier operation on {} has hung for {seconds} s, so no further one was begun. The fault lies with the \
                 file system (a network folder that is away, a failing disk), not with this server",
                shown(path)
            ),
            Self::Crowded { hanging, .. } => {
                let named: Vec<_> = hanging.iter().take(NAMED).map(|path| shown(path)).collect();
                format!(
                    "{} operations on files hang already ({}), and {MOST_HANGING} are the limit; this one was not begun. The fault \
                     lies with the file systems of those files, not with this server",
                    hanging.len(),
                    named.join(", ")
                )
            }
            Self::Exists { .. } => "something of that name is there already".to_owned(),
            Self::TooLarge { most, .. } => format!("it has more than {most} bytes"),
            Self::Quota { most, .. } => {
                format!(
                    "temporary files would take more than {most} bytes together, which is the limit (--scratch-limit)"
                )
            }
            Self::Defect { why, .. } => format!("{why}. This is a defect of hyperwire"),
        }
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::System { kind: io::ErrorKind::PermissionDenied, .. } => {
                "Next: have the user grant access to it, or choose another path."
            }
            Self::System { .. } => "Next: give the absolute path of a file that exists.",
            Self::Special { .. } => {
                "Next: give a regular file; write what a pipe or device delivers to a file first."
            }
            Self::Hangs { .. } | Self::StillHangs { .. } => {
                "Next: have the user check that file system, or use another path."
            }
            Self::Crowded { .. } => {
                "Next: have the user check those file systems; once one of the operations returns, files can be used again."
            }
            Self::Exists { .. } => "Next: choose another name, or pass overwrite = true.",
            Self::TooLarge { .. } => "Next: give a smaller file; large data belongs in a table.",
            Self::Quota { .. } => {
                "Next: use less data at once or another format such as Parquet, or have the user raise --scratch-limit."
            }
            Self::Defect { .. } => "Next: report it.",
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::System { path, .. }
            | Self::Special { path, .. }
            | Self::Hangs { path, .. }
            | Self::StillHangs { path, .. }
            | Self::Crowded { path, .. }
            | Self::Exists { path }
            | Self::TooLarge { path, .. }
            | Self::Quota { path, .. }
            | Self::Defect { path, .. } => path,
        }
    }

    /// `PATH cannot be WHAT: why. Next: ...`
    pub(crate) fn failure(&self, what: &str) -> Failure {
        if let Self::Exists { path } = self {
            return Failure::new(format!("{} exists. Nothing was written. {}", shown(path), self.advice()));
        }
        Failure::new(format!("{} cannot be {what}: {}. {}", shown(self.path()), self.why(), self.advice()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        fault.failure("used")
    }
}
