use std::path::PathBuf;
use std::time::Duration;

/// Something that must never be, in words for whoever looks for the cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("two engines at once: {second} started {overlap:?} before the end of {first}")]
    TwoEngines { first: u32, second: u32, overlap: Duration },
    #[error("two {what} were seen at once, twice in a row: {processes}")]
    TwoAtOnce { what: &'static str, processes: String },
    #[error("engine {engine} is gone without having ended in order, and no fault killed it")]
    EngineVanished { engine: u32 },
    #[error("{started} engines were started where {allowed} are accounted for")]
    TooManyEngines { started: usize, allowed: usize },
    #[error(
        "the statement {statement:?} of engine {engine} was broken off, and no fault ended that engine or its daemon"
    )]
    QueryLost { engine: u32, statement: String },
    #[error("client {client} was not told anything within {waited:?}; it said so far: {words}")]
    ClientHangs { client: usize, waited: Duration, words: String },
    #[error("client {client} ended with {status}, which no fault of this round excuses; it said: {words}")]
    ClientFailed { client: usize, status: String, words: String },
    #[error("client {client} ended with {status} without saying why")]
    ClientSilent { client: usize, status: String },
    #[error("client {client} reports success but {reason}")]
    ClientLies { client: usize, reason: String },
    #[error("`{command}` {problem}")]
    CommandFailed { command: String, problem: String },
    #[error("`daemon status` says {said}, but {seen}")]
    StatusLies { said: String, seen: String },
    #[error("left behind: {what}")]
    Leftover { what: String },
    #[error("left behind: the socket {}", path.display())]
    LeftSocket { path: PathBuf },
    #[error("still alive after the drain: process {pid}, {words}")]
    LeftProcess { pid: u32, words: String },
}
