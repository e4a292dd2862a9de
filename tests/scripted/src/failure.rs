//! Why a script did not run to its end.

use std::fmt;
use std::io;
use std::time::Duration;

use hyperwire_core::wire::{CancelKey, FrameError};

/// What a step of a script ran into.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The client sent something else.
    #[error("expected {expected}, found {found}")]
    Mismatch {
        /// What the script waited for.
        expected: String,
        /// What came.
        found: String,
    },
    /// The client sent nothing, or only the beginning of a message.
    #[error(
        "expected {expected}, but nothing more came for {waited:?} ({held} bytes of a message are there)"
    )]
    Silence {
        /// What the script waited for.
        expected: String,
        /// How long.
        waited: Duration,
        /// Bytes of an incomplete message that did come.
        held: usize,
    },
    /// The client closed or reset the connection.
    #[error("expected {expected}, but the client {how} the connection ({held} bytes of a message are there)")]
    Closed {
        /// What the script waited for.
        expected: String,
        /// `closed` or `reset`.
        how: &'static str,
        /// Bytes of an incomplete message that did come.
        held: usize,
    },
    /// The client sent bytes that are no message.
    #[error("expected {expected}, but the client broke the protocol: {error}")]
    Malformed {
        /// What the script waited for.
        expected: String,
        /// What is wrong with the bytes.
        error: FrameError,
    },
    /// The client did not take what the script sent.
    #[error("the client took none of the last {left} bytes for {waited:?}")]
    NotTaken {
        /// Bytes that are still here.
        left: usize,
        /// How long the script waited for the client to read.
        waited: Duration,
    },
    /// Nobody released a latch.
    #[error("the latch {latch:?} was not released within {waited:?}")]
    NotReleased {
        /// The latch's name.
        latch: &'static str,
        /// How long the script waited.
        waited: Duration,
    },
    /// The client did not prove that it knows the password.
    #[error("the client's password or proof is wrong")]
    WrongPassword,
    /// A CancelRequest opened a connection that the script wanted to treat as a session. The server counts it as a
    /// cancel, not as a failure.
    #[error("a CancelRequest for {0:?} came instead of a StartupMessage")]
    Cancel(CancelKey),
    /// The operating system refused.
    #[error("could not {doing}: {error}")]
    Io {
        /// What the script wanted to do.
        doing: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// The script panicked.
    #[error("the script panicked: {0}")]
    Panicked(String),
    /// The test finished, and no client ever came: nothing was tested.
    #[error("no client ever connected")]
    NobodyConnected,
    /// Scripts were still running when the test had waited long enough for their end.
    #[error("{sessions} scripts were still running {waited:?} after the test was done")]
    StillRunning {
        /// How many.
        sessions: usize,
        /// How long [`Server::finish`](super::Server::finish) waited.
        waited: Duration,
    },
    /// What a script itself found wrong.
    #[error("{0}")]
    Script(String),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Script(message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::Script(message.to_owned())
    }
}

/// Everything that went wrong on a server, with the number of the session it went wrong in.
#[derive(thiserror::Error)]
pub struct Failures(pub Vec<(Option<usize>, Failure)>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the scripted server reports:")?;
        for (session, failure) in &self.0 {
            match session {
                Some(number) => write!(f, "\n  session {number}: {failure}")?,
                None => write!(f, "\n  {failure}")?,
            }
        }
        Ok(())
    }
}

/// The same as [`Display`](fmt::Display), since `unwrap` in a test shows this one.
impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
