//! TLS by rustls, on a socket that does not block.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socket2::Socket;

use crate::config::Config;
use crate::stream::Ready;

/// How a server's certificate is judged, and what name it must carry.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// Roots, client certificates and the rest.
    pub client: Arc<ClientConfig>,
    /// The name that the certificate must be for.
    pub server_name: ServerName<'static>,
}

/// A TLS session over somebody else's socket.
#[derive(Debug)]
pub(crate) struct TlsStream(Box<ClientConnection>);

impl TlsStream {
    pub(crate) fn new(config: &Config) -> io::Result<Self> {
        let tls = config.tls.as_ref().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "no certificates are configured; set Config::tls")
        })?;
        let connection = ClientConnection::new(Arc::clone(&tls.client), tls.server_name.clone());
        connection.map(|connection| Self(Box::new(connection))).map_err(io::Error::other)
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    pub(crate) fn wants_write(&self) -> bool {
        self.0.wants_write()
    }

    /// Whether something was decrypted that nobody has read, of which the socket knows nothing.
    pub(crate) fn holds_plaintext(&mut self) -> bool {
        self.0.process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
    }

    /// One step of the handshake; says what to wait for.
    pub(crate) fn handshake(&mut self, socket: &Socket) -> io::Result<Ready> {
        if let Err(error) = self.flush(socket)
            && error.kind() != io::ErrorKind::WouldBlock
        {
            return Err(error);
        }
        if self.0.wants_read() {
            match self.take_in(socket) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        Ok(Ready { readable: self.0.wants_read(), writable: self.0.wants_write() })
    }

    pub(crate) fn read(&mut self, socket: &Socket, space: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.reader().read(space) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A server that ends without a TLS goodbye: hyperd always does.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                outcome => return outcome,
            }
            self.take_in(socket)?;
        }
    }

    pub(crate) fn write(&mut self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.0.writer().write(bytes)?;
        match self.flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ if taken == 0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(taken),
        }
    }

    pub(crate) fn flush(&mut self, socket: &Socket) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(&mut &*socket)?;
        }
        Ok(())
    }

    fn take_in(&mut self, socket: &Socket) -> io::Result<usize> {
        let count = self.0.read_tls(&mut &*socket)?;
        self.0.process_new_packets().map_err(io::Error::other)?;
        Ok(count)
    }
}
