//! The one line that a starting daemon writes to the pipe of whoever started it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::Record;

/// How the start of a daemon ended. The pipe ending without a line means that the daemon died.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StartReport {
    /// It is ready.
    #[error("the daemon is ready")]
    Ready(Box<Record>),
    /// Another daemon holds the lock.
    #[error("another daemon of this state folder is running or starting")]
    AlreadyRunning,
    /// A daemon that knows no locks serves the same user.
    #[error("an older daemon serves this user on port {port}")]
    LegacyFound {
        /// Where.
        port: u16,
    },
    /// No port is left.
    #[error(
        "every port of the daemon's range is taken by other programs; free one or set HYPERDB_DAEMON_PORT"
    )]
    NoPort,
    /// hyperd did not start.
    #[error("hyperd did not start: {0}")]
    EngineFailed(Box<str>),
    /// The state folder or its lock cannot be used.
    #[error("the state folder cannot be used: {0}; check its owner, its permissions and the space left")]
    StateFolder(Box<str>),
    /// The hyperd of a daemon that died does not end.
    #[error("the hyperd of a daemon that died is still running and holds the lock; end that process")]
    Orphan,
    /// It was told to stop.
    #[error("the daemon was told to stop before it was ready")]
    Stopped,
}

impl StartReport {
    /// The line, with its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        let text = |text: &str| text.replace(char::is_control, " ");
        match self {
            Self::Ready(record) => format!("READY {}\n", record.to_secret_line()),
            Self::AlreadyRunning => "FAILED already-running\n".into(),
            Self::LegacyFound { port } => format!("FAILED legacy {port}\n"),
            Self::NoPort => "FAILED no-port\n".into(),
            Self::EngineFailed(why) => format!("FAILED engine {}\n", text(why)),
            Self::StateFolder(why) => format!("FAILED state-folder {}\n", text(why)),
            Self::Orphan => "FAILED orphan\n".into(),
            Self::Stopped => "FAILED stopped\n".into(),
        }
    }

    /// Reads the line; `None` if it is none.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Some(record) = line.strip_prefix("READY ") {
            return Record::parse(record.as_bytes()).ok().map(|record| Self::Ready(record.into()));
        }
        let rest = line.strip_prefix("FAILED ")?;
        let (kind, detail) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(match kind {
            "already-running" => Self::AlreadyRunning,
            "legacy" => Self::LegacyFound { port: detail.parse().ok()? },
            "no-port" => Self::NoPort,
            "engine" => Self::EngineFailed(detail.into()),
            "state-folder" => Self::StateFolder(detail.into()),
            "orphan" => Self::Orphan,
            "stopped" => Self::Stopped,
            _ => return None,
        })
    }
}
