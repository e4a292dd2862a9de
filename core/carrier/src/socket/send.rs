//! Sending without a signal.

use std::io;

use socket2::SockRef;

/// Sends as many of these bytes as the socket takes, once. If the peer is gone that is an error,
/// [`io::ErrorKind::BrokenPipe`], and never the signal SIGPIPE, which ends a process by default. Rust's start-up code
/// ignores that signal, but a library may run in a program that was not started by Rust, or that wants the default for its
/// pipes. How the process treats the signal is not changed.
///
/// # Errors
/// The system's error; `WouldBlock` if there is no room.
pub fn send<'s>(socket: impl Into<SockRef<'s>>, bytes: &[u8]) -> io::Result<usize> {
    let socket = socket.into();
    // Apple's systems have an option of the socket instead, SO_NOSIGPIPE, which std, socket2, mio and tokio all set.
    #[cfg(not(any(target_vendor = "apple", windows)))]
    return socket.send_with_flags(bytes, libc::MSG_NOSIGNAL);
    #[cfg(any(target_vendor = "apple", windows))]
    socket.send(bytes)
}
