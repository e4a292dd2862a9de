//! What Python is asked: where a package is, and, through pip, to download one.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hyperwire_core::hyperd::Wheel;

use super::{Environment, system};

/// Prints the folder of the package without importing it. The current folder comes first in Python's path with -c,
/// and a package that merely lies there is not an installed one.
const FIND_PACKAGE: &str = "\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import os
from importlib.util import find_spec
spec = find_spec('tableauhyperapi')
if spec is not None and spec.submodule_search_locations:
    sys.stdout.buffer.write(os.fsencode(list(spec.submodule_search_locations)[0]))
";

/// Whether a Python has the package `tableauhyperapi`.
pub(super) enum Package {
    /// It has.
    At {
        /// The Python.
        interpreter: PathBuf,
        /// The package's folder.
        folder: PathBuf,
    },
    /// It has not, or cannot be asked.
    Missing {
        /// Which of the two.
        reason: String,
    },
}

/// The Python that `PATH` leads to, and so that of an activated virtual environment.
pub(super) fn interpreter(environment: &Environment) -> Option<PathBuf> {
    let names: &[&str] = if cfg!(windows) { &["python", "python3"] } else { &["python3", "python"] };
    names.iter().find_map(|name| environment.on_path(name))
}

/// Asks the interpreter for the package, and waits no longer than the environment permits.
pub(super) fn package_of(environment: &Environment) -> Package {
    let Some(interpreter) = interpreter(environment) else {
        return Package::Missing { reason: "there is no python3 on PATH".to_owned() };
    };
    let mut command = command(environment, &interpreter);
    command.args(["-c", FIND_PACKAGE]);
    let missing = |reason: &str| Package::Missing { reason: format!("{} {reason}", interpreter.display()) };
    match answer(command, environment.python_answers_within) {
        Ok(folder) if folder.is_absolute() => Package::At { folder, interpreter },
        Ok(_) => missing("does not have the package tableauhyperapi"),
        Err(reason) => missing(&reason),
    }
}

/// pip, told to put one wheel for this platform into `into`, and everything else into `scratch`.
pub(super) fn pip_download(
    environment: &Environment,
    interpreter: &Path,
    wheel: &Wheel,
    into: &Path,
    scratch: &Path,
) -> Command {
    let mut command = command(environment, interpreter);
    command
        .args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar=off", "--retries=2", "--timeout=15"])
        .args(["--only-binary=:all:", "--platform", wheel.platform, "--dest"])
        .arg(into)
        .arg(wheel.requirement())
        // With -m, Python looks for modules in the current folder first: let that be an empty one.
        .current_dir(scratch);
    for variable in ["TMPDIR", "TEMP", "TMP"] {
        command.env(variable, scratch);
    }
    command
}

fn command(environment: &Environment, interpreter: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command.stdin(Stdio::null());
    if let Some(path) = &environment.path {
        command.env("PATH", path);
    }
    command
}

/// What the command prints, as a path; or why there is no answer.
fn answer(mut command: Command, within: Duration) -> Result<PathBuf, String> {
    system::on_its_own(&mut command);
    let started = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = started.map_err(|error| format!("cannot be started ({error})"))?;
    let Some(stdout) = child.stdout.take() else { return Err("has no output".to_owned()) };
    let (sender, printed) = mpsc::sync_channel(1);
    // The thread ends with the output's end: at the latest when the group has been killed.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(64 * 1024).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    let printed = printed.recv_timeout(within);
    // An interpreter that has closed its output has nothing more to say.
    let status = if printed.is_ok() { system::wait_for_exit(&mut child, within) } else { Ok(None) };
    if !matches!(status, Ok(Some(_))) {
        system::kill_group(&mut child);
        let _ = child.wait();
    }
    match (printed, status) {
        (Ok(Ok(bytes)), Ok(Some(status))) if status.success() => Ok(system::path_of(bytes)),
        (Ok(Ok(_)), Ok(Some(status))) => Err(format!("did not say where its packages are ({status})")),
        (Ok(Err(error)), _) | (_, Err(error)) => Err(format!("could not be heard ({error})")),
        _ => Err(format!("did not say within {} s where its packages are", within.as_secs_f32())),
    }
}
