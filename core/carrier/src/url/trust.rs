//! Whose certificates are trusted.

use super::error::{UrlError, UrlPart};
use crate::config::Config;

/// The option that names a file of certificates.
pub(super) const ROOTS: &str = "tls_roots";
/// The option that names whom the server's certificate must be for.
pub(super) const SERVER_NAME: &str = "tls_server_name";

/// What a URL says of certificates.
#[derive(Default)]
pub(super) struct Trust {
    pub(super) roots: Option<String>,
    pub(super) server_name: Option<String>,
}

#[cfg(feature = "tls")]
impl Trust {
    /// Reads the certificates. Whoever names some wants TLS, unless the URL `says` otherwise.
    pub(super) fn apply(self, config: &mut Config, says: bool) -> Result<(), UrlError> {
        use crate::tls::TlsConfig;
        use hyperwire_core::hyperd::Endpoint;
        use hyperwire_core::session::Tls;

        let Some(roots) = self.roots else {
            return match self.server_name {
                Some(name) => {
                    Err(UrlError::new(UrlPart::Option, "needs tls_roots").showing(&given(SERVER_NAME, &name)))
                }
                None => Ok(()),
            };
        };
        let refused = |reason: String| UrlError::new(UrlPart::Option, reason).showing(&given(ROOTS, &roots));
        let name = match (self.server_name, &config.endpoint) {
            (Some(name), _) => name,
            (None, Endpoint::Tcp { host, .. }) => host.clone(),
            (None, _) => {
                return Err(refused("needs tls_server_name, since a domain socket has no name".to_owned()));
            }
        };
        let pem = read(&roots).map_err(|error| refused(format!("cannot be read: {error}")))?;
        let tls =
            TlsConfig::from_pem(&pem, &name).map_err(|error| refused(format!("is of no use: {error}")))?;
        config.tls = Some(tls);
        if !says {
            config.session.tls = Tls::Require;
        }
        Ok(())
    }
}

#[cfg(not(feature = "tls"))]
impl Trust {
    pub(super) fn apply(self, _: &mut Config, _: bool) -> Result<(), UrlError> {
        let given = self.roots.map(|roots| given(ROOTS, &roots));
        match given.or_else(|| self.server_name.map(|name| self::given(SERVER_NAME, &name))) {
            Some(given) => {
                Err(UrlError::new(UrlPart::Option, "needs a build with the feature tls").showing(&given))
            }
            None => Ok(()),
        }
    }
}

fn given(name: &str, value: &str) -> String {
    format!("{name}={value}")
}

/// Only a regular file, and no large one: a pipe would make this wait.
#[cfg(feature = "tls")]
fn read(path: &str) -> std::io::Result<Vec<u8>> {
    const LONGEST: u64 = 1 << 20;
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(std::io::Error::other("it is no regular file of at most 1 MiB"));
    }
    std::fs::read(path)
}
