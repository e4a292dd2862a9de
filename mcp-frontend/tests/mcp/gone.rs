//! Database files that are not there: reading makes none, and says so.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::server::Server;

/// Calls that only read, of every tool that can name a database.
fn read_everything(server: &Server, alias: &str, folder: &Path) -> Vec<String> {
    let table = format!("{alias}.public.t");
    let sql = format!("SELECT * FROM {table}");
    let chart = json!({"sql": format!("SELECT 'x' AS x, count(*) AS y FROM {table}"), "kind": "bar"});
    let calls = [
        ("query", json!({"sql": sql})),
        ("query", json!({"sql": "SELECT * FROM t", "database": alias})),
        ("chart", chart),
        ("export", json!({"sql": sql, "path": folder.join("out.csv")})),
        ("export", json!({"table": table, "path": folder.join("out.csv")})),
        ("inspect", json!({"target": table})),
        ("inspect", json!({"target": "%t%", "detail": "stats"})),
    ];
    let answers = calls.map(|(tool, arguments)| server.call(tool, arguments));
    server.call("inspect", json!({}));
    server.call("inspect", json!({"database": alias}));
    let _ = server.request("resources/list", json!({}));
    answers[..5].iter().map(|answer| answer.error()).collect()
}

#[test]
fn a_file_that_is_deleted_while_it_is_attached_is_told_as_gone_and_not_made_anew() {
    let all = tempfile::tempdir().expect("a folder");
    let folder = all.path().canonicalize().expect("it is there");
    for (number, start) in [Server::private, Server::sharing].into_iter().enumerate() {
        let server = start(&[]);
        for mode in ["readonly", "readwrite"] {
            let file = folder.join(format!("{mode}{number}.hyper"));
            let alias = format!("ledger_{mode}{number}");
            server.call("database", json!({"action": "create", "path": file, "alias": alias})).structured();
            let made = json!({"database": alias, "sql": ["CREATE TABLE t AS SELECT 1 AS i"]});
            server.call("execute", made).structured();
            server.call("database", json!({"action": "detach", "alias": alias})).structured();
            let attach = json!({"action": "attach", "path": file, "alias": alias, "mode": mode});
            server.call("database", attach).structured();
            fs::remove_file(&file).expect("nobody has it open");

            let told = read_everything(&server, &alias, &folder);

            assert!(told.iter().all(|text| text.contains("is gone") && text.contains("detach")), "{told:#?}");
            let write = json!({"database": alias, "sql": ["CREATE TABLE other (i INT)"]});
            assert!(server.call("execute", write).error().contains("is gone"));
            assert!(!file.exists(), "{mode}");
            server.call("query", json!({"sql": "SELECT 1"})).structured();
            server.call("database", json!({"action": "detach", "alias": alias})).structured();
        }
    }
}

#[test]
fn the_persistent_database_is_made_by_the_first_write_and_by_no_look() {
    let all = tempfile::tempdir().expect("a folder");
    let folder = all.path().canonicalize().expect("it is there");
    let file = folder.join("kept.hyper");
    let tools = ["--persistent-db", file.to_str().expect("UTF-8"), "--toolsets", "memory,catalog"];
    let server = Server::sharing(&[&["--private"], &tools[..]].concat());

    read_everything(&server, "persistent", &folder);
    let none = server.call("query", json!({"sql": "SELECT 1", "database": "persistent"})).error();
    let empty = server.call("memory", json!({"op": "list_stores"}));

    assert!(none.contains("no file") && none.contains("Next:"), "{none}");
    assert!(!empty.is_error(), "{}", empty.text());
    assert_eq!(
        server.call("query", json!({"sql": "SELECT 'persistent'"})).rows(),
        &json!([["persistent"]]),
        "a word is no use of it"
    );
    assert!(!file.exists());
    server.call("memory", json!({"op": "set", "store": "s", "key": "k", "value": 1})).structured();
    assert!(file.exists());
}
