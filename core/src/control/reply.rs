//! What a daemon says.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::{Incarnation, Mac, Nonce, Phase, VERSION};

/// The word that tells a daemon of this protocol from any other service (`hyperdb-mcp`, `PONG_TOKEN`).
const TOKEN: &str = "hyperdb-mcp";

/// A reply line, or a pushed one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reply {
    /// To PING.
    Pong {
        /// The version of the daemon; empty if it does not say.
        version: Box<str>,
    },
    /// To STATUS: JSON; see [`Record::parse`](super::Record::parse).
    Status(Box<str>),
    /// Done, or noted.
    Ok,
    /// To STOP and STOP-IF.
    Stopping,
    /// To HELLO.
    Hello {
        /// Who answers.
        incarnation: Incarnation,
        /// How often its hyperd was started.
        generation: u32,
        /// What it is about to do.
        phase: Phase,
        /// The server's random bits.
        nonce: Nonce,
        /// [`Transcript::hello`](super::Transcript::hello).
        mac: Mac,
    },
    /// To LEASE: granted.
    Leased {
        /// Its number, for the eyes of a person.
        id: u32,
    },
    /// To LEASE: refused; or pushed: leave when your query has ended.
    Draining(DrainReason),
    /// To LEASE and STOP-IF: you mean another one, I am this.
    NotMe(Incarnation),
    /// Anything that went wrong; the text is for the eyes of a person.
    Err(Box<str>),
}

/// Why a daemon takes no new leases and waits for the last one to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DrainReason {
    /// Somebody said STOP or STOP-IF, or the system asked.
    #[error("it was told to stop")]
    Stop,
    /// Nobody used it for the time that its operator set.
    #[error("nobody used it")]
    Idle,
    /// It was to retire as soon as nobody uses it.
    #[error("it was to retire once idle")]
    Retired,
    /// Another daemon, which knows no leases, serves the same user; it cannot give way, this one can.
    #[error("an older daemon serves the same user")]
    Legacy,
    /// Its lock file was deleted or replaced: it cannot be sure to be the only daemon any more.
    #[error("its lock file was deleted or replaced")]
    LockLost,
    /// Its hyperd ended too often, or did not start again.
    #[error("its hyperd keeps ending")]
    EngineLost,
    /// It can take no more connections.
    #[error("its listener failed")]
    ListenerLost,
}

impl DrainReason {
    /// The word on the line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Idle => "idle",
            Self::Retired => "retired",
            Self::Legacy => "legacy",
            Self::LockLost => "lock-lost",
            Self::EngineLost => "engine-lost",
            Self::ListenerLost => "listener-lost",
        }
    }

    /// A word that a later version may have added reads as [`Self::Stop`]: what to do is the same.
    fn from_name(name: &str) -> Self {
        [Self::Idle, Self::Retired, Self::Legacy, Self::LockLost, Self::EngineLost, Self::ListenerLost]
            .into_iter()
            .find(|reason| reason.name() == name)
            .unwrap_or(Self::Stop)
    }
}

impl Reply {
    /// Our own answer to PING. Its version is none that `hyperdb-mcp` can compare, so it adopts us whatever its own
    /// is, and never takes over.
    #[must_use]
    pub fn pong() -> Self {
        Self::Pong { version: VERSION.into() }
    }

    /// The answer to what a daemon of this protocol does not know.
    #[must_use]
    pub fn unknown() -> Self {
        Self::Err("unknown command".into())
    }

    /// Reads a line that [`LineDecoder`](super::LineDecoder) cut out; `None` if it is none of this protocol.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.starts_with('{') {
            return Some(Self::Status(line.into()));
        }
        if let Some(text) = line.strip_prefix("ERR ") {
            return Some(Self::Err(text.into()));
        }
        let mut words = line.split_whitespace();
        let verb = words.next()?;
        let reply = match verb {
            "OK" => Self::Ok,
            "STOPPING" => Self::Stopping,
            "PONG" => {
                words.next().filter(|token| *token == TOKEN)?;
                return Some(Self::Pong { version: words.next().unwrap_or_default().into() });
            }
            "HELLO" => {
                words.next().filter(|version| *version == "2")?;
                Self::Hello {
                    incarnation: words.next()?.parse().ok()?,
                    generation: words.next()?.parse().ok()?,
                    phase: Phase::from_name(words.next()?)?,
                    nonce: words.next()?.parse().ok()?,
                    mac: words.next()?.parse().ok()?,
                }
            }
            "LEASED" => Self::Leased { id: words.next()?.parse().ok()? },
            "DRAINING" => {
                return Some(Self::Draining(DrainReason::from_name(words.next().unwrap_or_default())));
            }
            "NOTME" => Self::NotMe(words.next()?.parse().ok()?),
            _ => return None,
        };
        words.next().is_none().then_some(reply)
    }
}

impl fmt::Display for Reply {
    /// The line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pong { version } => write!(f, "PONG {TOKEN} {version}"),
            Self::Status(json) => f.write_str(json),
            Self::Ok => f.write_str("OK"),
            Self::Stopping => f.write_str("STOPPING"),
            Self::Hello { incarnation, generation, phase, nonce, mac } => {
                write!(f, "HELLO 2 {incarnation} {generation} {} {nonce} {mac}", phase.name())
            }
            Self::Leased { id } => write!(f, "LEASED {id}"),
            Self::Draining(reason) => write!(f, "DRAINING {}", reason.name()),
            Self::NotMe(incarnation) => write!(f, "NOTME {incarnation}"),
            Self::Err(text) => write!(f, "ERR {text}"),
        }
    }
}

impl Reply {
    /// The bytes on the wire.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = alloc::string::ToString::to_string(self);
        line.push('\n');
        line
    }
}
