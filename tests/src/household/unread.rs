//! A statement that runs for as long as a test wants it to.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Some 150 MB with this text a row: more than all buffers between hyperd and the reader can hold.
const ROWS: usize = 500_000;

/// A `hyperwire sql` that has printed its first row, and whose pipe nobody reads.
#[derive(Debug)]
pub struct Unread {
    child: Child,
    go_on: Option<Sender<()>>,
    lines: Receiver<usize>,
}

impl Unread {
    /// The statement.
    #[must_use]
    pub fn sql() -> String {
        format!("SELECT i, '{}' AS c FROM generate_series(1, {ROWS}) s(i)", "x".repeat(300))
    }

    pub(super) fn start(mut command: Command, within: Duration) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = child.stdout.take().expect("piped above");
        let (count, lines) = mpsc::channel();
        let (go_on, gone_on) = mpsc::channel();
        thread::spawn(move || read(stdout, &count, &gone_on));
        let unread = Self { child, go_on: Some(go_on), lines };
        let first = unread.lines.recv_timeout(within);
        assert_eq!(first, Ok(1), "expected the first row of {command:?} within {within:?}");
        unread
    }

    /// Whether the statement still runs.
    ///
    /// # Panics
    /// When the system does not know.
    #[must_use]
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child of this process").is_none()
    }

    /// Reads the rest, and asserts that every row came and the program ended well.
    ///
    /// # Panics
    /// When a row is missing, it failed, or it takes longer.
    pub fn read_all(mut self, within: Duration) {
        let deadline = Instant::now() + within;
        drop(self.go_on.take());
        let rest = self.lines.recv_timeout(within);
        assert_eq!(rest, Ok(ROWS - 1), "expected the other rows within {within:?}");
        // The pipe is at its end: what is left of the program is its exit.
        while self.runs() {
            assert!(Instant::now() < deadline, "still there after its last row");
            thread::sleep(Duration::from_millis(5));
        }
        let status = self.child.wait().expect("a child of this process");
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells of the first line, and of the number of the others once it may read them.
fn read(stdout: ChildStdout, count: &Sender<usize>, gone_on: &Receiver<()>) {
    let mut lines = BufReader::new(stdout);
    let first = lines.read_line(&mut String::new()).is_ok_and(|bytes| bytes > 0);
    // Whoever does not listen any more is gone.
    let _ = count.send(usize::from(first));
    let _ = gone_on.recv();
    let _ = count.send(newlines(lines));
}

fn newlines(mut from: impl Read) -> usize {
    let mut buffer = vec![0; 1 << 16];
    let mut newlines = 0;
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        newlines += buffer[..bytes].iter().filter(|byte| **byte == b'\n').count();
    }
    newlines
}
