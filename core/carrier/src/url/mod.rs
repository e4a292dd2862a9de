//! A [`Config`] as a connection URL.

mod error;
mod options;
mod parse;
mod percent;
#[cfg(test)]
mod tests;
mod trust;

use std::fmt;

use hyperwire_core::hyperd::Endpoint;

pub use error::{UrlError, UrlPart};

use crate::config::Config;
use options::OPTIONS;
use percent::encode;

const TCP: &str = "hyper";
const UNIX: &str = "hyper+unix";

/// The prefix of settings of the server.
const SETTING: &str = "set.";

/// What stands for itself in a path ...
const IN_PATH: &[u8] = b"/:";
/// ... and in the value of an option.
const IN_VALUE: &[u8] = b"/:,";

/// The URL that gives this configuration, but for the password and the certificates, which it never shows.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = encode(&self.session.user, b"");
        let database = self.session.database.as_deref();
        let in_path = database.and_then(|database| match &self.endpoint {
            Endpoint::Tcp { .. } => as_path(database),
            _ => None,
        });
        match &self.endpoint {
            Endpoint::Tcp { host, port } => {
                let host = match host.split_once('%') {
                    Some((address, zone)) if address.contains(':') => {
                        format!("[{address}%25{}]", encode(zone, b""))
                    }
                    _ if host.contains(':') => format!("[{host}]"),
                    _ => encode(host, b""),
                };
                write!(f, "{TCP}://{user}@{host}:{port}{}", in_path.as_deref().unwrap_or_default())?;
            }
            Endpoint::Domain { path } => write!(f, "{UNIX}://{user}@{}", encode(path, IN_PATH))?,
            // A kind of endpoint that URLs do not know yet.
            endpoint => write!(f, "{endpoint}")?,
        }
        let mut separator = '?';
        let mut option = |name: &str, value: &str| {
            write!(f, "{separator}{}={}", encode(name, b""), encode(value, IN_VALUE))?;
            separator = '&';
            Ok(())
        };
        if let (Some(database), None) = (database, &in_path) {
            option("database", database)?;
        }
        let default = Self::new(self.endpoint.clone(), String::new());
        for known in OPTIONS {
            let value = (known.get)(self);
            if value != (known.get)(&default) {
                option(known.name, &value)?;
            }
        }
        for (name, value) in &self.session.options {
            option(&format!("{SETTING}{name}"), value)?;
        }
        Ok(())
    }
}

/// The database as the path of a URL, if it can be written so: a path from the root, or one with a drive's letter.
fn as_path(database: &str) -> Option<String> {
    let path = if database.starts_with('/') { database.to_owned() } else { format!("/{database}") };
    (parse::database_of_path(&path) == Some(database)).then(|| encode(&path, IN_PATH))
}
