//! What stands in front of the SDK: lines out of bytes, and an answer for whatever the SDK cannot read.
//!
//! The SDK drops what it cannot parse, and a client then waits for ever. Here, a scanner that no byte can stop reads the
//! `id`, so that everything that carries one is answered with it. No I/O and no clock: the same code serves standard
//! input, HTTP bodies and the fuzzer. It needs nothing but serde and serde_json.

mod lines;
mod outline;
mod verdict;

pub(crate) use lines::{Line, Lines};
pub(crate) use outline::{Id, Scanner, Shape};
pub(crate) use verdict::{Refusal, Verdict, judge, too_long};

/// How long a message may be, in bytes, its line end not counted. The SDK's own limit.
pub(crate) const LONGEST: usize = 16 << 20;
