//! A program that is run to its end, within a bound.

use std::fmt;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A running program. What it prints goes to files, so that nothing waits for whatever inherited its output.
#[derive(Debug)]
pub struct Program {
    child: Child,
    started: Instant,
    stdout: File,
    stderr: File,
    described: String,
}

/// What became of a program.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// From before its start until its end.
    pub took: Duration,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    described: String,
}

impl Program {
    /// Starts it without input.
    ///
    /// # Errors
    /// What the system says when there is no such program.
    pub fn start(mut command: Command) -> Result<Self, String> {
        let described = format!("{command:?}");
        let file = || tempfile::tempfile().expect("a temporary file can be made");
        let copy = |file: &File| file.try_clone().expect("a file can be opened twice");
        let (stdout, stderr) = (file(), file());
        command.stdin(Stdio::null()).stdout(copy(&stdout)).stderr(copy(&stderr));
        let started = Instant::now();
        let child = command.spawn().map_err(|error| format!("{described}: {error}"))?;
        Ok(Self { child, started, stdout, stderr, described })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Says so when it does not end in time. It is killed then.
    pub fn finish(mut self, within: Duration) -> Result<Finished, String> {
        let pid = self.pid();
        let (done, ended) = mpsc::sync_channel(1);
        let waiting = thread::spawn(move || {
            let status = self.child.wait().expect("nobody else waits for it");
            let took = self.started.elapsed();
            // The receiver stays until this thread has ended.
            let _ = done.send(());
            Finished {
                code: status.code(),
                took,
                stdout: text(self.stdout),
                stderr: text(self.stderr),
                described: self.described,
            }
        });
        let in_time = ended.recv_timeout(within).is_ok();
        if !in_time {
            kill(pid);
        }
        let finished = waiting.join().expect("it only waits");
        if in_time { Ok(finished) } else { Err(format!("not ended within {within:?}: {finished}")) }
    }
}

impl Finished {
    /// What it printed.
    ///
    /// # Panics
    /// When its exit code is another.
    #[must_use]
    pub fn expect_code(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self}");
        self.stdout
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"));
        write!(f, "{} ended {code}", self.described)?;
        for said in [self.stdout.trim(), self.stderr.trim()] {
            if !said.is_empty() {
                write!(f, "; it said: {said}")?;
            }
        }
        Ok(())
    }
}

/// Kills a process that a test started; that it is gone already is as good.
pub(super) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// All that is in a file which a program wrote.
pub(crate) fn text(mut file: File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("a file of this process can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
