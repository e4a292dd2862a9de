//! Saved queries and notes on tables, over real databases.

use serde_json::{Value, json};

use crate::server::{GENEROUS, Server};

fn server() -> Server {
    Server::start(&["--toolsets", "catalog"])
}

fn call(server: &Server, arguments: Value) -> Value {
    server.call("catalog", arguments).structured().clone()
}

#[test]
fn a_saved_query_is_found_and_its_sql_can_be_run() {
    let server = server();
    let sql = "SELECT 'it''s' AS a";

    call(&server, json!({"op": "save_query", "name": "one", "sql": sql, "description": "An example"}));

    let query = call(&server, json!({"op": "get_query", "name": "one"}))["query"].clone();
    assert_eq!((&query["sql"], &query["description"]), (&json!(sql), &json!("An example")));
    assert!(query["created_at"].as_str().is_some_and(|time| time.starts_with("20")), "{query}");
    assert_eq!(server.call("query", json!({"sql": query["sql"]})).rows(), &json!([["it's"]]));
    let listed = call(&server, json!({"op": "list"}));
    assert_eq!(
        listed["queries"],
        json!([{"database": "local", "name": "one", "description": "An example", "sql": sql}])
    );
}

#[test]
fn a_saved_query_is_replaced_only_if_asked() {
    let server = server();
    let save = |sql: &str, overwrite: bool| {
        server.call("catalog", json!({"op": "save_query", "name": "q", "sql": sql, "overwrite": overwrite}))
    };
    save("SELECT 1", false).structured();

    let refused = save("SELECT 2", false).error();
    let get = || call(&server, json!({"op": "get_query", "name": "q"}))["query"]["sql"].clone();

    assert!(refused.contains("overwrite = true"), "{refused}");
    assert_eq!(get(), json!("SELECT 1"));
    assert_eq!(save("SELECT 2", true).structured()["replaced"], json!(true));
    assert_eq!(get(), json!("SELECT 2"));
    assert_eq!(call(&server, json!({"op": "delete_query", "name": "q"}))["deleted"], json!(true));
    assert_eq!(call(&server, json!({"op": "delete_query", "name": "q"}))["deleted"], json!(false));
    assert!(server.call("catalog", json!({"op": "get_query", "name": "q"})).error().contains("list"));
}

#[test]
fn notes_on_a_table_change_field_by_field() {
    let server = server();
    server.call("execute", json!({"sql": ["CREATE TABLE \"Some Orders\" (id int)"]})).structured();
    let set = |mut fields: Value| {
        fields["op"] = json!("set_metadata");
        fields["table"] = json!("Some Orders");
        call(&server, fields)
    };
    let noted = || call(&server, json!({"op": "get_metadata", "table": "Some Orders"}))["metadata"].clone();

    set(json!({"source_url": "https://example.org/o'clock", "purpose": "Test"}));
    set(json!({"license": "CC0", "purpose": ""}));

    let note = noted();
    assert_eq!(note["source_url"], json!("https://example.org/o'clock"));
    assert_eq!(note["license"], json!("CC0"));
    assert_eq!(note.get("purpose"), None);
    let listed = call(&server, json!({"op": "list"}));
    assert_eq!(listed["metadata"][0]["table_name"], json!("Some Orders"));
    assert_eq!(
        call(&server, json!({"op": "delete_metadata", "table": "Some Orders"}))["deleted"],
        json!(true)
    );
    assert!(server.call("catalog", json!({"op": "get_metadata", "table": "Some Orders"})).is_error());
}

#[test]
fn a_note_needs_a_table_and_something_to_say() {
    let server = server();
    server.call("execute", json!({"sql": ["CREATE TABLE t (id int)"]})).structured();
    let refused = |arguments: Value| server.call("catalog", arguments).error();

    assert!(refused(json!({"op": "set_metadata", "table": "none", "notes": "x"})).contains("no table none"));
    assert!(refused(json!({"op": "set_metadata", "table": "t"})).contains("source_url"));
    assert!(refused(json!({"op": "set_metadata", "table": "t", "author": "x"})).contains("author"));
    assert!(refused(json!({"op": "save_query", "name": "", "sql": "SELECT 1"})).contains("name"));
    assert!(refused(json!({"op": "save_query", "name": "q", "sql": " "})).contains("sql"));
    assert_eq!(call(&server, json!({"op": "list"})), json!({"queries": [], "metadata": []}));
}

#[test]
fn of_two_servers_that_save_under_one_name_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.hyper");
    let arguments = ["--toolsets", "catalog", "--persistent-db", path.to_str().unwrap()];
    let servers = [Server::start(&arguments), Server::start(&arguments)];

    for at in 0..8 {
        let save = json!({"op": "save_query", "name": format!("q{at}"), "sql": "SELECT 1"});
        let pending = servers.each_ref().map(|server| server.begin("catalog", save.clone()));
        let errors = servers
            .iter()
            .zip(pending)
            .filter(|(server, pending)| server.wait(*pending, GENEROUS).is_error());
        assert_eq!(errors.count(), 1);
    }
    assert_eq!(call(&servers[0], json!({"op": "list"}))["queries"].as_array().map(Vec::len), Some(8));
}

#[test]
fn the_next_server_has_what_was_saved_and_a_read_only_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.hyper");
    let path = path.to_str().unwrap();
    let writer = Server::start(&["--toolsets", "catalog", "--persistent-db", path]);
    call(&writer, json!({"op": "save_query", "name": "q", "sql": "SELECT 1"}));
    writer.end();

    let reader = Server::start(&["--read-only", "--toolsets", "catalog", "--persistent-db", path]);

    assert_eq!(call(&reader, json!({"op": "get_query", "name": "q"}))["query"]["sql"], json!("SELECT 1"));
    let refused = reader.call("catalog", json!({"op": "delete_query", "name": "q"})).error();
    assert!(refused.contains("read-only"), "{refused}");
}

#[test]
fn a_list_of_many_long_queries_is_no_longer_than_other_answers_and_says_that_it_is_cut() {
    let server = server();
    let sql = format!("SELECT '{}'", "x".repeat(1_000));
    for number in 0..60 {
        let name = format!("{number} {}", "n".repeat(200));
        call(&server, json!({"op": "save_query", "name": name, "sql": sql, "description": sql}));
    }

    let listed = call(&server, json!({"op": "list"}));

    assert!(listed.to_string().len() <= 24_000, "{} bytes", listed.to_string().len());
    let shown = listed["queries"].as_array().expect("queries").len();
    assert!(shown > 5 && listed["next"].as_str().expect("a hint").contains(&shown.to_string()), "{listed}");
}
