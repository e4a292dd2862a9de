//! What a runtime provides: bytes in and out, without waiting.

use std::io::{Read, Write};
use std::time::Instant;

/// A connection to the server that moves bytes without waiting: what cannot be done now fails with
/// [`WouldBlock`](std::io::ErrorKind::WouldBlock). A read must ask the system each time, so that it notices an end of the
/// connection that arrived a moment ago.
pub trait Transport: Read + Write {
    /// The time now, by the clock that the runtime's timers use.
    #[must_use]
    fn now() -> Instant {
        Instant::now()
    }
}

/// What a transport is ready for, or should become ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Bytes, or the end of the file, or an error.
    pub readable: bool,
    /// Space for bytes, or an error.
    pub writable: bool,
}
