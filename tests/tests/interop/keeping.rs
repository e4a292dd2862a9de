//! What either keeps in a persistent database, the other finds.

use hyperwire_tests::hyperdb_mcp::{Household, McpClient};
use serde_json::{Value, json};

use crate::SOON;

fn tool(client: &mut McpClient, name: &str, arguments: Value) -> Value {
    client.tool(name, &arguments).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn keys_saved_queries_and_notes_move_between_hyperdb_mcp_and_hyperwire() {
    Household::run_or_skip(|household| {
        let path = household.state_folder().with_file_name("kept.hyper");
        let path = path.to_str().expect("a temporary folder's path is UTF-8");
        let theirs = |household: &Household| {
            McpClient::start(household.hyperdb_mcp(&["--persistent-db", path]), SOON).expect("their client")
        };
        let mut client = theirs(household);
        tool(&mut client, "kv_set", json!({"store": "s", "key": "theirs", "value": "1", "persist": true}));
        tool(&mut client, "save_query", json!({"name": "theirs", "sql": "SELECT 1", "description": "One"}));
        tool(&mut client, "load_data", json!({"table": "t", "data": "a\n1\n", "persist": true}));
        let note = json!({"table": "t", "purpose": "theirs", "database": "persistent"});
        tool(&mut client, "set_table_metadata", note);
        assert_eq!(client.close(), Ok(()));

        let ours = ["mcp", "--persistent-db", path, "--toolsets", "memory,catalog"];
        let mut client = McpClient::start(household.hyperwire(&ours), SOON).expect("our client");
        let found = tool(&mut client, "memory", json!({"op": "get", "store": "s", "key": "theirs"}));
        assert_eq!(found["value"], "1");
        let query = tool(&mut client, "catalog", json!({"op": "get_query", "name": "theirs"}));
        assert_eq!(
            (&query["query"]["sql"], &query["query"]["description"]),
            (&json!("SELECT 1"), &json!("One"))
        );
        let note = tool(&mut client, "catalog", json!({"op": "get_metadata", "table": "t"}));
        assert_eq!(note["metadata"]["purpose"], "theirs");
        tool(&mut client, "memory", json!({"op": "set", "store": "s", "key": "ours", "value": "2"}));
        tool(&mut client, "catalog", json!({"op": "save_query", "name": "ours", "sql": "SELECT 2"}));
        tool(&mut client, "catalog", json!({"op": "set_metadata", "table": "t", "notes": "ours"}));
        assert_eq!(client.close(), Ok(()));

        let mut client = theirs(household);
        let found = tool(&mut client, "kv_get", json!({"store": "s", "key": "ours", "persist": true}));
        assert_eq!(found["value"], "2");
        let saved =
            client.query("SELECT sql FROM \"persistent\".public._hyperdb_saved_queries WHERE name = 'ours'");
        assert_eq!(saved, Ok(json!([{"sql": "SELECT 2"}])));
        let noted = client
            .query("SELECT purpose, notes FROM \"persistent\".public._table_catalog WHERE table_name = 't'");
        assert_eq!(noted, Ok(json!([{"purpose": "theirs", "notes": "ours"}])));
        assert_eq!(client.close(), Ok(()));
        household.start_afresh();
    });
}
