//! Waiting for a socket.

use std::io;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;

use crate::carrier::Ready;

/// Waits until the socket is ready for what is wanted, or the deadline passes. An error or a hang-up counts as
/// readable: reading tells which it is.
pub(crate) fn wait(socket: &Socket, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, wanted.readable);
    flags.set(PollFlags::OUT, wanted.writable);
    let mut sockets = [PollFd::new(socket, flags)];
    // Longer than a year is for ever; the loop above waits again.
    let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
    let timeout = left.and_then(|left| Timespec::try_from(left).ok());
    match poll(&mut sockets, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let found = sockets[0].revents();
    let broken = found.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
    Ok(Ready {
        readable: found.contains(PollFlags::IN) || broken,
        writable: found.contains(PollFlags::OUT) || broken,
    })
}
