//! Waiting for a socket, or for other threads.

use std::io;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use hyperwire_carrier::{Cancels, Ready};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;

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

/// Waits until no CancelRequest of another thread is under way, or it takes too long.
pub(crate) fn wait_for_cancels(cancels: &Cancels) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    while cancels.poll_settled(&mut Context::from_waker(&waker)).is_pending() {
        let left = cancels.until().map(|until| until.saturating_duration_since(Instant::now()));
        let Some(left) = left.filter(|left| !left.is_zero()) else { return };
        thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
