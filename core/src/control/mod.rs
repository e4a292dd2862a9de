//! The line protocol between a daemon and its clients, and the files that lead one to the other.
//!
//! A daemon owns one hyperd and lets the programs of one user share it. It answers on a loopback port, one line for
//! one line. Five verbs are those of `hyperdb-mcp`, byte for byte, so that its programs and ours share a daemon:
//!
//! | request | reply |
//! |---|---|
//! | `PING` | `PONG hyperdb-mcp <version>` |
//! | `STATUS` | the [`Record`] as one line of JSON, without its secret; ours adds what [`Status`] has |
//! | `HEARTBEAT` | `OK` |
//! | `STOP` | `STOPPING` |
//! | `REPORT_HYPERD_ERROR` | `OK` |
//! | anything else | `ERR unknown command` |
//!
//! The others are ours; a daemon that lacks them says `ERR unknown command`:
//!
//! | request | reply |
//! |---|---|
//! | `HELLO 2 <nonce>` | `HELLO 2 <incarnation> <generation> <phase> <nonce> <mac>` |
//! | `LEASE <incarnation> <client> <mac>` | `LEASED <id>`, `DRAINING <reason>`, `NOTME <incarnation>` |
//! | `RELEASE` | `OK` |
//! | `STOP-IF <incarnation> idle\|drain\|force <mac>` | `STOPPING`, `OK` (later, once idle), `NOTME <incarnation>` |
//! | `REPORT2 <generation> <reason>` | `OK` |
//! | pushed to a lease holder | `DRAINING <reason>` |
//!
//! The secret in the record, which only its owner can read, keys the MACs: the server proves itself first, and says
//! nothing that would prove it on another port.

mod command;
mod host;
mod incarnation;
mod line;
mod lock_body;
mod mac;
mod mutant;
mod place;
mod probe;
mod record;
mod reply;
mod start_report;
mod status;

#[cfg(test)]
mod tests;

pub use command::{Command, StopMode};
pub use host::is_same_machine;
pub use incarnation::{Incarnation, Nonce, NotHex, Secret};
pub use line::{LineDecoder, LineError, MAX_LINE};
pub use lock_body::{LockBody, Process};
pub use mac::{Mac, Transcript};
#[cfg(not(hyperwire_mutants))]
pub(crate) use mutant::Mutant;
#[cfg(hyperwire_mutants)]
#[doc(hidden)]
pub use mutant::Mutant;
pub(crate) use mutant::Mutation;
pub use place::{
    BASE_PORT, DAEMON_LOCK, ENV_DAEMON_PORT, ENV_IDLE_TIMEOUT, ENV_STATE_DIR, PORT_SPAN, Ports, RECORD,
    SPAWN_LOCK, STATE_DIR_NAME, VariableError, idle_timeout, is_socket_folder, socket_folder,
    temporary_record,
};
pub use probe::{
    LockTest, LockTry, Owner, PROBE_CONNECT, PROBE_REPLY, Probe, RecordRead, SCAN_WITHIN, SystemError,
};
pub use record::{
    Advertised, Identity, MAX_REPORTED_PATH, Phase, Record, RecordError, ReportedPath, VERSION,
};
pub use reply::{DrainReason, Reply};
pub use start_report::{MAX_WORDS, ReportReader, StartReport};
pub use status::{Details, Lease, MAX_NAMED_LEASES, Status};
