//! What every revision of MCP demands, message by message.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::command;
use crate::wire::Wire;

/// Takes hyperd hours.
pub(crate) const LONG: &str = "SELECT count(*) FROM generate_series(1, 4000000) a(x), generate_series(1, 4000000) b(y) WHERE (x * 7 + y * 13) % 1000003 = 5";
const TASKS: &str = "io.modelcontextprotocol/tasks";

#[test]
fn each_revision_with_a_handshake_is_spoken_and_an_unknown_one_gets_the_newest() {
    for (asked, spoken) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut server = Wire::start(&[]);

        let hello = server.initialize(asked);

        assert_eq!(hello["protocolVersion"], json!(spoken), "{asked}");
        assert_eq!(hello["serverInfo"]["name"], json!("hyperwire"));
        let listed = server.request("tools/list", json!({})).expect("tools are listed");
        assert_eq!(listed["tools"][0]["name"], json!("query"));
        server.request("ping", json!({})).expect("ping is answered");
    }
}

#[test]
fn without_a_handshake_the_server_is_discovered() {
    let mut server = Wire::start(&[]);
    server.modern(json!({}));

    let found = server.request("server/discover", json!({})).expect("it can be discovered");

    let versions = found["supportedVersions"].as_array().expect("a list");
    assert!(
        versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-11-25")),
        "{versions:?}"
    );
    for capability in ["tools", "resources", "prompts", "completions"] {
        assert!(found["capabilities"][capability].is_object(), "{capability}: {found}");
    }
    assert_eq!(found["capabilities"]["resources"], json!({"listChanged": true, "subscribe": true}));
    assert!(found["capabilities"]["extensions"][TASKS].is_object(), "{found}");
    assert_cacheable(&found);
}

#[test]
fn every_list_of_the_modern_revision_says_how_long_it_holds() {
    let mut server = Wire::start(&[]);
    server.modern(json!({}));

    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "skills/list"]
    {
        let listed = server.request(method, json!({})).unwrap_or_else(|error| panic!("{method}: {error}"));
        assert_cacheable(&listed);
        assert_eq!(listed["resultType"], json!("complete"), "{method}");
    }
    assert_cacheable(&server.request("resources/read", json!({"uri": "hyper://sql"})).expect("the guide"));
}

#[test]
fn a_modern_request_says_who_asks_and_in_which_revision() {
    let mut server = Wire::start(&[]);
    server.modern(json!({}));
    server.request("server/discover", json!({})).expect("it can be discovered");
    let mut bare = |meta: Value| {
        server.modern = None;
        server.request("tools/list", json!({"_meta": meta})).expect_err("it is refused")
    };

    assert_eq!(bare(json!({}))["code"], json!(-32602));
    let refused = bare(json!({
        "io.modelcontextprotocol/protocolVersion": "2031-01-01",
        "io.modelcontextprotocol/clientCapabilities": {},
    }));
    assert_eq!(refused["code"], json!(-32022), "{refused}");
    assert_eq!(refused["data"]["requested"], json!("2031-01-01"));
}

#[test]
fn what_only_one_era_has_is_unknown_to_the_other() {
    let mut server = Wire::start(&[]);
    server.modern(json!({}));
    // Before anything was asked, any era may ping.
    server.request("tools/list", json!({})).expect("tools are listed");
    for method in ["ping", "resources/subscribe", "logging/setLevel"] {
        let refused =
            server.request(method, json!({"uri": "hyper://sql", "level": "info"})).expect_err(method);
        assert_eq!(refused["code"], json!(-32601), "{method}: {refused}");
    }
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    let refused =
        server.request("subscriptions/listen", json!({"notifications": {}})).expect_err("no such method");
    assert_eq!(refused["code"], json!(-32601), "{refused}");
}

#[test]
fn the_server_answers_before_there_is_a_hyperd_and_says_why_there_is_none() {
    let mut without = command(&["--private"]);
    without.env("HYPERD_PATH", "/nowhere/hyperd").env("PATH", "").env("HYPERWIRE_CACHE_DIR", "/nowhere");
    let mut without_state = command(&[]);
    without_state.env("HYPERDB_STATE_DIR", "/proc/nowhere");

    for (command, reason) in [(without, "/nowhere/hyperd"), (without_state, "/proc/nowhere")] {
        let mut server = Wire::spawn(command);
        server.initialize("2025-11-25");
        server.request("tools/list", json!({})).expect("tools are listed");
        let listed = server.request("resources/list", json!({})).expect("resources are listed");
        let failed = server.request("tools/call", json!({"name": "query", "arguments": {"sql": "SELECT 1"}}));
        let failed = failed.expect("a tool answers");
        let prompted =
            server.request("prompts/get", json!({"name": "chart-file", "arguments": {"path": "/a.csv"}}));

        assert!(listed["resources"].as_array().expect("a list").len() >= 2, "{listed}");
        assert_eq!(failed["isError"], json!(true));
        let text = failed["content"][0]["text"].as_str().expect("a text");
        assert!(text.contains(reason) && text.contains("Next:"), "{text}");
        prompted.expect("a prompt needs no hyperd");
        server.request("ping", json!({})).expect("the server is still there");
    }
}

#[test]
fn an_unknown_tool_is_a_mistake_of_the_client_and_wrong_arguments_are_the_models() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");

    let unknown = server.request("tools/call", json!({"name": "drop_everything", "arguments": {}}));
    let wrong = server.request("tools/call", json!({"name": "query", "arguments": {"sql": 7}}));

    assert_eq!(unknown.expect_err("there is no such tool")["code"], json!(-32602));
    let wrong = wrong.expect("the model is told");
    assert_eq!(wrong["isError"], json!(true));
    assert!(wrong.get("structuredContent").is_none(), "{wrong}");
}

#[test]
fn a_line_that_is_no_message_harms_nothing() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");

    for line in [
        "",
        "nonsense",
        "[]",
        "{\"jsonrpc\": \"2.0\"}",
        "\u{0}\u{1}",
        "{\"jsonrpc\":\"2.0\",\"id\":99,\"method\":\"no/such\"}",
    ] {
        server.say_line(line);
    }

    server.request("ping", json!({})).expect("the server is still there");
}

#[test]
fn progress_grows_at_least_four_times_a_second_and_ends_with_the_answer() {
    let mut server = Wire::start(&["--soft-deadline", "1.5"]);
    server.initialize("2025-11-25");

    let id = server.send(
        "tools/call",
        json!({"name": "query", "arguments": {"sql": LONG}, "_meta": {"progressToken": "mine"}}),
    );
    let (reply, before) = server.reply_and_before(id);
    let ping = server.send("ping", json!({}));
    let (_, after) = server.reply_and_before(ping);

    reply.expect("the call became a job");
    let progress: Vec<_> =
        before.iter().filter(|said| said["method"] == json!("notifications/progress")).collect();
    let told: Vec<f64> = progress.iter().filter_map(|said| said["params"]["progress"].as_f64()).collect();
    assert!(told.len() >= 4, "{told:?} in 1.5 s");
    assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "{told:?}");
    assert!(progress.iter().all(|said| said["params"]["progressToken"] == json!("mine")));
    assert!(progress.iter().all(|said| said["params"]["message"].is_string()));
    assert!(after.is_empty(), "{after:?}");
}

#[test]
fn a_canceled_request_is_never_answered() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    let id = server.send(
        "tools/call",
        json!({"name": "query", "arguments": {"sql": LONG}, "_meta": {"progressToken": 1}}),
    );
    server.notification("notifications/progress");

    server.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    let ping = server.send("ping", json!({}));
    let (_, mut said) = server.reply_and_before(ping);
    let (last, status, took) = server.end();

    said.extend(last);
    assert!(said.iter().all(|said| said["id"] != json!(id)), "{said:?}");
    assert!(status.success());
    assert!(took < Duration::from_secs(1), "it took {took:?} to end");
}

#[test]
fn a_call_that_outlives_the_soft_deadline_goes_on_as_a_job() {
    let mut server = Wire::start(&["--soft-deadline", "0.2"]);
    server.initialize("2025-11-25");

    let reply =
        server.request("tools/call", json!({"name": "query", "arguments": {"sql": LONG}})).expect("a job");

    assert_eq!(reply["isError"], json!(false), "{reply}");
    assert!(!reply["structuredContent"]["job"].is_null(), "{reply}");
    let text = reply["content"][0]["text"].as_str().expect("a text");
    assert!(text.contains("`job`"), "{text}");
}

#[test]
fn a_client_that_knows_tasks_gets_one_and_what_came_of_it() {
    let mut server = Wire::start(&["--soft-deadline", "0.01"]);
    server.modern(json!({"extensions": {TASKS: {}}}));
    let sql = "SELECT sum(x) FROM generate_series(1, 30000000) s(x)";

    let task =
        server.request("tools/call", json!({"name": "query", "arguments": {"sql": sql}})).expect("a task");
    assert_eq!(task["resultType"], json!("task"), "{task}");
    let name = task["taskId"].as_str().expect("it has a name").to_owned();
    let done = loop {
        let task = server.request("tasks/get", json!({"taskId": name})).expect("it is known");
        match task["status"].as_str() {
            Some("working") => {}
            _ => break task,
        }
    };

    assert_eq!(done["status"], json!("completed"), "{done}");
    assert_eq!(done["result"]["structuredContent"]["rows"], json!([[450000015000000_u64]]));
}

#[test]
fn a_task_can_be_canceled() {
    let mut server = Wire::start(&["--soft-deadline", "0.05"]);
    server.modern(json!({"extensions": {TASKS: {}}}));
    let task =
        server.request("tools/call", json!({"name": "query", "arguments": {"sql": LONG}})).expect("a task");
    let name = task["taskId"].as_str().expect("it has a name").to_owned();

    server.request("tasks/cancel", json!({"taskId": name})).expect("it is canceled");
    let done = loop {
        let task = server.request("tasks/get", json!({"taskId": name})).expect("it is known");
        if task["status"] != json!("working") {
            break task;
        }
    };

    assert_eq!(done["status"], json!("cancelled"), "{done}");
    server.request("tasks/update", json!({"taskId": name, "inputResponses": {}})).expect("nothing was asked");
    let unknown = server.request("tasks/get", json!({"taskId": "1"})).expect_err("there is no such task");
    assert_eq!(unknown["code"], json!(-32602));
}

#[test]
fn tasks_are_for_clients_that_declare_them() {
    let mut server = Wire::start(&["--soft-deadline", "0.05"]);
    server.modern(json!({}));

    let reply =
        server.request("tools/call", json!({"name": "query", "arguments": {"sql": LONG}})).expect("a job");
    let refused = server.request("tasks/get", json!({"taskId": "1"})).expect_err("it declared nothing");

    assert_eq!(reply["resultType"], json!("complete"), "{reply}");
    assert!(!reply["structuredContent"]["job"].is_null(), "{reply}");
    assert_eq!(refused["code"], json!(-32021), "{refused}");
}

#[test]
fn an_answer_consists_of_what_was_asked_for() {
    for (content, text, structured) in
        [("text", true, false), ("structured", false, true), ("both", true, true)]
    {
        let mut server = Wire::start(&["--content", content]);
        server.initialize("2025-11-25");

        let reply =
            server.request("tools/call", json!({"name": "query", "arguments": {"sql": "SELECT 1 AS a"}}));
        let listed = server.request("tools/list", json!({})).expect("tools are listed");

        let reply = reply.expect("an answer");
        let shown: Option<Value> =
            reply["content"][0]["text"].as_str().map(|text| serde_json::from_str(text).expect("JSON"));
        assert_eq!(shown.is_some(), text, "{content}: {reply}");
        assert_eq!(reply.get("structuredContent").is_some(), structured, "{content}: {reply}");
        for rows in [
            shown.map(|shown| shown["rows"].clone()),
            reply.get("structuredContent").map(|shown| shown["rows"].clone()),
        ] {
            assert_eq!(rows.unwrap_or(json!([[1]])), json!([[1]]), "{content}");
        }
        // A client that is promised structured content must get it.
        assert_eq!(listed["tools"][0].get("outputSchema").is_some(), structured, "{content}");
    }
}

#[test]
fn the_end_of_input_ends_the_server_within_a_second_whatever_runs() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    for _ in 0..3 {
        server.send(
            "tools/call",
            json!({"name": "query", "arguments": {"sql": LONG}, "_meta": {"progressToken": 1}}),
        );
    }
    server.notification("notifications/progress");

    let (_, status, took) = server.end();

    assert!(status.success());
    assert!(took < Duration::from_secs(1), "it took {took:?}");
}

#[test]
fn a_stop_signal_ends_the_server_within_a_second() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    server.send(
        "tools/call",
        json!({"name": "query", "arguments": {"sql": LONG}, "_meta": {"progressToken": 1}}),
    );
    server.notification("notifications/progress");

    let since = std::time::Instant::now();
    terminate(server.pid());
    while server.next().is_some() {}

    assert!(since.elapsed() < Duration::from_secs(1), "it took {:?}", since.elapsed());
}

/// Sends SIGTERM.
pub(crate) fn terminate(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process has a number");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is there");
}

#[track_caller]
fn assert_cacheable(result: &Value) {
    assert!(result["ttlMs"].is_u64(), "{result}");
    assert_eq!(result["cacheScope"], json!("private"), "{result}");
}
