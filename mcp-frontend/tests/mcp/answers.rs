//! What tools answer fits what they promised: clients check it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::GENEROUS;
use crate::server::Server;

/// The schemas of a server's tools.
struct Promises(BTreeMap<String, Option<jsonschema::Validator>>);

impl Promises {
    fn of(server: &Server) -> Self {
        let listed = server.request("tools/list", json!({})).expect("tools are listed");
        let all = listed["tools"].as_array().expect("a list").iter().map(|tool| {
            let validator =
                tool.get("outputSchema").map(|schema| jsonschema::validator_for(schema).expect("a schema"));
            (tool["name"].as_str().expect("a name").to_owned(), validator)
        });
        Self(all.collect())
    }

    /// Calls a tool, which must do it, and checks the answer.
    #[track_caller]
    fn call(&self, server: &Server, tool: &str, arguments: Value) -> Value {
        let answer = server.wait(server.begin(tool, arguments.clone()), GENEROUS);
        assert!(!answer.is_error(), "{tool} {arguments}: {}", answer.text());
        let structured = answer.0.get("structuredContent");
        if let Some(schema) = &self.0[tool] {
            let structured =
                structured.unwrap_or_else(|| panic!("{tool} {arguments}: nothing structured: {}", answer.0));
            let wrong: Vec<_> = schema.iter_errors(structured).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{tool} {arguments}: {wrong:?} in {structured}");
        }
        structured.cloned().unwrap_or_default()
    }
}

#[test]
fn every_answer_fits_its_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("a.csv"), "day,km\n2024-01-01,1.5\n2024-01-02,\n").expect("it is written");
    let server = Server::start(&["--toolsets", "memory,watch,catalog"]);
    let promises = Promises::of(&server);
    let call = |tool: &str, arguments: Value| promises.call(&server, tool, arguments);

    call("query", json!({"sql": "SELECT 1 AS a, NULL AS b, 'x' AS a WHERE false"}));
    call("query", json!({"sql": "SELECT repeat('x', 100000) AS long"}));
    let cut = call("query", json!({"sql": "SELECT i, 'text' FROM generate_series(1, 1000) s(i)"}));
    call("query", json!({"cursor": cut["cursor"]}));
    call(
        "execute",
        json!({"sql": ["CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1), (2)", "SELECT * FROM t"]}),
    );
    call("inspect", json!({}));
    call("inspect", json!({"target": "t"}));
    call("inspect", json!({"target": "t", "detail": "stats"}));
    call("inspect", json!({"target": path("a.csv")}));
    let guide = call("inspect", json!({"target": "hyper://sql"}));
    assert!(guide["guide"].as_str().is_some_and(|guide| guide.starts_with("# Hyper's SQL")), "{guide}");
    call("load", json!({"sources": [{"table": "loaded", "path": path("a.csv")}]}));
    call("export", json!({"table": "t", "path": path("t.parquet")}));
    call("export", json!({"sql": "SELECT * FROM t", "path": path("t.csv")}));
    call("database", json!({"action": "create", "alias": "other", "path": path("other.hyper")}));
    call("database", json!({"action": "detach", "alias": "other"}));
    call("chart", json!({"sql": "SELECT id, id * 2 AS twice FROM t", "kind": "bar", "x": "id"}));
    call("job", json!({}));
}

#[test]
fn a_job_fits_the_schema_of_every_tool_that_may_become_one() {
    let server = Server::start(&["--soft-deadline", "0.01"]);
    let promises = Promises::of(&server);

    let answer = promises.call(&server, "query", json!({"sql": crate::protocol::LONG}));

    assert!(answer["job"].is_string(), "{answer}");
}
