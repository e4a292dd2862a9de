//! Where to connect to, and how.

use std::time::Duration;

use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;
use hyperwire_core::session;

use crate::bound::FOR_EVER;

/// Everything that a runtime needs to know to connect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the server listens.
    pub endpoint: Endpoint,
    /// User, database, result format, limits: all that the session itself wants to know.
    pub session: session::Config,
    /// How a connection notices that its peer has vanished.
    pub link: LinkPolicy,
    /// How long connecting, the TLS handshake and the start-up may take together. Default 30 s.
    pub connect_timeout: Duration,
    /// Certificates and the like, for [`session::Tls::Prefer`] and [`session::Tls::Require`].
    #[cfg(feature = "tls")]
    pub tls: Option<crate::tls::TlsConfig>,
}

impl Config {
    /// The defaults for this server and user.
    pub fn new(endpoint: Endpoint, user: impl Into<String>) -> Self {
        Self {
            endpoint,
            session: session::Config::new(user),
            link: LinkPolicy::DEFAULT,
            connect_timeout: Duration::from_secs(30),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Opens this `.hyper` file, which must exist, read-write. Give an absolute path without symbolic links: Hyper
    /// takes another spelling for another database.
    #[must_use]
    pub fn database(mut self, path: impl Into<String>) -> Self {
        self.session.database = Some(path.into());
        self
    }

    /// The password, for a server that asks for one.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.session.password = Some(session::Password::new(password));
        self
    }

    /// How long connecting and the start-up may take.
    pub(crate) fn connect_bound(&self) -> Duration {
        self.connect_timeout.min(FOR_EVER)
    }
}
