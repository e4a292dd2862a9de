//! An MCP server and its client, which notes when each answer came.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A running server. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<(Instant, String)>,
    started: Instant,
    limit: Duration,
    last_id: u64,
}

/// An answer, and when it came.
pub(crate) struct Answer {
    pub(crate) result: Value,
    pub(crate) at: Instant,
}

impl Server {
    /// Starts it and makes its acquaintance, which took so long.
    pub(crate) fn start(mut command: Command, limit: Duration) -> Result<(Self, Duration), String> {
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let stdout = child.stdout.take().expect("piped above");
        let (line, lines) = mpsc::channel();
        thread::spawn(move || {
            for read in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Whoever does not listen any more is gone.
                if line.send((Instant::now(), read)).is_err() {
                    return;
                }
            }
        });
        let mut server = Self { stdin: child.stdin.take(), child, lines, started, limit, last_id: 0 };
        let about = json!({"name": "mcp_side_by_side", "version": env!("CARGO_PKG_VERSION")});
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": about});
        let hello = server.request("initialize", &hello)?;
        server.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok((server, hello.at - started))
    }

    /// From its start.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> Result<Answer, String> {
        let (id, _) = self.send(method, params)?;
        loop {
            let (answered, answer) = self.next()?;
            if answered == id {
                return Ok(answer);
            }
        }
    }

    /// Calls a tool, and says how long that took.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Result<(Value, Duration), String> {
        let sent = Instant::now();
        let answer = self.request("tools/call", &json!({"name": tool, "arguments": arguments}))?;
        Ok((expect_success(answer.result)?, answer.at - sent))
    }

    /// Calls `query`.
    pub(crate) fn query(&mut self, sql: &str) -> Result<(Value, Duration), String> {
        self.call("query", &json!({"sql": sql}))
    }

    /// Sends a call of `query`; its id, and when.
    pub(crate) fn send_query(&mut self, sql: &str) -> Result<(u64, Instant), String> {
        self.send("tools/call", &json!({"name": "query", "arguments": {"sql": sql}}))
    }

    /// The next answer, to whatever.
    pub(crate) fn next(&mut self) -> Result<(u64, Answer), String> {
        let deadline = Instant::now() + self.limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (at, line) = self
                .lines
                .recv_timeout(left)
                .map_err(|_| format!("no answer within {} s", self.limit.as_secs()))?;
            let mut said: Value = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
            match (said["id"].as_u64(), said["method"].is_null()) {
                (Some(id), true) if !said["result"].is_null() => {
                    return Ok((id, Answer { result: said["result"].take(), at }));
                }
                (Some(_), true) => return Err(said["error"].to_string()),
                // A notification.
                _ => {}
            }
        }
    }

    /// So many queries, of which `callers` are unanswered at any time. How long each took, in milliseconds, and all.
    pub(crate) fn flood(
        &mut self,
        sql: &str,
        calls: u32,
        callers: usize,
    ) -> Result<(Vec<f64>, Duration), String> {
        let begun = Instant::now();
        let mut unanswered = HashMap::new();
        let mut took = Vec::new();
        let mut left = calls;
        while left > 0 || !unanswered.is_empty() {
            while left > 0 && unanswered.len() < callers {
                let (id, sent) = self.send_query(sql)?;
                unanswered.insert(id, sent);
                left -= 1;
            }
            let (id, answer) = self.next()?;
            if let Some(sent) = unanswered.remove(&id) {
                expect_success(answer.result)?;
                took.push((answer.at - sent).as_secs_f64() * 1e3);
            }
        }
        Ok((took, begun.elapsed()))
    }

    /// Ends its input and waits for its end, which took so long.
    pub(crate) fn end(mut self) -> Result<Duration, String> {
        let closed = Instant::now();
        drop(self.stdin.take());
        loop {
            match self.child.try_wait() {
                Ok(Some(_)) => return Ok(closed.elapsed()),
                Ok(None) if closed.elapsed() < self.limit => thread::sleep(Duration::from_micros(200)),
                other => return Err(format!("it does not end with its input: {other:?}")),
            }
        }
    }

    fn send(&mut self, method: &str, params: &Value) -> Result<(u64, Instant), String> {
        self.last_id += 1;
        let id = self.last_id;
        let sent = Instant::now();
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        Ok((id, sent))
    }

    fn say(&mut self, message: &Value) -> Result<(), String> {
        let stdin = self.stdin.as_mut().expect("only `end` takes it");
        stdin.write_all(format!("{message}\n").as_bytes()).map_err(|error| error.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn expect_success(result: Value) -> Result<Value, String> {
    if result["isError"] == true { Err(result.to_string()) } else { Ok(result) }
}
