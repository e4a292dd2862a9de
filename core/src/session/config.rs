//! What a session is started with.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Misuse;
use crate::sql::Identifier;
use crate::time::Duration;
use crate::wire::{Format, Limits, StartupParameters};

/// Everything that a session needs to know before its first byte.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The role. Hyper lets in the one it was started with (`--init-user`), spelled exactly.
    pub user: String,
    /// The password, if the server asks for one.
    pub password: Option<Password>,
    /// Path of an existing `.hyper` file to open read-write, or `None` for a session without a database. The path is
    /// the database's identity: two spellings of one file are two databases to Hyper.
    pub database: Option<String>,
    /// What the server shows for this session.
    pub application_name: String,
    /// Further session settings, sent as `options=-c name=value`. Hyper has no escape for a blank in a value.
    pub options: Vec<(String, String)>,
    /// How results travel. [`Format::HyperBinary`] makes even the simple protocol binary, so that a statement without
    /// parameters is one round trip (200 us against 566 for Parse to Sync). [`Format::Text`] is for tools that print.
    pub result_format: Format,
    /// Whether to ask for TLS.
    pub tls: Tls,
    /// Which password exchanges besides SCRAM-SHA-256 are allowed. Hyper was never seen to ask for either.
    pub weak_passwords: WeakPasswords,
    /// Bounds on what the server can make this side hold or compute.
    pub limits: Limits,
    /// How long the start-up may take, from the first byte to ReadyForQuery. Default 30 s.
    pub startup_timeout: Duration,
    /// How long a statement may go on after the server was told to cancel it because its deadline passed or its
    /// result was dropped. Then the session is given up. Default 10 s: 6 to 22 ms are usual, a statement that waits
    /// for a table latch took 1.7 s.
    pub cancel_grace: Duration,
    /// How long a dropped result may still arrive by itself before it is canceled. Default 20 ms, about what a
    /// cancel takes.
    pub abandon_patience: Duration,
    /// How many bytes of a dropped result are read and thrown away before it is canceled. Default 1 MiB.
    pub abandon_budget: u64,
}

/// Whether a session asks for TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tls {
    /// Do not ask. Right for a server on the same machine.
    #[default]
    Disable,
    /// Ask, and go on in clear text if the server has none. An attacker in the path can force that.
    Prefer,
    /// Ask, and give up if the server has none.
    Require,
}

/// Password exchanges that show the password, or something as good, to whoever listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct WeakPasswords {
    /// AuthenticationCleartextPassword may be answered.
    pub cleartext: bool,
    /// AuthenticationMD5Password may be answered.
    pub md5: bool,
}

/// A password. Its `Debug` output does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes the password as the server knows it; SCRAM hashes its UTF-8 bytes unchanged.
    ///
    /// Hyper hashes them unchanged too, with one exception: where RFC 4013 allows the whole password, Hyper takes a
    /// blank for each space that is not ASCII (U+00A0, U+3000 ...) and leaves out what RFC 3454 maps to nothing (U+00AD,
    /// U+FE0F ...). It does not normalise to NFKC. A password with such characters has to be given as Hyper knows it.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl Config {
    /// The defaults for this user.
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: None,
            database: None,
            application_name: String::from("hyperwire"),
            options: Vec::new(),
            result_format: Format::HyperBinary,
            tls: Tls::Disable,
            weak_passwords: WeakPasswords::default(),
            limits: Limits::default(),
            startup_timeout: Duration::from_secs(30),
            cancel_grace: Duration::from_secs(10),
            abandon_patience: Duration::from_millis(20),
            abandon_budget: 1 << 20,
        }
    }

    /// The statement that lets go of the database, if there is one. Once it is answered, what was committed is in the
    /// file, unless another session still has the database open. The end of the connection does the same, but the
    /// server closes its side before it has written the file (it was killed right then: the table was missing).
    #[must_use]
    pub fn detach(&self) -> Option<String> {
        Some(alloc::format!("DETACH DATABASE {}", Identifier(self.database.as_ref()?)))
    }

    /// Appends the parameters of the StartupMessage.
    pub(super) fn write_startup(&self, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let mut options = alloc::format!("-c result_format_code={}", self.result_format.setting());
        for (name, value) in &self.options {
            let plain = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
            if !plain(name) || !plain(value) {
                return Err(Misuse::UnsendableOption { name: name.clone() });
            }
            options.push_str(&alloc::format!(" -c {name}={value}"));
        }
        let parameters = [
            ("user", Some(self.user.as_str())),
            ("database", self.database.as_deref()),
            ("application_name", Some(self.application_name.as_str())),
            ("options", Some(options.as_str())),
        ];
        if parameters.iter().any(|(_, value)| value.is_some_and(|text| text.contains('\0'))) {
            return Err(Misuse::ZeroByte { what: "a start-up parameter" });
        }
        if self.user.is_empty() {
            return Err(Misuse::NoUser);
        }
        StartupParameters::write(
            parameters.into_iter().filter_map(|(name, value)| Some((name, value?))),
            out,
        );
        Ok(())
    }
}
