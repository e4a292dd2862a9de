use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use hyperwire_core::hyperd::{CallbackError, SettingError};

/// No hyperd was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// `HYPERD_PATH` is set, and there is nothing to start there. Nothing else is tried: the variable says which one.
    #[error(
        "HYPERD_PATH is {}, but {reason}; set it to hyperd or to the folder that has it, or unset it",
        path.display()
    )]
    HyperdPath {
        /// Its value.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is in none of the places.
    #[error("no hyperd was found: {}; set HYPERD_PATH to the one to use, or let hyperwire fetch it", looked.join("; "))]
    NotFound {
        /// The places, and what was found wrong in each.
        looked: Vec<String>,
    },
}

/// hyperd could not be fetched. Nothing of the attempt is left in the cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// It must not be fetched, because `HYPERD_PATH` names one.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// Hyper is not published for this platform.
    #[error("Hyper is not published for {os} on {arch}; connect to a hyperd on another machine instead")]
    UnsupportedPlatform {
        /// The operating system.
        os: &'static str,
        /// The processor.
        arch: &'static str,
    },
    /// There is no folder for caches.
    #[error(
        "there is no folder to keep hyperd in: neither HYPERWIRE_CACHE_DIR nor a home folder is set; set one"
    )]
    NoCacheFolder,
    /// The folder for caches cannot be written.
    #[error(
        "the cache folder {} cannot be written; make it writable, or set HYPERWIRE_CACHE_DIR to one that is",
        path.display()
    )]
    CacheNotWritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no Python to fetch it with.
    #[error(
        "fetching hyperd needs python3 with pip, and there is no python3 on PATH; install it, or set HYPERD_PATH to a \
         hyperd that you have"
    )]
    NoPython,
    /// Python cannot be started.
    #[error("{} cannot be started; put another python3 first on PATH, or set HYPERD_PATH", python.display())]
    PythonNotStarted {
        /// The interpreter.
        python: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is a Python, but without pip.
    #[error(
        "fetching hyperd needs pip, which {} does not have; install it (python3 -m ensurepip, or the system's package \
         python3-pip), or set HYPERD_PATH to a hyperd that you have",
        python.display()
    )]
    NoPip {
        /// The interpreter.
        python: PathBuf,
    },
    /// pip did not deliver: as a rule there is no network, or pip is configured for an index that does not have it.
    #[error(
        "pip could not download {requirement} ({status}); check the network and pip's index settings, or fetch it \
         elsewhere and set HYPERD_PATH. Its last lines:\n{last_lines}"
    )]
    PipFailed {
        /// What was asked of it.
        requirement: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        last_lines: String,
    },
    /// Nothing more came.
    #[error(
        "the download of hyperd stopped at {received} bytes for {} s and was given up; try again. pip's last \
         lines:\n{last_lines}",
        waited.as_secs()
    )]
    Stalled {
        /// How far it had come.
        received: u64,
        /// How long nothing more came.
        waited: Duration,
        /// The end of what pip printed.
        last_lines: String,
    },
    /// The caller's progress function said so.
    #[error("fetching hyperd was cancelled")]
    Cancelled,
    /// The file is not the one that was pinned. It was thrown away.
    #[error(
        "{file} is not the file that hyperwire pins: its SHA-256 is {found}, not {expected}; it was not used. Try \
         again, and if that does not help, the index that pip uses delivers something else"
    )]
    WrongHash {
        /// The file's name.
        file: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The file is the pinned one, but hyperd cannot be taken out of it.
    #[error(
        "hyperd cannot be unpacked from {file}: {reason}; this is a defect of hyperwire's table, please report it"
    )]
    Corrupt {
        /// The file's name.
        file: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk is full.
    #[error(
        "not enough space in {} for hyperd: {needed} bytes are needed while it is unpacked; free some, or set \
         HYPERWIRE_CACHE_DIR to a folder with room",
        path.display()
    )]
    NoSpace {
        /// The folder.
        path: PathBuf,
        /// Bytes that the installation needs at its peak.
        needed: u64,
    },
    /// The cache is on a file system that programs cannot be started from.
    #[error(
        "programs cannot be started from {}: its file system forbids it; set HYPERWIRE_CACHE_DIR to a folder elsewhere",
        path.display()
    )]
    NotExecutable {
        /// The folder.
        path: PathBuf,
    },
    /// Reading or writing failed in another way.
    #[error("{action} {} failed", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// hyperd was not started. No process and no file of the attempt is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting or password that hyperd cannot be given.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A path in the settings that cannot be passed on.
    #[error("hyperd cannot use the path {}: {reason}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No private folder for sockets and logs could be made.
    #[error(
        "no private folder for hyperd could be made: {}; set TMPDIR to a short path on a local disk with room",
        tried.join("; ")
    )]
    RunFolder {
        /// Where it was tried, and what went wrong.
        tried: Vec<String>,
    },
    /// The program cannot be started at all.
    #[error(
        "{} cannot be started; it must be a hyperd for this platform (on Linux also one for its C library, glibc)",
        program.display()
    )]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It ended before it was ready, and a disk that it writes to is full. hyperd itself then says that its socket is in use.
    #[error(
        "hyperd ended before it was ready because the disk of {} is full; make room there, or use a folder on another disk \
         (HYPERDB_STATE_DIR, TMPDIR). It said:\n{words}",
        folder.display()
    )]
    DiskFull {
        /// A folder on that disk that hyperd was to write to.
        folder: PathBuf,
        /// The last lines of its output and log.
        words: String,
    },
    /// It ended before it was ready.
    #[error("hyperd ended before it was ready ({status}); it said:\n{words}")]
    Exited {
        /// How.
        status: ExitStatus,
        /// The last lines of its output and log.
        words: String,
    },
    /// It was not ready in time and was killed.
    #[error("hyperd was not ready after {:.1} s and was ended; it said:\n{words}", waited.as_secs_f64())]
    NotReady {
        /// How long it was given.
        waited: Duration,
        /// The last lines of its output and log.
        words: String,
    },
    /// What called back is not a hyperd that we understand. It was killed.
    #[error("the program that was started does not speak like hyperd; it said:\n{words}")]
    Callback {
        /// What was wrong.
        source: CallbackError,
        /// The last lines of its output and log.
        words: String,
    },
    /// The system refused something on the way.
    #[error("{action} failed while hyperd was being started")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// hyperd could not be ended, or something of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// It is still there after SIGKILL: as a rule it hangs in the kernel, on a disk or a network file system.
    #[error(
        "hyperd (process {pid}) is still there after SIGKILL; it hangs in the system, look at the disk it uses"
    )]
    StillThere {
        /// Its process id.
        pid: u32,
    },
    /// It is gone, but its folder could not be removed.
    #[error("hyperd has ended, but its folder {} could not be removed; remove it", path.display())]
    Leftover {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system would not say whether it ended.
    #[error("waiting for the end of hyperd (process {pid}) failed")]
    Wait {
        /// Its process id.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
}
