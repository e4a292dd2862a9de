//! Prompts.

use serde_json::{Value, json};

use crate::wire::Wire;

#[track_caller]
fn text(server: &mut Wire, name: &str, arguments: Value) -> String {
    let got = server.request("prompts/get", json!({"name": name, "arguments": arguments})).expect("a prompt");
    assert_eq!(got["messages"][0]["role"], json!("user"));
    got["messages"][0]["content"]["text"].as_str().expect("a text").to_owned()
}

#[test]
fn a_prompt_about_a_table_brings_its_columns_along() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    let created = server.request("tools/call", json!({"name": "execute", "arguments": {"sql": ["CREATE TABLE Trips (\"Day\" date, km double precision)"]}}));
    assert_eq!(created.expect("an answer")["isError"], json!(false));

    for spelling in [
        "trips",
        "Trips",
        "public.trips",
        "local.trips",
        "local.public.trips",
        "\"local\".\"public\".\"trips\"",
    ] {
        let said = text(&mut server, "analyze-table", json!({"table": spelling, "question": "Why longer?"}));
        assert!(said.contains("local.public.trips (\"Day\" date, km double precision)"), "{said}");
        assert!(said.contains("Why longer?"), "{said}");
    }
    assert!(
        text(&mut server, "data-quality", json!({"table": "trips", "database": "local"}))
            .contains("km double")
    );
    assert!(
        text(&mut server, "compare-tables", json!({"left": "trips", "right": "trips", "key": "Day"}))
            .contains("Day")
    );
    assert!(text(&mut server, "chart-file", json!({"path": "/data/a.csv"})).contains("/data/a.csv"));
}

#[test]
fn every_prompt_that_is_listed_says_what_it_needs() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");

    let listed = server.request("prompts/list", json!({})).expect("a list");

    let prompts = listed["prompts"].as_array().expect("a list").clone();
    assert_eq!(prompts.len(), 4);
    for prompt in prompts {
        assert!(prompt["description"].is_string() && prompt["title"].is_string(), "{prompt}");
        let refused = server.request("prompts/get", json!({"name": prompt["name"], "arguments": {}}));
        let refused = refused.expect_err("something is required");
        assert_eq!(refused["code"], json!(-32602), "{refused}");
        let required = prompt["arguments"][0]["name"].as_str().expect("a name");
        assert!(refused["message"].as_str().is_some_and(|message| message.contains(required)), "{refused}");
    }
}

#[test]
fn a_prompt_for_what_is_not_there_is_refused_with_the_nearest() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    let created = server.request(
        "tools/call",
        json!({"name": "execute", "arguments": {"sql": ["CREATE TABLE invoices (id integer)"]}}),
    );
    assert_eq!(created.expect("an answer")["isError"], json!(false));

    let mut refused = |name: &str, arguments: Value| {
        let refused = server.request("prompts/get", json!({"name": name, "arguments": arguments}));
        refused.expect_err("it is refused")["message"].to_string()
    };

    assert!(refused("analyze-table", json!({"table": "invoice"})).contains("invoices"));
    assert!(refused("nothing", json!({})).contains("chart-file"));
    assert!(refused("chart-file", json!({"path": "/a.csv", "color": "red"})).contains("color"));
}
