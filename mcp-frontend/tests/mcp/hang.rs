//! Nothing waits for what it has nothing to do with, and nothing waits for ever.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::process::{hyperd_of, is_there, signal, wait_for, wait_until_idle};
use crate::server::{GENEROUS, Pending, Server, command};

/// Takes hours, and a thread of hyperd.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000000) AS a(i), generate_series(1, 1000000) AS b(j) \
    WHERE a.i % 7 = b.j % 5";
/// A hyperd that hangs is noticed, proved to hang, ended and replaced within this time, on a slow machine too.
const REPLACED_WITHIN: Duration = Duration::from_secs(90);

/// Begins calls that never end, on a hyperd that works, and waits until all of them run.
fn begin_endless(server: &Server, count: usize) -> Vec<Pending> {
    assert_works(server);
    let pending: Vec<_> = (0..count).map(|_| begin_told(server, ENDLESS)).collect();
    for Pending(id) in &pending {
        let running = |told: &Value| {
            told["params"]["progressToken"] == json!(id.to_string())
                && told["params"]["message"] == json!("running")
        };
        server.notification(GENEROUS, running).expect("it runs");
    }
    pending
}

/// A query whose progress is told under the number that its request has.
fn begin_told(server: &Server, sql: &str) -> Pending {
    let token = server.next_id().to_string();
    let params = json!({"name": "query", "arguments": {"sql": sql}, "_meta": {"progressToken": token}});
    server.send("tools/call", params)
}

fn long_ones() -> usize {
    2 * available_parallelism().map_or(2, usize::from)
}

#[track_caller]
fn assert_works(server: &Server) {
    let answer = server.wait(server.begin("query", json!({"sql": "SELECT 42"})), REPLACED_WITHIN);
    assert_eq!(answer.rows(), &json!([[42]]));
}

#[test]
fn what_needs_no_statement_is_answered_at_once_while_long_statements_run() {
    let server = Server::private(&[]);
    let pending = begin_endless(&server, long_ones());

    for method in ["ping", "tools/list"] {
        let mut took: Vec<_> = (0..20)
            .map(|_| {
                let start = Instant::now();
                server.request(method, json!({})).expect("an answer");
                start.elapsed()
            })
            .collect();
        took.sort();
        assert!(took[10] < Duration::from_millis(50), "{method}: {took:?}");
    }
    let start = Instant::now();
    assert_works(&server);
    assert!(start.elapsed() < Duration::from_secs(5), "a short query took {:?}", start.elapsed());

    pending.into_iter().for_each(|pending| server.cancel(pending));
    wait_until_idle(hyperd_of(server.pid()));
}

#[test]
fn a_canceled_query_is_canceled_at_hyperd_and_its_session_is_used_again() {
    let server = Server::private(&[]);
    let pending = begin_endless(&server, 1);
    let hyperd = hyperd_of(server.pid());

    server.cancel(pending[0]);

    wait_until_idle(hyperd);
    assert_works(&server);
    assert!(server.reply(pending[0], Duration::from_millis(200)).is_none(), "nobody is told any more");
}

#[test]
fn a_query_that_is_out_of_time_is_canceled_at_hyperd() {
    let server = Server::private(&[]);
    assert_works(&server);

    let error = server.call("query", json!({"sql": ENDLESS, "timeout_s": 0.5})).error();

    assert!(error.contains("timeout_s = 0.5 s"), "{error}");
    wait_until_idle(hyperd_of(server.pid()));
    assert_works(&server);
}

#[test]
fn statements_before_the_one_that_is_out_of_time_are_named() {
    let server = Server::private(&[]);
    assert_works(&server);
    let statements = ["CREATE TABLE kept (i INT)", &format!("INSERT INTO kept {ENDLESS}")];

    let error = server.call("execute", json!({"sql": statements, "timeout_s": 5})).error();

    assert!(
        error.contains("The one before it was run") && error.contains("Statement 2 was running"),
        "{error}"
    );
    assert_eq!(server.call("query", json!({"sql": "SELECT count(*) FROM kept"})).rows(), &json!([[0]]));
}

#[test]
fn the_end_of_input_ends_everything_within_a_second() {
    let place = tempfile::tempdir().expect("a folder");
    let mut command = command(&["--private"]);
    command.env("TMPDIR", place.path());
    let server = Server::spawn(command);
    server.initialize();
    begin_endless(&server, long_ones());
    let hyperd = hyperd_of(server.pid());

    let (status, took) = server.end();

    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    wait_for("an end of hyperd", || (!is_there(hyperd)).then_some(()));
    wait_for("an empty folder for scratch files", || is_empty(place.path()).then_some(()));
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).expect("it is there").next().is_none()
}

#[test]
fn the_end_of_input_ends_what_runs_on_a_shared_hyperd() {
    let home = tempfile::tempdir().expect("a folder");
    let (server, hyperd) = sharing(home.path());
    begin_endless(&server, long_ones());

    let (status, took) = server.end();

    assert!(status.success() && took < Duration::from_secs(1), "{status} {took:?}");
    wait_until_idle(hyperd);
}

#[test]
fn servers_that_end_while_they_start_do_no_harm_to_the_hyperd_they_share() {
    let home = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let (server, hyperd) = sharing_on(home.path(), &port);

    for _ in 0..40 {
        let other = Server::spawn(command_in(home.path(), &port));
        other.initialize();
        other.end();
    }

    assert!(is_there(hyperd), "hyperd has ended");
    assert_works(&server);
}

/// A server, and the shared hyperd of its own that it uses.
fn sharing(home: &Path) -> (Server, u32) {
    sharing_on(home, &free_port())
}

fn command_in(home: &Path, port: &str) -> std::process::Command {
    let mut command = command(&[]);
    command.env("HYPERDB_STATE_DIR", home.join("state")).env("HYPERDB_DAEMON_PORT", port);
    command
}

fn sharing_on(home: &Path, port: &str) -> (Server, u32) {
    let server = Server::spawn(command_in(home, port));
    server.initialize();
    assert_works(&server);
    let record = fs::read(home.join("state/daemon.json")).expect("the daemon's record");
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    let daemon = record["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a process id");
    (server, hyperd_of(daemon))
}

/// The daemons of other tests have the usual ones.
fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port().to_string()
}

#[test]
fn a_daemon_that_is_told_to_stop_does_not_wait_for_a_server_that_does_nothing() {
    let home = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let (server, hyperd) = sharing_on(home.path(), &port);

    let mut stop = std::process::Command::new(env!("CARGO_BIN_EXE_hyperwire"));
    // It gives up sessions of strangers after 30 s.
    stop.args(["daemon", "stop", "--timeout", "15"]);
    stop.env("HYPERDB_STATE_DIR", home.path().join("state")).env("HYPERDB_DAEMON_PORT", &port);
    let stopped = stop.output().expect("it runs");

    assert!(stopped.status.success(), "{stopped:?}");
    assert!(!is_there(hyperd));
    assert_works(&server);
}

#[test]
fn the_scratch_database_stays_open_between_calls() {
    let server = Server::private(&[]);
    let hyperd = hyperd_of(server.pid());
    let is_open = || {
        let files = fs::read_dir(format!("/proc/{hyperd}/fd")).expect("it runs").flatten();
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|path| path.ends_with("local.hyper"))
    };

    for number in 0..5 {
        let create = format!("CREATE TABLE t{number} (i INT)");
        server.call("execute", json!({"sql": [create]})).structured();

        assert!(is_open(), "hyperd has closed it, and will read all of it again");
    }
}

#[test]
fn a_private_hyperd_that_is_killed_fails_the_call_and_the_next_one_works() {
    let server = Server::private(&[]);
    server.call("execute", json!({"sql": ["CREATE TABLE gone (i INT)"]})).structured();
    let pending = begin_endless(&server, 1);

    signal(hyperd_of(server.pid()), Signal::KILL);

    let error = server.wait(pending[0], GENEROUS).error();
    assert!(error.contains("lost"), "{error}");
    let answer = server.call("query", json!({"sql": "SELECT 1"}));
    assert_eq!(answer.rows(), &json!([[1]]));
    let warning = answer.structured()["warnings"][0].as_str().unwrap_or_default().to_owned();
    assert!(warning.contains("hyperd had ended") && warning.contains("local"), "{answer:?}");
    assert_eq!(server.call("query", json!({"sql": "SELECT 1"})).structured().get("warnings"), None);
}

#[test]
fn a_shared_hyperd_that_is_killed_fails_the_call_and_the_next_one_works() {
    let home = tempfile::tempdir().expect("a folder");
    let (server, hyperd) = sharing(home.path());
    let pending = begin_endless(&server, 1);

    signal(hyperd, Signal::KILL);

    let error = server.wait(pending[0], GENEROUS).error();
    assert!(error.contains("lost"), "{error}");
    assert_works(&server);
}

#[test]
fn a_private_hyperd_that_hangs_fails_the_call_and_is_replaced() {
    let server = Server::private(&[]);
    let pending = begin_endless(&server, 1);

    signal(hyperd_of(server.pid()), Signal::STOP);

    let error = server.wait(pending[0], REPLACED_WITHIN).error();
    assert!(error.contains("lost"), "{error}");
    assert_works(&server);
}

#[test]
fn a_private_hyperd_that_hung_while_nothing_ran_is_replaced() {
    let server = Server::private(&[]);
    assert_works(&server);

    signal(hyperd_of(server.pid()), Signal::STOP);

    // Used a moment ago, the session is used again unasked.
    let answer = server.wait(server.begin("query", json!({"sql": "SELECT 1"})), REPLACED_WITHIN);
    assert!(!answer.is_error() || answer.text().contains("lost"), "{answer:?}");
    assert_works(&server);
}

#[test]
fn a_shared_hyperd_that_hangs_fails_the_call_and_is_replaced() {
    let home = tempfile::tempdir().expect("a folder");
    let (server, hyperd) = sharing(home.path());
    let pending = begin_endless(&server, 1);

    signal(hyperd, Signal::STOP);

    let error = server.wait(pending[0], REPLACED_WITHIN).error();
    assert!(error.contains("lost"), "{error}");
    assert_works(&server);
}

#[test]
fn who_waits_for_a_place_is_told_how_many_are_ahead() {
    let server = Server::private(&[]);
    let pending: Vec<_> = (0..16).map(|_| begin_told(&server, ENDLESS)).collect();

    let queued = server.notification(GENEROUS, |told| {
        told["params"]["message"].as_str().is_some_and(|message| message.starts_with("queued, "))
    });

    assert!(queued.is_some(), "16 are more than there are places");
    pending.into_iter().for_each(|pending| server.cancel(pending));
    assert_works(&server);
}

#[test]
fn many_calls_at_once_are_all_answered() {
    let server = Server::private(&[]);

    let pending: Vec<_> =
        (0..32).map(|number| server.begin("query", json!({"sql": format!("SELECT {number}")}))).collect();

    for (number, pending) in pending.into_iter().enumerate() {
        assert_eq!(server.wait(pending, GENEROUS).rows(), &json!([[number]]));
    }
}
