//! Where to connect to, and how.

use std::time::Duration;

use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;
use hyperwire_core::session;

use crate::bound::FOR_EVER;

/// Everything that a runtime needs to know to connect.
///
/// ```
/// use hyperwire_carrier::Config;
///
/// let config: Config = "hyper://ann:s%40fe@db.example:7483/data/sales.hyper?connect_timeout=5".parse()?;
/// assert_eq!(config.session.database.as_deref(), Some("/data/sales.hyper"));
/// // It is written back without the password.
/// assert_eq!(config.to_string(), "hyper://ann@db.example:7483/data/sales.hyper?connect_timeout=5");
/// # Ok::<(), hyperwire_carrier::UrlError>(())
/// ```
///
/// # Connection URLs
///
/// | URL | connects to |
/// |---|---|
/// | `hyper://[user[:password]@]host:port[/database][?options]` | a TCP port. The host is a name, an IPv4 address, or an IPv6 address in brackets |
/// | `hyper+unix://[user[:password]@]/path/of/the/socket[?options]` | a Unix domain socket |
///
/// The path behind the host is the path of the database from the root of the server's file system, or one with a drive's
/// letter (`/C:/data/sales.hyper`). Without a user it is
/// [`DEFAULT_USER`](hyperwire_core::hyperd::DEFAULT_USER). Every part is percent-decoded, and a plus sign is a plus sign.
/// What cannot be used is refused with a [`UrlError`](crate::UrlError), which never shows a password; nothing is ignored.
///
/// `Display` writes the URL that gives the same configuration, but for the password and the certificates.
///
/// | option | value | field |
/// |---|---|---|
/// | `database` | the path of a database that the URL's own path cannot name | [`session.database`](session::Config::database) |
/// | `tls` | `disable` (default), `prefer`, `require` | [`session.tls`](session::Config::tls) |
/// | `tls_roots` | a file of certificates in PEM form, of at most 1 MiB, which alone are trusted; it is read when the URL is, and `tls` is then `require` unless the URL says otherwise. Needs the feature `tls` | `tls` |
/// | `tls_server_name` | the name that the server's certificate must be for; default: the URL's host | `tls` |
/// | `connect_timeout` | seconds, as `5` or `0.25` | [`connect_timeout`](Self::connect_timeout) |
/// | `startup_timeout`, `cancel_grace`, `abandon_patience` | seconds | [`session`](session::Config) |
/// | `abandon_budget` | bytes | [`session.abandon_budget`](session::Config::abandon_budget) |
/// | `application_name` | text | [`session.application_name`](session::Config::application_name) |
/// | `format` | `hyperbinary` (default), `text`, `pgbinary` | [`session.result_format`](session::Config::result_format) |
/// | `weak_passwords` | `cleartext`, `md5`, or `cleartext,md5` | [`session.weak_passwords`](session::Config::weak_passwords) |
/// | `keepalive_idle`, `keepalive_interval` | seconds | [`link.keepalive`](LinkPolicy::keepalive) |
/// | `keepalive_probes` | a number | [`link.keepalive`](LinkPolicy::keepalive) |
/// | `retransmit_cap`, `retransmit_limit` | seconds | [`link`](LinkPolicy) |
/// | `send_buffer`, `receive_buffer` | bytes | [`link`](LinkPolicy) |
/// | `limit_message_length`, `limit_description_length`, `limit_control_length`, `limit_startup_length`, `limit_settings_length` | bytes | [`session.limits`](hyperwire_core::wire::Limits) |
/// | `limit_columns`, `limit_scram_iterations`, `limit_settings` | a number | [`session.limits`](hyperwire_core::wire::Limits) |
/// | `set.NAME` | the value of the server's setting NAME for this session; any number of them | [`session.options`](session::Config::options) |
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
