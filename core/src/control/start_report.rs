//! The one line that a starting daemon writes to the pipe of whoever started it, and what comes instead.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{MAX_LINE, Record};

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
    /// It ended, or is no daemon. What it said on its way, at most [`MAX_WORDS`] bytes; empty if it said nothing.
    #[error("the daemon ended before it was ready: {0}")]
    Died(Box<str>),
}

/// How many bytes of a dying daemon's words are kept.
pub const MAX_WORDS: usize = 2048;

/// Reads the pipe of a daemon that was started: its report, and, in case that none comes, what it said instead. Its
/// standard error goes to the same pipe, so that the reason why a program cannot be run is not lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReportReader {
    unread: Vec<u8>,
    words: String,
    /// There were more.
    full: bool,
}

impl ReportReader {
    /// One that has read nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes in, in the order they arrived. Gives the report once it is there. Who says too much instead is no
    /// daemon.
    pub fn push(&mut self, bytes: &[u8]) -> Option<StartReport> {
        self.unread.extend_from_slice(bytes);
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let report = StartReport::parse(&line);
            if report.is_some() {
                return report;
            }
            self.keep(&line);
        }
        (self.full || self.unread.len() >= MAX_LINE).then(|| self.end())
    }

    /// The pipe ended without a report.
    #[must_use]
    pub fn end(&mut self) -> StartReport {
        let rest = core::mem::take(&mut self.unread);
        self.keep(&String::from_utf8_lossy(&rest));
        StartReport::Died(core::mem::take(&mut self.words).into())
    }

    fn keep(&mut self, line: &str) {
        let line = line.trim();
        let gap = if line.is_empty() || self.words.is_empty() { "" } else { "; " };
        let printable = line.chars().map(|c| if c.is_control() { ' ' } else { c });
        for c in gap.chars().chain(printable) {
            if self.words.len() + c.len_utf8() > MAX_WORDS {
                self.full = true;
                return;
            }
            self.words.push(c);
        }
    }
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
            Self::Died(why) => format!("FAILED died {}\n", text(why)),
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
            "died" => Self::Died(detail.into()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn died(words: &str) -> StartReport {
        StartReport::Died(words.into())
    }

    #[test]
    fn a_report_is_found_behind_warnings_however_the_bytes_are_split() {
        let bytes = b"warning: the log cannot be written\nFAILED no-port\n";
        for split in 0..bytes.len() {
            let mut reader = ReportReader::new();

            let first = reader.push(&bytes[..split]);

            assert_eq!(first.or_else(|| reader.push(&bytes[split..])), Some(StartReport::NoPort), "{split}");
        }
    }

    #[test]
    fn the_words_of_a_program_that_cannot_be_run_are_kept() {
        let mut reader = ReportReader::new();

        assert_eq!(reader.push(b"sh: 1: /opt/hyperwire: not found\n\n\xff\x07last"), None);

        assert_eq!(reader.end(), died("sh: 1: /opt/hyperwire: not found; \u{fffd} last"));
        assert_eq!(reader.end(), died(""), "they are said once");
    }

    #[test]
    fn a_program_that_talks_without_end_is_no_daemon_and_little_of_it_is_kept() {
        for bytes in [&b"y\n"[..], &b"y"[..], "\u{e4}\n".as_bytes()] {
            let mut reader = ReportReader::new();

            let ended = core::iter::repeat_n(bytes, MAX_LINE * 2).find_map(|bytes| reader.push(bytes));

            let Some(StartReport::Died(words)) = ended else { panic!("{ended:?}") };
            assert!(words.len() <= MAX_WORDS, "{} bytes", words.len());
        }
    }

    #[test]
    fn what_a_dying_daemon_said_survives_the_pipe() {
        let report = died("hyperwire: no home folder");

        assert_eq!(StartReport::parse(&report.to_line()), Some(report));
    }
}
