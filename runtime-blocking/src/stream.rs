//! The bytes' way: a non-blocking socket, plain or under TLS, and waiting for it.

use std::io::{self, Read, Write};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;

use crate::config::Config;
#[cfg(feature = "tls")]
use crate::tls::TlsStream;

/// What a socket is ready for, or is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

impl Ready {
    pub(crate) const READABLE: Self = Self { readable: true, writable: false };
    pub(crate) const WRITABLE: Self = Self { readable: false, writable: true };
}

/// A connection to the server.
#[derive(Debug)]
pub(crate) struct Stream {
    /// `None` once it was closed.
    socket: Option<Socket>,
    #[cfg(feature = "tls")]
    tls: Option<TlsStream>,
}

impl Stream {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket: Some(socket),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Reads without waiting; `Ok(0)` is the end of the file.
    #[inline]
    pub(crate) fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let mut socket = open(&self.socket)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.read(socket, space);
        }
        socket.read(space)
    }

    /// Writes without waiting.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut socket = open(&self.socket)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.write(socket, bytes);
        }
        socket.write(bytes)
    }

    /// Sends what TLS holds back.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            return tls.flush(open(&self.socket)?);
        }
        Ok(())
    }

    /// Closes the connection: the server is to learn at once that nobody listens any more.
    pub(crate) fn close(&mut self) {
        self.socket = None;
    }

    /// Waits until the socket is ready for what is wanted, or the deadline passes. An error or a hang-up counts as
    /// readable: reading tells which it is.
    pub(crate) fn wait(&mut self, wanted: Ready, deadline: Option<Instant>) -> io::Result<Ready> {
        #[cfg(feature = "tls")]
        if wanted.readable && self.tls.as_mut().is_some_and(TlsStream::holds_plaintext) {
            return Ok(Ready::READABLE);
        }
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, wanted.readable);
        flags.set(PollFlags::OUT, wanted.writable || self.holds_back());
        let mut sockets = [PollFd::new(open(&self.socket)?, flags)];
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

    fn holds_back(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.wants_write();
        }
        false
    }

    #[cfg(feature = "tls")]
    pub(crate) fn start_tls(&mut self, config: &Config, deadline: Instant) -> io::Result<()> {
        let mut tls = TlsStream::new(config)?;
        while tls.is_handshaking() {
            let wanted = tls.handshake(open(&self.socket)?)?;
            if tls.is_handshaking() {
                self.wait(wanted, Some(deadline))?;
                if Instant::now() >= deadline {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the server did not finish it in time",
                    ));
                }
            }
        }
        self.tls = Some(tls);
        self.flush()
            .or_else(|error| if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) })
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "the same signature with and without TLS")]
    pub(crate) fn start_tls(&mut self, _: &Config, _: Instant) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this build has no TLS; enable the feature `tls`"))
    }
}

fn open(socket: &Option<Socket>) -> io::Result<&Socket> {
    socket.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
}
