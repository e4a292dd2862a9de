//! A socket as the carrier wants it.

use std::io::{self, Read, Write};

use hyperwire_carrier::Transport;
use socket2::Socket;

use crate::socket;

/// A connected socket that does not block.
#[derive(Debug)]
pub(crate) struct Stream(pub(crate) Socket);

impl Transport for Stream {}

impl Read for Stream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(space)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(&self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
