//! `inspect`: what there is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;

/// Runs until it is canceled.
const ENDLESS: &str =
    "SELECT sum(a * b % 7) FROM generate_series(1, 2000000) x(a), generate_series(1, 2000000) y(b)";

fn execute(server: &Server, sql: &[&str]) {
    server.call("execute", json!({"sql": sql})).structured();
}

fn inspect(server: &Server, arguments: Value) -> Value {
    server.call("inspect", arguments).structured().clone()
}

/// The overview, once hyperd has said which tables there are.
fn overview(server: &Server) -> Value {
    let since = Instant::now();
    loop {
        let overview = inspect(server, json!({}));
        if overview["engine"]["state"] == "ready" && overview["engine"].get("seen_s_ago").is_none() {
            return overview;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "hyperd does not become ready: {overview}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn names(listing: &Value) -> Vec<&str> {
    listing["tables"].as_array().unwrap().iter().map(|table| table["table"].as_str().unwrap()).collect()
}

#[test]
fn without_arguments_it_shows_everything_at_a_glance() {
    let server = Server::sharing(&[]);
    execute(&server, &["CREATE TABLE t (a int, b text)", "INSERT INTO t VALUES (1, 'x'), (2, 'y')"]);

    let overview = overview(&server);

    let local = &overview["databases"][0];
    assert_eq!((&local["alias"], &local["mode"]), (&json!("local"), &json!("readwrite")));
    assert_eq!(local["tables"], json!([{"table": "local.public.t", "columns": 2, "rows_about": 2}]));
    assert!(local["bytes"].as_u64() > Some(0), "{local}");
    assert_eq!(overview["engine"]["hyperd"], "shared");
    assert!(overview["engine"]["version"].as_str().unwrap().contains("0.0."), "{}", overview["engine"]);
    assert_eq!(overview["folders"], "any");
    assert_eq!((&overview["queued"], &overview["read_only"]), (&json!(0), &json!(false)));
    assert_eq!(overview["limits"]["max_rows"], 200);
}

#[test]
fn it_answers_at_once_before_hyperd_is_there_and_says_so() {
    let mut command = crate::server::command(&["--private"]);
    // Something that never becomes one.
    command.env("HYPERD_PATH", "/bin/true");
    let server = Server::spawn(command);
    server.initialize();

    let since = Instant::now();
    let overview = inspect(&server, json!({}));
    let took = since.elapsed();

    assert!(took < Duration::from_millis(500), "{took:?}");
    assert_ne!(overview["engine"]["state"], "ready", "{overview}");
    assert!(overview["engine"]["why"].is_string(), "{overview}");
    assert_eq!(overview["databases"][0]["alias"], "local");
}

#[test]
fn it_answers_at_once_while_long_statements_run_and_names_them() {
    let server = Server::start(&[]);
    overview(&server);
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let running: Vec<_> = (0..2 * cores).map(|_| server.begin("query", json!({"sql": ENDLESS}))).collect();
    let since = Instant::now();
    while inspect(&server, json!({}))["running"].as_array().unwrap().len() < 2 * cores {
        assert!(since.elapsed() < Duration::from_secs(60), "they do not run");
    }

    let mut took: Vec<_> = (0..20)
        .map(|_| {
            let since = Instant::now();
            inspect(&server, json!({}));
            since.elapsed()
        })
        .collect();

    took.sort();
    assert!(took[10] < Duration::from_millis(50), "{took:?}");
    for pending in running {
        server.cancel(pending);
    }
}

#[test]
fn a_table_is_shown_with_its_columns_and_its_count_however_it_is_named() {
    let server = Server::start(&[]);
    execute(
        &server,
        &[
            "CREATE SCHEMA \"My Schema\"",
            "CREATE TABLE \"My Schema\".\"Ta\"\"ble.x\" (a int NOT NULL, \"sel ect\" varchar(5), g geography, n numeric(10,2))",
            "COMMENT ON COLUMN \"My Schema\".\"Ta\"\"ble.x\".n IS 'in euros'",
            "INSERT INTO \"My Schema\".\"Ta\"\"ble.x\" (a) VALUES (1), (2), (3)",
            "DELETE FROM \"My Schema\".\"Ta\"\"ble.x\" WHERE a = 1",
        ],
    );

    for target in [
        "local.\"My Schema\".\"Ta\"\"ble.x\"",
        "\"My Schema\".\"Ta\"\"ble.x\"",
        "\"ta\"\"BLE.x\"",
        "Ta\"ble.x",
    ] {
        let shown = inspect(&server, json!({"target": target}));

        let table = &shown["tables"][0];
        assert_eq!(table["table"], "local.\"My Schema\".\"Ta\"\"ble.x\"", "{target}");
        assert_eq!(table["rows"], 2, "deleted rows do not count");
        assert_eq!(
            table["columns"],
            json!([
                {"name": "a", "type": "integer", "not_null": true},
                {"name": "sel ect", "type": "character varying(5)"},
                {"name": "g", "type": "geography"},
                {"name": "n", "type": "numeric(10,2)", "comment": "in euros"},
            ])
        );
    }
}

#[test]
fn a_table_is_shown_while_somebody_writes_to_it() {
    let server = Server::start(&[]);
    execute(&server, &["CREATE TABLE t (a bigint)"]);
    let insert = format!("INSERT INTO t SELECT * FROM ({ENDLESS}) q");
    let writing = server.begin("execute", json!({"sql": [insert]}));
    let since = Instant::now();
    while overview(&server)["running"].as_array().unwrap().is_empty() {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not run");
    }

    let shown = server.begin("inspect", json!({"target": "t"}));
    let shown = server.wait(shown, Duration::from_secs(5)).structured().clone();

    assert_eq!(shown["tables"][0]["columns"], json!([{"name": "a", "type": "bigint"}]));
    server.cancel(writing);
}

#[test]
fn a_pattern_finds_tables_in_all_databases() {
    let (server, folder) = (Server::start(&[]), tempfile::tempdir().unwrap());
    let path = folder.path().join("sales.hyper");
    server.call("database", json!({"action": "create", "path": path, "alias": "sales"})).structured();
    execute(
        &server,
        &[
            "CREATE TABLE orders_2023 (a int)",
            "CREATE TABLE orders_2024 (a int)",
            "CREATE TABLE people (a int)",
            "CREATE TABLE sales.public.\"Orders\" (a int)",
        ],
    );

    let of = |target: &str| inspect(&server, json!({"target": target}));

    assert_eq!(
        names(&of("ord%")),
        ["local.public.orders_2023", "local.public.orders_2024", "sales.public.\"Orders\""]
    );
    assert_eq!(names(&of("*2024")), ["local.public.orders_2024"]);
    assert_eq!(names(&of("sales.*")), ["sales.public.\"Orders\""]);
    assert_eq!(names(&of("sales")), ["sales.public.\"Orders\""]);
    assert_eq!(names(&of("orders")), ["sales.public.\"Orders\""]);
    let columns = inspect(&server, json!({"target": "orders_*", "detail": "columns"}));
    assert_eq!(columns["tables"][1]["columns"], json!([{"name": "a", "type": "integer"}]));
    let text = server.call("inspect", json!({"target": "ordres*"})).error();
    assert!(text.contains("Nearest") && text.contains("rders"), "{text}");
    let text = server.call("inspect", json!({"target": "poeple"})).error();
    assert!(text.contains("local.public.people"), "{text}");
}

#[test]
fn many_tables_and_many_columns_come_page_by_page_and_all_of_them() {
    let server = Server::start(&[]);
    let tables: Vec<_> = (0..120).map(|number| format!("CREATE TABLE t{number:03} (a int)")).collect();
    server.call("execute", json!({"sql": tables})).structured();
    let columns: Vec<_> =
        (0..900).map(|number| format!("a_column_with_a_long_name_{number:04} int")).collect();
    let wide = format!("CREATE TABLE wide ({})", columns.join(", "));
    server.call("execute", json!({"sql": [wide]})).structured();

    let pages = |mut arguments: Value| {
        let mut pages = Vec::new();
        loop {
            let page = inspect(&server, arguments.clone());
            assert!(page.to_string().len() < 30_000, "a page has {} bytes", page.to_string().len());
            let cursor = page.get("cursor").cloned();
            pages.push(page);
            match cursor {
                Some(cursor) => arguments["cursor"] = cursor,
                None => return pages,
            }
        }
    };

    let listed = pages(json!({"database": "local", "limit": 50}));
    let all: BTreeSet<_> = listed.iter().flat_map(|page| names(page)).collect();
    assert_eq!((listed.len(), all.len()), (3, 121));
    let wide = pages(json!({"target": "wide"}));
    let all: Vec<_> = wide
        .iter()
        .flat_map(|page| page["tables"][0]["columns"].as_array().unwrap())
        .map(|column| column["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(wide.len() > 1);
    assert_eq!(all.len(), 900);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 900);
    // Statistics are taken of as many columns as one scan takes.
    let stats = pages(json!({"target": "wide", "detail": "stats"}));
    let columns = |page: &Value| page["tables"][0]["columns"].as_array().unwrap().len();
    assert_eq!(stats.iter().map(columns).sum::<usize>(), 900);
    let detailed = pages(json!({"database": "local", "detail": "columns"}));
    assert!(detailed.len() >= 6, "{}", detailed.len());
}

#[test]
fn a_sample_and_statistics_say_what_is_in_a_table() {
    let server = Server::start(&[]);
    execute(
        &server,
        &[
            "CREATE TABLE t (i int, f double precision, s text, d date, b boolean, j json, g geography, n numeric(38,2))",
            "INSERT INTO t VALUES (1, 1.5, 'a', '2024-01-01', true, '{}', geography 'point(1 2)', 12345678901234567890.12)",
            "INSERT INTO t (i, f, s, d, b) VALUES (3, 2.5, 'b', '2024-12-31', false)",
            "INSERT INTO t (i) VALUES (NULL)",
        ],
    );

    let sample = inspect(&server, json!({"target": "t", "detail": "sample", "limit": 2}));
    let stats = inspect(&server, json!({"target": "t", "detail": "stats"}));

    let sample = &sample["tables"][0];
    assert_eq!(sample["columns"][0], json!({"name": "i", "type": "integer"}));
    assert_eq!(sample["sample"].as_array().unwrap().len(), 2);
    assert_eq!(sample["sample"][0][2], "a");
    let stats = &stats["tables"][0];
    assert_eq!(stats["rows"], 3);
    assert_eq!(
        stats["columns"][0],
        json!({"name": "i", "type": "integer", "nulls": 1, "distinct": 2, "min": 1, "max": 3, "mean": 2})
    );
    assert_eq!(
        stats["columns"][2],
        json!({"name": "s", "type": "text", "nulls": 1, "distinct": 2, "min": "a", "max": "b"})
    );
    assert_eq!(stats["columns"][3]["max"], "2024-12-31");
    assert_eq!((&stats["columns"][4]["min"], &stats["columns"][4]["max"]), (&json!(false), &json!(true)));
    assert_eq!(stats["columns"][5], json!({"name": "j", "type": "json", "nulls": 2}));
    assert_eq!(stats["columns"][6]["nulls"], 2);
    assert_eq!(stats["columns"][7]["max"], "12345678901234567890.12");
}

#[test]
fn a_file_is_described_without_being_loaded() {
    let (server, folder) = (Server::start(&[]), tempfile::tempdir().unwrap());
    let here = folder.path().canonicalize().unwrap();
    let text: String = (1..=1000).map(|number| format!("{number},name {number},2024-01-02\n")).collect();
    std::fs::write(here.join("a.csv"), format!("id,name,born\n{text}")).unwrap();
    std::fs::write(here.join("a.json"), r#"[{"id": 1, "name": "x"}, {"id": 2, "name": null}]"#).unwrap();
    let sql = "SELECT i AS id, 'name ' || i AS name FROM generate_series(1, 1000) s(i)";
    for name in ["a.parquet", "a.arrow", "a.hyper"] {
        server.call("export", json!({"sql": sql, "path": here.join(name)})).structured();
    }

    let of = |name: &str, detail: &str| {
        inspect(&server, json!({"target": here.join(name), "detail": detail}))["tables"][0].clone()
    };

    for (name, rows) in [("a.csv", 1000), ("a.json", 2), ("a.parquet", 1000), ("a.arrow", 1000)] {
        let about = of(name, "sample");
        assert_eq!(about["rows"], rows, "{about}");
        assert_eq!(about["file"], json!(here.join(name)));
        assert_eq!(about["columns"][0], json!({"name": "id", "type": "integer"}), "{name}");
        assert_eq!(about["columns"][1]["type"], "text", "{name}");
        assert_eq!(about["sample"][0][0], 1, "{about}");
        assert_eq!(about["bytes"].as_u64(), Some(here.join(name).metadata().unwrap().len()));
        let stats = of(name, "stats");
        assert_eq!((&stats["columns"][0]["max"], &stats["rows"]), (&json!(rows), &json!(rows)), "{stats}");
    }
    assert_eq!(of("a.csv", "columns")["columns"][2], json!({"name": "born", "type": "date"}));
    let database = of("a.hyper", "columns");
    assert_eq!(database["tables"], json!([{"table": "public.a", "columns": 2, "rows_about": 1000}]));
    // Nothing is left behind.
    assert_eq!(names(&inspect(&server, json!({"database": "local"}))), [""; 0]);
    // The file is free for a writer.
    let attach = json!({"action": "attach", "path": here.join("a.hyper"), "alias": "a", "mode": "readwrite"});
    server.call("database", attach).structured();
    assert_eq!(names(&inspect(&server, json!({"target": here.join("a.hyper")}))), ["a.public.a"]);
}

#[test]
fn what_cannot_be_is_refused() {
    let server = Server::start(&[]);

    for (arguments, expected) in [
        (json!({"target": "nothing"}), "There is no table nothing"),
        (json!({"target": "t", "database": "nowhere"}), "no database with the alias nowhere"),
        (json!({"target": "/no/such/file.csv"}), "cannot be read"),
        (json!({"database": "local", "cursor": "nonsense"}), "This is no cursor"),
        (json!({"detail": "everything"}), "everything"),
    ] {
        let text = server.call("inspect", arguments.clone()).error();
        assert!(text.contains(expected), "{arguments}: {text}");
    }
}

#[test]
fn distinct_values_are_counted_and_of_a_large_table_estimated_and_never_more_than_there_are() {
    let server = Server::start(&[]);
    execute(
        &server,
        &[
            "CREATE TABLE small AS SELECT i, i % 7 AS few, CASE WHEN i % 2 = 0 THEN i END AS half \
                FROM generate_series(1, 3376) s(i)",
            "CREATE TABLE large AS SELECT i FROM generate_series(1, 120000) s(i)",
        ],
    );
    let stats = |table: &str| {
        inspect(&server, json!({"target": table, "detail": "stats"}))["tables"][0]["columns"].clone()
    };

    let small = stats("small");
    let large = stats("large");

    let counts: Vec<_> = (0..3).map(|column| small[column]["distinct"].clone()).collect();
    assert_eq!(counts, [json!(3376), json!(7), json!(1688)]);
    assert!(large[0].get("distinct").is_none(), "{large}");
    let about = large[0]["distinct_about"].as_u64().unwrap();
    assert!((100_000..=120_000).contains(&about), "{about}");
}

#[test]
fn a_sample_that_is_smaller_than_asked_for_says_so() {
    let server = Server::start(&[]);
    execute(&server, &["CREATE TABLE t AS SELECT i FROM generate_series(1, 300) s(i)"]);

    let sample = inspect(&server, json!({"target": "t", "detail": "sample", "limit": 200}));

    assert_eq!(sample["tables"][0]["sample"].as_array().unwrap().len(), 100);
    assert!(sample["warnings"][0].as_str().unwrap().contains("100 was used"), "{sample}");
}
