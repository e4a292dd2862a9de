//! Files and inline data in a query, without a table of theirs.

use std::fs;

use serde_json::json;

use crate::server::Server;

#[test]
fn a_file_and_inline_data_are_joined_in_one_call() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    fs::write(&path, "id,customer,total\n1,7,10.50\n2,8,5.25\n3,7,1.00\n").unwrap();

    let answer = server.call(
        "query",
        json!({
            "sql": "SELECT c.name, sum(o.total) FROM orders o JOIN \"Our customers\" c ON c.id = o.customer GROUP BY 1 ORDER BY 1",
            "inputs": {"orders": {"path": path}, "Our customers": {"data": [{"id": 7, "name": "Ann"}, {"id": 8, "name": "Bo"}]}}
        }),
    );

    assert_eq!(answer.rows(), &json!([["Ann", 11.50], ["Bo", 5.25]]));
}

#[test]
fn an_input_is_there_for_its_call_alone() {
    let server = Server::start(&[]);
    let with_input = json!({"sql": "SELECT data FROM data", "inputs": {"data": {"data": "data\n1\n"}}});

    let first = server.call("query", with_input.clone());
    let without = server.call("query", json!({"sql": "SELECT * FROM data"}));
    let again = server.call("query", with_input);

    assert_eq!((first.rows(), again.rows()), (&json!([[1]]), &json!([[1]])));
    assert!(without.error().contains("data"));
}

#[test]
fn an_input_does_not_hide_a_table() {
    let server = Server::start(&[]);
    server.call("execute", json!({"sql": ["CREATE TABLE t AS SELECT 1 AS a"]})).structured();

    let error =
        server.call("query", json!({"sql": "SELECT * FROM t", "inputs": {"t": {"data": "a\n2\n"}}})).error();

    assert!(error.contains("already"), "{error}");
}

#[test]
fn what_is_wrong_with_an_input_is_said_with_its_name() {
    let server = Server::start(&[]);
    let failing = |input: serde_json::Value| {
        server.call("query", json!({"sql": "SELECT * FROM mine", "inputs": {"mine": input}})).error()
    };

    for (input, expected) in [
        (json!({"data": "a,b\n1\n"}), "line 2"),
        (json!({"path": "/no/such.parquet"}), "/no/such.parquet"),
        (json!({"data": "[{\"a\": }]"}), "column 8"),
        (json!({"data": "a\nx\n", "schema": {"a": "integer"}}), "{\"a\": \"text\"}"),
    ] {
        let error = failing(input.clone());
        assert!(error.contains(expected) && error.contains("\"mine\""), "{input}: {error}");
    }
    assert!(failing(json!({"data": "a\n", "pth": "x"})).contains("pth"));
}

#[test]
fn inputs_are_for_reading_only_servers_too() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), "{\"a\": 1}\n{\"a\": 2}\n").unwrap();
    fs::write(outside.path().join("a.json"), "{\"a\": 1}\n").unwrap();
    let server = Server::start(&["--read-only", "--allow-dir", folder.path().to_str().unwrap()]);
    let sum = |path: std::path::PathBuf| {
        server.call("query", json!({"sql": "SELECT sum(a) FROM t", "inputs": {"t": {"path": path}}}))
    };

    assert_eq!(sum(folder.path().join("a.json")).rows(), &json!([[3]]));
    assert!(sum(outside.path().join("a.json")).error().contains("outside"));
}
