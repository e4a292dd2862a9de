//! What a system's error says of a connection.

use std::io;

use hyperwire_core::session::LinkLoss;

/// How a connection was lost of which the system reports this.
#[must_use]
pub fn loss(error: &io::Error) -> LinkLoss {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            LinkLoss::Reset
        }
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            LinkLoss::TimedOut
        }
        io::ErrorKind::UnexpectedEof => LinkLoss::Eof,
        _ => LinkLoss::Other,
    }
}

/// Whether nothing is wrong but the moment: the socket is not ready, or the call was interrupted.
#[must_use]
pub fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
