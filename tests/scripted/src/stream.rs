//! The connection below a session, perhaps with TLS on it.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

#[cfg(feature = "tls")]
use rustls::{ServerConnection, StreamOwned};

use super::wire::Wire;
use crate::virtual_time::now;

/// A connection, until the script ends it.
pub(super) enum Stream {
    Plain(Wire),
    #[cfg(feature = "tls")]
    Tls(Box<StreamOwned<ServerConnection, Wire>>),
    /// Closed by the script.
    Ended,
}

/// What a bounded read found.
#[derive(Debug)]
pub(super) enum Arrival {
    Bytes(usize),
    Closed,
    Reset,
    TimedOut,
}

impl Stream {
    /// Reads what is there, waiting for it until `deadline`.
    pub(super) fn read_until(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<Arrival> {
        loop {
            let Some(left) = time_left(deadline) else { return Ok(Arrival::TimedOut) };
            self.wire()?.set_read_timeout(Some(left))?;
            let outcome = match self {
                Self::Plain(wire) => wire.read(buffer),
                #[cfg(feature = "tls")]
                Self::Tls(stream) => stream.read(buffer),
                Self::Ended => return Err(ended()),
            };
            return match outcome {
                Ok(0) => Ok(Arrival::Closed),
                Ok(count) => Ok(Arrival::Bytes(count)),
                Err(error) if is_timeout(&error) => continue,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Arrival::Closed),
                Err(error) if is_reset(&error) => Ok(Arrival::Reset),
                Err(error) => Err(error),
            };
        }
    }

    /// Writes some of the bytes, waiting until `deadline` for the peer to make room; 0 if it did not.
    pub(super) fn write_until(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<usize> {
        self.until(deadline, |writer| writer.write(bytes)).map(Option::unwrap_or_default)
    }

    /// Hands everything to the kernel that a TLS layer still holds; `false` if the peer made no room for it.
    pub(super) fn flush_until(&mut self, deadline: Instant) -> io::Result<bool> {
        self.until(deadline, |writer| writer.flush()).map(|done| done.is_some())
    }

    fn until<T>(
        &mut self,
        deadline: Instant,
        mut attempt: impl FnMut(&mut dyn Write) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        loop {
            let Some(left) = time_left(deadline) else { return Ok(None) };
            self.wire()?.set_write_timeout(Some(left))?;
            let outcome = match self {
                Self::Plain(wire) => attempt(wire),
                #[cfg(feature = "tls")]
                Self::Tls(stream) => attempt(stream),
                Self::Ended => return Err(ended()),
            };
            match outcome {
                Err(error) if is_timeout(&error) => {}
                outcome => return outcome.map(Some),
            }
        }
    }

    /// Sends the end of the stream (and TLS's own before it), and goes on reading.
    pub(super) fn half_close(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        self.wire()?.half_close()
    }

    /// Ends the connection with a reset, if the socket knows resets.
    pub(super) fn reset(&mut self) -> io::Result<()> {
        match std::mem::replace(self, Self::Ended) {
            Self::Plain(wire) => wire.reset(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.into_parts().1.reset(),
            Self::Ended => Err(ended()),
        }
    }

    /// Ends the connection at once; the kernel still delivers what was written.
    pub(super) fn close(&mut self) {
        *self = Self::Ended;
    }

    /// Puts TLS on it. The handshake happens with the first bytes.
    #[cfg(feature = "tls")]
    pub(super) fn start_tls(&mut self, connection: ServerConnection) -> io::Result<()> {
        match std::mem::replace(self, Self::Ended) {
            Self::Plain(wire) => {
                *self = Self::Tls(Box::new(StreamOwned::new(connection, wire)));
                Ok(())
            }
            Self::Tls(_) => Err(io::Error::other("TLS is there already")),
            Self::Ended => Err(ended()),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }

    fn wire(&self) -> io::Result<&Wire> {
        match self {
            Self::Plain(wire) => Ok(wire),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Ok(&stream.sock),
            Self::Ended => Err(ended()),
        }
    }
}

fn ended() -> io::Error {
    io::Error::new(ErrorKind::NotConnected, "the script has ended this connection")
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

pub(super) fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
}

/// At least a millisecond, since a socket takes a timeout of zero for none at all.
fn time_left(deadline: Instant) -> Option<Duration> {
    let left = deadline.checked_duration_since(now())?;
    (!left.is_zero()).then(|| left.max(Duration::from_millis(1)))
}

/// The point in time at which a wait that begins now ends.
pub(super) fn deadline(patience: Duration) -> Instant {
    now() + patience
}
