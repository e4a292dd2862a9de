//! Serving over streamable HTTP, as strangers and browsers see it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::process::memory;
use crate::protocol::{LONG, terminate};
use crate::server::command;

/// A server on a port of its own. Dropped, it is told to end.
pub(crate) struct Http {
    child: Child,
    pub(crate) url: String,
    /// What it says that its clients have to show; nothing if it wants nothing.
    pub(crate) token: Option<String>,
    /// What else it said at the start.
    pub(crate) said: String,
}

impl Http {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(command(arguments), !arguments.contains(&"--no-token"))
    }

    /// What `command` starts.
    pub(crate) fn of(mut command: Command, has_token: bool) -> Self {
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
        let mut said = String::new();
        stderr.read_line(&mut said).expect("the server says how it is protected");
        let token = said.trim_end().split_once("Authorization: Bearer ").map(|(_, token)| token.to_owned());
        assert!(token.is_some() || !has_token, "{said}");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || stderr.lines().for_each(drop));
        Self { child, url, token, said }
    }

    /// A request without a body, with the headers that every request needs.
    pub(crate) fn bare_post(&self) -> RequestBuilder {
        Client::new()
            .post(&self.url)
            .header("Accept", "application/json, text/event-stream")
            .header("Content-Type", "application/json")
            .headers(self.authorization())
    }

    /// The header that shows the token.
    pub(crate) fn authorization(&self) -> HeaderMap {
        let shown = self.token.as_ref().map(|token| format!("Bearer {token}").parse().expect("a header"));
        shown.into_iter().map(|shown| (reqwest::header::AUTHORIZATION, shown)).collect()
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
pub(crate) fn modern(server: &Http, method: &str, params: Value) -> RequestBuilder {
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
        "io.modelcontextprotocol/clientInfo": {"name": params["_client"].as_str().unwrap_or("test"), "version": "0"},
        "progressToken": 1,
    });
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let request = Client::new()
        .post(&server.url)
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", version)
        .header("Mcp-Method", method_header)
        .headers(server.authorization())
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    if name.is_empty() { request } else { request.header("Mcp-Name", name) }
}

/// The reply in a response, whether it came as JSON or as a stream of events.
pub(crate) async fn reply(response: Response) -> Value {
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
    let bare = bare.headers(server.authorization());
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

#[tokio::test]
async fn who_does_not_show_the_token_gets_nothing() {
    let server = Http::start(&[]);
    let token = server.token.clone().expect("there is one");
    let list = || modern(&server, "tools/list", json!({}));
    let without = |mut request: reqwest::Request, shown: Option<&str>| {
        request.headers_mut().remove("authorization");
        if let Some(shown) = shown {
            request.headers_mut().insert("authorization", shown.parse().expect("a header"));
        }
        Client::new().execute(request)
    };

    for shown in [None, Some("Bearer wrong"), Some("Basic dXNlcjpwYXNz"), Some(&*format!("Bearer {token}x"))]
    {
        for method in [reqwest::Method::POST, reqwest::Method::GET, reqwest::Method::DELETE] {
            let mut request = list().build().expect("a request");
            *request.method_mut() = method.clone();
            let response = without(request, shown).await.expect("a response");

            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {shown:?}");
            let challenge = response.headers()["www-authenticate"].to_str().expect("text").to_owned();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
            assert_eq!(challenge.contains("invalid_token"), shown.is_some(), "{challenge}");
            let said = response.text().await.expect("a body");
            assert!(said.contains("Next:") && !said.contains(&token), "{said}");
        }
    }
    assert_eq!(list().send().await.expect("a response").status(), StatusCode::OK);
}

#[tokio::test]
async fn the_token_stays_the_same_can_be_set_and_is_no_argument_of_a_process() {
    let server = Http::start(&[]);
    let arguments = std::fs::read(format!("/proc/{}/cmdline", server.child.id())).expect("proc(5)");
    let again = Http::start(&[]);
    let mut set = command(&[]);
    set.env("HYPERWIRE_MCP_TOKEN", "set-by-the-user-0123456789");
    let mut set = Http::of(set, false);
    let mut short = command(&["--http", "0"]);
    let short = short.env("HYPERWIRE_MCP_TOKEN", "short").output().expect("the binary was built");

    assert_eq!(server.token, again.token);
    let token = server.token.as_deref().expect("a token");
    assert!(token.len() >= 40 && !String::from_utf8_lossy(&arguments).contains(token));
    assert!(!set.said.contains("set-by-the-user"), "{}", set.said);
    set.token = Some("set-by-the-user-0123456789".to_owned());
    let listed = modern(&set, "tools/list", json!({})).send().await.expect("a response");
    assert_eq!(listed.status(), StatusCode::OK);
    assert_eq!(short.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&short.stderr).contains("HYPERWIRE_MCP_TOKEN"), "{short:?}");
}

#[tokio::test]
async fn without_a_token_everybody_is_let_in_and_the_server_says_so() {
    let server = Http::start(&["--no-token"]);

    let listed = modern(&server, "tools/list", json!({})).send().await.expect("a response");

    assert_eq!(listed.status(), StatusCode::OK);
    assert!(server.said.contains("--no-token") && server.said.contains("every program"), "{}", server.said);
}

/// A client of the `initialize` era, with a session of its own.
pub(crate) struct Session<'a> {
    server: &'a Http,
    pub(crate) id: String,
}

impl<'a> Session<'a> {
    pub(crate) async fn begin(server: &'a Http) -> Self {
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params":
            {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}});
        let response = server.bare_post().json(&hello).send().await.expect("a response");
        let id = response.headers()["mcp-session-id"].to_str().expect("text").to_owned();
        reply(response).await;
        let session = Self { server, id };
        let begun = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(session.post(&begun).await.status(), StatusCode::ACCEPTED);
        session
    }

    async fn post(&self, message: &Value) -> Response {
        let request = self.server.bare_post().header("Mcp-Session-Id", &self.id).json(message);
        request.header("MCP-Protocol-Version", "2025-11-25").send().await.expect("a response")
    }

    pub(crate) async fn request(&self, method: &str, params: Value) -> Value {
        reply(self.post(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).await).await
    }

    async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.request("tools/call", json!({"name": tool, "arguments": arguments})).await["result"].clone()
    }
}

#[tokio::test]
async fn one_session_neither_sees_nor_stops_nor_reads_what_is_anothers() {
    let server = Http::start(&[]);
    let (a, b) = (Session::begin(&server).await, Session::begin(&server).await);
    let rows = "SELECT i FROM generate_series(1, 1000) AS g(i)";
    let cursor = a.call("query", json!({"sql": rows})).await["structuredContent"]["cursor"].clone();
    let uri = format!("hyper://results/{}", cursor.as_str().expect("a cursor").trim_end_matches(".0"));
    let job =
        a.call("query", json!({"sql": LONG, "background": true})).await["structuredContent"]["job"].clone();
    assert!(job.is_string());

    let paged = b.call("query", json!({"cursor": cursor})).await;
    let read = b.request("resources/read", json!({"uri": uri})).await;
    let listed = b.request("resources/list", json!({})).await;
    let looked = b.call("inspect", json!({})).await;
    let jobs = b.call("job", json!({})).await;
    let canceled = b.call("job", json!({"id": job, "action": "cancel"})).await;
    let task = b.request("tasks/cancel", json!({"taskId": job})).await;

    assert_eq!(paged["isError"], json!(true), "{paged}");
    assert!(read["error"].is_object(), "{read}");
    for seen in [&listed, &looked, &jobs] {
        let seen = seen.to_string();
        assert!(!seen.contains(&uri) && !seen.contains(job.as_str().expect("text")), "{seen}");
    }
    assert_eq!(canceled["isError"], json!(true), "{canceled}");
    assert!(task["error"].is_object(), "{task}");
    // They are all there for their owner.
    let mine = a.call("job", json!({"id": job, "action": "status"})).await;
    assert_eq!(mine["structuredContent"]["status"], json!("running"), "{mine}");
    assert_eq!(
        a.call("query", json!({"cursor": cursor})).await["structuredContent"]["row_count"],
        json!(200)
    );
    assert!(a.request("resources/read", json!({"uri": uri})).await["result"].is_object());
    a.call("job", json!({"id": job, "action": "cancel"})).await;
}

#[tokio::test]
async fn two_programs_without_sessions_have_jobs_and_results_of_their_own() {
    let server = Http::start(&[]);
    let call = async |client: &str, tool: &str, arguments: Value| {
        let params = json!({"name": tool, "arguments": arguments, "_client": client});
        let answer = reply(modern(&server, "tools/call", params).send().await.expect("an answer")).await;
        answer["result"].clone()
    };
    let rows = "SELECT i FROM generate_series(1, 1000) AS g(i)";
    let cursor = call("a", "query", json!({"sql": rows})).await["structuredContent"]["cursor"].clone();
    let job = call("a", "query", json!({"sql": LONG, "background": true})).await["structuredContent"]["job"]
        .clone();

    let paged = call("b", "query", json!({"cursor": cursor})).await;
    let canceled = call("b", "job", json!({"id": job, "action": "cancel"})).await;
    let jobs = call("b", "job", json!({})).await;

    assert_eq!([&paged["isError"], &canceled["isError"]], [&json!(true); 2], "{paged} {canceled}");
    assert_eq!(jobs["structuredContent"]["jobs"], json!([]), "{jobs}");
    let mine = call("a", "job", json!({"id": job, "action": "cancel"})).await;
    assert!(mine["structuredContent"]["status"].as_str().expect("a status").starts_with("cancel"), "{mine}");
    assert_eq!(
        call("a", "query", json!({"cursor": cursor})).await["structuredContent"]["row_count"],
        json!(200)
    );
}

#[tokio::test]
async fn a_session_that_is_ended_takes_its_calls_and_results_along() {
    let server = Http::start(&[]);
    let session = Session::begin(&server).await;
    assert!(
        session.call("query", json!({"sql": LONG, "background": true})).await["structuredContent"]["job"]
            .is_string()
    );
    let running = json!({"name": "inspect", "arguments": {}});

    let end = Client::new().delete(&server.url).headers(server.authorization());
    let ended = end.header("Mcp-Session-Id", &session.id).send().await.expect("a response");

    assert!(ended.status().is_success(), "{ended:?}");
    let gone = session.post(&json!({"jsonrpc": "2.0", "id": "late", "method": "tools/list"})).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let gone: Value = gone.json().await.expect("JSON");
    assert_eq!(gone["id"], json!("late"), "{gone}");
    // hyperd does nothing any more: the next query is not behind another.
    let queued = reply(modern(&server, "tools/call", running).send().await.expect("an answer")).await;
    assert_eq!(queued["result"]["structuredContent"]["queued"], json!(0), "{queued}");
}

#[tokio::test]
async fn the_257th_session_takes_the_place_of_the_oldest_and_each_takes_little_memory() {
    let server = Http::start(&[]);
    let mut sessions = vec![Session::begin(&server).await];
    let before = memory(server.child.id());

    for _ in 1..256 {
        sessions.push(Session::begin(&server).await);
    }
    let each = memory(server.child.id()).saturating_sub(before) / 255;
    println!("a session takes {} KiB", each >> 10);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    assert_eq!(sessions[0].post(&list).await.status(), StatusCode::OK);
    let newest = Session::begin(&server).await;

    assert_eq!(sessions[1].post(&list).await.status(), StatusCode::NOT_FOUND, "it was silent the longest");
    for session in [&sessions[0], &sessions[2], &sessions[255], &newest] {
        assert_eq!(session.post(&list).await.status(), StatusCode::OK);
    }
    assert!(each < 100 << 10, "{each} bytes");
}

#[tokio::test]
async fn the_257th_request_in_progress_is_told_to_come_again() {
    let server = Http::start(&[]);
    let call = json!({"name": "query", "arguments": {"sql": LONG}});
    // A response begins with the first news of its call.
    let asking: Vec<_> =
        (0..256).map(|_| tokio::spawn(modern(&server, "tools/call", call.clone()).send())).collect();
    let mut open = Vec::new();
    for one in asking {
        open.push(one.await.expect("it is sent").expect("it begins"));
    }

    let refused = modern(&server, "tools/list", json!({})).send().await.expect("a response");

    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    let said: Value = refused.json().await.expect("JSON");
    assert_eq!(said["id"], json!(1), "{said}");
    assert!(said["error"]["message"].as_str().expect("why").contains("256 requests"), "{said}");
    open.truncate(200);
    let deadline = Instant::now() + Duration::from_secs(10);
    while modern(&server, "tools/list", json!({})).send().await.expect("a response").status()
        != StatusCode::OK
    {
        assert!(Instant::now() < deadline, "places are not given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
