//! The beginning of a connection, from its first byte to the first ReadyForQuery.

use hyperwire_core::wire::{BackendMessage, CancelKey, InitialMessage, TransactionStatus};

use super::session::violation;
use super::{Auth, Failure, Session};

/// What hyperd reports at the start of every session, in its order, with the values of a session that set nothing.
/// `application_name`, `session_authorization` and `result_format_code` follow the client.
pub const SETTINGS: [(&str, &str); 17] = [
    ("application_name", ""),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "iso_8601"),
    ("is_superuser", "on"),
    ("server_encoding", "UTF8"),
    ("server_version", "9.1.0"),
    ("hyper_version", "main.0.0.26963.r84171622"),
    ("session_authorization", "tableau_internal_user"),
    ("standard_conforming_strings", "on"),
    ("TimeZone", "localtime"),
    ("result_format_code", "Text"),
    ("session_identifier", "scriptedscriptedscript"),
    ("connection_migration", "off"),
    ("connection_routing", "off"),
    ("connection_migration_reroute", "off"),
];

/// The first message of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Initial {
    /// StartupMessage
    Startup(Startup),
    /// SSLRequest
    SslRequest,
    /// GSSENCRequest
    GssEncRequest,
    /// CancelRequest; only a server that listens [`raw`](super::Listen::raw) gives it to its script.
    Cancel(CancelKey),
}

/// What a client says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Startup {
    /// Names and values in their order.
    pub parameters: Vec<(String, String)>,
}

impl Startup {
    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| &**value)
    }

    /// The value that `options` give to a setting, by `-c name=value`.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        let words = self.get("options")?.split_ascii_whitespace();
        words
            .filter_map(|word| word.split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }
}

impl Session {
    /// Waits for SSLRequest and leaves the answer to the script.
    ///
    /// # Errors
    /// When something else comes.
    pub fn expect_ssl_request(&mut self) -> Result<(), Failure> {
        match self.next_initial()? {
            Initial::SslRequest => Ok(()),
            found => {
                Err(Failure::Mismatch { expected: "SSLRequest".to_owned(), found: format!("{found:?}") })
            }
        }
    }

    /// Does all that hyperd does until the client may send a statement: refuses TLS if asked for it, reads
    /// StartupMessage, authenticates, reports settings and the cancel key, and says ReadyForQuery.
    ///
    /// # Errors
    /// When the client does something else, or [`Failure::WrongPassword`] after the client was told so.
    pub fn accept_startup(&mut self, auth: Auth<'_>) -> Result<Startup, Failure> {
        let startup = self.read_startup()?;
        self.authenticate(&auth, &startup)?;
        self.send_session_state(&startup)?;
        Ok(startup)
    }

    /// Reads StartupMessage; answers `N` to requests for encryption that come before it.
    ///
    /// # Errors
    /// When something else comes.
    pub fn read_startup(&mut self) -> Result<Startup, Failure> {
        loop {
            match self.next_initial()? {
                Initial::Startup(startup) => return Ok(startup),
                Initial::SslRequest | Initial::GssEncRequest => self.send_bytes(b"N")?,
                Initial::Cancel(key) => return Err(Failure::Cancel(key)),
            }
        }
    }

    /// Sends settings, the cancel key and ReadyForQuery, as hyperd does behind AuthenticationOk.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn send_session_state(&mut self, startup: &Startup) -> Result<(), Failure> {
        let follows = |name: &str| match name {
            "application_name" => startup.get(name),
            "session_authorization" => startup.get("user"),
            "result_format_code" => startup.option(name),
            _ => None,
        };
        let settings = SETTINGS.map(|(name, value)| BackendMessage::ParameterStatus {
            name,
            value: follows(name).unwrap_or(value),
        });
        let key = BackendMessage::BackendKeyData(self.cancel_key());
        let ready = BackendMessage::ReadyForQuery(TransactionStatus::Idle);
        self.send_all(&[&settings[..], &[key, ready]].concat())
    }

    /// The next untyped message.
    ///
    /// # Errors
    /// When none comes, or it is malformed.
    pub fn next_initial(&mut self) -> Result<Initial, Failure> {
        let expected = "StartupMessage";
        let (length, body) = self.initial(expected)?;
        let initial = match InitialMessage::decode(&body).map_err(|error| violation(expected, error))? {
            InitialMessage::Startup(parameters) => Initial::Startup(Startup {
                parameters: parameters
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
            }),
            InitialMessage::SslRequest => Initial::SslRequest,
            InitialMessage::GssEncRequest => Initial::GssEncRequest,
            InitialMessage::CancelRequest(key) => Initial::Cancel(key),
            other => return Err(Failure::Script(format!("no script can handle {other:?}"))),
        };
        self.input.drain(..length);
        Ok(initial)
    }
}
