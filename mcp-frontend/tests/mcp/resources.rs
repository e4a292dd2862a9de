//! Resources, their templates, and who hears of their changes.

use serde_json::{Value, json};

use crate::server::Server;
use crate::wire::Wire;

#[track_caller]
fn read(server: &mut Wire, uri: &str) -> Value {
    let read = server
        .request("resources/read", json!({"uri": uri}))
        .unwrap_or_else(|error| panic!("{uri}: {error}"));
    let contents = &read["contents"][0];
    assert_eq!(contents["uri"], json!(uri));
    match contents["mimeType"].as_str() {
        Some("application/json") => {
            serde_json::from_str(contents["text"].as_str().expect("text")).expect("JSON")
        }
        _ => contents["text"].clone(),
    }
}

#[track_caller]
fn execute(server: &mut Wire, sql: &[&str]) {
    let done = server
        .request("tools/call", json!({"name": "execute", "arguments": {"sql": sql}}))
        .expect("an answer");
    assert_eq!(done["isError"], json!(false), "{done}");
}

#[test]
fn databases_tables_and_the_guide_are_listed_and_read() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    execute(
        &mut server,
        &[
            "CREATE TABLE \"odd / name\" (id integer, said text)",
            "INSERT INTO \"odd / name\" VALUES (1, 'a'), (2, NULL)",
        ],
    );

    let listed = server.request("resources/list", json!({})).expect("a list");
    let uris: Vec<_> = listed["resources"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|item| item["uri"].as_str())
        .collect();
    let uri = "hyper://tables/local/public/odd%20%2F%20name";
    assert_eq!(uris, ["hyper://sql", "hyper://databases", "hyper://databases/local", uri]);

    let table = read(&mut server, uri);
    assert_eq!(table["row_count"], json!(2));
    assert_eq!(table["columns"][1]["name"], json!("said"));
    assert_eq!(table["columns"][1]["type"], json!("text"));
    assert_eq!(table["sample"]["rows"], json!([[1, "a"], [2, null]]));
    assert_eq!(read(&mut server, "hyper://databases")["databases"][0]["database"], json!("local"));
    assert_eq!(read(&mut server, "hyper://databases/local")["tables"][0]["uri"], json!(uri));
    let guide = read(&mut server, "hyper://sql");
    assert!(guide.as_str().expect("text").starts_with("# Hyper's SQL"), "{guide}");
}

#[test]
fn what_did_not_fit_an_answer_is_a_resource() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    let sql = "SELECT i FROM generate_series(1, 300) s(i)";
    let cut =
        server.request("tools/call", json!({"name": "query", "arguments": {"sql": sql}})).expect("an answer");
    assert_eq!(cut["structuredContent"]["truncated"], json!(true));

    let listed = server.request("resources/list", json!({})).expect("a list");

    let all = listed["resources"].as_array().expect("a list");
    let uri =
        all.iter().filter_map(|item| item["uri"].as_str()).find(|uri| uri.starts_with("hyper://results/"));
    let result = read(&mut server, uri.expect("the rest is kept"));
    assert_eq!(result["rows"].as_array().expect("rows").len(), 100);
    assert_eq!(result["rows"][0], json!([201]));
}

#[test]
fn what_is_not_there_is_an_error_in_the_words_of_the_era() {
    let missing = [
        "hyper://tables/local/public/nothing",
        "hyper://databases/nothing",
        "hyper://results/0",
        "file:///etc/passwd",
        "http://example.org",
        "",
    ];
    let mut legacy = Wire::start(&[]);
    legacy.initialize("2025-11-25");
    let mut modern = Wire::start(&[]);
    modern.modern(json!({}));

    for uri in missing {
        let refused = legacy.request("resources/read", json!({"uri": uri})).expect_err(uri);
        assert_eq!(refused["code"], json!(-32002), "{uri}: {refused}");
        let refused = modern.request("resources/read", json!({"uri": uri})).expect_err(uri);
        assert_eq!(refused["code"], json!(-32602), "{uri}: {refused}");
    }
}

#[test]
fn a_misspelled_table_is_answered_with_the_nearest() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    execute(&mut server, &["CREATE TABLE customers (id integer)"]);

    let refused = server.request("resources/read", json!({"uri": "hyper://tables/local/public/custmers"}));

    let message = refused.expect_err("there is none")["message"].to_string();
    assert!(message.contains("Did you mean customers?"), "{message}");
}

#[test]
fn many_resources_come_in_pages_that_hold_each_once() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    let tables: Vec<_> = (0..230).map(|i| format!("CREATE TABLE t{i:03} (id integer)")).collect();
    execute(&mut server, &tables.iter().map(String::as_str).collect::<Vec<_>>());

    let mut all: Vec<String> = Vec::new();
    let mut descriptions: Vec<Value> = Vec::new();
    let mut pages = 0;
    let mut params = json!({});
    loop {
        let page = server.request("resources/list", params).expect("a page");
        let items = page["resources"].as_array().expect("a list");
        all.extend(items.iter().filter_map(|item| item["uri"].as_str()).map(str::to_owned));
        descriptions.extend(items.iter().map(|item| item["description"].clone()));
        pages += 1;
        match page.get("nextCursor") {
            Some(cursor) => params = json!({"cursor": cursor}),
            None => break,
        }
    }

    assert_eq!((pages, all.len()), (3, 233), "{descriptions:?}");
    let mut distinct = all.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), all.len());
    for method in ["resources/list", "tools/list", "prompts/list", "resources/templates/list"] {
        let refused = server.request(method, json!({"cursor": "never given"})).expect_err(method);
        assert_eq!(refused["code"], json!(-32602), "{method}: {refused}");
    }
}

#[test]
fn templates_are_completed_from_what_is_there() {
    let mut server = Wire::start(&[]);
    server.initialize("2025-11-25");
    execute(
        &mut server,
        &[
            "CREATE TABLE orders (id integer, total numeric(9,2))",
            "CREATE TABLE order_lines (id integer)",
            "CREATE TABLE people (id integer)",
        ],
    );
    let listed = server.request("resources/templates/list", json!({})).expect("a list");
    let template = "hyper://tables/{database}/{schema}/{table}";
    assert!(
        listed["resourceTemplates"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|item| item["uriTemplate"] == json!(template))
    );

    let mut complete = |reference: Value, name: &str, value: &str, given: Value| {
        let params = json!({"ref": reference, "argument": {"name": name, "value": value}, "context": {"arguments": given}});
        server.request("completion/complete", params).map(|done| done["completion"]["values"].clone())
    };
    let table = json!({"type": "ref/resource", "uri": template});
    let prompt = json!({"type": "ref/prompt", "name": "compare-tables"});

    assert_eq!(complete(table.clone(), "database", "LO", json!({})), Ok(json!(["local"])));
    assert_eq!(complete(table.clone(), "schema", "", json!({"database": "local"})), Ok(json!(["public"])));
    assert_eq!(
        complete(table.clone(), "table", "ord", json!({"database": "local"})),
        Ok(json!(["order_lines", "orders"]))
    );
    assert_eq!(complete(prompt.clone(), "left", "pe", json!({})), Ok(json!(["people"])));
    assert_eq!(complete(prompt, "key", "t", json!({"left": "orders"})), Ok(json!(["total"])));
    assert_eq!(
        complete(table, "column", "", json!({})).expect_err("no such argument")["code"],
        json!(-32602)
    );
}

#[test]
fn an_older_client_hears_of_what_it_subscribed_to() {
    let server = Server::start(&[]);
    let uri = "hyper://tables/local/public/watched";
    server.request("resources/subscribe", json!({"uri": uri})).expect("it is ours");
    let refused = server.request("resources/subscribe", json!({"uri": "http://example.org"}));

    server.call("execute", json!({"sql": ["CREATE TABLE watched (id integer)"]})).structured();

    let updated = |said: &Value| said["method"] == json!("notifications/resources/updated");
    let heard = server.notification(crate::server::GENEROUS, updated).expect("it is told");
    assert_eq!(heard["params"]["uri"], json!(uri));
    let listed = |said: &Value| said["method"] == json!("notifications/resources/list_changed");
    server.notification(crate::server::GENEROUS, listed).expect("it is told of the list, too");
    assert!(refused.is_err());
}

#[test]
fn a_modern_client_hears_what_it_listens_for_and_nothing_else() {
    let mut server = Wire::start(&[]);
    server.modern(json!({}));
    let uri = "hyper://databases/local";
    let listening = server.send(
        "subscriptions/listen",
        json!({"notifications": {"resourceSubscriptions": [uri, "http://example.org"], "toolsListChanged": true}}),
    );
    let accepted = server.notification("notifications/subscriptions/acknowledged");
    assert_eq!(accepted["notifications"], json!({"resourceSubscriptions": [uri]}), "{accepted}");

    let id = server.send(
        "tools/call",
        json!({"name": "execute", "arguments": {"sql": ["CREATE TABLE heard (id integer)"]}}),
    );
    let mut said = Vec::new();
    let heard = loop {
        let message = server.next().expect("the server is there");
        if message["method"] == json!("notifications/resources/updated") {
            break message;
        }
        said.push(message);
    };

    assert_eq!(heard["params"]["uri"], json!(uri));
    assert_eq!(
        heard["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        json!(listening),
        "{heard}"
    );
    assert!(said.iter().all(|message| message["id"] == json!(id)), "{said:?}");
}

#[test]
fn the_guide_is_a_skill_whose_digest_is_that_of_its_text() {
    let mut server = Wire::start(&[]);
    server.modern(json!({}));

    let listed = server.request("skills/list", json!({})).expect("a list");
    let skill = &listed["skills"][0];
    let uri = skill["uri"].as_str().expect("a URI");
    let text = read(&mut server, uri);

    assert_eq!(skill["frontmatter"]["name"], json!("hyper-sql"));
    let text = text.as_str().expect("text");
    assert!(text.starts_with("---\nname: hyper-sql\n"), "{text}");
    assert_eq!(skill["resources"][0]["size"], json!(text.len()));
    let got = server.request("skills/get", json!({"uri": uri})).expect("it is there");
    assert_eq!(got["skill"], *skill);
}
