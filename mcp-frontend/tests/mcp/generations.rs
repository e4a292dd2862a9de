//! A hyperd that ended while nobody used it: the first answer of the next one says what was lost with it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::process::{hyperd_of, kill, wait_for};
use crate::server::{Answer, Server, command};

/// A server, and what tells which hyperd it uses at this moment.
struct Used {
    server: Server,
    /// Whose child hyperd is: the server, or the daemon of its state folder.
    home: Option<tempfile::TempDir>,
}

impl Used {
    fn private() -> Self {
        Self { server: Server::private(&[]), home: None }
    }

    fn shared() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let server = Server::spawn(sharing(home.path()));
        server.initialize();
        Self { server, home: Some(home) }
    }

    fn execute(&self, sql: &str) {
        self.server.call("execute", json!({"sql": [sql]})).structured();
    }

    fn query(&self, sql: &str) -> Answer {
        self.server.call("query", json!({"sql": sql}))
    }

    /// Kills hyperd, and waits until it is gone.
    fn kill(&self) {
        let parent = match &self.home {
            None => self.server.pid(),
            Some(home) => {
                let record = fs::read(home.path().join("state/daemon.json")).expect("the daemon's record");
                let record: Value = serde_json::from_slice(&record).expect("JSON");
                record["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a process id")
            }
        };
        let hyperd = hyperd_of(parent);
        kill(hyperd);
        if self.home.is_some() {
            // Nobody uses it, and yet the daemon has another one soon.
            wait_for("another hyperd", || (hyperd_of(parent) != hyperd).then_some(()));
        }
    }
}

fn sharing(home: &Path) -> std::process::Command {
    let mut command = command(&[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port().to_string();
    command.env("HYPERDB_STATE_DIR", home.join("state")).env("HYPERDB_DAEMON_PORT", port);
    command
}

#[track_caller]
fn assert_tells_of_the_loss(text: &str) {
    assert!(text.contains("hyperd had ended") && text.contains("`local`"), "{text}");
}

#[test]
fn a_query_of_a_lost_table_says_that_hyperd_had_ended() {
    for used in [Used::private(), Used::shared()] {
        used.execute("CREATE TABLE mine AS SELECT 1 AS i");
        used.kill();

        let error = used.query("SELECT * FROM mine").error();

        assert!(error.contains("does not exist"), "{error}");
        assert_tells_of_the_loss(&error);
        assert!(used.query("SELECT 1").structured().get("warnings").is_none(), "it is told once");
    }
}

#[test]
fn whatever_is_called_first_says_what_was_lost() {
    for (tool, arguments) in [
        ("inspect", json!({})),
        ("inspect", json!({"target": "local"})),
        ("execute", json!({"sql": ["CREATE TABLE other (i int)"]})),
        ("load", json!({"sources": [{"table": "other", "data": "a\n1"}]})),
    ] {
        let used = Used::shared();
        used.execute("CREATE TABLE mine AS SELECT 1 AS i");
        used.kill();

        let answer = used.server.call(tool, arguments.clone());

        assert!(!answer.is_error(), "{tool} {arguments}: {}", answer.text());
        assert_tells_of_the_loss(&answer.text());
    }
}

#[test]
fn a_call_that_needs_no_hyperd_does_not_take_the_news_from_one_that_does() {
    let used = Used::shared();
    used.execute("CREATE TABLE mine AS SELECT 1 AS i");
    used.kill();

    used.server.call("job", json!({})).structured();
    let error = used.query("SELECT * FROM mine").error();

    assert_tells_of_the_loss(&error);
}

#[test]
fn it_is_noticed_again_each_time_and_tells_how_many_tables_are_left() {
    let used = Used::shared();
    for round in 0..3 {
        used.execute(&format!("CREATE TABLE t{round} (i int)"));
        used.kill();

        let answer = used.query("SELECT 1");

        let text = answer.text();
        assert!(text.contains("hyperd had ended"), "round {round}: {text}");
    }
}

#[test]
fn the_next_call_works() {
    let used = Used::shared();
    assert!(!used.query("SELECT 1").is_error());
    used.kill();

    let answer = used.query("SELECT 2");

    assert_eq!(answer.rows(), &json!([[2]]));
}

#[test]
fn a_result_that_was_still_coming_ends_with_the_reason() {
    let used = Used::private();
    // More than is kept, so slowly that some of it is still to come.
    let sql = "SELECT a.i, b.j FROM generate_series(1, 3000000) a(i), generate_series(1, 30000) b(j) \
        WHERE (a.i * b.j) % 99991 = 7";
    let answer = used.server.call("query", json!({"sql": sql, "max_rows": 1}));
    let cursor = answer.structured()["cursor"].clone();
    used.kill();

    let mut page =
        used.server.call("query", json!({"cursor": cursor, "max_rows": 10_000, "max_bytes": 1_000_000}));
    while let Some(cursor) = page.structured().get("cursor").cloned() {
        page =
            used.server.call("query", json!({"cursor": cursor, "max_rows": 10_000, "max_bytes": 1_000_000}));
    }

    let text = page.text();
    assert!(text.contains("hyperd") && text.contains("run the query again"), "{text}");
}
