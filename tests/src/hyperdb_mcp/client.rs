//! A program that speaks MCP over standard input and output, and its client.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::household::text;

/// A running MCP server. It is killed when this is dropped.
#[derive(Debug)]
pub struct McpClient {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: File,
    last_id: u64,
    within: Duration,
}

impl McpClient {
    /// Starts the server and makes its acquaintance. No answer may take longer than `within`.
    ///
    /// # Errors
    /// What went wrong, with what the server complained about.
    pub fn start(mut command: Command, within: Duration) -> Result<Self, String> {
        let stderr = tempfile::tempfile().expect("a temporary file can be made");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone().expect("a file can be opened twice"))
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let stdout = child.stdout.take().expect("piped above");
        let (line, lines) = mpsc::channel();
        thread::spawn(move || {
            let whole = BufReader::new(stdout).lines().map_while(Result::ok);
            // Whoever does not listen any more is gone.
            whole.map_while(|read| line.send(read).ok()).for_each(drop);
        });
        let mut client = Self { stdin: child.stdin.take(), child, lines, stderr, last_id: 0, within };
        client.initialize()?;
        Ok(client)
    }

    /// The rows of a statement, each an object.
    ///
    /// # Errors
    /// What the server says, or that it says nothing.
    pub fn query(&mut self, sql: &str) -> Result<Value, String> {
        let result = self.call_tool("query", &json!({ "sql": sql }))?;
        // The statement as it was understood comes first, then rows and statistics.
        let texts =
            result["content"].as_array().into_iter().flatten().filter_map(|item| item["text"].as_str());
        let objects = texts.filter_map(|text| serde_json::from_str::<Value>(text).ok());
        objects
            .map(|mut object| object["result"].take())
            .find(|rows| !rows.is_null())
            .ok_or_else(|| self.failed(&format!("no rows in {result}")))
    }

    /// What a tool says, for programs.
    ///
    /// # Errors
    /// As [`McpClient::query`].
    pub fn tool(&mut self, name: &str, arguments: &Value) -> Result<Value, String> {
        Ok(self.call_tool(name, arguments)?["structuredContent"].take())
    }

    /// What the tool `status` says.
    ///
    /// # Errors
    /// As [`McpClient::query`].
    pub fn status(&mut self) -> Result<Value, String> {
        self.tool("status", &json!({}))
    }

    /// Ends the input and waits for the server's end.
    ///
    /// # Errors
    /// When it ends otherwise than well, or not in time.
    pub fn close(mut self) -> Result<(), String> {
        drop(self.stdin.take());
        let deadline = Instant::now() + self.within;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                other => return Err(self.failed(&format!("at the end of its input: {other:?}"))),
            }
        }
    }

    fn initialize(&mut self) -> Result<(), String> {
        let about = json!({ "name": "hyperwire-tests", "version": env!("CARGO_PKG_VERSION") });
        let parameters = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": about });
        self.call("initialize", &parameters)?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
    }

    fn call_tool(&mut self, name: &str, arguments: &Value) -> Result<Value, String> {
        let result = self.call("tools/call", &json!({ "name": name, "arguments": arguments }))?;
        if result["isError"] == true { Err(self.failed(&result.to_string())) } else { Ok(result) }
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Result<Value, String> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters }))?;
        let deadline = Instant::now() + self.within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .map_err(|why| self.failed(&format!("no answer to {method}: {why}")))?;
            let mut said: Value =
                serde_json::from_str(&line).map_err(|error| self.failed(&format!("{error}: {line}")))?;
            // Its own requests and notifications have a method.
            if said["id"] == id && said["method"].is_null() {
                return match said["result"].take() {
                    Value::Null => Err(self.failed(&said["error"].to_string())),
                    result => Ok(result),
                };
            }
        }
    }

    fn send(&mut self, message: &Value) -> Result<(), String> {
        let stdin = self.stdin.as_mut().expect("only `close` takes it");
        writeln!(stdin, "{message}").map_err(|error| self.failed(&error.to_string()))
    }

    fn failed(&self, what: &str) -> String {
        let complaints = self.stderr.try_clone().map(text).unwrap_or_default();
        format!("hyperdb-mcp: {what}; it said: {}", complaints.trim())
    }
}

impl Drop for McpClient {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
