//! Every argument of every tool, given in ways that mean something and in ways that do not.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::super::{Asked, Definition, definitions, take_background};
use crate::mcp::policy::Policy;

/// All tools, in a server that has all of them.
fn tools() -> &'static [Definition] {
    static TOOLS: OnceLock<Vec<Definition>> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let policies = Policy::all();
        let most = policies.iter().max_by_key(|policy| policy.tools().count());
        definitions(most.expect("there are policies"))
    })
}

/// What a tool makes of arguments: nothing but what it is told, or why not.
fn understand(tool: &str, arguments: &Value) -> Result<Vec<String>, String> {
    let tools = tools();
    let definition = tools.iter().find(|definition| definition.name == tool).expect("there is one");
    let mut arguments = arguments.as_object().expect("arguments are an object").clone();
    take_background(tool, &mut arguments).map_err(|failure| failure.text())?;
    Asked::of(definition, arguments).map(|(_, warnings)| warnings).map_err(|failure| failure.text())
}

#[track_caller]
fn refusal(tool: &str, arguments: &Value) -> String {
    understand(tool, arguments).expect_err("it should be refused")
}

#[test]
fn what_means_something_is_taken() {
    for (tool, arguments) in [
        ("query", json!({"sql": "SELECT 1", "max_rows": 10.0})),
        ("query", json!({"sql": "SELECT 1", "max_rows": "10", "max_bytes": "1e3", "timeout_s": "2.5"})),
        ("query", json!({"sql": ["SELECT 1"], "params": "x", "database": null, "cursor": null})),
        ("query", json!({"sql": "SELECT $1", "params": [null, 1, 2.5, true, "x"]})),
        ("query", json!({"sql": "SELECT 1", "params": "[1, null]"})),
        ("query", json!({"sql": "SELECT * FROM t", "inputs": {"t": "/data/t.csv"}})),
        ("query", json!({"sql": "SELECT * FROM t", "inputs": {"t": [{"a": 1}]}})),
        ("query", json!({"sql": "SELECT * FROM t", "inputs": {"t": "a,b\n1,2"}})),
        ("query", json!({"sql": "SELECT * FROM t", "inputs": "{\"t\": {\"path\": \"/data/t.csv\"}}"})),
        (
            "query",
            json!({"sql": "SELECT * FROM t", "inputs": {"t": {"path": ["a.csv", "b.csv"], "format": "TSV", "header": "true", "null": "NA"}}}),
        ),
        ("execute", json!({"sql": "DROP TABLE t"})),
        ("execute", json!({"sql": "[\"DROP TABLE t\", \"DROP TABLE u\"]"})),
        ("load", json!({"sources": {"table": "t", "path": "/data/t.csv"}, "mode": "MERGE", "key": "id"})),
        ("load", json!({"sources": [{"table": "t", "data": {"a": 1}, "schema": "{\"a\": \"text\"}"}]})),
        ("load", json!({"sources": "[{\"table\": \"t\", \"path\": \"t.csv\"}]", "mode": null, "key": null})),
        (
            "export",
            json!({"table": "t", "path": "~/t.csv", "overwrite": "true", "options": {"header": "false"}}),
        ),
        ("export", json!({"table": "t", "path": "file:///tmp/t.parquet", "format": "Parquet"})),
        ("inspect", json!({"target": "t", "detail": "Sample", "limit": "5"})),
        ("database", json!({"action": "Attach", "path": "/a.hyper", "mode": "read-only"})),
        (
            "chart",
            json!({"sql": "SELECT 1", "kind": "Bar", "y": "a", "options": {"width": 800.0, "labels": "true", "x_range": ["2024-01-01", "2024-02-01"], "y_range": ["0", 1], "colors": "#0072b2"}}),
        ),
        (
            "chart",
            json!({"sql": "SELECT 1", "kind": "bar", "options": {"labels": true, "colors": {"a": "#fff"}}}),
        ),
        ("job", json!({"id": "job-1", "wait_s": "5"})),
        ("memory", json!({"op": "set", "store": "s", "key": 5, "value": {"a": null}})),
        ("memory", json!({"op": "set", "store": "s", "entries": "{\"a\": 1}"})),
        ("watch", json!({"op": "start", "path": "~/in", "table": "t", "existing": 1})),
        ("catalog", json!({"op": "list", "database": null})),
    ] {
        let understood = understand(tool, &arguments);
        assert_eq!(understood, Ok(Vec::new()), "{tool} {arguments}");
    }
}

#[test]
fn a_path_is_the_one_that_the_system_takes() {
    let tools = tools();
    let fitted = |tool: &str, arguments: Value| {
        let definition = tools.iter().find(|definition| definition.name == tool).unwrap();
        super::fit(definition, arguments.as_object().unwrap().clone()).unwrap().arguments
    };

    let query = fitted("query", json!({"sql": "SELECT 1", "inputs": {"t": "file:///data/a%20b.csv"}}));
    let load = fitted("load", json!({"sources": [{"table": "t", "path": ["file:///a.csv", "/b.csv"]}]}));
    let inspect = fitted("inspect", json!({"target": "file://localhost/data/a.csv"}));

    assert_eq!(query["inputs"]["t"], json!({"path": "/data/a b.csv"}));
    assert_eq!(load["sources"][0]["path"], json!(["/a.csv", "/b.csv"]));
    assert_eq!(inspect["target"], "/data/a.csv");
}

#[test]
fn a_limit_beyond_the_highest_is_the_highest_and_the_caller_is_told() {
    let told = understand("query", &json!({"sql": "SELECT 1", "max_rows": 60_000})).unwrap();

    assert_eq!(told, ["`max_rows` was 60000, and 10000 is the most: 10000 was used."]);
}

#[test]
fn what_cannot_be_taken_is_explained_in_the_words_of_the_schema() {
    for (tool, arguments, said) in [
        (
            "query",
            json!({"sql": "SELECT 1", "max_rows": 1.5}),
            "`max_rows` is an integer from 0 to 10000, not 1.5.",
        ),
        (
            "query",
            json!({"sql": "SELECT 1", "max_rows": -1}),
            "`max_rows` is an integer from 0 to 10000, not -1.",
        ),
        (
            "query",
            json!({"sql": "SELECT 1", "timeout_s": 0}),
            "`timeout_s` is a number above 0 and up to 86400, not 0.",
        ),
        ("query", json!({"sql": {"a": 1}}), "`sql` is a string, not {\"a\":1}."),
        (
            "query",
            json!({"sql": "SELECT 1", "max_row": 5}),
            "there is no argument `max_row`. Did you mean `max_rows`?",
        ),
        (
            "query",
            json!({"sql": "x", "inputs": {"t": {"paht": "x"}}}),
            "there is no argument `inputs.t.paht`. Did you mean `path`?",
        ),
        (
            "query",
            json!({"sql": "x", "inputs": {"t": {"path": "x", "format": "cvs"}}}),
            "Did you mean \"csv\"?",
        ),
        ("query", json!({"sql": "x", "inputs": {"t": 5}}), "`inputs.t` is an object with"),
        ("load", json!({}), "`sources` is missing; it is an array of objects."),
        ("load", json!({"sources": [{"path": "a.csv"}]}), "`sources[0].table` is missing; it is a string."),
        ("load", json!({"sources": ["a.csv"]}), "`sources[0].table` is missing; it is a string."),
        ("load", json!({"sources": [{"table": "t"}], "key": [{"a": 1}]}), "`key[0]` is a string"),
        (
            "inspect",
            json!({"target": "file://server/a.csv"}),
            "`target`: \"file://server/a.csv\" is a file of the host",
        ),
        (
            "database",
            json!({"action": "atach"}),
            "`action` is one of \"attach\", \"create\", \"detach\", not \"atach\". Did you mean \"attach\"?",
        ),
        (
            "chart",
            json!({"sql": "x", "kind": "bar", "options": {"y_range": [1]}}),
            "`options.y_range` is an array of 2 items of numbers",
        ),
        ("memory", json!({"op": "get", "key": "k"}), "`store` is missing."),
        (
            "memory",
            json!({"op": "clear", "store": "s", "key": "k"}),
            "`key` is no argument of this operation. It takes: `store`, `database`.",
        ),
        ("memory", json!({"store": "s"}), "`op` is missing; it is one of \"set\""),
    ] {
        let text = refusal(tool, &arguments);
        assert!(text.contains(said), "{tool} {arguments}: {text}");
        assert!(text.starts_with(&format!("Invalid arguments for `{tool}`: ")), "{text}");
        assert!(text.ends_with(" Nothing was run."), "{text}");
    }
}

/// Values of every type, most of them wrong wherever they stand.
fn values() -> Vec<Value> {
    vec![
        json!({}),
        json!([]),
        json!([[]]),
        json!([{}]),
        json!([1, "a", null]),
        json!({"nonsense": 1}),
        json!({"path": {}}),
        json!({"table": []}),
        json!("text"),
        json!(""),
        json!("{"),
        json!("[1"),
        json!("file://elsewhere/x"),
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!("x".repeat(2000)),
    ]
}

/// The places of a schema at which something can stand, as (path, how it is put there).
fn places(schema: &Value, at: &str) -> Vec<String> {
    let mut all = vec![at.to_owned()];
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        all.extend(places(alternative, at).into_iter().skip(1));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        all.extend(places(property, &format!("{at}/{name}")));
    }
    if schema["items"].is_object() {
        all.extend(places(&schema["items"], &format!("{at}/0")));
    }
    if schema["additionalProperties"].is_object() {
        all.extend(places(&schema["additionalProperties"], &format!("{at}/any")));
    }
    all
}

/// Arguments in which a value stands at a place: `/inputs/any/path`.
fn with(place: &str, value: Value) -> Value {
    place.split('/').skip(1).collect::<Vec<_>>().into_iter().rev().fold(value, |inner, step| match step {
        "0" => json!([inner]),
        name => json!({name: inner}),
    })
}

/// What the required arguments of a tool may be.
fn required(definition: &Definition) -> Value {
    let mut arguments = json!({});
    for name in definition.input["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let property = &definition.input["properties"][name];
        arguments[name] = match property["enum"].get(0) {
            Some(word) => word.clone(),
            None if property["type"] == "array" => json!([]),
            None => json!("x"),
        };
    }
    arguments
}

#[test]
fn no_answer_has_a_word_of_the_program_and_each_names_the_argument() {
    const WORDS: [&str; 26] = [
        "struct",
        "enum",
        "variant",
        "usize",
        "isize",
        "u8",
        "u32",
        "u64",
        "i64",
        "f64",
        "invalid type",
        "invalid value",
        "invalid length",
        "untagged",
        "data did not match",
        "sequence",
        " map",
        "newtype",
        "tuple",
        "unit ",
        "serde",
        "expected a",
        "field",
        "String",
        "Vec",
        "Option",
    ];
    let mut refused = 0;
    for definition in tools() {
        for place in places(&definition.input, "").into_iter().skip(1) {
            for value in values() {
                let mut arguments = required(definition);
                let put = with(&place, value);
                for (name, value) in put.as_object().unwrap() {
                    arguments[name] = value.clone();
                }
                let Err(text) = understand(definition.name, &arguments) else { continue };
                refused += 1;
                let about = format!("{} {arguments}: {text}", definition.name);
                // Without what the caller wrote, and the names that the schema gives.
                let own = text.split(", not ").next().unwrap_or_default().replace("`from_table`", "");
                for word in WORDS {
                    assert!(!own.contains(word), "{word:?} in {about}");
                }
                let argument = place.split('/').nth(1).unwrap_or_default();
                let names_it = text.contains(&format!("`{argument}`"))
                    || text.contains(&format!("`{argument}["))
                    || text.contains(&format!("`{argument}."))
                    // With this operation, or this value, another one is what is wrong.
                    || text.contains("is missing") || text.contains("operation");
                assert!(names_it, "{place}: {about}");
            }
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

#[test]
fn every_argument_that_a_tool_reads_is_in_its_schema() {
    for definition in tools() {
        for name in ["nonsense", "limit_", "Sql", "timeout"] {
            let mut arguments = required(definition);
            arguments[name] = json!(1);
            let text = refusal(definition.name, &arguments);
            assert!(text.contains(&format!("there is no argument `{name}`")), "{text}");
        }
    }
}
