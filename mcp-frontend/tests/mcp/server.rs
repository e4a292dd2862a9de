//! A server, and a client that says exactly what it is told to.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Far longer than anything takes that works at all, a first fetch of hyperd aside.
pub(crate) const GENEROUS: Duration = Duration::from_secs(120);

/// A server that runs. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    stdin: Mutex<Option<ChildStdin>>,
    heard: Arc<Heard>,
    next: AtomicU64,
}

/// A request that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending(pub(crate) u64);

/// What a tool answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer(pub(crate) Value);

#[derive(Default)]
struct Heard {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Default)]
struct Said {
    replies: HashMap<u64, Value>,
    notifications: Vec<Value>,
    ended: bool,
}

impl Server {
    /// One that shares a hyperd if it shares a database, and else has its own: what hyperd makes of one test is not
    /// another's concern.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        match arguments.contains(&"--persistent-db") {
            true => Self::sharing(arguments),
            false => Self::private(arguments),
        }
    }

    /// One that shares a hyperd with the other tests of this process.
    pub(crate) fn sharing(arguments: &[&str]) -> Self {
        let server = Self::spawn(command(arguments));
        server.initialize();
        server
    }

    /// One with a hyperd of its own, which may be killed.
    pub(crate) fn private(arguments: &[&str]) -> Self {
        Self::sharing(&[&["--private"], arguments].concat())
    }

    /// Whatever `command` runs; nothing is said to it yet.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary was built");
        let stdin = Mutex::new(child.stdin.take());
        let stdout = child.stdout.take().expect("piped");
        let heard = Arc::new(Heard::default());
        let listener = heard.clone();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                let message: Value = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("not JSON on standard output: {error}: {line}"));
                let mut said = listener.said.lock().expect("no panic holds it");
                match message["id"].as_u64() {
                    Some(id) if message.get("method").is_none() => drop(said.replies.insert(id, message)),
                    _ => said.notifications.push(message),
                }
                listener.changed.notify_all();
            }
            listener.said.lock().expect("no panic holds it").ended = true;
            listener.changed.notify_all();
        });
        Self { child, stdin, heard, next: AtomicU64::new(1) }
    }

    /// The handshake of 2025-11-25; what the server says of itself.
    pub(crate) fn initialize(&self) -> Value {
        let hello = self.request(
            "initialize",
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}),
        );
        self.notify("notifications/initialized", json!({}));
        hello.expect("the server says hello")
    }

    /// Calls a tool and waits for its answer.
    #[track_caller]
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.wait(self.begin(tool, arguments), GENEROUS)
    }

    /// Calls a tool.
    pub(crate) fn begin(&self, tool: &str, arguments: Value) -> Pending {
        self.send("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// The answer to a call, which must come within so long.
    #[track_caller]
    pub(crate) fn wait(&self, pending: Pending, within: Duration) -> Answer {
        match self.reply(pending, within) {
            Some(Ok(result)) => Answer(result),
            Some(Err(error)) => panic!("the call was refused: {error}"),
            None => panic!("no answer within {within:?}"),
        }
    }

    /// A request's result, or its error.
    #[track_caller]
    pub(crate) fn request(&self, method: &str, params: Value) -> Result<Value, Value> {
        let pending = self.send(method, params);
        self.reply(pending, GENEROUS).unwrap_or_else(|| panic!("{method} was not answered"))
    }

    /// Sends a request.
    pub(crate) fn send(&self, method: &str, params: Value) -> Pending {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        Pending(id)
    }

    /// The number of the next request.
    pub(crate) fn next_id(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Sends a notification.
    pub(crate) fn notify(&self, method: &str, params: Value) {
        self.say(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Cancels a request.
    pub(crate) fn cancel(&self, pending: Pending) {
        self.notify("notifications/cancelled", json!({"requestId": pending.0}));
    }

    /// What came of a request, once it is there; `None` if that takes longer than `within`.
    pub(crate) fn reply(&self, pending: Pending, within: Duration) -> Option<Result<Value, Value>> {
        let reply = self.wait_until(within, |said| said.replies.remove(&pending.0))?;
        Some(match reply.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(reply["result"].clone()),
        })
    }

    /// Waits for a notification that is `wanted`.
    pub(crate) fn notification(&self, within: Duration, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        self.wait_until(within, |said| {
            let at = said.notifications.iter().position(&wanted)?;
            Some(said.notifications.remove(at))
        })
    }

    /// The process, and everything below it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Closes the server's input and waits for its end; how it ended, and how long that took.
    #[track_caller]
    pub(crate) fn end(mut self) -> (ExitStatus, Duration) {
        drop(self.stdin.lock().expect("no panic holds it").take());
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return (status, since.elapsed());
            }
            assert!(since.elapsed() < GENEROUS, "the server does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for an end that somebody else has brought about.
    pub(crate) fn wait_for_end(mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(since.elapsed() < GENEROUS, "the server does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn wait_until<T>(&self, within: Duration, mut found: impl FnMut(&mut Said) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + within;
        let mut said = self.heard.said.lock().expect("no panic holds it");
        loop {
            if let Some(found) = found(&mut said) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            if said.ended {
                return None;
            }
            (said, _) = self.heard.changed.wait_timeout(said, left).expect("no panic holds it");
        }
    }

    fn say(&self, message: &Value) {
        let mut stdin = self.stdin.lock().expect("no panic holds it");
        let stdin = stdin.as_mut().expect("the input is open");
        writeln!(stdin, "{message}").expect("the server reads");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // First as a client goes, so that a hyperd of its own ends with it.
        if let Ok(mut stdin) = self.stdin.lock() {
            stdin.take();
        }
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// The result for programs.
    #[track_caller]
    pub(crate) fn structured(&self) -> &Value {
        assert!(!self.is_error(), "the call failed: {}", self.text());
        self.0.get("structuredContent").expect("a structured result")
    }

    /// The rows of a result.
    #[track_caller]
    pub(crate) fn rows(&self) -> &Value {
        &self.structured()["rows"]
    }

    /// What went wrong, which something must have.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        assert!(self.is_error(), "the call should have failed: {}", self.0);
        self.text()
    }

    pub(crate) fn is_error(&self) -> bool {
        self.0["isError"] == json!(true)
    }

    /// All its text.
    pub(crate) fn text(&self) -> String {
        let blocks = self.0["content"].as_array().cloned().unwrap_or_default();
        blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// `hyperwire mcp` with these arguments, in the home of the tests.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let home = home();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyperwire"));
    command.arg("mcp").args(arguments);
    if !arguments.iter().any(|argument| ["--persistent-db", "--ephemeral-only"].contains(argument)) {
        command.arg("--ephemeral-only");
    }
    // A daemon that this process's servers share, and that leaves soon after the last of them.
    command.env("HYPERDB_STATE_DIR", home.join("state")).env("HYPERDB_DAEMON_IDLE_TIMEOUT", "10");
    command.env_remove("HYPERDB_PERSISTENT_DB").env_remove("HYPERDB_DAEMON_PORT");
    command
}

/// A folder for this process's state.
fn home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mcp-{}", std::process::id()));
        fs::create_dir_all(&home).expect("a folder for the tests");
        home
    })
}
