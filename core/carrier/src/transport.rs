//! What a runtime gives: bytes in and out, without waiting.

use std::io::{Read, Write};
use std::time::Instant;

/// A connection to the server that moves bytes without waiting: what is not possible now is
/// [`WouldBlock`](std::io::ErrorKind::WouldBlock). A read must ask the system, so that a goodbye is heard that came a moment ago.
pub trait Transport: Read + Write {
    /// What time it is by the clock that waits for this.
    #[must_use]
    fn now() -> Instant {
        Instant::now()
    }
}

/// What a transport is ready for, or is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Bytes, or the end of the file, or an error.
    pub readable: bool,
    /// Space for bytes, or an error.
    pub writable: bool,
}
