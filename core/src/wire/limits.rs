//! How much a peer may ask of us.

use super::{LimitExceeded, LimitKind};

/// Bounds on what one peer can make this side hold or compute. All are checked before anything is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one message, its length word included. Default 256 MiB: hyperd was seen to send a single value of
    /// 150 MB as one DataRow.
    pub message_length: u32,
    /// Columns of one result. Default 16 384: hyperd refuses somewhere between 5 000 and 40 000.
    pub columns: u16,
    /// SCRAM iterations. Default 100 000, about 0.1 s of computing; hyperd asks for 4 096.
    pub scram_iterations: u32,
    /// Settings that the server may report during start-up. Default 256; hyperd reports 17.
    pub settings: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_length: 256 << 20, columns: 16_384, scram_iterations: 100_000, settings: 256 }
    }
}

impl Limits {
    pub(crate) fn check(what: LimitKind, found: u64, limit: u64) -> Result<(), LimitExceeded> {
        if found > limit { Err(LimitExceeded { what, found, limit }) } else { Ok(()) }
    }
}
