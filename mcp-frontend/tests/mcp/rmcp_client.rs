//! rmcp's own client, over both transports and in both eras.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientConfig, ClientRequest, ProgressNotificationParam,
    ProtocolVersion, ReadResourceRequestParams,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Value, json};

use crate::http::Http;
use crate::protocol::LONG;
use crate::server::{GENEROUS, command};

/// Hears of progress.
#[derive(Default)]
struct Listener {
    told: Mutex<Vec<f64>>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::default()
    }

    async fn on_progress(&self, told: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.told.lock().expect("no panic holds it").push(told.progress);
    }
}

type Client = RunningService<RoleClient, Listener>;

fn eras() -> [(ClientLifecycleMode, &'static str); 2] {
    let modern = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    [(ClientLifecycleMode::Initialize, "2025-11-25"), (modern, "2026-07-28")]
}

fn call(tool: &'static str, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    CallToolRequestParams::new(tool).with_arguments(arguments)
}

async fn talk(client: &Client) {
    let tools = client.list_all_tools().await.expect("tools are listed");
    assert_eq!(tools.len(), 8);
    let answer = client.call_tool(call("query", json!({"sql": "SELECT 1 AS a"}))).await.expect("an answer");
    assert_eq!(answer.structured_content.expect("structured")["rows"], json!([[1]]));
    let refused =
        client.call_tool(call("query", json!({"sql": "SELECT nonsense"}))).await.expect("an answer");
    assert_eq!(refused.is_error, Some(true));
    client.call_tool(call("nothing", json!({}))).await.expect_err("there is no such tool");
    let resources = client.list_all_resources().await.expect("resources are listed");
    assert!(resources.iter().any(|resource| resource.uri == "hyper://sql"));
    let guide = client.read_resource(ReadResourceRequestParams::new("hyper://sql")).await.expect("the guide");
    assert_eq!(guide.contents.len(), 1);
    assert_eq!(client.list_all_prompts().await.expect("prompts are listed").len(), 4);
    cancel(client).await;
}

/// Cancels a long call once it is known to run, and calls again.
async fn cancel(client: &Client) {
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(call("query", json!({"sql": LONG}))));
    let running =
        client.send_cancellable_request(request, PeerRequestOptions::no_options()).await.expect("it is sent");
    let deadline = Instant::now() + GENEROUS;
    while client.service().told.lock().expect("no panic holds it").is_empty() {
        assert!(Instant::now() < deadline, "no progress is told");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.cancel(None).await.expect("it is canceled");
    let answer = client.call_tool(call("query", json!({"sql": "SELECT 2 AS a"}))).await.expect("an answer");
    assert_eq!(answer.structured_content.expect("structured")["rows"], json!([[2]]));
}

#[tokio::test]
async fn over_standard_input_and_output() {
    for (era, version) in eras() {
        let transport =
            TokioChildProcess::new(tokio::process::Command::from(command(&[]))).expect("it starts");
        let client = Listener::default().serve_with_lifecycle(transport, era).await.expect("it is served");

        assert_eq!(client.peer_info().expect("it said who it is").protocol_version.as_str(), version);
        talk(&client).await;
        client.cancel().await.expect("it ends");
    }
}

fn transport(url: &str, token: Option<&str>) -> StreamableHttpClientTransport<reqwest::Client> {
    let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token.expect("a token"));
    StreamableHttpClientTransport::from_config(config)
}

#[tokio::test]
async fn over_http() {
    let server = Http::start(&[]);
    for (era, version) in eras() {
        let transport = transport(&server.url, server.token.as_deref());
        let client = Listener::default().serve_with_lifecycle(transport, era).await.expect("it is served");

        assert_eq!(client.peer_info().expect("it said who it is").protocol_version.as_str(), version);
        talk(&client).await;
        client.cancel().await.expect("it ends");
    }
}

#[tokio::test]
async fn many_http_clients_share_one_server() {
    let server = Http::start(&[]);
    let talking = (0..8).map(|number| {
        let (url, token) = (server.url.clone(), server.token.clone());
        tokio::spawn(async move {
            let (era, _) = eras().into_iter().nth(number % 2).expect("two eras");
            let transport = transport(&url, token.as_deref());
            let client =
                Listener::default().serve_with_lifecycle(transport, era).await.expect("it is served");
            let sql = format!("SELECT {number} AS a");
            let answer = client.call_tool(call("query", json!({"sql": sql}))).await.expect("an answer");
            assert_eq!(answer.structured_content.expect("structured")["rows"], json!([[number]]));
        })
    });
    for talk in talking.collect::<Vec<_>>() {
        talk.await.expect("it talked");
    }
}
