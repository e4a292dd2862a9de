//! Starting a daemon in the background, with a pipe for its first and last word.

use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Place;
use crate::hyperd::wait_for_exit;
use crate::inherit;

/// How long the shell may take to start a process and end. It takes a millisecond.
const DETACHING: Duration = Duration::from_secs(10);

/// Runs the command, whose standard output and error are the pipe, so that nobody has to wait for its end: the shell
/// between is its parent, and ends at once. This waits for that, at most 10 s. A daemon leaves the pipe once it is ready;
/// until then, what the shell or the program says in vain is the reason why there is no daemon.
///
/// # Errors
/// What the system says; `TimedOut` when it starts no process for so long.
pub fn spawn(command: &[OsString], place: &Place) -> io::Result<PipeReader> {
    let (reader, writer) = io::pipe()?;
    let mut shell = Command::new("/bin/sh");
    // In a shell without job control what runs in the background ignores Ctrl-C and reads nothing (POSIX). It is to
    // ignore SIGHUP too, as its hyperd then does: the system sends it to a process that is stopped when the daemon is
    // killed, and hyperd would end without writing its databases.
    shell.args(["-c", r#"trap '' HUP; "$@" &"#, "hyperwire-spawn"]).args(command);
    shell.envs(place.environment()).current_dir("/");
    shell.stdin(Stdio::null()).stderr(writer.try_clone()?).stdout(writer);
    let mut child = inherit::nothing(&mut shell).spawn()?;
    // The writer has to go, or the pipe would never end.
    drop(shell);
    if wait_for_exit(&mut child, DETACHING)?.is_none() {
        child.kill()?;
        child.wait()?;
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(reader)
}
