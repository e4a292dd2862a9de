//! `database`: files that are attached, made and detached.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::server::Server;

/// Runs until it is canceled.
const ENDLESS: &str =
    "SELECT sum(a * b % 7) FROM generate_series(1, 2000000) x(a), generate_series(1, 2000000) y(b)";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A database with a table of one row, that nobody has open.
fn with_table(server: &Server, path: &Path) {
    server.call("database", json!({"action": "create", "path": path, "alias": "made"})).structured();
    let sql = ["CREATE TABLE made.public.t (a int)", "INSERT INTO made.public.t VALUES (1)"];
    server.call("execute", json!({"sql": sql})).structured();
    server.call("database", json!({"action": "detach", "alias": "made"})).structured();
}

#[test]
fn what_is_created_can_be_written_and_what_is_attached_only_read_until_asked_otherwise() {
    let (server, folder) = (Server::start(&[]), folder());
    let path = folder.path().canonicalize().unwrap().join("Sales 2024.hyper");
    with_table(&server, &path);

    let attached = server.call("database", json!({"action": "attach", "path": path}));
    let rows = server.call("query", json!({"sql": "SELECT * FROM sales_2024.public.t"}));
    let refused = server.call("execute", json!({"sql": ["INSERT INTO sales_2024.public.t VALUES (2)"]}));

    let attached = attached.structured();
    assert_eq!(attached["attached"], "sales_2024");
    assert_eq!(attached["mode"], "readonly");
    assert_eq!(attached["tables"], json!(["sales_2024.public.t"]));
    assert_eq!(*rows.rows(), json!([[1]]));
    let text = refused.error();
    assert!(text.contains("25006") && text.contains("readwrite"), "{text}");

    server.call("database", json!({"action": "detach", "alias": "SALES_2024"})).structured();
    let writable = json!({"action": "attach", "path": path, "alias": "s", "mode": "readwrite"});
    server.call("database", writable).structured();
    server.call("execute", json!({"sql": ["INSERT INTO s.public.t VALUES (2)"]})).structured();
    let count = server.call("query", json!({"sql": "SELECT count(*) FROM t", "database": "s"}));
    assert_eq!(*count.rows(), json!([[2]]));
}

#[test]
fn a_detached_database_is_gone_and_its_file_is_not() {
    let (server, folder) = (Server::start(&[]), folder());
    let path = folder.path().join("a.hyper");
    with_table(&server, &path);

    let text = server.call("query", json!({"sql": "SELECT 1", "database": "made"})).error();
    let again = server.call("database", json!({"action": "detach", "alias": "made"})).error();

    assert!(text.contains("There is no database with the alias made"), "{text}");
    assert!(again.contains("There is no database with the alias made"), "{again}");
    assert!(path.exists());
}

#[test]
fn what_cannot_be_attached_is_refused_with_the_reason() {
    let (server, folder) = (Server::start(&[]), folder());
    let here = folder.path().canonicalize().unwrap();
    with_table(&server, &here.join("a.hyper"));
    fs::write(here.join("text.hyper"), "no database").unwrap();
    let attach = |path: &str, alias: &str| {
        let asked = json!({"action": "attach", "path": here.join(path), "alias": alias});
        server.call("database", asked)
    };
    attach("a.hyper", "taken").structured();

    for (path, alias, expected) in [
        ("missing.hyper", "x", "cannot be read"),
        ("text.hyper", "x", "is not a Hyper database"),
        ("a.hyper", "local", "The alias local is taken"),
        ("a.hyper", "taken", "The alias taken is taken"),
        ("a.hyper", "other", "is attached already, as taken"),
        ("a.hyper", "select", "reserved word"),
        ("a.hyper", "pg_catalog", "means something else"),
        ("a.hyper", "persistent", "means something else"),
        ("a.hyper", "a.b", "no plain name"),
        ("a.hyper", "x\"; --", "no plain name"),
    ] {
        let text = attach(path, alias).error();
        assert!(text.contains(expected), "{path} as {alias}: {text}");
    }
    let text = server
        .call("database", json!({"action": "create", "path": here.join("a.hyper"), "alias": "x"}))
        .error();
    assert!(text.contains("exists"), "{text}");
    // Nothing of all that is left.
    let left = server.call("inspect", json!({})).structured()["databases"].clone();
    let aliases: Vec<_> = left.as_array().unwrap().iter().map(|database| database["alias"].clone()).collect();
    assert_eq!(aliases, ["local", "taken"]);
}

#[test]
fn a_file_that_another_process_has_locked_is_refused_at_once() {
    let (server, folder) = (Server::start(&[]), folder());
    let path = folder.path().join("a.hyper");
    with_table(&server, &path);
    // As another hyperd locks it.
    let file = fs::File::open(&path).unwrap();
    file.lock().unwrap();
    let attach = json!({"action": "attach", "path": path, "alias": "a"});

    let text = server.wait(server.begin("database", attach.clone()), Duration::from_secs(10)).error();

    assert!(text.contains("locked") && text.contains("copy"), "{text}");
    file.unlock().unwrap();
    server.call("database", attach).structured();
}

#[test]
fn a_file_that_another_client_has_in_the_other_mode_is_refused_with_the_reason() {
    let (server, other, folder) = (Server::sharing(&[]), Server::sharing(&[]), folder());
    let path = folder.path().join("a.hyper");
    with_table(&server, &path);
    let attach = |server: &Server, mode: &str| {
        server.call("database", json!({"action": "attach", "path": path, "alias": "a", "mode": mode}))
    };
    attach(&other, "readwrite").structured();
    // As long as the statement runs, the other one has it open.
    let open = || other.begin("query", json!({"sql": ENDLESS, "database": "a"}));
    let mut endless = open();

    let since = Instant::now();
    let text = loop {
        if other.reply(endless, Duration::from_millis(50)).is_some() {
            // We were faster.
            endless = open();
            continue;
        }
        let answer = attach(&server, "readonly");
        if answer.is_error() {
            break answer.error();
        }
        server.call("database", json!({"action": "detach", "alias": "a"})).structured();
        assert!(since.elapsed() < Duration::from_secs(60), "the other client never opened it");
    };

    assert!(text.contains("in the other mode, by another client"), "{text}");
    other.cancel(endless);
}
