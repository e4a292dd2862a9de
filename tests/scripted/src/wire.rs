//! What carries the bytes of a connection: a socket, or the memory of a world.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use socket2::Socket;

use crate::virtual_time::End;

pub(super) enum Wire {
    Socket(Socket),
    Memory(End),
}

impl Wire {
    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.set_read_timeout(timeout),
            Self::Memory(end) => {
                end.set_read_timeout(timeout);
                Ok(())
            }
        }
    }

    pub(super) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.set_write_timeout(timeout),
            Self::Memory(end) => {
                end.set_write_timeout(timeout);
                Ok(())
            }
        }
    }

    /// Sends the end of the stream.
    pub(super) fn half_close(&self) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.shutdown(Shutdown::Write),
            Self::Memory(end) => {
                end.half_close();
                Ok(())
            }
        }
    }

    /// Ends the connection with a reset, if the socket knows resets.
    pub(super) fn reset(self) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.set_linger(Some(Duration::ZERO)),
            Self::Memory(end) => {
                end.reset();
                Ok(())
            }
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => socket.read(buffer),
            Self::Memory(end) => end.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => socket.write(bytes),
            Self::Memory(end) => end.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.flush(),
            Self::Memory(end) => end.flush(),
        }
    }
}
