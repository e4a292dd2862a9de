//! What a daemon says of itself to STATUS: its record, and what a person who looks wants to know.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::record::Wire;
use super::{Record, RecordError};

/// How many leases are named at most, the oldest ones: the answer has to fit into a line
/// ([`MAX_LINE`](super::MAX_LINE)).
pub const MAX_NAMED_LEASES: usize = 100;

/// The answer to STATUS. A daemon of `hyperdb-mcp` gives the record only; a `hyperdb-mcp` client reads only that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What the record says too, without the secret.
    pub record: Record,
    /// What only our daemons tell.
    pub details: Option<Details>,
}

/// What our daemons tell besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Details {
    /// Seconds since it started.
    pub uptime_s: u64,
    /// The process id of its hyperd, while one runs.
    pub engine_pid: Option<u32>,
    /// How often hyperd was started again.
    pub restarts: u32,
    /// How many leases are held.
    pub lease_count: usize,
    /// The first [`MAX_NAMED_LEASES`] of them, oldest first.
    pub leases: Vec<Lease>,
}

/// A lease that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lease {
    /// Its number.
    pub id: u32,
    /// What its holder calls itself.
    pub client: String,
    /// For how many seconds.
    pub held_s: u64,
}

impl Status {
    /// Of a daemon that tells no more than its record.
    #[must_use]
    pub fn new(record: Record, details: Option<Details>) -> Self {
        Self { record, details }
    }

    /// Reads a daemon's answer. Details that make no sense are none.
    ///
    /// # Errors
    /// The text lacks what every record has.
    pub fn parse(text: &[u8]) -> Result<Self, RecordError> {
        let record = Record::parse(text)?;
        Ok(Self { record, details: serde_json::from_slice(text).ok() })
    }

    /// The line, without its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(flatten)]
            record: Wire,
            #[serde(flatten)]
            details: Option<&'a Details>,
        }
        let mut record = Wire::from(self.record.clone());
        record.auth = None;
        serde_json::to_string(&Line { record, details: self.details.as_ref() }).unwrap_or_default()
    }
}
