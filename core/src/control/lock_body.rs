//! What the holder writes into its lock file, for whoever finds the lock held. Only the lock itself counts.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::{Incarnation, Phase};

/// A process that cannot be taken for another which later got its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// When it started, in the system's own units. Compared, never read.
    pub started: u64,
}

/// The text in `daemon.lock`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LockBody {
    /// The machine and its boot. A holder elsewhere, on a shared file system, is reported and never overridden.
    pub host: String,
    /// The daemon.
    pub daemon: Process,
    /// Its hyperd, once it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Process>,
    /// Which run of which daemon.
    pub incarnation: Incarnation,
    /// What it does.
    pub phase: Phase,
    /// Where it answers, once it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl LockBody {
    /// Reads the file's text; `None` if it is empty, half written or from a later version. That is no error: the
    /// lock counts, not its text.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// The file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
