//! What looking at a port, a file or a lock can show. Runtimes look; the machines judge.

use alloc::sync::Arc;

use super::{Incarnation, LockBody, Record};

/// The answer of one port of 127.0.0.1 to PING and, if a daemon says PONG, to STATUS. One deadline for all of it:
/// [`SCAN_WITHIN`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Probe {
    /// A daemon answered both.
    Daemon {
        /// What it says of itself.
        record: Arc<Record>,
        /// Whose process it is.
        owner: Owner,
    },
    /// Something answered that is no daemon, or closed the connection.
    Foreign,
    /// Nobody listens. The only answer that means so.
    Refused,
    /// The connection or an answer did not come in time. A slow or frozen daemon looks like this; so does a port
    /// behind a packet filter.
    Silent,
    /// This system could not even ask.
    Error(SystemError),
}

/// Whose process is at the other end of a loopback connection, as far as the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The user that asks.
    SameUser,
    /// Somebody else.
    OtherUser,
    /// The system does not tell.
    Unknown,
}

/// How a system call failed, as far as it matters to a decision or a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// EACCES, EPERM.
    #[error("permission denied")]
    Permission,
    /// ENOSPC, EDQUOT.
    #[error("no space left")]
    NoSpace,
    /// EROFS.
    #[error("the file system is read-only")]
    ReadOnly,
    /// Somebody else can replace what is in the folder.
    #[error("others than its owner can write to it (`chmod go-w`)")]
    Exposed,
    /// ENAMETOOLONG.
    #[error("its path is too long")]
    TooLong,
    /// ENOENT, ENOTDIR.
    #[error("no such file or folder")]
    NotFound,
    /// EMFILE, ENFILE, EAGAIN of fork and the like.
    #[error("the system is out of a resource")]
    Exhausted,
    /// Any other; the runtime's log has it.
    #[error("system error {0}")]
    Other(i32),
}

/// What reading `daemon.json` gave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RecordRead {
    /// A record.
    Found(Arc<Record>),
    /// No file.
    Missing,
    /// A file that is no record, or that cannot be read.
    Unreadable,
}

/// What trying a lock gave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LockTry {
    /// It is ours now, and the locked file is still the one at its path. For `daemon.lock`: what the last holder had
    /// written there.
    Locked(Option<Arc<LockBody>>),
    /// Somebody has it, or the file at the path was replaced meanwhile.
    Held,
    /// It cannot be had.
    Error(SystemError),
}

/// What looking at `daemon.lock` without keeping it gave: try a *shared* lock and release it at once, so that two who
/// look do not see each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LockTest {
    /// Nobody has it.
    Free,
    /// Somebody has it, and wrote this.
    Held(Option<Arc<LockBody>>),
    /// It cannot be looked at.
    Error(SystemError),
}

impl Probe {
    /// The record of a daemon without leases that serves this user out of this state folder, if that is what answered.
    /// Nobody else may be adopted, stopped or given way to. A daemon on TCP does not show its folder; its user decides
    /// then.
    #[must_use]
    pub fn legacy(&self, state_folder: &str) -> Option<&Arc<Record>> {
        let Self::Daemon { record, owner: Owner::SameUser } = self else { return None };
        let endpoint = record.hyperd_endpoint.as_str();
        let path = endpoint.strip_prefix("tab.domain://").unwrap_or(endpoint);
        let elsewhere = path.starts_with('/')
            && !path
                .strip_prefix(state_folder.trim_end_matches('/'))
                .is_some_and(|rest| rest.starts_with('/'));
        (record.advertised.is_none() && !elsewhere).then_some(record)
    }
}

impl RecordRead {
    /// Whose record it is, if it is one of ours.
    #[must_use]
    pub fn incarnation(&self) -> Option<Incarnation> {
        if let Self::Found(record) = self { record.incarnation() } else { None }
    }
}

/// How long a look at the ports may take, connecting included, however many of them keep silent: all are asked at once.
///
/// A cold start looks three times: the client, the daemon that it starts, and the client below that daemon. So silence costs it
/// one second and a half. That is longer than `hyperdb-mcp` gives its own daemon (300 ms for each answer). A daemon that is slower
/// still is not harmed: ours sees it at its next self-check and gives way.
pub const SCAN_WITHIN: core::time::Duration = core::time::Duration::from_millis(500);
/// How long connecting to a loopback port may take. It takes microseconds or means nothing.
pub const PROBE_CONNECT: core::time::Duration = core::time::Duration::from_millis(250);
/// How long one answer may take.
pub const PROBE_REPLY: core::time::Duration = core::time::Duration::from_secs(1);
