//! What an election wants done, what it is told, and what it says.

use alloc::sync::Arc;

use super::ElectionError;
use crate::control::{
    Command, DrainReason, LockTest, LockTry, Nonce, Probe, Record, RecordRead, Reply, SystemError,
};

/// Something for the runtime to do. Those with an [`Answer`] are bounded by the runtime: file operations by nature,
/// a conversation by [`PROBE_CONNECT`](crate::control::PROBE_CONNECT) and [`PROBE_REPLY`](crate::control::PROBE_REPLY).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// Read `daemon.json`. Answer: [`Answer::Record`].
    ReadRecord,
    /// Ask a port PING, and STATUS if that is answered, within [`SCAN_WITHIN`](crate::control::SCAN_WITHIN); close the
    /// connection. Ask those of [`Election::ports_ahead`](super::Election::ports_ahead) at the same time, and keep their
    /// answers until they are wanted or something else is. Answer: [`Answer::Probe`].
    Probe {
        /// Which.
        port: u16,
    },
    /// Connect to a port, say HELLO with a fresh nonce, read one line; leave the connection open if the line is a reply
    /// of the protocol. Answer: [`Answer::Hello`].
    Hello {
        /// Which.
        port: u16,
    },
    /// Write a line to that connection. What comes back goes to [`Election::handle_line`](super::Election::handle_line).
    Say(Command),
    /// Close that connection.
    HangUp,
    /// Say HEARTBEAT to a port, on a connection of its own, and forget it.
    Heartbeat {
        /// Which.
        port: u16,
    },
    /// Try the exclusive lock on `spawn.lock`, creating folder and file; do not wait. Answer: [`Answer::SpawnLock`].
    TryLock,
    /// Release it.
    Unlock,
    /// Look whether `daemon.lock` is held. Answer: [`Answer::DaemonLock`].
    TestLock,
    /// Start a daemon: detached, with a pipe for its [`StartReport`](crate::control::StartReport). A pipe of an earlier
    /// one is dropped. Answer: [`Answer::Spawned`].
    Spawn,
}

impl Effect {
    /// Whether it has an [`Answer`].
    #[must_use]
    pub fn is_answered(&self) -> bool {
        !matches!(self, Self::Say(_) | Self::HangUp | Self::Heartbeat { .. } | Self::Unlock)
    }
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// Of [`Effect::ReadRecord`].
    Record(RecordRead),
    /// Of [`Effect::Probe`].
    Probe(Probe),
    /// Of [`Effect::Hello`].
    Hello(Greeting),
    /// Of [`Effect::TryLock`].
    SpawnLock(LockTry),
    /// Of [`Effect::TestLock`].
    DaemonLock(LockTest),
    /// Of [`Effect::Spawn`].
    Spawned(Result<(), SystemError>),
}

/// What answered HELLO.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Greeting {
    /// A line of the protocol; the connection is open.
    Reply {
        /// What HELLO carried.
        nonce: Nonce,
        /// The line.
        reply: Reply,
    },
    /// Something else, or the end of the connection.
    Foreign,
    /// Nobody listens.
    Refused,
    /// Connection or line did not come in time.
    Silent,
    /// This system could not even ask.
    Error(SystemError),
}

/// Something that happened, for the client's owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// There is a daemon; its record says where its hyperd listens.
    Adopted {
        /// The record.
        record: Arc<Record>,
        /// The lease; `None` from a daemon that knows none, which may stop whenever another client says so.
        lease: Option<u32>,
    },
    /// The daemon leaves once this client does: end what runs, start nothing new on it. When
    /// [`Election::end`](super::Election::end) is called, another is looked for.
    Draining(DrainReason),
    /// The daemon is gone, and its hyperd with it; another is being looked for, or will be once nothing runs.
    Lost,
    /// There is no daemon.
    Failed(ElectionError),
}

/// Where an election is: the steps of the de-duplication that `hyperdb-mcp` introduced, each made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Not begun, or given up.
    Off,
    /// Looking: at the record, the locks, the ports from the lowest up.
    Scan,
    /// Starting a daemon.
    Spawn,
    /// For a daemon that was started, or for whoever holds a lock.
    Wait,
    /// Looking below the port of a daemon that is not on the lowest.
    RescanLower,
    /// Telling that one to retire.
    Stop,
    /// Asking for a lease.
    Adopt,
    /// Done.
    Adopted,
    /// Not done.
    Failed,
}

impl core::fmt::Display for Phase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Scan => "scan",
            Self::Spawn => "spawn",
            Self::Wait => "wait",
            Self::RescanLower => "rescan-lower",
            Self::Stop => "stop",
            Self::Adopt => "adopt",
            Self::Adopted => "adopted",
            Self::Failed => "failed",
        })
    }
}

/// Why an election wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Timer {
    /// Effects or events are queued: take them out now.
    #[error("effects or events are queued")]
    Queued,
    /// The election's own deadline.
    #[error("no daemon could be had in time")]
    Election,
    /// Time to look again.
    #[error("time to look for the daemon again")]
    Poll,
    /// A daemon does not answer on its connection.
    #[error("the daemon did not answer in time")]
    Reply,
    /// Time to tell a daemon without leases that it is in use.
    #[error("time for a heartbeat")]
    Heartbeat,
}
