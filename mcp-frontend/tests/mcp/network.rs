//! Without `--allow-network` no statement and no path reaches another machine.

use serde_json::{Value, json};

use crate::server::Server;

/// Places on other machines, as SQL.
const PLACES: [&str; 6] = [
    "'s3://bucket/a.parquet'",
    "s3_location('s3://bucket/a.parquet')",
    "gcs_location('gs://bucket/a.parquet')",
    "azure_location('abfss://c@a.dfs.core.windows.net/a.parquet')",
    "'https://host/a.parquet'",
    "ARRAY['/dev/null', U&'\\0073\\0033://bucket/a.parquet']",
];

fn execute(server: &Server, sql: &str) -> String {
    server.call("execute", json!({"sql": [sql]})).error()
}

#[test]
fn statements_that_name_other_machines_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = folder.path().to_str().expect("UTF-8");
    for arguments in [&["--private"][..], &["--allow-dir", inside]] {
        let server = Server::sharing(arguments);
        for place in PLACES {
            for sql in [
                format!("CREATE TABLE made AS SELECT * FROM external({place})"),
                format!("SELECT * FROM\u{a0}\"external\"/**/({place})"),
                format!("COPY (SELECT 1 AS i) TO {place} WITH (FORMAT parquet)"),
                format!("CREATE TEMP EXTERNAL TABLE made FOR {place}"),
                format!("EXPLAIN SELECT * FROM external({place})"),
            ] {
                let error = execute(&server, &sql);
                assert!(
                    error.contains("--allow-network") && error.contains("Nothing was run"),
                    "{sql}: {error}"
                );
            }
            let query =
                server.call("query", json!({"sql": format!("SELECT * FROM external({place})")})).error();
            assert!(query.contains("Rejected"), "{place}: {query}");
            let load =
                json!({"sources": [{"table": "made", "sql": format!("SELECT * FROM external({place})")}]});
            assert!(server.call("load", load).text().contains("Rejected"), "{place}");
        }
    }
}

#[test]
fn no_path_argument_is_an_address() {
    let server = Server::private(&["--toolsets", "memory"]);
    let reader = Server::private(&["--read-only"]);

    for address in ["s3://bucket/a.parquet", "https://host/a.csv", "gs://bucket/a.parquet"] {
        let input = json!({"t": {"path": address}});
        let calls: [(&Server, &str, Value); 6] = [
            (&server, "query", json!({"sql": "SELECT * FROM t", "inputs": input})),
            (&reader, "query", json!({"sql": "SELECT * FROM t", "inputs": input})),
            (&server, "inspect", json!({"target": address})),
            (&server, "load", json!({"sources": [{"table": "t", "path": address}]})),
            (&server, "export", json!({"sql": "SELECT 1 AS i", "path": address})),
            (&server, "memory", json!({"op": "set", "store": "s", "key": "k", "value_path": address})),
        ];
        for (server, tool, arguments) in calls {
            let answer = server.call(tool, arguments);
            let failed = answer.is_error() || answer.text().contains("cannot be read");
            assert!(failed, "{tool} {address}: {}", answer.text());
        }
    }
}

#[test]
fn addresses_in_data_are_fine() {
    let server = Server::private(&[]);

    for sql in [
        "CREATE TABLE links (u TEXT)",
        "INSERT INTO links VALUES ('https://example.com'), ('s3://bucket/external(')",
        "CREATE TABLE more AS SELECT 'https://a' AS u -- external('s3://b')",
    ] {
        server.call("execute", json!({"sql": [sql]})).structured();
    }
}

#[test]
fn a_server_with_network_leaves_places_to_hyperd_and_says_so() {
    let server = Server::private(&["--allow-network"]);

    // hyperd refuses this name before it reaches for anything.
    let error =
        execute(&server, "CREATE TABLE made AS SELECT * FROM external(gcs_location('gs://b/a.parquet'))");

    assert!(error.contains("gcs_location expects"), "{error}");
    // `query` reads no files, wherever they are.
    let query = json!({"sql": "SELECT * FROM external(gcs_location('gs://b/a.parquet'))"});
    assert!(server.call("query", query).error().contains("Rejected"));
    assert_eq!(server.call("inspect", json!({})).structured()["network"], json!(true));
}
