//! Sending without a signal.

use std::io;

use socket2::SockRef;

/// Sends what the socket takes of this, once. A peer that is gone is an error, [`io::ErrorKind::BrokenPipe`], and never
/// SIGPIPE, whose default ends the process: Rust's own start-up ignores it, but a library may live in a program that was
/// not started by Rust, or that wants the default for its pipes. The process's disposition is left alone.
///
/// # Errors
/// What the system says; `WouldBlock` when there is no room.
pub fn send<'s>(socket: impl Into<SockRef<'s>>, bytes: &[u8]) -> io::Result<usize> {
    let socket = socket.into();
    // Apple's systems have an option of the socket instead, SO_NOSIGPIPE, which std, socket2, mio and tokio all set.
    #[cfg(not(any(target_vendor = "apple", windows)))]
    return socket.send_with_flags(bytes, libc::MSG_NOSIGNAL);
    #[cfg(any(target_vendor = "apple", windows))]
    socket.send(bytes)
}
