//! `job`: calls that outlive their request.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;

/// What `job` promises for `status` and `cancel`, and what a machine that is busy with other tests may add.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Runs until it is canceled.
const ENDLESS: &str =
    "SELECT sum(a * b % 7) FROM generate_series(1, 2000000) x(a), generate_series(1, 2000000) y(b)";
/// Takes some time, and is answered with rows.
const SLOW: &str = "SELECT count(*) AS n FROM generate_series(1, 20000) x(a), generate_series(1, 40000) y(b) \
    WHERE (a * b) % 3 = 5";

fn server() -> Server {
    Server::start(&["--soft-deadline", "0.5"])
}

/// A call that has become a job.
fn begin(server: &Server, sql: &str) -> String {
    let handed_over = server.call("query", json!({"sql": sql}));
    assert!(!handed_over.is_error(), "{}", handed_over.text());
    let handed_over: Value = serde_json::from_str(&handed_over.text()).expect("JSON that names the job");
    handed_over["job"].as_str().expect("an id").to_owned()
}

/// The job's status as soon as it is `wanted`.
fn status(server: &Server, id: &str, wanted: &str) -> Value {
    let since = Instant::now();
    loop {
        let status = server.call("job", json!({"id": id, "action": "status"})).structured().clone();
        if status["status"] == wanted {
            return status;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "it does not become {wanted}: {status}");
    }
}

#[test]
fn a_jobs_result_is_answered_as_its_own_tool_would() {
    let server = server();
    let id = begin(&server, SLOW);

    let answer = loop {
        let answer = server.call("job", json!({"id": id, "wait_s": 60}));
        if answer.structured().get("status").is_none() {
            break answer;
        }
    };

    assert_eq!(*answer.rows(), json!([[0]]));
    assert_eq!(answer.structured()["columns"][0]["name"], "n");
    // It is kept.
    assert_eq!(*server.call("job", json!({"id": id})).rows(), json!([[0]]));
    assert_eq!(status(&server, &id, "done")["next"], "`job` with action wait answers its result");
}

#[test]
fn a_canceled_job_stops_and_says_so() {
    let server = server();
    let id = begin(&server, ENDLESS);

    let since = Instant::now();
    let running = server.call("job", json!({"id": id, "action": "status"})).structured().clone();
    let canceled = server.call("job", json!({"id": id, "action": "cancel"})).structured().clone();
    let took = since.elapsed();

    assert_eq!(running["status"], "running");
    assert_eq!(running["tool"], "query");
    assert!(["canceling", "canceled"].contains(&canceled["status"].as_str().unwrap()), "{canceled}");
    assert!(took < AT_ONCE, "{took:?}");
    status(&server, &id, "canceled");
    let text = server.call("job", json!({"id": id})).error();
    assert!(text.contains("Canceled"), "{text}");
}

#[test]
fn waiting_for_a_job_that_runs_on_ends_with_where_it_is() {
    let server = server();
    let id = begin(&server, ENDLESS);

    let since = Instant::now();
    let waited = server.call("job", json!({"id": id, "wait_s": 0.1}));
    let longer_than_a_call_may = server.call("job", json!({"id": id, "wait_s": 3600}));

    assert_eq!(waited.structured()["status"], "running");
    assert_eq!(longer_than_a_call_may.structured()["status"], "running");
    assert!(since.elapsed() < Duration::from_secs(5));
    // It did not become a job itself.
    let all = server.call("job", json!({})).structured().clone();
    assert_eq!(all["jobs"].as_array().map(Vec::len), Some(1), "{all}");
    server.call("job", json!({"id": id, "action": "cancel"}));
}

#[test]
fn a_failure_of_a_job_is_answered_as_its_own_tool_would() {
    let server = server();
    let id = begin(&server, &format!("SELECT 1 / (SELECT count(*) FROM ({SLOW}) s WHERE n > 0)"));

    let failed = status(&server, &id, "failed");

    assert_eq!(failed["next"], "`job` with action wait answers why");
    let text = server.call("job", json!({"id": id})).error();
    assert!(text.contains("SQLSTATE 22012"), "{text}");
}

#[test]
fn an_id_that_is_none_is_a_clear_error() {
    let server = server();

    let text = server.call("job", json!({"id": "job-0123"})).error();

    assert!(text.contains("There is no job job-0123") && text.contains("kept for 1 hour"), "{text}");
}

#[test]
fn a_call_has_an_id_while_it_runs_and_can_be_stopped_by_it() {
    let server = Server::start(&[]);
    for (tool, arguments) in [
        ("query", json!({"sql": ENDLESS})),
        ("execute", json!({"sql": [format!("CREATE TEMPORARY TABLE endless AS {ENDLESS}")]})),
        ("export", json!({"sql": ENDLESS, "path": std::env::temp_dir().join("never.csv")})),
        ("chart", json!({"sql": ENDLESS, "kind": "bar", "x": "sum"})),
    ] {
        let pending = server.begin(tool, arguments);
        let id = crate::process::wait_for("a call that runs", || {
            let seen = server.call("inspect", json!({})).structured()["running"].clone();
            let running = seen.as_array()?.iter().find(|running| running["tool"] == tool)?.clone();
            running["id"].as_str().map(str::to_owned)
        });

        let listed = server.call("job", json!({})).structured()["calls"].clone();
        let running = server.call("job", json!({"id": id, "action": "status"})).structured().clone();
        let which = server.call("job", json!({"action": "cancel"})).error();
        let canceled = server.call("job", json!({"id": id, "action": "cancel"})).structured().clone();

        assert_eq!(listed[0]["job"], json!(id), "{tool}: {listed}");
        assert_eq!((&running["status"], &running["tool"]), (&json!("running"), &json!(tool)));
        assert!(which.contains("`id` is missing") && which.contains(&id) && which.contains(tool), "{which}");
        assert!(canceled["status"].as_str().expect("a status").starts_with("cancel"), "{canceled}");
        let stopped = server.wait(pending, Duration::from_secs(20)).error();
        assert!(stopped.contains("Canceled"), "{tool}: {stopped}");
    }
    let none = server.call("job", json!({"action": "cancel"})).error();
    assert!(none.contains("No call of yours is running"), "{none}");
}

#[test]
fn a_call_in_the_background_is_a_job_at_once() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.csv");

    for (tool, arguments) in [
        ("query", json!({"sql": "SELECT 1 AS a", "background": true})),
        ("execute", json!({"sql": ["CREATE TABLE b (i int)"], "background": true})),
        ("load", json!({"sources": [{"table": "c", "data": "a,b\n1,2"}], "background": true})),
        ("export", json!({"sql": "SELECT 1 AS a", "path": path, "background": true})),
    ] {
        let begun = server.call(tool, arguments);
        let id = begun.structured()["job"]
            .as_str()
            .unwrap_or_else(|| panic!("{tool}: {}", begun.text()))
            .to_owned();

        let answer = server.call("job", json!({"id": id, "wait_s": 30}));

        assert!(
            !answer.is_error() && answer.structured().get("status").is_none(),
            "{tool}: {}",
            answer.text()
        );
    }
    let endless = server.call("query", json!({"sql": ENDLESS, "background": true}));
    let id = endless.structured()["job"].clone();
    server.call("job", json!({"id": id, "action": "cancel"}));
    status(&server, id.as_str().expect("an id"), "canceled");
    let wrong = server.call("query", json!({"sql": "SELECT 1", "background": 7})).error();
    assert!(wrong.contains("`background` is true or false"), "{wrong}");
    let no = server.call("query", json!({"sql": "SELECT 1 AS a", "background": false}));
    assert_eq!(*no.rows(), json!([[1]]));
}
