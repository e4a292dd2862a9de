//! The list of functions that may be called where only reads are allowed, against the catalogue of the real hyperd.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::server::Server;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/mcp/read_only/functions.txt")
}

/// `HYPERWIRE_WRITE_FUNCTIONS=1` writes the list anew: what is known keeps its judgement, what is new gets a `?`.
#[test]
fn the_list_of_functions_is_that_of_the_catalogue() {
    let server = Server::private(&[]);
    let list = fs::read_to_string(file()).expect("the list is there");
    let name = |line: &str| line[2..].split(':').next().unwrap_or_default().to_owned();

    let sql = "SELECT DISTINCT proname FROM pg_catalog.pg_proc";
    let answer = server.call("query", json!({"sql": sql, "max_rows": 10_000, "max_bytes": 1_000_000}));
    let rows = answer.rows().as_array().expect("rows").clone();
    let catalogue: BTreeSet<String> =
        rows.iter().filter_map(|row| row[0].as_str().map(str::to_owned)).collect();
    let (head, lines): (Vec<_>, Vec<_>) = list.lines().partition(|line| line.starts_with('#'));
    let judged = catalogue.iter().map(|function| {
        let line = lines.iter().find(|line| name(line) == *function);
        line.map_or_else(|| format!("? {function}"), |line| (*line).to_owned())
    });
    let wanted = format!("{}\n{}\n", head.join("\n"), judged.collect::<Vec<_>>().join("\n"));

    if std::env::var_os("HYPERWIRE_WRITE_FUNCTIONS").is_some() {
        fs::write(file(), &wanted).expect("the list can be written");
    }
    assert!(list == wanted, "the catalogue differs from {}", file().display());
    assert!(!list.contains("\n? "), "a function has not been judged");
}

/// One that hyperd has and the list has not. hyperd does not list it in its catalogue either.
#[test]
fn a_function_that_is_not_on_the_list_is_refused() {
    let server = Server::private(&[]);

    for sql in ["SELECT * FROM graph_table('a')", "SELECT xmlparse('a')", "SELECT treat(1)"] {
        let error = server.call("query", json!({"sql": sql})).error();
        assert!(error.contains("does not know"), "{sql}: {error}");
    }
    // What hyperd has not got either is hyperd's to tell.
    let error = server.call("query", json!({"sql": "SELECT uper('a')"})).error();
    assert!(error.contains("42883") && !error.contains("Rejected"), "{error}");
}
