//! TLS by rustls, on a transport that does not block.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::config::Config;
use crate::socket::is_not_now;
use crate::transport::{Ready, Transport};

/// How a server's certificate is judged, and what name it must carry.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// Roots, client certificates and the rest. TLS sessions are never resumed, whatever this asks for, because hyperd
    /// cannot resume one.
    pub client: Arc<ClientConfig>,
    /// The name that the certificate must be for.
    pub server_name: ServerName<'static>,
}

impl TlsConfig {
    /// Trusts only the certificates in this PEM text, and expects a server with this name.
    ///
    /// # Errors
    /// The text has no certificate, or one that cannot be read; the name is neither a DNS name nor an IP address.
    pub fn from_pem(roots: &[u8], server_name: &str) -> Result<Self, TlsConfigError> {
        let server_name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| TlsConfigError::ServerName { name: server_name.to_owned() })?;
        let mut trusted = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(roots) {
            let root = root.map_err(|error| TlsConfigError::Certificate(error.to_string()))?;
            trusted.add(root).map_err(|error| TlsConfigError::Certificate(error.to_string()))?;
        }
        if trusted.is_empty() {
            return Err(TlsConfigError::NoCertificate);
        }
        let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsConfigError::Certificate(error.to_string()))?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        Ok(Self { client: Arc::new(client), server_name })
    }
}

/// Why no [`TlsConfig`] can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// The text has none.
    #[error("there is no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// One cannot be read.
    #[error("a certificate cannot be read: {0}")]
    Certificate(String),
    /// The name is neither a DNS name nor an IP address.
    #[error("{name:?} is neither a DNS name nor an IP address")]
    ServerName {
        /// The name.
        name: String,
    },
}

/// A TLS session; the transport is handed in.
#[derive(Debug)]
pub(crate) struct TlsStream(Box<ClientConnection>);

impl TlsStream {
    pub(crate) fn new(config: &Config) -> io::Result<Self> {
        let tls = config.tls.as_ref().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "no certificates are configured; set Config::tls")
        })?;
        // hyperd 0.0.26963 answers a session that is resumed with the alert internal_error, so that only the first connection
        // of a configuration would succeed.
        let mut client = ClientConfig::clone(&tls.client);
        client.resumption = Resumption::disabled();
        let connection = ClientConnection::new(Arc::new(client), tls.server_name.clone());
        connection.map(|connection| Self(Box::new(connection))).map_err(io::Error::other)
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    pub(crate) fn wants(&self) -> Ready {
        Ready { readable: self.0.wants_read(), writable: self.0.wants_write() }
    }

    /// Whether there is decrypted data that has not been read. Waiting for the transport would not reveal it.
    pub(crate) fn holds_plaintext(&mut self) -> bool {
        self.0.process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
    }

    /// Continues the handshake until the transport is not ready for more; whether it is over.
    pub(crate) fn handshake(&mut self, transport: &mut impl Transport) -> io::Result<bool> {
        loop {
            or_later(self.flush(transport))?;
            if !self.0.is_handshaking() || !self.0.wants_read() {
                return Ok(!self.0.is_handshaking());
            }
            match self.take_in(transport) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if is_not_now(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn read(&mut self, transport: &mut impl Transport, space: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.reader().read(space) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A server that ends without a TLS goodbye: hyperd always does.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                outcome => return outcome,
            }
            self.take_in(transport)?;
        }
    }

    /// Encrypts what there is room for, and sends as much of it as possible. Returns `WouldBlock` only if the transport
    /// does; otherwise a caller would wait for a transport that is already ready.
    pub(crate) fn write(&mut self, transport: &mut impl Transport, bytes: &[u8]) -> io::Result<usize> {
        self.flush(transport)?;
        let taken = self.0.writer().write(bytes)?;
        or_later(self.flush(transport))?;
        Ok(taken)
    }

    pub(crate) fn flush(&mut self, transport: &mut impl Transport) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(transport)?;
        }
        Ok(())
    }

    fn take_in(&mut self, transport: &mut impl Transport) -> io::Result<usize> {
        let count = self.0.read_tls(transport)?;
        self.0.process_new_packets().map_err(io::Error::other)?;
        Ok(count)
    }
}

/// What cannot be done now will be done when the transport is ready.
fn or_later(outcome: io::Result<()>) -> io::Result<()> {
    outcome.or_else(|error| if is_not_now(&error) { Ok(()) } else { Err(error) })
}
