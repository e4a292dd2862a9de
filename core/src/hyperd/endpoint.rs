use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

const TCP: &str = "tab.tcp://";
const TCP_ALIAS: &str = "tcp.libpq://";
const DOMAIN: &str = "tab.domain://";
/// hyperd writes a domain socket as folder, this word, and the socket's name. The word is not part of the path.
const DOMAIN_SEPARATOR: &str = "/domain/";

/// Where a hyperd listens, in the notation that its command line and its callback connection share.
///
/// ```
/// use hyperwire_core::hyperd::Endpoint;
///
/// let endpoint: Endpoint = "tab.domain:///run/mine/domain/hyper".parse()?;
/// assert_eq!(endpoint, Endpoint::Domain { path: "/run/mine/hyper".into() });
/// # Ok::<(), hyperwire_core::hyperd::EndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// A TCP port.
    Tcp {
        /// A host name or address; an IPv6 address without brackets.
        host: String,
        /// The port; 0 in a listen address lets the system choose one.
        port: u16,
    },
    /// A Unix domain socket.
    Domain {
        /// The path of the socket file.
        path: String,
    },
}

/// A text is not an endpoint of hyperd, or a path cannot be written as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Neither `tab.tcp://` nor `tab.domain://`.
    #[error("{text:?} is not an endpoint of hyperd: it starts with neither tab.tcp:// nor tab.domain://")]
    Scheme {
        /// The text.
        text: String,
    },
    /// A TCP endpoint without a host.
    #[error("{text:?} names no host")]
    Host {
        /// The text.
        text: String,
    },
    /// A TCP endpoint without a port, or with one that is not a number up to 65535.
    #[error("{text:?} does not end in a port number")]
    Port {
        /// The text.
        text: String,
    },
    /// A domain endpoint that does not have the form `tab.domain://<folder>/domain/<name>`.
    #[error("{text:?} does not have the form tab.domain://<folder>/domain/<name>")]
    Domain {
        /// The text.
        text: String,
    },
    /// A path that hyperd would take for something else: relative, without a name, or with a comma, which separates
    /// listen addresses.
    #[error("hyperd cannot listen on {path:?}: the path must be absolute, name a file and contain no comma")]
    Path {
        /// The path.
        path: String,
    },
}

impl Endpoint {
    /// A domain socket at `path`, checked to be one that hyperd understands.
    ///
    /// # Errors
    /// [`EndpointError::Path`] when it is relative, ends in a slash, or contains a comma or a control character.
    pub fn domain(path: &str) -> Result<Self, EndpointError> {
        let absolute = path.starts_with('/') && !path.ends_with('/');
        if !absolute || path.contains(|c: char| c == ',' || c.is_control()) {
            return Err(EndpointError::Path { path: path.to_string() });
        }
        Ok(Self::Domain { path: path.to_string() })
    }

    /// As a daemon's record names it: `<host>:<port>`, or the path of the socket. `hyperdb-mcp` 1.0 knows these two
    /// spellings only, and calls a hyperd in hyperd's own notation dead.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
            Self::Domain { path } => path.clone(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "{TCP}[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{TCP}{host}:{port}"),
            Self::Domain { path } => {
                let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
                write!(f, "{DOMAIN}{folder}{DOMAIN_SEPARATOR}{name}")
            }
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if let Some(address) = text.strip_prefix(TCP).or_else(|| text.strip_prefix(TCP_ALIAS)) {
            parse_tcp(text, address)
        } else if let Some(address) = text.strip_prefix(DOMAIN) {
            parse_domain(text, address)
        } else {
            Err(EndpointError::Scheme { text: text.to_string() })
        }
    }
}

fn parse_tcp(text: &str, address: &str) -> Result<Endpoint, EndpointError> {
    let bad_port = || EndpointError::Port { text: text.to_string() };
    let bad_host = || EndpointError::Host { text: text.to_string() };
    let (host, port) = address.rsplit_once(':').ok_or_else(bad_port)?;
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad_port());
    }
    let port = port.parse().map_err(|_| bad_port())?;
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']').ok_or_else(bad_host)?,
        None if host.contains(':') => return Err(bad_host()),
        None => host,
    };
    if host.is_empty() || host.contains(|c: char| matches!(c, '[' | ']' | ',' | '/') || c.is_control()) {
        return Err(bad_host());
    }
    Ok(Endpoint::Tcp { host: host.to_string(), port })
}

fn parse_domain(text: &str, address: &str) -> Result<Endpoint, EndpointError> {
    let malformed = || EndpointError::Domain { text: text.to_string() };
    let (folder, name) = address.rsplit_once(DOMAIN_SEPARATOR).ok_or_else(malformed)?;
    if name.contains('/') {
        return Err(malformed());
    }
    Endpoint::domain(&format!("{folder}/{name}")).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { host: host.into(), port }
    }

    #[test]
    fn what_hyperd_announces_is_read_and_written_back_unchanged() {
        for (text, endpoint) in [
            ("tab.tcp://127.0.0.1:39435", tcp("127.0.0.1", 39435)),
            ("tab.tcp://[::1]:7483", tcp("::1", 7483)),
            ("tab.tcp://localhost:0", tcp("localhost", 0)),
            ("tab.domain:///run/mine/domain/hyper", Endpoint::Domain { path: "/run/mine/hyper".into() }),
            ("tab.domain:///a/domain/b/domain/c", Endpoint::Domain { path: "/a/domain/b/c".into() }),
            ("tab.domain:///domain/x", Endpoint::Domain { path: "/x".into() }),
        ] {
            assert_eq!(text.parse(), Ok(endpoint.clone()), "{text}");
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn the_alias_of_the_tcp_scheme_is_understood() {
        assert_eq!("tcp.libpq://h:1".parse(), Ok(tcp("h", 1)));
    }

    #[test]
    fn text_that_is_no_endpoint_is_refused_with_the_reason() {
        let parse = |text: &str| text.parse::<Endpoint>().expect_err(text);

        for text in ["", "127.0.0.1:1", "tab.grpc://x:1", "TAB.TCP://x:1"] {
            assert!(matches!(parse(text), EndpointError::Scheme { .. }), "{text}");
        }
        for text in ["tab.tcp://", "tab.tcp://h", "tab.tcp://h:", "tab.tcp://h:65536", "tab.tcp://h:+1"] {
            assert!(matches!(parse(text), EndpointError::Port { .. }), "{text}");
        }
        for text in
            ["tab.tcp://:1", "tab.tcp://::1:1", "tab.tcp://[::1:1", "tab.tcp://a,b:1", "tab.tcp://[]:1"]
        {
            assert!(matches!(parse(text), EndpointError::Host { .. }), "{text}");
        }
        for text in [
            "tab.domain:///x",
            "tab.domain:///d/domain/",
            "tab.domain:///d/domain/a/b",
            "tab.domain://d/domain/x",
        ] {
            assert!(matches!(parse(text), EndpointError::Domain { .. }), "{text}");
        }
    }

    #[test]
    fn a_path_that_the_command_line_would_split_is_refused() {
        for path in ["", "relative/x", "/ends/", "/with,comma/x", "/with\nline"] {
            assert!(matches!(Endpoint::domain(path), Err(EndpointError::Path { .. })), "{path}");
        }
    }
}
