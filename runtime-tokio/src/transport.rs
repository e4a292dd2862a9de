//! A socket of tokio: reads and writes do not wait, waiting is a question of its own.

use std::io::{self, Read, Write};
use std::task::{Context, Poll};
use std::time::Instant;

use hyperwire_carrier::Ready;
use hyperwire_carrier::socket::send;
use socket2::{SockRef, Socket};
use tokio::io::Interest;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Transport {
    /// What of `wanted` the socket is ready for; the task is woken when that changes.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, wanted: Ready) -> io::Result<Ready> {
        let readable = wanted.readable && self.poll_readable(cx)?.is_ready();
        let writable = wanted.writable && self.poll_writable(cx)?.is_ready();
        Ok(Ready { readable, writable })
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        settled(match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            #[cfg(unix)]
            Self::Unix(stream) => stream.poll_read_ready(cx),
        })
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        settled(match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            #[cfg(unix)]
            Self::Unix(stream) => stream.poll_write_ready(cx),
        })
    }

    pub(crate) fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(stream) => stream.into(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.into(),
        }
    }

    /// Asks the system, whatever tokio believes: it learns of what came only when its driver runs. That the system has
    /// nothing is told to tokio, or else it would not wake anybody.
    fn attempt<R>(
        &self,
        interest: Interest,
        mut attempt: impl FnMut(&Socket) -> io::Result<R>,
    ) -> io::Result<R> {
        let (socket, mut asked) = (self.socket(), false);
        let ask = || {
            asked = true;
            attempt(&socket)
        };
        let outcome = match self {
            Self::Tcp(stream) => stream.try_io(interest, ask),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_io(interest, ask),
        };
        if asked { outcome } else { attempt(&socket) }
    }
}

impl Read for Transport {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.attempt(Interest::READABLE, |mut socket| socket.read(space))
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(Interest::WRITABLE, |socket| send(socket, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl hyperwire_carrier::Transport for Transport {
    /// The clock of tokio's timers, which a test may have stopped.
    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

fn settled(poll: Poll<io::Result<()>>) -> io::Result<Poll<()>> {
    match poll {
        Poll::Ready(outcome) => outcome.map(Poll::Ready),
        Poll::Pending => Ok(Poll::Pending),
    }
}
