//! `execute` changes what it is told to, and says what it did.

use serde_json::json;

use crate::server::{Answer, Server};

fn execute(server: &Server, statements: &[&str]) -> Answer {
    server.call("execute", json!({"sql": statements}))
}

#[test]
fn each_statement_has_its_outcome() {
    let server = Server::start(&[]);

    let answer = execute(
        &server,
        &[
            "CREATE TABLE t (i INT, s TEXT)",
            "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
            "UPDATE t SET s = 'c'",
            "DELETE FROM t WHERE i = 1",
        ],
    );

    let did: Vec<_> = answer.structured()["statements"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["did"].clone())
        .collect();
    assert_eq!(did, ["CREATE TABLE", "INSERT 0 2", "UPDATE 2", "DELETE 1"].map(|tag| json!(tag)));
    assert_eq!(answer.structured().get("on_disk"), None, "local is not kept");
}

#[test]
fn rows_that_a_statement_returns_are_shown_up_to_a_limit() {
    let server = Server::start(&[]);

    let answer = execute(
        &server,
        &[
            "CREATE TABLE t (i INT)",
            "INSERT INTO t SELECT i FROM generate_series(1, 100) AS g(i) RETURNING i",
            "SHOW TimeZone",
        ],
    );

    let statements = &answer.structured()["statements"];
    let returned = &statements[1]["result"];
    assert_eq!(returned["rows"].as_array().expect("rows").len(), 20);
    assert_eq!([&returned["row_count"], &returned["truncated"]], [&json!(100), &json!(true)]);
    assert_eq!(statements[2]["result"]["row_count"], json!(1));
    assert_eq!(server.call("query", json!({"sql": "SELECT count(*) FROM t"})).rows(), &json!([[100]]));
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let server = Server::start(&[]);
    execute(&server, &["CREATE TABLE t (i INT NOT NULL)"]).structured();

    let error =
        execute(&server, &["BEGIN", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (NULL)", "COMMIT"])
            .error();
    execute(&server, &["BEGIN", "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (3)", "COMMIT"])
        .structured();

    assert!(error.contains("23502") && error.contains("statement 3 of 4"), "{error}");
    assert_eq!(server.call("query", json!({"sql": "SELECT i FROM t ORDER BY i"})).rows(), &json!([[2], [3]]));
}

#[test]
fn a_transaction_without_an_end_is_an_error_and_keeps_nothing() {
    let server = Server::start(&[]);
    execute(&server, &["CREATE TABLE t (i INT)"]).structured();

    let error = execute(&server, &["BEGIN", "INSERT INTO t VALUES (1)"]).error();

    assert!(error.contains("rolled back") && error.contains("COMMIT"), "{error}");
    assert_eq!(server.call("query", json!({"sql": "SELECT count(*) FROM t"})).rows(), &json!([[0]]));
}

#[test]
fn statements_before_a_mistake_stay_and_are_counted() {
    let server = Server::start(&[]);

    let error = execute(
        &server,
        &["CREATE TABLE t (i INT)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES ('x')"],
    )
    .error();

    assert!(error.contains("statement 3 of 3") && error.contains("The 2 before it were run"), "{error}");
    assert_eq!(server.call("query", json!({"sql": "SELECT i FROM t"})).rows(), &json!([[1]]));
}

#[test]
fn temporary_tables_and_settings_end_with_the_call() {
    let server = Server::start(&[]);

    execute(
        &server,
        &[
            "CREATE TEMP TABLE t AS SELECT 1 AS i",
            "SET TimeZone = 'Asia/Tokyo'",
            "CREATE TABLE kept AS SELECT * FROM t",
        ],
    )
    .structured();

    assert!(server.call("query", json!({"sql": "SELECT * FROM t"})).error().contains("42P01"));
    assert_eq!(server.call("query", json!({"sql": "SELECT * FROM kept"})).rows(), &json!([[1]]));
    let zone = server.call("query", json!({"sql": "SELECT current_setting('TimeZone')"}));
    assert_ne!(zone.rows(), &json!([["Asia/Tokyo"]]));
}

#[test]
fn several_statements_in_one_string_are_refused() {
    let server = Server::start(&[]);

    let error = execute(&server, &["CREATE TABLE a (i INT); CREATE TABLE b (i INT)"]).error();

    assert!(error.contains("one statement at a time"), "{error}");
}

#[test]
fn no_statement_is_an_error() {
    let server = Server::start(&[]);

    assert!(execute(&server, &[]).error().contains("no statement"));
}
