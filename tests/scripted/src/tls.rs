//! TLS for scripts: a fresh certificate, and the server's side of the handshake.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::{Failure, Session};

/// A self-signed certificate for `localhost` and `127.0.0.1`, and its key. Clones are the same identity.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    certificate: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl TlsIdentity {
    /// Makes a new key and a certificate for it.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    pub fn new() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let signed = rcgen::generate_simple_self_signed(names).expect("a key can be generated");
        let certificate = signed.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.clone()], key.into())
            })
            .expect("a fresh key and its certificate make a server");
        Self { certificate, config: Arc::new(config) }
    }

    /// The certificate, which is also its own authority: what a client has to trust.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }
}

impl Default for TlsIdentity {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// Waits for SSLRequest, answers `S`, and goes on with TLS.
    ///
    /// # Errors
    /// When something else comes. A failed handshake shows in the step after this one.
    pub fn accept_tls(&mut self, identity: &TlsIdentity) -> Result<(), Failure> {
        self.expect_ssl_request()?;
        self.send_bytes(b"S")?;
        if !self.input.is_empty() {
            return Err("the client sent bytes before it had the answer to SSLRequest".into());
        }
        let connection = ServerConnection::new(Arc::clone(&identity.config))
            .map_err(|error| Failure::Script(format!("could not start TLS: {error}")))?;
        self.stream.start_tls(connection).map_err(|error| Failure::Io { doing: "start TLS", error })
    }
}
