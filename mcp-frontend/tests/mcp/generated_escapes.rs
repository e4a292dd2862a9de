//! Calls of functions that do more than read, in every spelling that hyperd's lexer knows: no tool that only reads runs one.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::seeded::Seeded;
use crate::server::Server;

/// What only reads; the second is the first.
const TOOLS: [&str; 5] = ["query", "query with parameters", "chart", "export", "load"];

/// Every blank of hyperd's lexer, and comments.
fn blanks() -> Vec<String> {
    let wide =
        ['\u{a0}', '\u{2028}', '\u{2029}', '\u{3000}', '\u{feff}'].into_iter().chain('\u{2000}'..='\u{200f}');
    let single = ['\t', '\n', '\u{b}', '\u{c}', '\r', ' '].into_iter().chain(wide);
    let comments = ["", "/**/", "/* ( */", "-- (\n", "/* /* */", "--\u{2028}\n", " \u{a0}/**/\u{200b}\n"]
        .map(str::to_owned);
    single.map(String::from).chain(comments).collect()
}

/// The name in every spelling.
fn spellings(name: &str) -> Vec<String> {
    let mixed: String = name
        .chars()
        .enumerate()
        .map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c })
        .collect();
    let escaped = |escape: char| {
        let mut rest = name.chars();
        let first = rest.next().map_or(0, u32::from);
        format!("{escape}{first:04x}{}", rest.as_str())
    };
    vec![
        name.to_owned(),
        name.to_ascii_uppercase(),
        mixed,
        format!("\"{name}\""),
        format!("U&\"{}\"", escaped('\\')),
        format!("u&\"{}\" UESCAPE '!'", escaped('!')),
        format!("pg_catalog.{name}"),
        format!("\"pg_catalog\" . \"{name}\""),
    ]
}

/// A statement that calls it; `{}` is the name with what follows it.
fn statements(folder: &Path) -> Vec<(&'static str, String)> {
    let folder = folder.display();
    vec![
        (
            "external",
            format!("SELECT * FROM{{}}('{folder}/text', COLUMNS => DESCRIPTOR(a TEXT), FORMAT => 'csv')"),
        ),
        ("set_config", "SELECT{}('TimeZone', 'Asia/Tokyo', false)".to_owned()),
        ("external", format!("SELECT (SELECT count(*) FROM{{}}('{folder}/data.parquet')) AS a")),
        ("s3_location", "SELECT * FROM external({}('s3://bucket/a.parquet'))".to_owned()),
        ("http_location", "SELECT * FROM external({}('http://host/a.parquet'))".to_owned()),
        ("gcs_location", "SELECT * FROM external({}('gs://bucket/a.parquet'))".to_owned()),
        (
            "azure_location",
            "SELECT * FROM external({}('abfss://c@a.dfs.core.windows.net/a.parquet'))".to_owned(),
        ),
        ("hyper_log", "SELECT{}('a')".to_owned()),
        ("hyper_execute_query_plan", "SELECT{}('{}')".to_owned()),
        ("semantic_query", "SELECT * FROM{}('a')".to_owned()),
        ("foreign_table", "SELECT * FROM{}('a', 'b')".to_owned()),
        ("raw_sql_subquery", "SELECT * FROM{}('SELECT 1')".to_owned()),
        ("vector_search", "SELECT * FROM{}(TABLE(t), 'a')".to_owned()),
    ]
}

fn written(statement: &str, spelling: &str, before: &str, behind: &str) -> String {
    // A wide blank that touches the word before it would belong to that.
    statement.replacen("{}", &format!(" {before}{spelling}{behind}"), 1)
}

fn folder(server: &Server) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("text"), "secret\n").expect("room");
    let parquet = format!("COPY (SELECT 'secret' AS a) TO '{}/data.parquet'", folder.path().display());
    server.call("execute", json!({"sql": ["CREATE TABLE t (i INT)", parquet]})).structured();
    folder
}

fn arguments(tool: &str, sql: &str, folder: &Path) -> Value {
    match tool {
        "chart" => json!({"sql": sql, "kind": "bar"}),
        "export" => json!({"sql": sql, "path": folder.join("made.csv")}),
        "load" => json!({"sources": [{"table": "made", "sql": sql}]}),
        "query with parameters" => {
            json!({"sql": format!("SELECT * FROM ({sql}\n) AS q WHERE $1"), "params": [true]})
        }
        _ => json!({"sql": sql}),
    }
}

#[test]
fn no_spelling_of_a_function_that_does_more_than_read_gets_through() {
    let server = Server::private(&[]);
    let folder = folder(&server);
    let (blanks, statements) = (blanks(), statements(folder.path()));
    let zone = || server.call("query", json!({"sql": "SELECT current_setting('TimeZone')"})).rows().clone();
    let before = zone();
    let mut cases = Vec::new();
    // Each blank in each place of each spelling of the two that read a file and that change a setting ...
    for (name, statement) in &statements[..2] {
        for spelling in spellings(name) {
            for blank in &blanks {
                for (before, behind) in [(blank.as_str(), ""), (" ", blank.as_str())] {
                    cases.push(("query", written(statement, &spelling, before, behind)));
                    cases.push(("query with parameters", written(statement, &spelling, before, behind)));
                }
            }
        }
    }
    // ... and the others by chance, for each tool.
    let mut seeded = Seeded::new(7);
    for _ in 0..600 {
        let (name, statement) = seeded.one(&statements);
        let spelling = seeded.one(&spellings(name)).clone();
        let sql = written(statement, &spelling, seeded.one::<String>(&blanks), seeded.one::<String>(&blanks));
        cases.push((*seeded.one::<&str>(&TOOLS), sql));
    }

    for (tool, sql) in &cases {
        let name = tool.split(' ').next().expect("a tool");
        let answer = server.call(name, arguments(tool, sql, folder.path()));
        let text = answer.text();
        assert!(answer.is_error() && text.contains("Rejected: "), "{tool} {sql:?}: {text}");
        assert!(!text.contains("secret"), "{tool} {sql:?}: {text}");
    }

    assert!(cases.len() > 2_000, "{}", cases.len());
    assert_eq!(zone(), before);
    assert!(!folder.path().join("made.csv").exists());
}

#[test]
fn the_spellings_are_ones_that_hyperd_takes() {
    let server = Server::private(&[]);
    let folder = folder(&server);
    let (name, statement) = &statements(folder.path())[0];
    let (mut taken, mut all) = (0, 0);

    for spelling in spellings(name) {
        for blank in blanks() {
            for (before, behind) in [(blank.as_str(), ""), (" ", blank.as_str())] {
                let sql = written(statement, &spelling, before, behind);
                all += 1;
                taken += usize::from(!server.call("execute", json!({"sql": [sql]})).is_error());
            }
        }
    }

    // A wide blank that touches an unquoted name belongs to the name.
    assert!(taken * 4 > all * 3, "{taken} of {all}");
}

#[test]
fn a_read_only_server_refuses_the_same() {
    let writer = Server::private(&[]);
    let folder = folder(&writer);
    let server = Server::private(&["--read-only"]);
    let (blanks, mut seeded) = (blanks(), Seeded::new(3));

    for (name, statement) in statements(folder.path()) {
        for spelling in spellings(name) {
            let sql =
                written(&statement, &spelling, seeded.one::<String>(&blanks), seeded.one::<String>(&blanks));
            let error = server.call("query", json!({"sql": sql})).error();
            assert!(error.contains("Rejected: ") && !error.contains("`execute`"), "{sql:?}: {error}");
        }
    }
}
