//! The daemon: the process that owns one hyperd and lets the programs of one user share it. Unix only.
//!
//! [`Daemon::run`] is that process, driven by [`hyperwire_core::daemon`]. Programs do not call it; they use
//! [`SharedHyperd`](crate::shared::SharedHyperd), which finds the daemon of a [`Place`] or starts it. [`look`] and
//! [`stop`] are for a person who asks.
//!
//! What is in the state folder:
//!
//! | file | what it is |
//! |---|---|
//! | `daemon.lock` | whoever holds the lock on it is the daemon; its hyperd inherits the lock. Never deleted |
//! | `spawn.lock` | held while a program starts a daemon |
//! | `creating.lock` | held while a program creates a database |
//! | `daemon.json` | the record: where the daemon and its hyperd listen, and a secret; for its owner only |
//! | `sockets/` | hyperd's domain socket, in a folder for each run of the daemon |
//! | `logs/` | of the daemon and of hyperd |

mod connections;
mod door;
mod engine;
mod host;
mod look;
mod owner;
mod place;
mod port;
mod probes;
mod serve;
mod spawn;
mod state_folder;
mod system_error;
mod timestamp;
mod worker;

/// For runtimes that hold an election of their own: what it asks of the system besides waiting.
pub mod ground {
    pub use super::host::name as host_name;
    pub use super::owner::of_peer as owner_of_peer;
    pub use super::port::{NoAnswer, fresh_nonce};
    pub use super::spawn::spawn;
    pub use super::state_folder::StateFolder;
    pub use super::system_error::system_error;
    pub use crate::inherit::close_inherited;
}

pub use look::{Answers, Sight, StopError, Stopped, look, look_at_ports, stop};
pub use place::{Place, PlaceError};
pub use serve::{Daemon, RunError, Settings, StopHandle};
pub use timestamp::rfc3339;

pub(crate) use host::name as host_name;
pub(crate) use port::{Link, exchange, hello};
pub(crate) use probes::Probes;
pub(crate) use spawn::spawn;
pub(crate) use state_folder::StateFolder;
pub(crate) use system_error::system_error;
