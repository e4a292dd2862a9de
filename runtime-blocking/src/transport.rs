//! A socket of std that moves bytes without waiting.

use std::io::{self, Read, Write};

use socket2::Socket;

use crate::socket;

/// A connected socket that does not block.
#[derive(Debug)]
pub(crate) struct Transport(pub(crate) Socket);

impl hyperwire_carrier::Transport for Transport {}

impl Read for Transport {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(space)
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(&self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
