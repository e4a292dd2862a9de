//! `load` with mode merge, and what the other modes do when there is nothing to do it with.

use std::fs;

use serde_json::{Value, json};

use crate::server::{Answer, Server};

/// A server with a table.
fn with(table: &str, columns: &str, values: &str) -> Server {
    let server = Server::start(&[]);
    let sql = [format!("CREATE TABLE {table} ({columns})"), format!("INSERT INTO {table} VALUES {values}")];
    server.call("execute", json!({"sql": sql})).structured();
    server
}

fn load(server: &Server, table: &str, mode: &str, data: Value) -> Answer {
    let key = if mode == "merge" { json!(["k"]) } else { json!([]) };
    server.call("load", json!({"sources": [{"table": table, "data": data}], "mode": mode, "key": key}))
}

#[track_caller]
fn rows(server: &Server, table: &str) -> Value {
    server.call("query", json!({"sql": format!("SELECT * FROM {table} ORDER BY 1, 2")})).rows().clone()
}

/// What was counted, and which columns were updated.
#[track_caller]
fn counted(answer: &Answer) -> Value {
    let done = &answer.structured()["tables"][0];
    json!([done["rows"], done["updated"], done["inserted"], done["updated_columns"]])
}

#[test]
fn all_rows_of_a_key_are_updated_and_counted() {
    let server = with("t", "k int, v text, w int", "(1, 'a', 1), (1, 'b', 2), (3, 'c', 3), (NULL, 'n', 4)");

    let answer = load(&server, "t", "merge", json!([{"k": 1, "v": "x"}, {"k": 2, "v": "y"}]));

    assert_eq!(counted(&answer), json!([2, 2, 1, ["v"]]));
    assert_eq!(
        rows(&server, "t"),
        json!([[1, "x", 1], [1, "x", 2], [2, "y", null], [3, "c", 3], [null, "n", 4]])
    );
}

/// A1: what the statements of a merge call things is free for tables.
#[test]
fn a_merge_into_a_table_of_any_name_leaves_the_other_rows() {
    for table in ["s", "t", "source", "~source", "~merged", "~old", "~new", "old", "new", "k"] {
        let quoted = format!("\"{table}\"");
        let server = with(&quoted, "k int, v text", "(1, 'a'), (2, 'b'), (3, 'c')");

        let answer = load(&server, &quoted, "merge", json!([{"k": 2, "v": "x"}, {"k": 4, "v": "y"}]));

        assert_eq!(counted(&answer), json!([2, 1, 1, ["v"]]), "{table}");
        assert_eq!(rows(&server, &quoted), json!([[1, "a"], [2, "x"], [3, "c"], [4, "y"]]), "{table}");
    }
}

#[test]
fn a_field_that_a_row_does_not_have_leaves_the_column_as_it_is() {
    let server = with("t", "k int, v text, w int", "(1, 'a', 7), (2, 'b', 8), (3, 'c', 9)");

    let answer = load(
        &server,
        "t",
        "merge",
        json!([{"k": 1, "v": "x"}, {"k": 2, "v": "y", "w": 3}, {"k": 3, "w": null}, {"k": 4, "w": 5}]),
    );

    assert_eq!(counted(&answer), json!([4, 3, 1, ["v", "w"]]));
    assert_eq!(rows(&server, "t"), json!([[1, "x", 7], [2, "y", 3], [3, "c", null], [4, null, 5]]));
}

#[test]
fn a_key_that_is_twice_in_the_source_or_is_null_is_refused_by_name() {
    let server = with("t", "k int, v text", "(1, 'a')");

    let twice = load(&server, "t", "merge", json!([{"k": 5, "v": "x"}, {"k": 5, "v": "y"}])).error();
    let null = load(&server, "t", "merge", json!([{"k": null, "v": "x"}])).error();
    let none = load(&server, "t", "merge", json!([{"k": 1, "v": "x"}, {"v": "y"}])).error();

    assert!(twice.contains("(k)") && twice.contains("5, 2 rows"), "{twice}");
    assert!(null.contains("no key (k)"), "{null}");
    assert!(none.contains("no key (k)"), "{none}");
    assert_eq!(rows(&server, "t"), json!([[1, "a"]]));
}

#[test]
fn rows_that_are_nothing_but_keys_update_nothing() {
    let server = with("t", "k int, v text", "(1, 'a')");

    let answer = load(&server, "t", "merge", json!([{"k": 1}, {"k": 2}]));

    assert_eq!(counted(&answer), json!([2, 0, 1, []]));
    assert_eq!(rows(&server, "t"), json!([[1, "a"], [2, null]]));
}

#[test]
fn a_key_is_compared_as_the_table_holds_it() {
    let server = with("t", "k int, v text", "(1, 'a'), (2, 'b')");

    let error = server
        .call(
            "load",
            json!({
                "sources": [{"table": "t", "data": "k,v\n1.4,x\n1.2,y\n", "schema": {"k": "numeric(5,1)"}}],
                "mode": "merge",
                "key": ["k"]
            }),
        )
        .error();

    assert!(error.contains("not unique"), "{error}");
    assert_eq!(rows(&server, "t"), json!([[1, "a"], [2, "b"]]));
}

#[test]
fn merge_into_a_table_that_is_not_there_is_refused_with_the_nearest_name() {
    let server = with("orders", "k int", "(1)");

    let error = load(&server, "ordrs", "merge", json!([{"k": 1}])).error();

    assert!(error.contains("no table") && error.contains("local.public.orders"), "{error}");
    assert!(server.call("query", json!({"sql": "SELECT * FROM ordrs"})).is_error(), "it was not made");
}

#[test]
fn append_says_that_it_made_the_table() {
    let server = with("orders", "k int", "(1)");

    let answer = load(&server, "ordrs", "append", json!([{"k": 1}]));

    let done = &answer.structured()["tables"][0];
    assert_eq!(done["created"], json!(true));
    let warning = done["warnings"].to_string();
    assert!(warning.contains("was created") && warning.contains("local.public.orders"), "{warning}");
    let done = load(&server, "orders", "append", json!([{"k": 1}])).structured()["tables"][0].clone();
    assert_eq!(done["created"], json!(null));
}

#[test]
fn nothing_replaces_no_table() {
    let server = with("t", "k int", "(1)");
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("empty.csv", ""), ("blank.csv", "\n\n"), ("empty.json", ""), ("none.json", "[]")]
    {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        for (mode, key) in
            [("replace", json!([])), ("append", json!([])), ("create", json!([])), ("merge", json!(["k"]))]
        {
            let table = if mode == "create" { "new" } else { "t" };
            let sources = json!([{"table": table, "path": path}]);
            let error = server.call("load", json!({"sources": sources, "mode": mode, "key": key})).error();

            assert!(error.contains(name) && error.contains("Nothing was loaded"), "{mode} {name}: {error}");
        }
    }
    for data in [json!([]), json!(""), json!([{}])] {
        let error = load(&server, "t", "replace", data).error();
        assert!(error.contains("Nothing was loaded"), "{error}");
    }

    assert_eq!(rows_of_one(&server, "t"), json!([[1]]));
    assert!(server.call("query", json!({"sql": "SELECT * FROM new"})).is_error(), "it was not made");
}

#[test]
fn one_source_that_fails_makes_the_answer_an_error_that_lists_what_was_loaded() {
    let server = Server::start(&[]);
    let sources = json!([
        {"table": "a", "data": "x\n1\n"},
        {"table": "b", "data": "x,y\n1\n"},
        {"table": "c", "data": [{"x": 3}]},
        {"table": "d", "sql": "SELECT * FROM nowhere"}
    ]);

    let error = server.call("load", json!({"sources": sources})).error();

    for told in ["2 of 4 sources", "local.public.a (1 row)", "local.public.c (1 row)", "b:", "d:", "nowhere"]
    {
        assert!(error.contains(told), "{told}: {error}");
    }
    assert_eq!((rows_of_one(&server, "a"), rows_of_one(&server, "c")), (json!([[1]]), json!([[3]])));
}

#[track_caller]
fn rows_of_one(server: &Server, table: &str) -> Value {
    server.call("query", json!({"sql": format!("SELECT * FROM {table}")})).rows().clone()
}

#[test]
fn a_source_that_names_anothers_table_waits_for_it() {
    let server = Server::start(&[]);
    for round in 0..5 {
        let sources = json!([
            {"table": "first", "data": (0..500 + round).map(|n| json!({"n": n})).collect::<Vec<_>>()},
            {"table": "second", "sql": "SELECT count(*) AS n FROM \"first\""},
            {"table": "third", "sql": "SELECT n + 1 AS n FROM local.public.second"}
        ]);

        server.call("load", json!({"sources": sources, "mode": "replace"})).structured();

        assert_eq!(rows_of_one(&server, "third"), json!([[501 + round]]));
    }
    // In the order in which they stand: this one reads what was there before.
    let sources = json!([
        {"table": "old", "sql": "SELECT * FROM first WHERE n < 2"},
        {"table": "first", "data": [{"n": -1}]}
    ]);
    server.call("load", json!({"sources": sources, "mode": "replace"})).structured();
    assert_eq!(rows_of_one(&server, "old"), json!([[0], [1]]));

    let sources = json!([
        {"table": "broken", "data": "a,b\n1\n"},
        {"table": "after", "sql": "SELECT * FROM broken"}
    ]);
    let error = server.call("load", json!({"sources": sources})).error();
    assert!(error.contains("after: Not loaded, since") && error.contains("broken"), "{error}");
}

#[test]
fn a_load_says_how_many_files_matched_and_whether_it_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("kept.hyper");
    let server = Server::start(&["--persistent-db", database.to_str().unwrap()]);
    for name in ["a1.csv", "a2.csv", "b.csv"] {
        fs::write(folder.path().join(name), "x\n1\n").unwrap();
    }
    let pattern = folder.path().join("a*.csv");

    let sources = json!([{"table": "persistent.public.t", "path": pattern}]);
    let answer = server.call("load", json!({"sources": sources}));
    let local = server.call("load", json!({"sources": [{"table": "t", "path": pattern}]}));

    let answer = answer.structured();
    assert_eq!((&answer["tables"][0]["files"], &answer["tables"][0]["rows"]), (&json!(2), &json!(2)));
    assert_eq!(answer["on_disk"], json!(true));
    assert_eq!(local.structured()["on_disk"], json!(null), "the scratch database is never kept");
}
