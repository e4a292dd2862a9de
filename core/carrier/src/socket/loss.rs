//! What an I/O error means for a connection.

use std::io;

use hyperwire_core::session::LinkLoss;

/// The kind of loss that this I/O error stands for.
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

/// Whether the call only has to be repeated later: the socket is not ready, or the call was interrupted.
#[must_use]
pub fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
