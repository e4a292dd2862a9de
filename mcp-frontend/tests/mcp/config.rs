//! `hyperwire mcp config`.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::wire::Wire;

fn config(client: &str, arguments: &[&str]) -> (String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_hyperwire"))
        .args(["mcp", "config", client])
        .args(arguments)
        .env_remove("HYPERD_PATH")
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built");
    assert!(done.status.success());
    (String::from_utf8(done.stdout).expect("UTF-8"), String::from_utf8(done.stderr).expect("UTF-8"))
}

#[test]
fn what_is_printed_starts_a_server_that_answers() {
    for (client, servers) in [
        ("claude-desktop", "mcpServers"),
        ("cursor", "mcpServers"),
        ("windsurf", "mcpServers"),
        ("gemini-cli", "mcpServers"),
        ("vscode", "servers"),
        ("zed", "context_servers"),
    ] {
        let (printed, place) = config(client, &["--", "--ephemeral-only", "--read-only"]);

        let printed: Value =
            serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{client}: {error}"));
        let server = &printed[servers]["hyper"];
        let mut command = Command::new(server["command"].as_str().expect("a command"));
        command.args(server["args"].as_array().expect("arguments").iter().filter_map(Value::as_str));
        for (name, value) in crate::server::command(&[]).get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Wire::spawn(command).initialize("2025-11-25");
        assert!(place.contains(".json"), "{client}: {place}");
    }
}

#[cfg(unix)]
#[test]
fn the_command_for_claude_code_is_one_for_a_shell() {
    let (printed, place) = config("claude-code", &["--", "--allow-dir", "/a b"]);

    let program = env!("CARGO_BIN_EXE_hyperwire");
    assert_eq!(
        printed.trim_end(),
        format!("claude mcp add --scope user hyper -- {program} mcp --allow-dir '/a b'")
    );
    assert!(place.contains("Run this"), "{place}");
}

#[tokio::test]
async fn what_is_printed_for_a_server_over_http_is_let_in() {
    let server = crate::http::Http::start(&[]);
    let address = server.url.trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
    let mut config = Command::new(env!("CARGO_BIN_EXE_hyperwire"));
    config.args(["mcp", "config", "cursor", "--", "--http", &address]);
    for (name, value) in crate::server::command(&[]).get_envs() {
        match value {
            Some(value) => config.env(name, value),
            None => config.env_remove(name),
        };
    }

    let printed = config.output().expect("the binary was built");

    let (stdout, stderr) =
        (String::from_utf8_lossy(&printed.stdout), String::from_utf8_lossy(&printed.stderr));
    let configuration: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let printed = &configuration["mcpServers"]["hyper"];
    assert_eq!(printed["url"], server.url);
    let ping = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params":
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}});
    let request = reqwest::Client::new()
        .post(&server.url)
        .header("Accept", "application/json, text/event-stream")
        .header("Authorization", printed["headers"]["Authorization"].as_str().expect("a header"))
        .json(&ping);
    assert_eq!(request.send().await.expect("a response").status().as_u16(), 200);
    assert!(stderr.contains("has to run: hyperwire mcp --http"), "{stderr}");
}

#[test]
fn a_port_that_changes_each_time_is_refused() {
    let refused = Command::new(env!("CARGO_BIN_EXE_hyperwire"))
        .args(["mcp", "config", "cursor", "--", "--http", "0"])
        .output()
        .expect("the binary was built");

    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--http 7480"), "{refused:?}");
}
