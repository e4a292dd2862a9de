//! `query` reads, whatever it is told.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::server::{Answer, Server, command};

/// What [`READS`] read.
const TABLES: [&str; 7] = [
    "CREATE TABLE t (i INT, s TEXT, d DOUBLE PRECISION, d1 DATE, ts TIMESTAMP, b BYTEA)",
    "INSERT INTO t VALUES (1, 'a', 1.5, DATE '2024-01-01', TIMESTAMP '2024-01-01 00:00:00', NULL)",
    "CREATE TABLE u (i INT, x INT)",
    "CREATE TABLE big AS SELECT i, i * 2 AS v FROM generate_series(1, 100000) AS g(i)",
    "CREATE TABLE f AS SELECT i, i % 1000 AS k, i % 7 AS g, random() * 100 AS v, DATE '2020-01-01' + (i % 1000)::int AS d, \
        'name' || (i % 50) AS n FROM generate_series(1, 30000) AS g(i)",
    "CREATE TABLE dim AS SELECT i AS k, 'd' || i AS label, i % 10 AS grp FROM generate_series(1, 1000) AS g(i)",
    "CREATE TABLE e AS SELECT i, CASE WHEN i > 1 THEN i / 2 END AS parent FROM generate_series(1, 2000) AS g(i)",
];
const READS: &str = include_str!("reads.sql");

fn server_with_tables() -> Server {
    let server = Server::private(&[]);
    server.call("execute", json!({"sql": TABLES})).structured();
    server
}

fn query(server: &Server, sql: &str) -> Answer {
    server.call("query", json!({"sql": sql, "max_rows": 5}))
}

#[test]
fn ordinary_queries_are_taken() {
    let server = server_with_tables();

    let refused: Vec<_> = READS
        .lines()
        .skip(1)
        .map(|sql| (sql, query(&server, sql)))
        .filter(|(_, answer)| answer.is_error())
        .map(|(sql, answer)| format!("{sql}\n    {}", answer.text()))
        .collect();

    assert!(READS.lines().count() > 150 && refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn parameters_are_taken_and_their_types_inferred() {
    let server = server_with_tables();

    for (sql, params, wanted) in [
        ("SELECT $1 + 1", json!([1]), json!([[2]])),
        ("SELECT i FROM t WHERE d1 = $1 AND s LIKE $2", json!(["2024-01-01", "a%"]), json!([[1]])),
        ("SELECT count(*) FROM t WHERE i = $1::int OR $1::int IS NULL", json!([null]), json!([[1]])),
        (
            "WITH a AS (SELECT $1::double precision AS x) SELECT x FROM a -- comment",
            json!([1.5]),
            json!([[1.5]]),
        ),
        ("SELECT s FROM t WHERE b IS NULL AND $1;", json!([true]), json!([["a"]])),
        ("SELECT $1", json!(["it's; DROP TABLE t"]), json!([["it's; DROP TABLE t"]])),
    ] {
        let answer = server.call("query", json!({"sql": sql, "params": params}));
        assert_eq!(answer.rows(), &wanted, "{sql}");
    }
}

/// What must not happen, for a folder with a Parquet file and a text.
fn escapes(folder: &Path) -> Vec<String> {
    let folder = folder.display();
    let text = format!("external('{folder}/text', COLUMNS => DESCRIPTOR(a TEXT), FORMAT => 'csv')");
    let parquet = format!("external('{folder}/data.parquet')");
    let mut all: Vec<String> = [
        "INSERT INTO t VALUES (2)",
        "INSERT INTO t (i) VALUES (2) RETURNING i",
        "UPDATE t SET i = 3",
        "DELETE FROM t",
        "DELETE FROM t RETURNING i",
        "TRUNCATE t",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN more INT",
        "WITH x AS (INSERT INTO t (i) VALUES (2) RETURNING i) SELECT * FROM x",
        "WITH x AS (DELETE FROM t RETURNING i) SELECT count(*) FROM x",
        "WITH x AS (SELECT 2 AS i) INSERT INTO t (i) SELECT i FROM x",
        "WITH x AS (SELECT 2 AS i) INSERT INTO t (i) SELECT i FROM x RETURNING i",
        "WITH x AS (SELECT 2 AS i) DELETE FROM t WHERE i IN (SELECT i FROM x)",
        "SELECT * FROM (INSERT INTO t (i) VALUES (2) RETURNING i) AS q",
        "SELECT (WITH x AS (INSERT INTO t (i) VALUES (2) RETURNING i) SELECT i FROM x)",
        "EXPLAIN ANALYZE INSERT INTO t (i) VALUES (2)",
        "EXPLAIN (ANALYZE) INSERT INTO t (i) VALUES (2)",
        "EXPLAIN (ANALYZE, FORMAT JSON) DELETE FROM t",
        "(ANALYZE) INSERT INTO t (i) VALUES (2)",
        "ANALYZE INSERT INTO t (i) VALUES (2)",
        "VERBOSE INSERT INTO t (i) VALUES (2)",
        "(FORMAT JSON) INSERT INTO t (i) VALUES (2)",
        "/* SELECT */ INSERT INTO t (i) VALUES (2)",
        "-- SELECT 1\nINSERT INTO t (i) VALUES (2)",
        "/* /* nested */ SELECT */ DELETE FROM t",
        "SELECT 1; INSERT INTO t (i) VALUES (2)",
        "SELECT 1;\n-- \nDROP TABLE t",
        "SELECT 1) AS a; DELETE FROM t; SELECT * FROM (SELECT 1",
        "SELECT 1 INTO made",
        "SELECT * INTO made FROM t",
        "CREATE TABLE made (i INT)",
        "CREATE TABLE made AS SELECT 1",
        "CREATE TEMP TABLE made (i INT)",
        "CREATE SCHEMA made",
        "SET TimeZone = 'Asia/Tokyo'",
        "SET schema_search_path = 'nowhere'",
        "RESET ALL",
        "SELECT set_config('TimeZone', 'Asia/Tokyo', false)",
        "SELECT \"set_config\" ('TimeZone', 'Asia/Tokyo', false)",
        "SELECT U&\"s\\0065t_config\"('TimeZone', 'Asia/Tokyo', false)",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "PREPARE p AS SELECT 1",
        "PREPARE p AS INSERT INTO t (i) VALUES (2)",
        "EXECUTE p",
        "DEALLOCATE ALL",
        "DECLARE c CURSOR FOR SELECT 1",
        "CALL flush()",
        "DETACH DATABASE local",
        "SELECT hyper_execute_query_plan('{}')",
        "COPY t FROM STDIN WITH (FORMAT csv)",
        "COPY t TO STDOUT WITH (FORMAT csv)",
        "",
        " ; ",
        "-- nothing",
    ]
    .map(str::to_owned)
    .into();
    all.extend([
        format!("COPY (SELECT 1) TO '{folder}/made' WITH (FORMAT csv)"),
        format!("EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{folder}/made' WITH (FORMAT csv)"),
        format!("COPY t (s) FROM '{folder}/text' WITH (FORMAT csv)"),
        format!("CREATE DATABASE \"{folder}/made\""),
        format!("ATTACH DATABASE \"{folder}/other.hyper\" AS other"),
        format!("DROP DATABASE \"{folder}/other.hyper\""),
        format!("UNLOAD DATABASE \"{folder}/other.hyper\""),
        format!("CREATE TEMP EXTERNAL TABLE made FOR '{folder}/data.parquet'"),
        format!("SELECT * FROM {text}"),
        format!("SELECT * FROM {parquet}"),
        format!("SELECT (SELECT a FROM {parquet} LIMIT 1)"),
        format!("SELECT * FROM t WHERE i IN (SELECT a FROM {parquet})"),
        format!("WITH e AS (SELECT * FROM {parquet}) SELECT * FROM e"),
        format!("SELECT count(*) FROM {parquet}"),
        format!("SELECT * FROM {text} WHERE false"),
        format!("SELECT * FROM {}", parquet.replace("external", "EXTERNAL /* */ ")),
        format!("SELECT * FROM {}", parquet.replace("external", "pg_catalog.\"external\"")),
        format!("SELECT * FROM {}", parquet.replace("external", "U&\"e\\0078ternal\"")),
        format!("SELECT * FROM external('{folder}/text', COLUMNS => DESCRIPTOR(a TEXT), FORMAT => 'text')"),
        format!("SELECT * FROM external('{folder}/text', FORMAT => 'json')"),
        format!(
            "SELECT * FROM external('{folder}/text', COLUMNS => DESCRIPTOR(a INT), FORMAT => 'arrowfile')"
        ),
        format!("SELECT * FROM external('{folder}', FORMAT => 'iceberg')"),
        "SELECT * FROM external(stdin, FORMAT => 'csv', COLUMNS => DESCRIPTOR(a INT))".to_owned(),
        "SELECT * FROM external(s3_location('s3://bucket/a.parquet'))".to_owned(),
    ]);
    all
}

/// A folder with something to reach for.
fn folder_with_files(server: &Server) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("text"), "secret\n").expect("room");
    let path = folder.path().display();
    let statements = [
        format!("COPY (SELECT 'secret' AS a) TO '{path}/data.parquet'"),
        format!("CREATE DATABASE \"{path}/other.hyper\""),
    ];
    server.call("execute", json!({"sql": statements})).structured();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// Whether the tables, the folder and the session are as they were.
fn state(server: &Server, folder: &Path) -> (Value, Value, Vec<String>) {
    let tables = "SELECT schemaname, tablename FROM pg_catalog.pg_tables WHERE schemaname <> 'pg_catalog' ORDER BY 1, 2";
    let rows = "SELECT count(*), sum(i), current_setting('TimeZone') FROM t";
    (query(server, tables).rows().clone(), query(server, rows).rows().clone(), names(folder))
}

#[test]
fn whatever_does_more_than_read_is_refused_and_has_no_effect() {
    let server = server_with_tables();
    let folder = folder_with_files(&server);
    let before = state(&server, folder.path());

    for sql in escapes(folder.path()) {
        let answer = query(&server, &sql);

        assert!(answer.is_error(), "{sql}: {}", answer.text());
        assert!(!answer.text().contains("secret"), "{sql}: {}", answer.text());
        assert_eq!(state(&server, folder.path()), before, "{sql}");
    }
}

#[test]
fn parameters_let_no_write_through() {
    let server = server_with_tables();
    let folder = folder_with_files(&server);
    let before = state(&server, folder.path());
    let parquet = format!("external('{}/data.parquet')", folder.path().display());

    for sql in [
        "INSERT INTO t (i) VALUES ($1)",
        "INSERT INTO t (i) VALUES ($1) RETURNING i",
        "WITH x AS (SELECT $1::int AS i) INSERT INTO t (i) SELECT i FROM x",
        "DELETE FROM t WHERE i <> $1",
        "UPDATE t SET i = $1",
        "SELECT $1::int; DELETE FROM t",
        "SELECT $1::int) AS a, (SELECT 1",
        "SELECT set_config('TimeZone', $1::text, false)",
        "EXPLAIN (ANALYZE) INSERT INTO t (i) VALUES ($1)",
        "CREATE TABLE made AS SELECT $1::int",
        &format!("SELECT * FROM {parquet} WHERE $1::int IS NOT NULL"),
    ] {
        let answer = server.call("query", json!({"sql": sql, "params": [7]}));

        assert!(answer.is_error(), "{sql}: {}", answer.text());
        assert_eq!(state(&server, folder.path()), before, "{sql}");
    }
}

#[test]
fn a_refusal_says_why_and_what_to_do() {
    let server = server_with_tables();

    let write = query(&server, "DELETE FROM t").error();
    let file = query(&server, "SELECT * FROM external('/etc/passwd')").error();

    assert!(
        write.contains("no query") && write.contains("Nothing was run") && write.contains("`execute`"),
        "{write}"
    );
    assert!(file.contains("external") && file.contains("`inputs`"), "{file}");
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    let server = server_with_tables();

    let error = query(&server, "SELECT i,\n  wrong FROM t").error();

    assert!(error.contains("42703") && error.contains("line 2, column 3"), "{error}");
}

#[test]
fn a_table_with_a_strange_name_can_be_read() {
    let server = Server::private(&[]);
    server.call(
        "execute",
        json!({"sql": ["CREATE TABLE \"Sales (2024)\" (i INT)", "CREATE TABLE \"a\n(b\" (i INT)"]}),
    );

    for sql in ["SELECT * FROM \"Sales (2024)\"", "SELECT * FROM \"a\n(b\""] {
        assert_eq!(query(&server, sql).rows(), &json!([]));
    }
}

#[test]
fn a_read_only_server_has_no_tool_that_writes_and_opens_its_database_read_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kept.hyper");
    let file = file.to_str().expect("UTF-8");
    let writer = Server::start(&["--persistent-db", file]);
    let create =
        json!({"database": "persistent", "sql": ["CREATE TABLE t (i INT)", "INSERT INTO t VALUES (1)"]});
    writer.call("execute", create).structured();
    let reader = Server::start(&["--read-only", "--persistent-db", file]);

    let tools = reader.request("tools/list", json!({})).expect("a list");
    let names: Vec<_> =
        tools["tools"].as_array().expect("tools").iter().map(|tool| tool["name"].clone()).collect();

    assert_eq!(names, ["query", "inspect", "chart", "job"].map(|name| json!(name)));
    let read = json!({"database": "persistent", "sql": "SELECT * FROM t"});
    assert_eq!(reader.call("query", read.clone()).rows(), &json!([[1]]));
    assert!(reader.call("query", json!({"database": "persistent", "sql": "DELETE FROM t"})).is_error());
    assert!(
        reader.request("tools/call", json!({"name": "execute", "arguments": {"sql": ["SELECT 1"]}})).is_err()
    );
    // The writer has it open for writing meanwhile, which hyperd does not let anybody read "read-only" then.
    let pending = writer.begin("query", json!({
        "database": "persistent", "sql": "SELECT count(*) FROM t, generate_series(1, 100000000) AS g(i) WHERE i % 7 = t.i"
    }));
    assert_eq!(reader.call("query", read).rows(), &json!([[1]]));
    writer.cancel(pending);
}

#[test]
fn a_read_only_server_makes_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("none.hyper");
    let server = Server::spawn(command(&["--read-only", "--persistent-db", file.to_str().expect("UTF-8")]));
    server.initialize();

    let error = server.call("query", json!({"database": "persistent", "sql": "SELECT 1"})).error();

    assert!(error.contains("no database"), "{error}");
    assert!(!file.exists());
}
