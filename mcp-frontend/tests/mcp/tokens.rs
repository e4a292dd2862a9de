//! What a model pays for having this server, in tokens.

use serde_json::{Value, json};

use crate::wire::Wire;

/// Of the eight tools, with all their schemas.
const MOST_TOKENS: usize = 3_500;
/// Claude Code cuts longer descriptions and instructions.
const MOST_CHARACTERS: usize = 2_048;

fn listed(arguments: &[&str]) -> (Value, Value) {
    let mut server = Wire::start(arguments);
    let hello = server.initialize("2025-11-25");
    (hello, server.request("tools/list", json!({})).expect("tools are listed")["tools"].clone())
}

#[test]
fn eight_tools_cost_less_than_3500_tokens() {
    let (hello, tools) = listed(&[]);
    let tokens = tiktoken_rs::o200k_base_singleton();
    let count = |value: &Value| tokens.encode_ordinary(&value.to_string()).len();

    let all = tools.as_array().expect("a list");
    for tool in all {
        let parts = ["description", "inputSchema", "outputSchema"].map(|part| count(&tool[part]));
        println!(
            "{:>10} {:>5} tokens: description, input, output {parts:?}",
            tool["name"].as_str().unwrap_or("?"),
            count(tool)
        );
    }
    let instructions = hello["instructions"].as_str().expect("instructions");
    println!(
        "{:>10} {:>5} tokens; instructions {}",
        "all",
        count(&tools),
        tokens.encode_ordinary(instructions).len()
    );

    let names: Vec<_> = all.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["query", "execute", "inspect", "load", "export", "database", "chart", "job"]);
    assert!(count(&tools) < MOST_TOKENS, "{} tokens", count(&tools));
    assert!(instructions.chars().count() < MOST_CHARACTERS);
    for tool in all {
        let description = tool["description"].as_str().expect("a description");
        assert!(description.chars().count() < MOST_CHARACTERS, "{}", tool["name"]);
    }
}

#[test]
fn the_instructions_speak_of_this_server() {
    let said = |arguments: &[&str]| {
        let hello = Wire::start(arguments).initialize("2025-11-25");
        let said = hello["instructions"].as_str().expect("instructions").to_owned();
        assert!(said.chars().count() < MOST_CHARACTERS, "{}", said.chars().count());
        said
    };
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("kept.hyper");

    let ephemeral = said(&["--ephemeral-only", "--soft-deadline", "7"]);
    let persistent = said(&["--persistent-db", kept.to_str().expect("UTF-8")]);
    let reading = said(&["--read-only"]);

    assert!(ephemeral.contains("`load`") && ephemeral.contains("longer than 7 s"), "{ephemeral}");
    assert!(!ephemeral.contains("persistent") && persistent.contains("`persistent` is kept"), "{persistent}");
    assert!(
        reading.contains("only reads") && !reading.contains("`load`") && !reading.contains("`export`"),
        "{reading}"
    );
}

#[test]
fn the_list_is_the_same_on_every_connection_and_whatever_was_called() {
    let (_, first) = listed(&[]);
    let mut server = Wire::start(&[]);
    server.modern(json!({}));
    server
        .request(
            "tools/call",
            json!({"name": "execute", "arguments": {"sql": ["CREATE TABLE t (id integer)"]}}),
        )
        .expect("an answer");

    let again = server.request("tools/list", json!({})).expect("tools are listed")["tools"].clone();

    assert_eq!(first.to_string(), again.to_string());
}

#[test]
fn every_tool_has_title_annotations_and_schemas_that_are_closed() {
    let (_, tools) = listed(&["--toolsets", "memory,watch,catalog"]);

    for tool in tools.as_array().expect("a list") {
        let name = &tool["name"];
        assert!(tool["title"].is_string(), "{name}");
        assert!(tool["annotations"]["readOnlyHint"].is_boolean(), "{name}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], json!(false), "{name}");
        for schema in ["inputSchema", "outputSchema"] {
            let Some(schema) = tool.get(schema) else { continue };
            assert_eq!(schema["type"], json!("object"), "{name}");
            jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_strict(schema, &format!("{name}"));
        }
    }
}

/// Strict readers take no `true` for a schema and no list of types.
#[track_caller]
fn assert_strict(schema: &Value, place: &str) {
    match schema {
        Value::Object(object) => {
            assert!(!object.get("type").is_some_and(Value::is_array), "{place}: a list of types");
            for (key, value) in object {
                let is_schema = matches!(key.as_str(), "items" | "properties" | "anyOf" | "oneOf");
                if is_schema || place.ends_with("properties") {
                    assert!(!value.is_boolean(), "{place}.{key}: a schema that is a boolean");
                    assert_strict(value, &format!("{place}.{key}"));
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|schema| assert_strict(schema, place)),
        _ => {}
    }
}
