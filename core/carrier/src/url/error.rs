//! Why a text is not a connection URL.

use std::fmt;

/// The longest excerpt of a URL that an error shows, in characters.
const EXCERPT: usize = 80;

/// A text is not a connection URL, or names something that cannot be.
///
/// The message names the part, shows it, and says what is wrong with it. A password is never shown, nor is a part that may
/// contain one because a character before it was not encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the connection URL cannot be used: {part}{} {reason}. Next: write it as \
     hyper://user:password@host:port/path/of/the/database.hyper?option=value, with every character that is not meant \
     as a separator percent-encoded",
    shown(.found)
)]
pub struct UrlError {
    part: UrlPart,
    found: Option<String>,
    reason: String,
}

/// A part of a connection URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlPart {
    /// No single part.
    Whole,
    /// What stands before `://`.
    Scheme,
    /// The user's name.
    User,
    /// The password.
    Password,
    /// The host's name or address.
    Host,
    /// The TCP port.
    Port,
    /// The path of a Unix domain socket.
    Socket,
    /// The path of the database.
    Database,
    /// An option behind `?`.
    Option,
}

impl UrlError {
    /// The part that cannot be used.
    #[must_use]
    pub fn part(&self) -> UrlPart {
        self.part
    }

    /// What stands there, cut off after 80 characters; `None` if there is nothing, or if it is a password or may contain
    /// one.
    #[must_use]
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }

    pub(super) fn new(part: UrlPart, reason: impl Into<String>) -> Self {
        Self { part, found: None, reason: reason.into() }
    }

    /// The same with what stands there, unless that is secret.
    pub(super) fn showing(mut self, found: &str) -> Self {
        if !matches!(self.part, UrlPart::Password | UrlPart::Whole) {
            let mut excerpt: String = found.chars().take(EXCERPT).collect();
            if excerpt.len() < found.len() {
                excerpt.push_str("...");
            }
            self.found = Some(excerpt);
        }
        self
    }
}

impl fmt::Display for UrlPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "it",
            Self::Scheme => "the scheme",
            Self::User => "the user",
            Self::Password => "the password",
            Self::Host => "the host",
            Self::Port => "the port",
            Self::Socket => "the socket",
            Self::Database => "the database",
            Self::Option => "the option",
        })
    }
}

fn shown(found: &Option<String>) -> String {
    found.as_ref().map_or_else(String::new, |found| format!(" {found:?}"))
}
