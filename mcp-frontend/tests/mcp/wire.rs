//! A client that sees every message in the order in which it was said.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{GENEROUS, command};

/// A server, and what it says, line by line. Dropped, it is killed.
pub(crate) struct Wire {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    last: u64,
    pub(crate) modern: Option<Value>,
}

impl Wire {
    /// A server with these arguments; nothing is said to it yet.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(command(arguments))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary was built");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, lines, last: 0, modern: None }
    }

    /// Does the handshake of an older revision; what the server says of itself.
    pub(crate) fn initialize(&mut self, version: &str) -> Value {
        let hello = self.request(
            "initialize",
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}),
        );
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        hello.expect("the server says hello")
    }

    /// Speaks 2026-07-28 from now on, with these capabilities.
    pub(crate) fn modern(&mut self, capabilities: Value) {
        self.modern = Some(json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        }));
    }

    /// Sends a request; its number.
    pub(crate) fn send(&mut self, method: &str, mut params: Value) -> u64 {
        self.last += 1;
        if let Some(Value::Object(modern)) = &self.modern {
            for (key, value) in modern {
                params["_meta"][key] = value.clone();
            }
        }
        self.say(&json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}));
        self.last
    }

    /// A request's result, or its error; what is said before it is passed over.
    #[track_caller]
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send(method, params);
        self.reply(id)
    }

    #[track_caller]
    pub(crate) fn reply(&mut self, id: u64) -> Result<Value, Value> {
        self.reply_and_before(id).0
    }

    /// The reply to a request, and what was said before it.
    #[track_caller]
    pub(crate) fn reply_and_before(&mut self, id: u64) -> (Result<Value, Value>, Vec<Value>) {
        let mut before = Vec::new();
        loop {
            let message = self.next().unwrap_or_else(|| panic!("the server left without an answer"));
            if message["id"] == json!(id) && message.get("method").is_none() {
                let reply = match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].clone()),
                };
                return (reply, before);
            }
            before.push(message);
        }
    }

    /// The next message; `None` when the server has closed its output.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<Value> {
        match self.lines.recv_timeout(GENEROUS) {
            Ok(line) => {
                Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("not JSON: {error}: {line}")))
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the server is silent"),
        }
    }

    /// The next message, if there is one within so long.
    pub(crate) fn next_within(&mut self, within: Duration) -> Option<Value> {
        let line = self.lines.recv_timeout(within).ok()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("not JSON: {error}: {line}")))
    }

    /// Waits for a notification of this method, passing over what else is said.
    #[track_caller]
    pub(crate) fn notification(&mut self, method: &str) -> Value {
        loop {
            let message = self.next().unwrap_or_else(|| panic!("the server left without {method}"));
            if message["method"] == json!(method) {
                return message["params"].clone();
            }
        }
    }

    pub(crate) fn say(&mut self, message: &Value) {
        self.say_line(&message.to_string());
    }

    /// Says these bytes, whatever they are.
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        stdin.write_all(bytes).expect("the server reads");
    }

    pub(crate) fn say_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        writeln!(stdin, "{line}").expect("the server reads");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Closes the input; all that is still said, how the server ended, and how long that took.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Vec<Value>, ExitStatus, Duration) {
        let since = Instant::now();
        drop(self.stdin.take());
        let mut last = Vec::new();
        while let Some(message) = self.next() {
            last.push(message);
        }
        let status = self.child.wait().expect("it is our child");
        (last, status, since.elapsed())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        drop(self.stdin.take());
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
