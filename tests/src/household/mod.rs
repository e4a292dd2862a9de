//! A state folder, a home and a network, in which programs meet each other and nobody else.

mod processes;
mod program;
mod unread;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hyperwire_blocking::hyperwire_core::control::{ENV_DAEMON_PORT, ENV_IDLE_TIMEOUT, ENV_STATE_DIR, RECORD};
use serde_json::Value;
use tempfile::TempDir;

use crate::hyperdb_mcp::HyperdbMcp;
use crate::hyperwire_binary::hyperwire_binary;
use crate::network::Network;
use crate::real_hyperd::{hyperd_program, wait_until};
use processes::{on_network, own_network};
use program::kill;

pub use processes::{Process, Role, Usage};
pub use program::{Finished, Program};
pub use unread::Unread;

pub(crate) use program::text;

/// For what takes a second when the machine has time for it.
const SOON: Duration = Duration::from_secs(60);

/// Where hyperwire lives, alone or side by side with hyperdb-mcp. Whatever still runs is killed when it is dropped.
#[derive(Debug)]
pub struct Household {
    mcp: Option<HyperdbMcp>,
    hyperd: PathBuf,
    hyperwire: &'static Path,
    network: PathBuf,
    folder: TempDir,
}

impl Household {
    /// Runs `body` in a new one, and asserts that nothing is left running or listening behind it. `None` after
    /// saying why it is skipped.
    ///
    /// # Panics
    /// As `body` does, or when something is left, or when the environment variable `CI` is set and there is no
    /// hyperdb-mcp or no network of our own.
    pub fn run_or_skip<T: Send + 'static>(body: impl FnOnce(&mut Self) -> T + Send + 'static) -> Option<T> {
        let mcp = HyperdbMcp::locate_or_skip()?;
        Self::run(Some(mcp), body)
    }

    /// The same without hyperdb-mcp.
    ///
    /// # Panics
    /// As `body` does, or when something is left, or when the environment variable `CI` is set and there is no network
    /// of our own.
    pub fn run_alone_or_skip<T: Send + 'static>(
        body: impl FnOnce(&mut Self) -> T + Send + 'static,
    ) -> Option<T> {
        Self::run(None, body)
    }

    fn run<T: Send + 'static>(
        mcp: Option<HyperdbMcp>,
        body: impl FnOnce(&mut Self) -> T + Send + 'static,
    ) -> Option<T> {
        let hyperwire = hyperwire_binary();
        let hyperd = mcp.as_ref().map_or_else(|| hyperd_program().to_owned(), |mcp| mcp.hyperd.clone());
        // The path between its two hosts is of no use here: one of them is.
        let network = Network::new_or_skip()?;
        Some(network.client.run(move || {
            let mut household = Self { mcp, hyperd, hyperwire, network: own_network(), folder: folder() };
            let result = body(&mut household);
            household.assert_nothing_is_left();
            result
        }))
    }

    /// hyperwire, in this household.
    #[must_use]
    pub fn hyperwire(&self, arguments: &[&str]) -> Command {
        self.command(self.hyperwire, arguments)
    }

    /// hyperdb-mcp, in this household.
    #[must_use]
    pub fn hyperdb_mcp(&self, arguments: &[&str]) -> Command {
        let mcp = self.mcp.as_ref().expect("a household with hyperdb-mcp");
        self.command(&mcp.program, arguments)
    }

    /// Runs `hyperwire` to its end.
    ///
    /// # Panics
    /// When it does not end within a minute.
    #[must_use]
    pub fn run_hyperwire(&self, arguments: &[&str]) -> Finished {
        finish(self.hyperwire(arguments))
    }

    /// Runs `hyperdb-mcp` to its end.
    ///
    /// # Panics
    /// When it does not end within a minute.
    #[must_use]
    pub fn run_hyperdb_mcp(&self, arguments: &[&str]) -> Finished {
        finish(self.hyperdb_mcp(arguments))
    }

    /// Runs `hyperwire daemon status --json`: the object, or `None` when there is no daemon.
    ///
    /// # Panics
    /// When it says anything else.
    #[must_use]
    pub fn status(&self) -> Option<Value> {
        let finished = self.run_hyperwire(&["daemon", "status", "--json"]);
        if finished.code == Some(3) {
            return None;
        }
        let said = finished.expect_code(0);
        let status: Value =
            serde_json::from_str(&said).unwrap_or_else(|error| panic!("not JSON: {error}: {said}"));
        assert_eq!(status["running"], true, "{status}");
        Some(status)
    }

    /// Starts our daemon and returns its status.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_our_daemon(&self) -> Value {
        let _ = self.run_hyperwire(&["daemon", "start"]).expect_code(0);
        self.status().expect("the daemon that was just started")
    }

    /// Starts their daemon, as their programs do, and waits until it serves. Returns its record.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_their_daemon(&self) -> (Program, Value) {
        let daemon = Program::start(self.hyperdb_mcp(&["daemon"])).expect("hyperdb-mcp runs");
        wait_until("their daemon has written its record", SOON, || self.record().is_some());
        (daemon, self.record().expect("seen above"))
    }

    /// The record in the state folder, once it is whole.
    #[must_use]
    pub fn record(&self) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.state_folder().join(RECORD)).ok()?).ok()
    }

    /// Starts a statement of ours with a result too large for all buffers on its way, which is not read until the
    /// test wants it: the statement runs as long as it takes.
    ///
    /// # Panics
    /// When its first row does not come.
    #[must_use]
    pub fn start_unread(&self) -> Unread {
        Unread::start(self.hyperwire(&["sql", "--format", "jsonl", &Unread::sql()]), SOON)
    }

    /// The processes of this household.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        on_network(&self.network)
    }

    /// Those that are there for this.
    #[must_use]
    pub fn processes_as(&self, role: Role) -> Vec<Process> {
        self.processes().into_iter().filter(|process| process.role == role).collect()
    }

    /// Kills all that run and forgets what they wrote: the next program finds nothing.
    ///
    /// # Panics
    /// When something does not go.
    pub fn start_afresh(&mut self) {
        self.end_all();
        self.folder = folder();
    }

    /// Another program, in this household.
    #[must_use]
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        command.env("HOME", folder.join("home")).env("TMPDIR", folder.join("tmp"));
        command.env(ENV_STATE_DIR, self.state_folder()).env("HYPERD_PATH", &self.hyperd);
        command.env_remove(ENV_DAEMON_PORT).env_remove(ENV_IDLE_TIMEOUT).env_remove("HYPERDB_PERSISTENT_DB");
        command
    }

    /// Where the daemon has its files.
    #[must_use]
    pub fn state_folder(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn assert_nothing_is_left(&self) {
        wait_until("no process is left", SOON, || self.processes().is_empty());
        assert!(self.record().is_none(), "a record is left: {:?}", self.record());
        let sockets: Vec<_> =
            fs::read_dir(self.state_folder().join("sockets")).into_iter().flatten().flatten().collect();
        assert!(sockets.is_empty(), "sockets are left: {sockets:?}");
    }

    fn end_all(&self) {
        wait_until("every process goes when it is killed", SOON, || {
            let left = self.processes();
            left.iter().for_each(|process| kill(process.pid));
            left.is_empty()
        });
    }
}

impl Drop for Household {
    fn drop(&mut self) {
        for process in self.processes() {
            kill(process.pid);
        }
    }
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for name in ["home", "tmp"] {
        fs::create_dir(folder.path().join(name)).expect("a folder can be made in it");
    }
    folder
}

fn finish(command: Command) -> Finished {
    Program::start(command).and_then(|program| program.finish(SOON)).unwrap_or_else(|error| panic!("{error}"))
}
