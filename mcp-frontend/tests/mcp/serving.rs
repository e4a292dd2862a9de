//! What every client does first.

use serde_json::json;

use crate::server::Server;

#[test]
fn a_query_is_answered_with_columns_and_rows() {
    let server = Server::start(&[]);

    let answer = server.call("query", json!({"sql": "SELECT 1 AS a, 'x' AS b"}));

    let result = answer.structured();
    assert_eq!(result["columns"], json!([{"name": "a", "type": "integer"}, {"name": "b", "type": "text"}]));
    assert_eq!(result["rows"], json!([[1, "x"]]));
    assert_eq!(result["truncated"], json!(false));
}

#[test]
fn an_argument_that_the_tool_does_not_have_is_refused_by_name() {
    let server = Server::start(&[]);

    let text = server.call("query", json!({"sql": "SELECT 1", "limit": 3})).error();

    assert!(text.contains("limit"), "{text}");
}
