//! What a daemon wants done and what it is told.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use super::Connection;
use crate::control::{
    DrainReason, Incarnation, LockBody, LockTry, Probe, Process, Record, RecordRead, Reply, StartReport,
    SystemError,
};

/// Something for the runtime to do. Those with an [`Answer`] are bounded by the runtime.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// Create the state folder (for its owner only) and `daemon.lock`, try its exclusive lock without waiting, and
    /// check that the path still names the locked file. The handle stays open until the process ends and is inherited
    /// by hyperd. Answer: [`Answer::Lock`].
    TryLock,
    /// Is this process alive? Answer: [`Answer::Orphan`].
    FindProcess(Process),
    /// Ask a port PING, and STATUS if that is answered, within [`SCAN_WITHIN`](crate::control::SCAN_WITHIN). Ask those of
    /// [`Daemon::ports_ahead`](super::Daemon::ports_ahead) at the same time, and keep their answers until they are wanted
    /// or something else is. Answer: [`Answer::Probe`].
    Probe {
        /// Which.
        port: u16,
    },
    /// Bind 127.0.0.1 and listen, without the option that lets two do so; accept and hand connections in from now on.
    /// Answer: [`Answer::Listening`].
    Listen {
        /// Which.
        port: u16,
    },
    /// Start hyperd with the lock inherited, in the socket folder of this incarnation; wait until it reports its
    /// endpoint, 70 s at most. When that process ends later, call [`Daemon::engine_exited`](super::Daemon::engine_exited).
    /// Answer: [`Answer::Started`].
    StartEngine {
        /// The how-manieth start this is.
        generation: u32,
    },
    /// Write the record under its temporary name, for its owner only, and rename it to `daemon.json`; create the state
    /// folder if it is gone. Answer: [`Answer::Published`].
    Publish {
        /// The record.
        record: Arc<Record>,
        /// The name to write it under first, in the same folder.
        temporary: String,
    },
    /// Delete `daemon.json` if it is that of this incarnation. Answer: [`Answer::Removed`], whatever came of it.
    RemoveRecord {
        /// Whose record may be deleted; `None`, in a known mistake only: anybody's.
        of: Option<Incarnation>,
    },
    /// Does the path of `daemon.lock` still name the locked file, and what is in `daemon.json`? Answer:
    /// [`Answer::Files`].
    CheckFiles,
    /// Is hyperd's process there, and does it let somebody in within
    /// [`ENGINE_ANSWERS_WITHIN`](super::ENGINE_ANSWERS_WITHIN)? Answer:
    /// [`Answer::Engine`].
    ProbeEngine,
    /// How many sessions does hyperd serve, apart from ours? Answer: [`Answer::Sessions`].
    CountSessions,
    /// Close hyperd's callback connection, wait 5 s, then terminate, then kill it. Answer: [`Answer::Stopped`], when
    /// the process is gone.
    StopEngine,
    /// Write this into `daemon.lock`, best effort.
    Describe(Box<LockBody>),
    /// Write this to the pipe of whoever started the process, if there is one, and close it.
    Announce(StartReport),
    /// Write a line to a connection, in the order of these effects.
    Send {
        /// Which.
        to: Connection,
        /// The line.
        reply: Reply,
    },
    /// Close a connection once what was sent is written.
    Close(Connection),
    /// Accept no more connections and free the port; the open ones stay.
    CloseListener,
    /// End the process. The lock goes with it.
    Exit(Exit),
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// Of [`Effect::TryLock`].
    Lock(LockTry),
    /// Of [`Effect::FindProcess`].
    Orphan {
        /// Whether it is.
        alive: bool,
    },
    /// Of [`Effect::Probe`].
    Probe(Probe),
    /// Of [`Effect::Listen`].
    Listening(Result<(), SystemError>),
    /// Of [`Effect::StartEngine`]: where it listens and which process it is, or why it does not run.
    Started(Result<(Arc<str>, Process), Box<str>>),
    /// Of [`Effect::Publish`].
    Published(Result<(), SystemError>),
    /// Of [`Effect::RemoveRecord`].
    Removed,
    /// Of [`Effect::CheckFiles`].
    Files {
        /// The lock.
        lock: LockWatch,
        /// The record.
        record: RecordRead,
    },
    /// Of [`Effect::ProbeEngine`].
    Engine(EngineProbe),
    /// Of [`Effect::CountSessions`]; `None` where the system does not tell.
    Sessions(Option<u32>),
    /// Of [`Effect::StopEngine`].
    Stopped,
}

/// What became of the lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockWatch {
    /// The path names the file that is locked.
    Intact,
    /// It names another, or none: somebody may hold "the" lock as well.
    Lost,
}

/// What became of hyperd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineProbe {
    /// It answers.
    Alive,
    /// Its process is there and does not answer. It may be saturated.
    Silent,
    /// Its process is gone.
    Exited,
}

/// How a daemon ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Exit {
    /// It drained.
    #[error("the daemon left: {0}")]
    Drained(DrainReason),
    /// It did not start.
    #[error("{0}")]
    NotStarted(StartReport),
}

impl Exit {
    pub(super) fn report(&self) -> StartReport {
        if let Self::NotStarted(report) = self { report.clone() } else { StartReport::Stopped }
    }
}

/// Why a daemon wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Timer {
    /// Effects are queued: take them out now.
    #[error("effects are queued")]
    Queued,
    /// The lock was held: it may have been a client that looked.
    #[error("time to try the lock again")]
    Lock,
    /// The hyperd of a daemon that died still runs.
    #[error("time to look again for the hyperd of a daemon that died")]
    Orphan,
    /// Are lock and record still what they should be?
    #[error("time to check the lock, the record and the ports below")]
    SelfCheck,
    /// Nobody uses it.
    #[error("nobody used the daemon for as long as its operator allows")]
    Idle,
    /// hyperd did not answer: ask again.
    #[error("time to ask hyperd again")]
    EngineProbe,
    /// hyperd did not start: try again.
    #[error("time to start hyperd again")]
    Restart,
    /// Sessions without a lease are open: count again.
    #[error("time to count the sessions again")]
    Sessions,
    /// They had their time.
    #[error("sessions without a lease had their time")]
    Strays,
    /// The operator's limit.
    #[error("leaving took as long as the operator allows")]
    DrainLimit,
}

impl Timer {
    pub(super) const ALL: [Self; 10] = [
        Self::Queued,
        Self::Lock,
        Self::Orphan,
        Self::SelfCheck,
        Self::Idle,
        Self::EngineProbe,
        Self::Restart,
        Self::Sessions,
        Self::Strays,
        Self::DrainLimit,
    ];
}
