//! However a server is started, none of its texts names a tool that it has not got.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::server::Server;

/// Tools that some servers have not got.
const OPTIONAL: [&str; 7] = ["execute", "load", "export", "database", "memory", "watch", "catalog"];

/// The optional tools that a text speaks of; `database` is an argument, too.
fn named(text: &str) -> BTreeSet<&'static str> {
    let text = text.replace('\n', " ");
    let names = |tool: &&str| match *tool {
        "database" => ["the tool `database`", "with `database`", "`database` attach"]
            .iter()
            .any(|said| text.contains(said)),
        tool => text.contains(&format!("`{tool}`")),
    };
    OPTIONAL.into_iter().filter(names).collect()
}

/// All texts that a client is given without having done anything.
fn texts(server: &Server, hello: &Value) -> Vec<String> {
    let mut texts = vec![hello["instructions"].to_string()];
    let table = json!({"table": "nothing", "left": "nothing", "right": "nothing", "path": "/x.csv"});
    for (method, list) in [
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ] {
        let listed = server.request(method, json!({})).expect("a list");
        texts.push(listed[list].to_string());
        for prompt in listed["prompts"].as_array().into_iter().flatten() {
            let given: serde_json::Map<_, _> = prompt["arguments"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|argument| argument["required"] == true)
                .filter_map(|argument| {
                    Some((argument["name"].as_str()?.to_owned(), table[argument["name"].as_str()?].clone()))
                })
                .collect();
            let got = server.request("prompts/get", json!({"name": prompt["name"], "arguments": given}));
            texts.push(got.map_or_else(|error| error.to_string(), |got| got.to_string()));
        }
    }
    for uri in ["hyper://sql", "hyper://databases", "hyper://nothing"] {
        let read = server.request("resources/read", json!({"uri": uri}));
        texts.push(read.map_or_else(|error| error.to_string(), |read| read.to_string()));
    }
    texts
}

/// Calls that fail, or whose answers advise something.
fn advised(folder: &Path) -> Vec<(&'static str, Value)> {
    let file = folder.join("a.csv");
    std::fs::write(&file, "a,b\n1,2\n").expect("it is written");
    let no_database = folder.join("no.hyper");
    std::fs::write(&no_database, "nothing").expect("it is written");
    let external = format!("SELECT * FROM external('{}')", file.display());
    let query = |sql: &str| ("query", json!({"sql": sql}));
    vec![
        query("SELECT * FROM nothing"),
        query("SELECT * FROM nothing.public.t"),
        query("SELECT 1; SELECT 2"),
        query("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING"),
        query("CREATE OR REPLACE TABLE t (i int)"),
        query("MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE"),
        query("CREATE VIEW v AS SELECT 1"),
        query("DROP TABLE t"),
        query("COPY t FROM STDIN WITH (FORMAT csv)"),
        query("COPY (SELECT 1) TO STDOUT WITH (FORMAT csv)"),
        query("SELECT * FROM '/a.csv'"),
        query(&external),
        query("SELECT nonsense(1)"),
        query("SELECT a FROM (SELECT 1 AS b) q"),
        ("query", json!({"sql": "SELECT 1", "database": "nothing"})),
        ("query", json!({"cursor": "nothing.0"})),
        ("query", json!({"cursor": "0"})),
        (
            "query",
            json!({"sql": "SELECT 1 FROM generate_series(1, 20000000) a(i), generate_series(1, 200000) b(j) WHERE i % 7 = j", "timeout_s": 0.3}),
        ),
        ("inspect", json!({})),
        ("inspect", json!({"target": "nothing"})),
        ("inspect", json!({"target": "no*thing"})),
        ("inspect", json!({"target": file})),
        ("inspect", json!({"target": no_database})),
        ("inspect", json!({"target": "hyper://sql"})),
        ("chart", json!({"sql": "DROP TABLE t", "kind": "bar"})),
        ("chart", json!({"sql": "SELECT 1 AS a", "kind": "bar", "path": folder.join("x.png")})),
        ("job", json!({})),
        ("job", json!({"id": "nothing"})),
        ("job", json!({"id": "nothing", "action": "cancel"})),
        ("memory", json!({"op": "set", "store": "s", "key": "k", "value_path": no_database})),
        ("memory", json!({"op": "set", "store": "s", "key": "k", "value": "v"})),
        ("catalog", json!({"op": "get_query", "name": "nothing"})),
        ("catalog", json!({"op": "delete_query", "name": "nothing"})),
        ("execute", json!({"sql": ["SELECT 1; SELECT 2"]})),
        ("execute", json!({"sql": ["COPY t FROM STDIN WITH (FORMAT csv)"]})),
        ("export", json!({"table": "nothing", "path": folder.join("x.csv")})),
        ("export", json!({"sql": "DROP TABLE t", "path": folder.join("x.csv")})),
    ]
}

#[test]
fn every_text_is_true_of_the_server_that_says_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path().canonicalize().expect("it is there");
    let kept = here.join("kept.hyper");
    let (kept, dir) = (kept.to_str().expect("UTF-8"), here.to_str().expect("UTF-8"));
    let mut looked_at = 0;
    for arguments in [
        vec!["--private", "--ephemeral-only"],
        vec!["--ephemeral-only", "--read-only"],
        vec!["--private", "--persistent-db", kept],
        vec!["--private", "--read-only", "--toolsets", "memory,watch,catalog", "--persistent-db", kept],
        vec!["--private", "--read-only", "--export-dir", dir],
        vec!["--allow-dir", dir, "--toolsets", "memory,watch,catalog", "--ephemeral-only"],
        vec!["--allow-dir", dir, "--read-only", "--ephemeral-only"],
    ] {
        let server = Server::spawn(crate::server::command(&arguments));
        let hello = server.initialize();
        let listed = server.request("tools/list", json!({})).expect("tools are listed");
        let tools: BTreeSet<_> =
            listed["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
        let mut all = texts(&server, &hello);
        for (tool, call) in advised(&here) {
            match server.request("tools/call", json!({"name": tool, "arguments": call})) {
                Ok(answer) => all.push(answer.to_string()),
                Err(error) => assert!(!tools.contains(tool), "{tool} {call}: {error}"),
            }
        }
        for text in all {
            looked_at += 1;
            for tool in named(&text) {
                assert!(tools.contains(tool), "{arguments:?} names `{tool}`: {text}");
            }
        }
    }
    assert!(looked_at > 250, "{looked_at} texts");
}

#[test]
fn a_statement_that_wants_data_is_told_what_there_is_instead() {
    let (writer, reader) = (Server::private(&[]), Server::private(&["--read-only"]));
    writer.call("execute", json!({"sql": ["CREATE TABLE t (i int)"]})).structured();

    let writing = writer.call("execute", json!({"sql": ["COPY t FROM STDIN WITH (FORMAT csv)"]})).error();
    let reading = reader.call("query", json!({"sql": "COPY (SELECT 1) TO STDOUT WITH (FORMAT csv)"})).error();

    assert!(!writing.contains("as a copy") && writing.contains("`load`"), "{writing}");
    assert!(!reading.contains("as a copy") && !reading.contains("`export`"), "{reading}");
}

#[test]
fn a_job_that_is_not_known_is_not_simply_made_again() {
    let server = Server::private(&[]);

    let text = server.call("job", json!({"id": "job-0"})).error();

    assert!(text.contains("before you make one again that writes"), "{text}");
}

#[test]
fn a_call_that_only_waited_is_told_so() {
    let server = Server::private(&[]);
    let endless =
        "SELECT sum(a * b % 7) FROM generate_series(1, 2000000) x(a), generate_series(1, 2000000) y(b)";
    let running: Vec<_> = (0..16).map(|_| server.begin("query", json!({"sql": endless}))).collect();
    let queued = || server.call("inspect", json!({})).structured()["queued"].as_u64().unwrap();
    crate::process::wait_for("a queue", || (queued() > 0).then_some(()));

    let waited = server.call("query", json!({"sql": endless, "timeout_s": 0.5})).error();
    running.into_iter().for_each(|pending| server.cancel(pending));
    let ran = server.call("query", json!({"sql": endless, "timeout_s": 0.5})).error();

    assert!(waited.contains("never ran") && waited.contains("queued"), "{waited}");
    assert!(!waited.contains("aggregate"), "{waited}");
    assert!(ran.contains("aggregate") || ran.contains("never ran"), "{ran}");
}
