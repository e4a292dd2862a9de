//! What a client says.

use alloc::string::String;
use core::fmt;

use super::{Incarnation, Mac, Nonce};

/// Characters of a client's name, and of a reason.
const MAX_WORD: usize = 256;

/// A request line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Who are you?
    Ping,
    /// What do you serve?
    Status,
    /// I still use you.
    Heartbeat,
    /// Stop, whoever you are. Ours drains.
    Stop,
    /// Your hyperd looks dead from here: a hint.
    ReportHyperdError,
    /// Prove that you wrote the record that I read.
    Hello {
        /// The client's random bits.
        nonce: Nonce,
    },
    /// Stay for as long as this connection is open.
    Lease {
        /// Who is meant.
        incarnation: Incarnation,
        /// What the client calls itself, for the eyes of a person.
        client: String,
        /// [`Transcript::lease`](super::Transcript::lease).
        mac: Mac,
    },
    /// The lease of this connection is over.
    Release,
    /// Stop, if you are this one.
    StopIf {
        /// Who is meant.
        incarnation: Incarnation,
        /// How.
        mode: StopMode,
        /// [`Transcript::stop_if`](super::Transcript::stop_if).
        mac: Mac,
    },
    /// This generation of your hyperd looks dead from here: a hint.
    Report2 {
        /// Which one.
        generation: u32,
        /// How it looks.
        reason: String,
    },
    /// Nothing that we know.
    Unknown,
}

/// How a daemon is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopMode {
    /// Once nobody holds a lease; until then go on as before.
    Idle,
    /// Take no new leases, and stop when the last holder leaves.
    Drain,
    /// At once, whatever runs.
    Force,
}

impl StopMode {
    /// The word on the line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Drain => "drain",
            Self::Force => "force",
        }
    }
}

impl Command {
    /// Reads a line that [`LineDecoder`](super::LineDecoder) cut out. A verb with arguments that make no sense is
    /// unknown.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        match line.trim() {
            "PING" => Self::Ping,
            "STATUS" => Self::Status,
            "HEARTBEAT" => Self::Heartbeat,
            "STOP" => Self::Stop,
            "REPORT_HYPERD_ERROR" => Self::ReportHyperdError,
            "RELEASE" => Self::Release,
            line => Self::with_arguments(line).unwrap_or(Self::Unknown),
        }
    }

    fn with_arguments(line: &str) -> Option<Self> {
        if let Some(rest) = line.strip_prefix("REPORT2 ") {
            let (generation, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let reason = reason.chars().take(MAX_WORD).collect();
            return Some(Self::Report2 { generation: generation.parse().ok()?, reason });
        }
        let mut words = line.split(' ');
        let verb = words.next()?;
        let command = match verb {
            "HELLO" => {
                words.next().filter(|version| *version == "2")?;
                Self::Hello { nonce: words.next()?.parse().ok()? }
            }
            "LEASE" => Self::Lease {
                incarnation: words.next()?.parse().ok()?,
                client: words.next().filter(|word| !word.is_empty() && word.len() <= MAX_WORD)?.into(),
                mac: words.next()?.parse().ok()?,
            },
            "STOP-IF" => Self::StopIf {
                incarnation: words.next()?.parse().ok()?,
                mode: match words.next()? {
                    "idle" => StopMode::Idle,
                    "drain" => StopMode::Drain,
                    "force" => StopMode::Force,
                    _ => return None,
                },
                mac: words.next()?.parse().ok()?,
            },
            _ => return None,
        };
        words.next().is_none().then_some(command)
    }
}

impl fmt::Display for Command {
    /// The line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ping => f.write_str("PING"),
            Self::Status => f.write_str("STATUS"),
            Self::Heartbeat => f.write_str("HEARTBEAT"),
            Self::Stop => f.write_str("STOP"),
            Self::ReportHyperdError => f.write_str("REPORT_HYPERD_ERROR"),
            Self::Hello { nonce } => write!(f, "HELLO 2 {nonce}"),
            Self::Lease { incarnation, client, mac } => write!(f, "LEASE {incarnation} {client} {mac}"),
            Self::Release => f.write_str("RELEASE"),
            Self::StopIf { incarnation, mode, mac } => {
                write!(f, "STOP-IF {incarnation} {} {mac}", mode.name())
            }
            Self::Report2 { generation, reason } => {
                write!(f, "REPORT2 {generation} {}", reason.replace(char::is_control, " "))
            }
            Self::Unknown => f.write_str("?"),
        }
    }
}
