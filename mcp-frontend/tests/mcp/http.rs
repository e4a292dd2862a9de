//! Serving over streamable HTTP, as strangers and browsers see it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::protocol::{LONG, terminate};
use crate::server::command;

/// A server on a port of its own. Dropped, it is told to end.
pub(crate) struct Http {
    child: Child,
    pub(crate) url: String,
}

impl Http {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = command(arguments);
        let mut child = command
            .args(["--http", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        stderr.read_line(&mut line).expect("the server says where it is");
        let url = line.split_whitespace().last().expect("a URL").to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || stderr.lines().for_each(drop));
        Self { child, url }
    }

    /// Tells it to end; how long that took.
    pub(crate) fn end(mut self) -> Duration {
        let since = Instant::now();
        terminate(self.child.id());
        self.child.wait().expect("it is our child");
        since.elapsed()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            terminate(self.child.id());
            let _ = self.child.wait();
        }
    }
}

/// A request of 2026-07-28, with the headers that it needs.
fn modern(server: &Http, method: &str, params: Value) -> RequestBuilder {
    with_headers(server, method, params, "2026-07-28", method)
}

/// The same, with headers that may say something else.
fn with_headers(
    server: &Http,
    method: &str,
    mut params: Value,
    version: &str,
    method_header: &str,
) -> RequestBuilder {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "progressToken": 1,
    });
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let request = Client::new()
        .post(&server.url)
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", version)
        .header("Mcp-Method", method_header)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    if name.is_empty() { request } else { request.header("Mcp-Name", name) }
}

/// The reply in a response, whether it came as JSON or as a stream of events.
async fn reply(response: Response) -> Value {
    assert_eq!(response.status(), StatusCode::OK);
    let text = response.text().await.expect("a body");
    let messages =
        text.lines().filter_map(|line| line.strip_prefix("data:").or(line.starts_with('{').then_some(line)));
    messages
        .filter_map(|message| serde_json::from_str::<Value>(message).ok())
        .find(|message| message.get("result").is_some() || message.get("error").is_some())
        .unwrap_or_else(|| panic!("no reply in {text}"))
}

#[tokio::test]
async fn a_request_without_a_session_is_answered() {
    let server = Http::start(&[]);

    let listed = reply(modern(&server, "tools/list", json!({})).send().await.expect("an answer")).await;
    let call = json!({"name": "query", "arguments": {"sql": "SELECT 1"}});
    let answer = reply(modern(&server, "tools/call", call).send().await.expect("an answer")).await;

    assert_eq!(listed["result"]["tools"][0]["name"], json!("query"));
    assert_eq!(answer["result"]["structuredContent"]["rows"], json!([[1]]));
}

#[tokio::test]
async fn a_page_of_the_web_gets_nothing() {
    let server = Http::start(&[]);
    let port =
        server.url.rsplit(':').next().and_then(|rest| rest.split('/').next()).expect("a port").to_owned();

    for (header, value, allowed) in [
        ("Host", format!("rebound.example.org:{port}"), false),
        ("Host", format!("localhost:{port}"), true),
        ("Origin", "https://example.org".to_owned(), false),
        ("Origin", "null".to_owned(), false),
        ("Origin", "http://localhost:6274".to_owned(), true),
        ("Origin", format!("http://127.0.0.1:{port}"), true),
    ] {
        let response =
            modern(&server, "tools/list", json!({})).header(header, &value).send().await.expect("an answer");
        let expected = if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(response.status(), expected, "{header}: {value}");
    }
}

#[tokio::test]
async fn what_is_no_request_of_mcp_is_refused() {
    let server = Http::start(&[]);
    let elsewhere = server.url.replace("/mcp", "/");
    let status = async |request: RequestBuilder| request.send().await.expect("an answer").status();

    assert_eq!(status(Client::new().get(elsewhere)).await, StatusCode::NOT_FOUND);
    let bare = Client::new().post(&server.url).header("Accept", "application/json, text/event-stream");
    assert_eq!(status(bare.body("{}")).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let unknown = with_headers(&server, "tools/list", json!({}), "1999-01-01", "tools/list");
    assert_eq!(status(unknown).await, StatusCode::BAD_REQUEST);
    let contradictory = with_headers(&server, "tools/list", json!({}), "2026-07-28", "tools/call");
    assert_eq!(status(contradictory).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_call() {
    let server = Http::start(&[]);
    let call = json!({"name": "query", "arguments": {"sql": LONG}});
    let mut response = modern(&server, "tools/call", call).send().await.expect("it begins");
    let first = response.chunk().await.expect("a stream").expect("progress");
    assert!(String::from_utf8_lossy(&first).contains("notifications/progress"), "{first:?}");
    running_become(&server, 1).await;

    drop(response);

    running_become(&server, 0).await;
}

#[tokio::test]
async fn a_client_that_goes_away_before_it_heard_anything_cancels_its_call() {
    let server = Http::start(&[]);
    let call = json!({"name": "query", "arguments": {"sql": LONG}});
    let mut asked = modern(&server, "tools/call", call).build().expect("a request");
    // Without a token nothing is said before the answer.
    let body = String::from_utf8(asked.body().and_then(|body| body.as_bytes()).expect("a body").to_vec());
    let body = body.expect("UTF-8").replace("\"progressToken\":1,", "").replace(",\"progressToken\":1", "");
    asked.headers_mut().remove("content-length");
    *asked.body_mut() = Some(body.into());
    let asking = tokio::spawn(Client::new().execute(asked));
    running_become(&server, 1).await;

    asking.abort();

    running_become(&server, 0).await;
}

/// Waits until so many calls run.
async fn running_become(server: &Http, wanted: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let look = json!({"name": "inspect", "arguments": {}});
        let seen = reply(modern(server, "tools/call", look).send().await.expect("an answer")).await;
        let running = seen["result"]["structuredContent"]["running"].as_array().expect("a list").len();
        if running == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{running} calls run, not {wanted}: {seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_stop_signal_ends_the_server_within_a_second_whatever_runs() {
    let server = Http::start(&[]);
    let call = json!({"name": "query", "arguments": {"sql": LONG}});
    let mut response = modern(&server, "tools/call", call).send().await.expect("it begins");
    response.chunk().await.expect("a stream").expect("progress");

    let took = server.end();

    assert!(took < Duration::from_secs(1), "it took {took:?}");
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    let taken = Http::start(&[]);
    let address = taken.url.trim_start_matches("http://").trim_end_matches("/mcp").to_owned();

    let refused = command(&["--http", &address]).output().expect("the binary was built");

    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(&address), "{refused:?}");
}
