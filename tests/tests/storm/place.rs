//! Where a round takes place: folders and environment of its own.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hyperwire_blocking::hyperwire_core::control::BASE_PORT;
use hyperwire_tests::hyperwire_binary::hyperwire_binary;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::leftovers::holds_within;
use crate::processes;

/// The folders of one round, and what its programs are told of them.
pub(crate) struct Place {
    folder: TempDir,
    variables: Vec<(String, OsString)>,
}

impl Place {
    /// A new one, in which `engine` is hyperd and daemons listen on this port, or, if it is the usual one, on one of the fifteen above it.
    pub(crate) fn new(engine: &Path, port: u16, more: &[(&str, String)]) -> Self {
        let folder = tempfile::Builder::new().prefix("storm").tempdir().expect("a temporary folder");
        for name in ["state", "home", "tmp", "clients"] {
            fs::create_dir(folder.path().join(name)).expect("a new folder in a new folder");
        }
        let inside = |name: &str| folder.path().join(name).into_os_string();
        let mut variables = vec![
            ("PATH".to_owned(), env::var_os("PATH").unwrap_or_default()),
            ("HOME".to_owned(), inside("home")),
            ("TMPDIR".to_owned(), inside("tmp")),
            ("HYPERDB_STATE_DIR".to_owned(), inside("state")),
            ("HYPERD_PATH".to_owned(), engine.into()),
        ];
        // It pins one port. Where the usual ones are free, a daemon that still leaves and the next one have one each.
        if port != BASE_PORT {
            variables.push(("HYPERDB_DAEMON_PORT".to_owned(), port.to_string().into()));
        }
        variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.into())));
        Self { folder, variables }
    }

    /// Sets a further variable.
    pub(crate) fn tell(&mut self, name: &str, value: OsString) {
        self.variables.push((name.to_owned(), value));
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the daemon has its files.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Where programs put what is temporary.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Where the words of clients are kept.
    pub(crate) fn clients(&self) -> PathBuf {
        self.folder.path().join("clients")
    }

    /// A program that sees this place and nothing else of the environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path().join("home"));
        command
    }

    pub(crate) fn hyperwire(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(hyperwire_binary());
        command.args(arguments);
        command
    }

    /// Keeps the folders for whoever looks into a failure, and says where they are.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }

    /// Kills whatever runs here still, and waits until it is gone.
    pub(crate) fn clear(&self) {
        for process in processes::of(&self.state()) {
            let _ = processes::signal_pid(process.pid, Signal::KILL);
        }
        holds_within(Duration::from_secs(15), || processes::of(&self.state()).is_empty());
    }
}

/// A test that fails leaves no daemon behind.
impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
    }
}
