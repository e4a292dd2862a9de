//! What a failed system call means to a decision.

use std::io::{self, ErrorKind};

use hyperwire_core::control::SystemError;

/// What a failed system call means to a decision.
pub fn system_error(error: &io::Error) -> SystemError {
    match error.kind() {
        ErrorKind::PermissionDenied => SystemError::Permission,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => SystemError::NoSpace,
        ErrorKind::ReadOnlyFilesystem => SystemError::ReadOnly,
        ErrorKind::NotFound | ErrorKind::NotADirectory => SystemError::NotFound,
        ErrorKind::InvalidFilename => SystemError::TooLong,
        ErrorKind::OutOfMemory | ErrorKind::WouldBlock => SystemError::Exhausted,
        _ => match error.raw_os_error() {
            // EMFILE and ENFILE have no kind of their own.
            Some(code) if code == rustix::io::Errno::MFILE.raw_os_error() => SystemError::Exhausted,
            Some(code) if code == rustix::io::Errno::NFILE.raw_os_error() => SystemError::Exhausted,
            code => SystemError::Other(code.unwrap_or(0)),
        },
    }
}
