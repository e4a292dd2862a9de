//! What tools are said to do follows from what the server may do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::Server;

fn hints(arguments: &[&str]) -> BTreeMap<String, Value> {
    let server = Server::private(arguments);
    let listed = server.request("tools/list", json!({})).expect("tools are listed");
    let tools = listed["tools"].as_array().expect("a list").clone();
    tools
        .into_iter()
        .map(|tool| (tool["name"].as_str().expect("a name").to_owned(), tool["annotations"].clone()))
        .collect()
}

#[test]
fn what_may_replace_files_is_destructive_and_nothing_is_open_to_the_world() {
    let hints = hints(&["--toolsets", "memory,watch,catalog"]);

    for tool in ["execute", "load", "export", "chart"] {
        assert_eq!(hints[tool]["destructiveHint"], json!(true), "{tool}");
        assert_eq!(hints[tool]["readOnlyHint"], json!(false), "{tool}");
    }
    for tool in ["query", "inspect"] {
        assert_eq!(hints[tool]["readOnlyHint"], json!(true), "{tool}");
    }
    for (tool, hints) in &hints {
        assert_eq!(hints["openWorldHint"], json!(false), "{tool}");
    }
}

#[test]
fn a_read_only_server_has_only_tools_that_read() {
    let hints = hints(&["--read-only", "--allow-network", "--toolsets", "memory,watch,catalog"]);

    for tool in ["query", "inspect", "chart", "memory", "catalog"] {
        assert_eq!(hints[tool]["readOnlyHint"], json!(true), "{tool}");
    }
    for (tool, hints) in &hints {
        assert_eq!(
            (&hints["destructiveHint"], &hints["openWorldHint"]),
            (&json!(false), &json!(false)),
            "{tool}"
        );
    }
}

#[test]
fn a_read_only_server_with_a_folder_for_exports_says_that_it_writes_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let hints = hints(&["--read-only", "--export-dir", folder.path().to_str().expect("UTF-8")]);

    for tool in ["export", "chart"] {
        assert_eq!(hints[tool]["destructiveHint"], json!(true), "{tool}");
    }
}

#[test]
fn only_what_runs_any_sql_reaches_the_world_and_only_where_that_is_allowed() {
    let hints = hints(&["--allow-network"]);

    let open: Vec<_> = hints
        .iter()
        .filter(|(_, hints)| hints["openWorldHint"] == json!(true))
        .map(|(tool, _)| tool)
        .collect();

    assert_eq!(open, ["execute"]);
}
