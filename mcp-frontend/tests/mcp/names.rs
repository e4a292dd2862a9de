//! Names of tables, as tools take them: one parser, wherever a table is named.

use serde_json::{Value, json};

use crate::server::Server;

fn load(server: &Server, table: &str, rest: Value) -> crate::server::Answer {
    let mut arguments = rest;
    arguments["sources"] = json!([{"table": table, "data": [{"k": 1}]}]);
    server.call("load", arguments)
}

/// A server with a second database, `other`, that has a schema `s`.
fn with_other() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[]);
    let path = folder.path().join("other.hyper");
    server.call("database", json!({"action": "create", "path": path})).structured();
    server.call("execute", json!({"sql": ["CREATE SCHEMA other.s", "CREATE SCHEMA local.h"]})).structured();
    (server, folder)
}

#[test]
fn a_load_goes_where_the_name_says() {
    let (server, _folder) = with_other();
    for (name, database, whole) in [
        ("a", None, "local.public.a"),
        ("a", Some("other"), "other.public.a"),
        ("h.b", None, "local.h.b"),
        ("s.b", Some("other"), "other.s.b"),
        ("other.c", None, "other.public.c"),
        ("OTHER.s.d", None, "other.s.d"),
        ("other.\"s\".\"v1.0 \"\"x\"\"\"", Some("other"), "other.s.\"v1.0 \"\"x\"\"\""),
        ("\"other.public.e\"", None, "local.public.\"other.public.e\""),
        ("My Table", None, "local.public.\"My Table\""),
        ("\"order\"", None, "local.public.\"order\""),
    ] {
        let arguments = database.map_or_else(|| json!({}), |database| json!({"database": database}));
        let answer = load(&server, name, arguments.clone());

        assert_eq!(answer.structured()["tables"][0]["name"], json!(whole), "{name}");
        let rows = server.call("query", json!({"sql": format!("SELECT * FROM {whole}")}));
        assert_eq!(rows.rows(), &json!([[1]]), "{whole}");
        let mut inspected = arguments;
        inspected["target"] = name.into();
        let found = server.call("inspect", inspected);
        assert_eq!(found.structured()["tables"][0]["table"], json!(whole), "{name}");
    }
}

#[test]
fn a_name_that_contradicts_the_database_or_leads_nowhere_is_refused() {
    let (server, _folder) = with_other();
    for (name, database, told) in [
        ("other.public.a", Some("local"), "other"),
        ("local.a", Some("other"), "local"),
        ("nowhere.public.a", None, "nowhere"),
        ("nowhere.a", None, "\"nowhere.a\""),
        ("other.nowhere.a", None, "nowhere"),
        ("v1.0", None, "\"v1.0\""),
        ("t~before hyperwire-mcp-x 99999999 1", None, "stand-in"),
        ("a..b", None, "empty"),
        ("\"a", None, "quote"),
        ("a.b.c.d", None, "three"),
    ] {
        let arguments = database.map_or_else(|| json!({}), |database| json!({"database": database}));
        let error = load(&server, name, arguments).error();

        assert!(error.contains(told) && error.contains("Nothing was loaded"), "{name}: {error}");
    }
    let tables = server.call("inspect", json!({"database": "local"}));
    assert_eq!(tables.structured()["tables"], json!([]));

    load(&server, "here", json!({})).structured();
    for arguments in [
        json!({"target": "local.public.here", "database": "other"}),
        json!({"target": "here", "database": "other"}),
    ] {
        let error = server.call("inspect", arguments.clone()).error();
        assert!(error.contains("local"), "{arguments}: {error}");
    }
    let error = server
        .call("export", json!({"table": "local.public.here", "database": "other", "path": "/tmp/x.csv"}));
    assert!(error.error().contains("local"));
}

#[test]
fn a_name_that_is_an_alias_and_a_schema_has_to_be_whole() {
    let (server, _folder) = with_other();
    server.call("execute", json!({"sql": ["CREATE SCHEMA local.other"]})).structured();

    let error = load(&server, "other.a", json!({})).error();

    assert!(error.contains("local.other.a") && error.contains("other.public.a"), "{error}");
}

/// A database that another process has locked does not get in the way of statements that only look as if they named it.
#[test]
fn only_identifiers_attach_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sales.hyper");
    let server = Server::start(&[]);
    server.call("database", json!({"action": "create", "path": path, "alias": "sales"})).structured();
    let _locked = locking::locked(&path);

    for sql in [
        "SELECT 'sales.public.t' AS a",
        "SELECT 1 AS sales",
        "SELECT 1 AS sales_2024 -- sales.public.t",
        "SELECT 1 AS wholesales /* sales.public.t */",
        "SELECT x.\"a.sales.public\" FROM (SELECT 2 AS \"a.sales.public\") AS x",
    ] {
        server.call("query", json!({"sql": sql})).structured();
    }
    for sql in [
        "SELECT * FROM sales.public.t",
        "SELECT * FROM U&\"s\\0061les\" . public.t",
        "SELECT * FROM SALES/**/.public.t",
    ] {
        let error = server.call("query", json!({"sql": sql})).error();
        assert!(error.contains("locked by another process"), "{sql}: {error}");
    }
}

/// What locks a database as another process would.
mod locking {
    use std::fs::File;
    use std::path::Path;

    /// hyperd locks with `flock`, as the standard library does on Linux.
    pub(super) fn locked(path: &Path) -> File {
        let file = File::options().read(true).write(true).open(path).unwrap();
        file.lock().unwrap();
        file
    }
}

/// The names that our own SQL uses are free for users.
#[test]
fn an_attached_database_may_be_named_like_one_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[]);
    for alias in
        ["hyperwire_export", "hyperwire_inspect", "hyperwire_source", "source", "s", "t", "c", "n", "a", "d"]
    {
        let path = folder.path().join(format!("{alias}.hyper"));
        server.call("database", json!({"action": "create", "path": path, "alias": alias})).structured();
        load(&server, &format!("{alias}.public.{alias}"), json!({})).structured();
        let out = folder.path().join(format!("out {alias}.hyper"));
        let table = format!("{alias}.public.{alias}");

        server.call("export", json!({"table": table, "path": out})).structured();
        server.call("inspect", json!({"target": out})).structured();
        let source = json!([{"table": format!("from_{alias}"), "path": out}]);
        let loaded = server.call("load", json!({"sources": source}));

        assert_eq!(loaded.structured()["tables"][0]["rows"], json!(1), "{alias}");
        server.call("database", json!({"action": "detach", "alias": alias})).structured();
    }
}
