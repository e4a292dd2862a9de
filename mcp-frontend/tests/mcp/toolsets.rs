//! The tools that are there when they are asked for.

use serde_json::{Value, json};

use crate::server::Server;

const ALL: [&str; 2] = ["--toolsets", "memory,watch,catalog"];
/// Of each of these tools.
const MOST_TOKENS: usize = 300;

fn tools(arguments: &[&str]) -> Vec<Value> {
    let server = Server::start(arguments);
    let listed = server.request("tools/list", json!({})).expect("tools are listed");
    listed["tools"].as_array().expect("a list").clone()
}

fn names(tools: &[Value]) -> Vec<&str> {
    tools.iter().filter_map(|tool| tool["name"].as_str()).collect()
}

#[test]
fn toolsets_come_behind_the_other_tools_and_cost_little() {
    let plain = tools(&[]);
    let more = tools(&ALL);

    assert_eq!(names(&more)[..plain.len()], names(&plain));
    assert_eq!(names(&more)[plain.len()..], ["memory", "watch", "catalog"]);
    let o200k = tiktoken_rs::o200k_base_singleton();
    for tool in &more[plain.len()..] {
        let tokens = o200k.encode_ordinary(&tool.to_string()).len();
        println!("{} {tokens}", tool["name"]);
        assert!(tokens <= MOST_TOKENS, "{}: {tokens} tokens", tool["name"]);
    }
}

#[test]
fn a_read_only_server_watches_nothing() {
    let tools = tools(&[&["--read-only"], &ALL[..]].concat());

    assert!(names(&tools).ends_with(&["memory", "catalog"]), "{:?}", names(&tools));
}

#[test]
fn what_the_server_keeps_for_itself_is_not_among_the_tables() {
    let server = Server::start(&ALL);
    server.call("execute", json!({"sql": ["CREATE TABLE mine (id int)"]})).structured();
    server.call("memory", json!({"op": "set", "store": "s", "key": "k", "value": "v"})).structured();
    server.call("catalog", json!({"op": "save_query", "name": "q", "sql": "SELECT 1"})).structured();
    server.call("catalog", json!({"op": "set_metadata", "table": "mine", "notes": "x"})).structured();

    let shown = server.call("inspect", json!({})).text();

    assert!(shown.contains("mine"), "{shown}");
    assert!(!shown.contains("_hyperdb") && !shown.contains("_table_catalog"), "{shown}");
}
