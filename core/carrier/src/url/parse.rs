//! From a URL to a [`Config`].

use std::net::Ipv6Addr;
use std::str::FromStr;

use hyperwire_core::hyperd::{DEFAULT_USER, Endpoint};
use hyperwire_core::session::Password;

use super::error::{UrlError, UrlPart};
use super::options::OPTIONS;
use super::percent::decode;
use super::trust::{ROOTS, SERVER_NAME, Trust};
use super::{SETTING, TCP, UNIX};
use crate::config::Config;

/// No URL that somebody means is longer, in bytes.
const LONGEST: usize = 64 << 10;
/// The longest name of a host, in bytes: RFC 1035 section 2.3.4.
const LONGEST_HOST: usize = 255;

impl FromStr for Config {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        check_whole(text)?;
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(UrlError::new(UrlPart::Scheme, "is missing: there is no hyper:// or hyper+unix://"));
        };
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        check_separators(authority, &rest[authority.len()..])?;
        let (login, host) =
            authority.rsplit_once('@').map_or((None, authority), |(login, host)| (Some(login), host));
        let (endpoint, database) = match scheme {
            TCP => (tcp(host)?, database_of_path(&part(UrlPart::Database, path)?).map(str::to_owned)),
            UNIX => (unix(host, path)?, None),
            other => return Err(not_ours(other)),
        };
        let mut config = Self::new(endpoint, DEFAULT_USER);
        config.session.database = database;
        if let Some(login) = login {
            log_in(&mut config, login)?;
        }
        take_options(&mut config, query.unwrap_or_default())?;
        Ok(config)
    }
}

fn not_ours(scheme: &str) -> UrlError {
    let error = UrlError::new(UrlPart::Scheme, "is neither hyper nor hyper+unix");
    let is_scheme =
        scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if is_scheme { error.showing(scheme) } else { error }
}

/// What no part of a URL may have. Nothing of it is shown: it may stand in a password.
fn check_whole(text: &str) -> Result<(), UrlError> {
    let whole = |reason| Err(UrlError::new(UrlPart::Whole, reason));
    if text.len() > LONGEST {
        return whole("is longer than 65,536 bytes");
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return whole("has a blank, a line break or a control character (a blank is %20)");
    }
    if text.contains('#') {
        return whole("has a #, behind which everything would be ignored (# itself is %23)");
    }
    Ok(())
}

/// A password with a separator in it would be taken for something else, and shown. So the only @ is the one before the host.
fn check_separators(authority: &str, behind: &str) -> Result<(), UrlError> {
    let count = |text: &str| text.matches('@').count();
    let reason = match (count(authority), count(behind)) {
        (0 | 1, 0) => return Ok(()),
        (0, 1) => {
            "has its only @ behind a / or ? (in a user or password / is %2F and ? is %3F, elsewhere @ is %40)"
        }
        _ => "has more than one @ (only the one before the host is written so, any other is %40)",
    };
    Err(UrlError::new(UrlPart::Whole, reason))
}

/// The decoded text of a part.
fn part(part: UrlPart, text: &str) -> Result<String, UrlError> {
    decode(text).map_err(|reason| UrlError::new(part, reason).showing(text))
}

fn log_in(config: &mut Config, login: &str) -> Result<(), UrlError> {
    let (user, password) =
        login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
    config.session.user = part(UrlPart::User, user)?;
    if config.session.user.is_empty() {
        return Err(UrlError::new(UrlPart::User, "is missing before the @"));
    }
    if let Some(password) = password {
        config.session.password = Some(Password::new(part(UrlPart::Password, password)?));
    }
    Ok(())
}

fn tcp(text: &str) -> Result<Endpoint, UrlError> {
    let host_is = |reason: &str| Err(UrlError::new(UrlPart::Host, reason).showing(text));
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let Some((address, port)) = bracketed.split_once(']') else {
                return host_is("begins with [ and has no ]");
            };
            (address_of(address)?, port)
        }
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (name_of(name)?, port)
        }
    };
    let Some(digits) = port.strip_prefix(':').filter(|digits| !digits.is_empty()) else {
        return if port.len() > 1 {
            host_is("has something other than a colon and a port behind its ]")
        } else {
            Err(UrlError::new(UrlPart::Port, "is missing: it stands behind the host and a colon"))
        };
    };
    let port = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None };
    match port.filter(|port| *port > 0) {
        Some(port) => Ok(Endpoint::Tcp { host, port }),
        None => {
            let reason = "is not a number from 1 to 65535 (an IPv6 address stands in brackets)";
            let error = UrlError::new(UrlPart::Port, reason);
            // Where the host was forgotten, a password stands here.
            Err(if digits.bytes().all(|byte| byte.is_ascii_digit()) { error.showing(digits) } else { error })
        }
    }
}

fn name_of(text: &str) -> Result<String, UrlError> {
    let name = part(UrlPart::Host, text)?;
    let host_is = |reason| Err(UrlError::new(UrlPart::Host, reason).showing(&name));
    if name.is_empty() {
        return Err(UrlError::new(UrlPart::Host, "is missing"));
    }
    if name.len() > LONGEST_HOST {
        return host_is("is longer than 255 bytes");
    }
    if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')) {
        return host_is("has a character that no host's name has");
    }
    Ok(name)
}

/// An IPv6 address without its brackets, perhaps with a zone (RFC 6874).
fn address_of(text: &str) -> Result<String, UrlError> {
    let (address, zone) =
        text.split_once("%25").map_or((text, None), |(address, zone)| (address, Some(zone)));
    let zone = zone.map(|zone| part(UrlPart::Host, zone)).transpose()?;
    let zone_is_sound = zone.as_ref().is_none_or(|zone| {
        !zone.is_empty() && zone.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
    });
    if address.parse::<Ipv6Addr>().is_err() || !zone_is_sound {
        return Err(UrlError::new(UrlPart::Host, "is no IPv6 address").showing(text));
    }
    Ok(zone.map_or_else(|| address.to_owned(), |zone| format!("{address}%{zone}")))
}

fn unix(host: &str, path: &str) -> Result<Endpoint, UrlError> {
    if !host.is_empty() {
        let reason =
            "has no place here, since a domain socket is on this machine (hyper+unix:///path/of/the/socket)";
        // Where the @ was forgotten, a password stands behind the colon.
        return Err(UrlError::new(UrlPart::Host, reason).showing(host.split(':').next().unwrap_or_default()));
    }
    let path = part(UrlPart::Socket, path)?;
    match Endpoint::domain(&path) {
        Ok(endpoint) => Ok(endpoint),
        Err(_) => Err(UrlError::new(
            UrlPart::Socket,
            "is not the path of a file from the root, or has a comma or a control character, which hyperd refuses",
        )
        .showing(&path)),
    }
}

/// The database that the path of a URL names. A drive's letter stands behind the first slash, as in file URLs.
pub(super) fn database_of_path(path: &str) -> Option<&str> {
    let below_root = path.strip_prefix('/').filter(|path| !path.is_empty())?;
    match *below_root.as_bytes() {
        [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic() => Some(below_root),
        _ => Some(path),
    }
}

fn take_options(config: &mut Config, query: &str) -> Result<(), UrlError> {
    let mut trust = Trust::default();
    let mut taken = Vec::new();
    for pair in query.split('&').filter(|_| !query.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            let reason = "has no value: it is written name=value";
            return Err(UrlError::new(UrlPart::Option, reason).showing(pair));
        };
        let name = part(UrlPart::Option, name)?;
        let is = |reason: &str| UrlError::new(UrlPart::Option, reason).showing(pair);
        let value = decode(value).map_err(is)?;
        if let Some(setting) = name.strip_prefix(SETTING) {
            if [setting, &value].iter().any(|text| text.is_empty() || text.contains(char::is_whitespace)) {
                return Err(is("is empty or has a blank, for which Hyper has no escape"));
            }
            config.session.options.push((setting.to_owned(), value));
            continue;
        }
        if taken.contains(&name) {
            return Err(UrlError::new(UrlPart::Option, "is given twice").showing(&name));
        }
        match &*name {
            "database" if config.session.database.is_some() => {
                return Err(is("names a database, and the path names one, too"));
            }
            "database" if value.is_empty() => return Err(is("is empty")),
            "database" => config.session.database = Some(value),
            ROOTS => trust.roots = Some(value),
            SERVER_NAME => trust.server_name = Some(value),
            _ => match OPTIONS.iter().find(|option| option.name == name) {
                Some(option) => (option.set)(config, &value).map_err(is)?,
                // Its value is not shown: somebody may have tried to give a password so.
                None => return Err(UrlError::new(UrlPart::Option, unknown()).showing(&name)),
            },
        }
        taken.push(name);
    }
    trust.apply(config, taken.iter().any(|name| name == "tls"))
}

fn unknown() -> String {
    let known: Vec<_> = ["database", ROOTS, SERVER_NAME]
        .into_iter()
        .chain(OPTIONS.iter().map(|option| option.name))
        .collect();
    format!("is not known; there are {} and {SETTING}NAME", known.join(", "))
}
