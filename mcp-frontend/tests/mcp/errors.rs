//! Errors that say what to do, for the mistakes that models make, on the real hyperd.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;

/// One with tables in two databases.
fn server(folder: &std::path::Path) -> Server {
    let server = Server::start(&[]);
    let path = folder.canonicalize().unwrap().join("sales.hyper");
    let create = json!({"action": "create", "path": path, "alias": "sales"});
    server.call("database", create).structured();
    let sql = [
        "CREATE TABLE people (id int, name text, \"Full Name\" text, born date, j json)",
        "CREATE TABLE sales.public.orders (order_id bigint, amount numeric(10,2))",
    ];
    server.call("execute", json!({"sql": sql})).structured();
    server
}

/// The call fails with an error that has all this in it. What is looked up for it is left out when that would take long, as
/// on a machine that is busy: then it is called again.
#[track_caller]
fn says(server: &Server, tool: &str, arguments: &Value, expected: &[&str]) {
    let since = Instant::now();
    loop {
        let text = server.call(tool, arguments.clone()).error();
        let Some(missing) = expected.iter().find(|expected| !text.contains(**expected)) else { return };
        assert!(since.elapsed() < Duration::from_secs(5), "{arguments}: no {missing:?} in: {text}");
    }
}

#[test]
fn names_that_are_not_there_are_answered_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());

    for (sql, expected) in [
        ("SELECT * FROM peple", &["42P01", "local.public.people"][..]),
        ("SELECT * FROM orders", &["42P01", "the table is sales.public.orders"]),
        ("SELECT * FROM zzz", &["42P01", "Tables of local: people"]),
        ("SELECT * FROM sales.orders", &["3F000", "sales is a database", "sales.public.orders"]),
        ("SELECT * FROM sales.public.ordes", &["42P01", "sales.public.orders"]),
        ("SELECT * FROM slaes.public.orders", &["3F000", "Nearest: sales", "Databases: local, sales"]),
        ("SELECT * FROM information_schema.tables", &["42P01", "no information_schema", "inspect"]),
        ("SELECT naem FROM people", &["42703", "name (of local.public.people)"]),
        ("SELECT p.naem FROM people p", &["42703", "name (of local.public.people)"]),
        ("SELECT amuont FROM sales.public.orders", &["42703", "amount (of sales.public.orders)"]),
        ("SELECT full_name FROM people", &["42703", "\"Full Name\" (of local.public.people)"]),
        ("SELECT zzz FROM people", &["42703", "Columns: id, name, \"Full Name\", born, j"]),
        ("SELECT * FROM people WHERE name = \"zzz\"", &["42703", "double quotes are for names", "'zzz'"]),
        ("SELECT id * 2 AS twice FROM people WHERE twice > 1", &["42703", "SELECT list", "outer query"]),
        ("SELECT x.id FROM people", &["42P01", "none of the tables and aliases in FROM"]),
        ("SELECT len(name) FROM people", &["42883", "length(x)"]),
        ("SELECT lenght(name) FROM people", &["42883", "Nearest: length"]),
        ("SELECT strftime(born, '%Y') FROM people", &["42883", "to_char"]),
    ] {
        says(&server, "query", &json!({"sql": sql}), expected);
    }
}

#[test]
fn whole_rows_as_values_are_answered_with_what_hyper_has_instead() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());

    for (sql, expected) in [
        ("SELECT count(p.*) FROM people p", &["count(*)"][..]),
        ("SELECT count(DISTINCT p.*) FROM people p", &["count(*)"]),
        ("SELECT max(people.*) FROM people", &["name the columns"]),
        ("SELECT p.* IS NULL FROM people p", &["name the columns"]),
        ("SELECT * FROM people WHERE (id, name) = (1, 'a')", &["0A000", "column by column"]),
        ("SELECT * FROM people WHERE (id, name) < (1, 'a')", &["0A000", "a = 1 AND b < 2"]),
        ("SELECT * FROM people WHERE (id, name) IN ((1, 'a'), (2, 'b'))", &["0A000", "EXISTS"]),
        ("SELECT * FROM people WHERE (id, name) IN (SELECT 1, 'a')", &["EXISTS (SELECT 1"]),
        ("SELECT ROW(id, name) FROM people", &["0A000", "column by column"]),
        ("SELECT (id, name) IS DISTINCT FROM (1, 'a') FROM people", &["0A000", "column by column"]),
    ] {
        says(&server, "query", &json!({"sql": sql}), expected);
    }
}

#[test]
fn what_hyper_refuses_is_answered_with_how_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());

    for (sql, expected) in [
        ("SELECT 1 / 0", &["22012", "NULLIF"][..]),
        ("SELECT 2147483647 + 1", &["22003", "wider type"]),
        ("SELECT * FROM (VALUES (1, 'a'), (2, 3)) v", &["42601", "CAST(NULL AS type)"]),
        ("SELECT CAST('x' AS int)", &["22P02", "TRY_CAST"]),
        ("SELECT name, count(*) FROM people", &["42601", "GROUP BY"]),
        ("SELECT count(*) FROM people WHERE count(*) > 1", &["42601", "HAVING"]),
        ("SELECT id FROM people WHERE id LIKE '1%'", &["42601", "CAST(x AS text)"]),
        ("SELECT id + name FROM people", &["42601", "TRY_CAST", "||"]),
        ("SELECT 1 FROM people WHERE name = 1", &["42601", "CAST one side"]),
        ("SELECT `name` FROM people", &["42601", "double quotes around names"]),
        ("SELECT [name] FROM people", &["42601", "double quotes around names"]),
        ("SELECT TOP 5 * FROM people", &["42601", "LIMIT n"]),
        ("SELECT * FROM people LIMIT 5, 10", &["42601", "OFFSET"]),
        ("SELECT * FROM people LIMIT $1", &["42601", "`params`"]),
        ("SELECT date '2020-01-01' + interval 1 day", &["42601", "INTERVAL '1 day'"]),
        ("SELECT * FROM order", &["42601", "line 1, column 15", "^"]),
        ("SELECT * FROM '/tmp/x.csv'", &["42601", "`inputs`"]),
        ("SELECT * FROM read_csv('/tmp/x.csv')", &["42601", "`inputs`"]),
        ("SELECT 'abc", &["42601", "closing quote"]),
        ("SELECT CAST(1 AS double)", &["42704", "double precision"]),
        ("SELECT CAST(1 AS string)", &["42704", "text"]),
        ("SELECT json_value(j, '$.a') FROM people", &["0A000", "->>"]),
        ("SELECT * FROM people QUALIFY row_number() OVER (ORDER BY id) = 1", &["42601", "outer query"]),
    ] {
        says(&server, "query", &json!({"sql": sql}), expected);
    }
    for (sql, expected) in [
        ("SELECT 1; SELECT 2", &["0A000", "one statement at a time"][..]),
        ("CREATE VIEW v AS SELECT 1", &["0A000", "no views"]),
        ("CREATE INDEX ON people (id)", &["0A000", "leave indexes"]),
        ("CREATE TABLE t (x int PRIMARY KEY)", &["0A000", "keys"]),
        ("CREATE TABLE t (x serial)", &["42704", "no sequences"]),
        ("CREATE TABLE t (x int[])", &["0A000", "TEMP"]),
        ("CREATE TABLE people (x int)", &["42P07", "DROP TABLE"]),
        ("CREATE OR REPLACE TABLE people (x int)", &["42601", "DROP TABLE IF EXISTS"]),
        ("INSERT INTO people (id) VALUES (1) ON CONFLICT DO NOTHING", &["42601", "mode merge"]),
        (
            "MERGE INTO people USING sales.public.orders o ON people.id = o.order_id WHEN MATCHED THEN UPDATE SET id = 1",
            &["55000", "mode merge"],
        ),
        ("INSERT INTO people (nmae) VALUES ('x')", &["42703", "name (of local.public.people)"]),
        ("DROP TABLE peple", &["42P01", "local.public.people"]),
        ("SHOW TABLES", &["42601", "`inspect`"]),
        ("DESCRIBE people", &["42601", "`inspect`"]),
        ("EXPLAIN ANALYZE SELECT 1", &["42601", "EXPLAIN alone"]),
    ] {
        says(&server, "execute", &json!({"sql": [sql]}), expected);
    }
}

#[test]
fn an_error_is_not_kept_waiting_by_what_would_be_added_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    // Of the same mistake, without names to look up.
    let quick = |sql: &str| {
        let since = Instant::now();
        server.call("query", json!({"sql": sql})).error();
        since.elapsed()
    };
    quick("SELECT 1 / 0");

    let plain = (0..5).map(|_| quick("SELECT 1 / 0")).min().unwrap();
    let with_names = (0..5).map(|_| quick("SELECT naem FROM people")).min().unwrap();

    assert!(with_names < plain + Duration::from_millis(300), "{with_names:?} and {plain:?}");
}
