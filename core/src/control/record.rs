//! `daemon.json`: the file that advertises a daemon. It is a hint; whoever reads it verifies what it says.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use super::{Incarnation, Secret};
use crate::hyperd::{Endpoint, EndpointError};

/// What we call ourselves in PONG and in the record. Not a semantic version, on purpose; see
/// [`Reply::pong`](super::Reply::pong).
pub const VERSION: &str = concat!("hyperwire/", env!("CARGO_PKG_VERSION"));

/// What a daemon advertises, in `daemon.json` and in its answer to STATUS. The first five fields are those of
/// `hyperdb-mcp`, which ignores the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The daemon's process id.
    pub pid: u32,
    /// Where its hyperd listens.
    pub hyperd_endpoint: String,
    /// Where the daemon itself does, on 127.0.0.1.
    pub health_port: u16,
    /// When it started, in RFC 3339. Compared, never read.
    pub started_at: String,
    /// Which program it is.
    pub version: String,
    /// What only our daemons advertise.
    pub advertised: Option<Advertised>,
}

/// What a daemon of ours advertises beyond the fields of `hyperdb-mcp`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Advertised {
    /// Which run of which daemon.
    pub incarnation: Incarnation,
    /// How often it started its hyperd, counted from 1.
    pub generation: u32,
    /// What it was doing when it wrote this.
    pub phase: Phase,
    /// The machine and its boot: a record from elsewhere names ports that are not here.
    pub host: String,
    /// The key of the MACs; absent in an answer to STATUS.
    pub auth: Option<Secret>,
    /// Which program it is, in the words of `hyperdb-mcp` 1.0, whose `doctor` calls an answer to STATUS without it
    /// malformed.
    pub identity: Option<Identity>,
}

/// Which program a daemon is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Its version.
    pub mcp_version: String,
    /// The file that it runs.
    pub executable_path: ReportedPath,
}

/// A path for the eyes of a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReportedPath {
    /// The path, at most [`MAX_REPORTED_PATH`] bytes of it.
    pub display: String,
    /// `utf8`, or `lossy` if the path is not UTF-8.
    pub encoding: String,
}

/// The longest path that is reported, in bytes. `hyperdb-mcp` cuts it there too.
pub const MAX_REPORTED_PATH: usize = 4096;

impl Identity {
    /// This program, running this file. `executable` is `None` where its path is not UTF-8 or not known.
    #[must_use]
    pub fn new(executable: Option<&str>) -> Self {
        let mut display = executable.unwrap_or_default().to_owned();
        while display.len() > MAX_REPORTED_PATH {
            display.pop();
        }
        let encoding = if executable.is_some() { "utf8" } else { "lossy" };
        Self {
            mcp_version: VERSION.to_owned(),
            executable_path: ReportedPath { display, encoding: encoding.to_owned() },
        }
    }
}

/// What a daemon is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It holds nothing yet.
    Boot,
    /// It holds the lock: it is the daemon.
    Locked,
    /// It answers, and its hyperd starts.
    Listening,
    /// Its hyperd runs, and it is about to say so.
    EngineUp,
    /// It grants leases.
    Ready,
    /// It waits for the last lease to end.
    Draining,
    /// It is over.
    Gone,
}

impl Phase {
    /// The word on a line and in the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Locked => "locked",
            Self::Listening => "listening",
            Self::EngineUp => "engine-up",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Gone => "gone",
        }
    }

    /// What [`Self::name`] gave.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Boot, Self::Locked, Self::Listening, Self::EngineUp, Self::Ready, Self::Draining, Self::Gone]
            .into_iter()
            .find(|phase| phase.name() == name)
    }
}

/// A text is not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the record of a daemon: {0}")]
pub struct RecordError(String);

impl Record {
    /// Reads a record, or a daemon's answer to STATUS. Fields that we do not know are ignored; without the fields
    /// that only ours have, or with ones that make no sense, it is that of another kind of daemon.
    ///
    /// # Errors
    /// The text lacks what every record has.
    pub fn parse(text: &[u8]) -> Result<Self, RecordError> {
        serde_json::from_slice::<Wire>(text).map(Self::from).map_err(|error| RecordError(error.to_string()))
    }

    /// The file's text: with the secret, so only its owner may read the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&Wire::from(self.clone())).unwrap_or_default()
    }

    /// The same on one line with the secret, for the pipe between a daemon and who started it.
    #[must_use]
    pub(super) fn to_secret_line(&self) -> String {
        serde_json::to_string(&Wire::from(self.clone())).unwrap_or_default()
    }

    /// Where its hyperd listens, in any of the spellings that daemons use: hyperd's own, `<host>:<port>` (`hyperdb-mcp`
    /// 0.7.3), or the path of a domain socket (its successor).
    ///
    /// # Errors
    /// It is none of them.
    pub fn endpoint(&self) -> Result<Endpoint, EndpointError> {
        let text = self.hyperd_endpoint.as_str();
        if text.starts_with('/') {
            Endpoint::domain(text)
        } else if text.contains("://") {
            text.parse()
        } else {
            alloc::format!("tab.tcp://{text}").parse()
        }
    }

    /// Which run of which daemon, if it is one of ours.
    #[must_use]
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.advertised.as_ref().map(|advertised| advertised.incarnation)
    }

    /// Whether both come from the same run of the same daemon: by incarnation where there is one, else by what a
    /// `hyperdb-mcp` daemon never changes while it lives.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        match (self.incarnation(), other.incarnation()) {
            (None, None) => {
                (self.pid, self.health_port, &self.started_at)
                    == (other.pid, other.health_port, &other.started_at)
            }
            (left, right) => left == right,
        }
    }
}

/// The file's fields. An unknown phase, a secret of the wrong length and the like must not make a record unreadable.
#[derive(Serialize, Deserialize)]
pub(super) struct Wire {
    pid: u32,
    hyperd_endpoint: String,
    health_port: u16,
    started_at: String,
    version: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    incarnation: Option<Incarnation>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    generation: Option<u32>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    phase: Option<Phase>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(super) auth: Option<Secret>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    identity: Option<Identity>,
}

fn lenient<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: serde::de::DeserializeOwned,
    D: serde::Deserializer<'de>,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

impl From<Wire> for Record {
    fn from(wire: Wire) -> Self {
        let advertised = match (wire.incarnation, wire.generation, wire.phase, wire.host) {
            (Some(incarnation), Some(generation), Some(phase), Some(host)) => {
                let (auth, identity) = (wire.auth, wire.identity);
                Some(Advertised { incarnation, generation, phase, host, auth, identity })
            }
            _ => None,
        };
        Self {
            pid: wire.pid,
            hyperd_endpoint: wire.hyperd_endpoint,
            health_port: wire.health_port,
            started_at: wire.started_at,
            version: wire.version,
            advertised,
        }
    }
}

impl From<Record> for Wire {
    fn from(record: Record) -> Self {
        let advertised = record.advertised;
        let own = advertised.as_ref();
        Self {
            pid: record.pid,
            hyperd_endpoint: record.hyperd_endpoint,
            health_port: record.health_port,
            started_at: record.started_at,
            version: record.version,
            incarnation: own.map(|own| own.incarnation),
            generation: own.map(|own| own.generation),
            phase: own.map(|own| own.phase),
            auth: own.and_then(|own| own.auth),
            identity: own.and_then(|own| own.identity.clone()),
            host: advertised.map(|own| own.host),
        }
    }
}
