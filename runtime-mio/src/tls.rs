//! TLS by rustls, whose state machine does no input or output of its own.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use hyperwire_blocking::Config;
use rustls::ClientConnection;

use crate::transport::Transport;

#[derive(Debug)]
pub(crate) struct TlsLayer(Box<ClientConnection>);

impl TlsLayer {
    pub(crate) fn new(config: &Config) -> io::Result<Self> {
        let Some(tls) = &config.tls else {
            let missing = "no certificates are configured; set Config::tls";
            return Err(io::Error::new(ErrorKind::InvalidInput, missing));
        };
        ClientConnection::new(Arc::clone(&tls.client), tls.server_name.clone())
            .map(|machine| Self(Box::new(machine)))
            .map_err(io::Error::other)
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Whether it has something to send.
    pub(crate) fn holds_back(&self) -> bool {
        self.0.wants_write()
    }

    /// Reads what was decrypted; only when there is nothing, from the transport. So it says `WouldBlock` when neither
    /// has anything.
    pub(crate) fn read(&mut self, transport: &mut Transport, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let decrypted = self.0.reader().read(space);
            match decrypted.as_ref().map_err(io::Error::kind) {
                Err(ErrorKind::WouldBlock) => drop(self.take_in(transport)?),
                // The end without a TLS goodbye, which hyperd never says. A session's end is a matter of its messages.
                Err(ErrorKind::UnexpectedEof) => return Ok(0),
                _ => return decrypted,
            }
        }
    }

    /// Encrypts what there is room for, and sends of it what can be sent now.
    pub(crate) fn write(&mut self, transport: &mut Transport, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.0.writer().write(bytes)?;
        match self.flush(transport) {
            Err(error) if taken == 0 || error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    pub(crate) fn flush(&mut self, transport: &mut Transport) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(transport)?;
        }
        Ok(())
    }

    /// Reads from the transport once and decrypts; `Ok(0)` is the end of the file.
    pub(crate) fn take_in(&mut self, transport: &mut Transport) -> io::Result<usize> {
        let count = self.0.read_tls(transport)?;
        self.0.process_new_packets().map(|_| count).map_err(io::Error::other)
    }
}
