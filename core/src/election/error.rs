//! Why there is no daemon, whose fault that is, and what to do next.

use alloc::boxed::Box;

use super::Phase;
use crate::control::{StartReport, SystemError};

/// An election failed. Nothing was left locked or open; start another whenever there is reason to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ElectionError {
    /// Its time is over.
    #[error(
        "no daemon could be had in time{}; the election ended in its phase {phase}",
        .obstacle.map_or_else(alloc::string::String::new, |obstacle| alloc::format!(": {obstacle}"))
    )]
    Deadline {
        /// Where it was.
        phase: Phase,
        /// What stood in the way.
        obstacle: Option<Obstacle>,
    },
    /// The state folder or a lock in it cannot be used.
    #[error("the state folder cannot be used: {0}; check its owner, its permissions and the space left")]
    StateFolder(SystemError),
    /// The program could not be started as a daemon.
    #[error("the daemon's process could not be started: {0}")]
    Spawn(SystemError),
    /// The daemon that was started says why it is none.
    #[error("{0}")]
    Start(Box<StartReport>),
    /// Daemons die before they are ready.
    #[error(
        "{count} daemons were started and each ended {}; see `logs/daemon.log` in the state folder",
        if words.is_empty() { "without a word".into() } else { alloc::format!("before it was ready, the last with: {words}") }
    )]
    Spawns {
        /// How many.
        count: u8,
        /// What the last one said, at most [`MAX_WORDS`](crate::control::MAX_WORDS) bytes.
        words: Box<str>,
    },
    /// The state folder is shared, and its daemon runs on another machine or in another boot or container.
    #[error(
        "the daemon of this state folder runs on {host:?}, out of reach; use another folder here (HYPERDB_STATE_DIR)"
    )]
    Elsewhere {
        /// Where it says it runs.
        host: Box<str>,
    },
}

/// What kept an election waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// Another client is at it.
    #[error("another client is starting the daemon and does not get on")]
    SpawnLock,
    /// A daemon exists and does not serve.
    #[error(
        "a daemon holds the lock and does not answer where its record says; it may be starting, leaving or frozen"
    )]
    Holder,
    /// It answers and is not ready, or leaves.
    #[error("the daemon is starting, restarting its hyperd, or leaving while somebody still uses it")]
    NotReady,
    /// It said it was ready, and then hung up or said no more.
    #[error("the daemon ended or froze while it was being adopted")]
    Lost,
    /// A daemon of the same user that knows no locks is in the way.
    #[error("an older daemon serves this user and could not be adopted")]
    Legacy,
}
