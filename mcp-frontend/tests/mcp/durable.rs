//! What was answered to be on disk is on disk.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{hyperd_of, kill};
use crate::server::{Answer, GENEROUS, Server};

/// Takes hours.
const ENDLESS: &str = "SELECT count(*) FROM t, generate_series(1, 1000000000) AS a(i), generate_series(1, 1000000) AS b(j) \
    WHERE a.i % 7 = b.j % 5";

fn persistent(server: &Server, statements: &[&str]) -> Answer {
    server.call("execute", json!({"database": "persistent", "sql": statements}))
}

fn count(server: &Server) -> Value {
    server.call("query", json!({"database": "persistent", "sql": "SELECT count(*) FROM t"})).rows()[0][0]
        .clone()
}

fn place() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kept.hyper").to_str().expect("UTF-8").to_owned();
    (folder, file)
}

#[test]
fn no_answered_write_is_lost_when_hyperd_is_killed_after_each_of_50() {
    let (_folder, file) = place();
    let server = Server::private(&["--persistent-db", &file]);
    persistent(&server, &["CREATE TABLE t (i INT)"]).structured();

    for number in 0..50 {
        let answer = persistent(&server, &[&format!("INSERT INTO t VALUES ({number})")]);
        assert_eq!(answer.structured()["on_disk"], json!(true), "{answer:?}");
        kill(hyperd_of(server.pid()));
    }

    let sum =
        server.call("query", json!({"sql": "SELECT count(*), count(DISTINCT i) FROM persistent.public.t"}));
    assert_eq!(sum.rows(), &json!([[50, 50]]));
}

#[test]
fn a_write_says_so_while_another_call_keeps_it_from_disk() {
    let (_folder, file) = place();
    let server = Server::private(&["--persistent-db", &file]);
    persistent(
        &server,
        &["CREATE TABLE t (i INT)", "CREATE TABLE other (i INT)", "INSERT INTO t VALUES (0)"],
    )
    .structured();
    let reading = server.begin("query", json!({"database": "persistent", "sql": ENDLESS}));
    while count_running(&server) == json!(0) {}

    let start = Instant::now();
    let held = persistent(&server, &["INSERT INTO other VALUES (1)"]);

    assert_eq!(held.structured()["on_disk"], json!(false), "{held:?}");
    assert!(held.text().contains("Other calls of this server"), "{}", held.text());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    server.cancel(reading);
    let written = persistent(&server, &["INSERT INTO other VALUES (2)"]);
    assert_eq!(written.structured()["on_disk"], json!(true), "{written:?}");
}

/// How many sessions of hyperd have the persistent database open.
fn count_running(server: &Server) -> Value {
    let sql = "SELECT count(*) FROM pg_catalog.hyper_database WHERE datname LIKE '%kept.hyper'";
    server.call("query", json!({"sql": sql})).rows()[0][0].clone()
}

#[test]
fn calls_at_the_same_time_do_not_keep_each_others_writes_from_disk() {
    let (_folder, file) = place();
    let server = Server::private(&["--persistent-db", &file]);
    persistent(&server, &["CREATE TABLE t (i INT)"]).structured();

    let writes: Vec<_> = (0..12)
        .map(|number| {
            let sql = format!("INSERT INTO t VALUES ({number})");
            server.begin("execute", json!({"database": "persistent", "sql": [sql]}))
        })
        .collect();

    for write in writes {
        let answer = server.wait(write, GENEROUS);
        assert_eq!(answer.structured()["on_disk"], json!(true), "{answer:?}");
    }
    kill(hyperd_of(server.pid()));
    assert_eq!(count(&server), json!(12));
}

#[test]
fn two_servers_write_one_database() {
    let (_folder, file) = place();
    let servers = [(); 2].map(|()| Server::start(&["--persistent-db", &file]));
    persistent(&servers[0], &["CREATE TABLE t (i INT)"]).structured();

    let writes: Vec<_> = (0..20)
        .map(|number| {
            let server = &servers[number % 2];
            let sql = format!("INSERT INTO t VALUES ({number})");
            (server, server.begin("execute", json!({"database": "persistent", "sql": [sql]})))
        })
        .collect();

    for (server, write) in writes {
        server.wait(write, GENEROUS).structured();
    }
    assert_eq!(servers.each_ref().map(count), [json!(20), json!(20)]);
}

#[test]
fn two_servers_with_a_hyperd_of_their_own_take_turns_with_one_database() {
    let (_folder, file) = place();
    let servers = [(); 2].map(|()| Server::private(&["--persistent-db", &file]));
    persistent(&servers[0], &["CREATE TABLE t (i INT)"]).structured();

    for number in 0..6 {
        persistent(&servers[number % 2], &[&format!("INSERT INTO t VALUES ({number})")]).structured();
    }

    assert_eq!(servers.each_ref().map(count), [json!(6), json!(6)]);
}

#[test]
fn a_database_in_use_elsewhere_is_an_error_that_says_so() {
    let (_folder, file) = place();
    let servers = [(); 2].map(|()| Server::private(&["--persistent-db", &file]));
    persistent(&servers[0], &["CREATE TABLE t (i INT)", "INSERT INTO t VALUES (0)"]).structured();
    let reading = servers[0].begin("query", json!({"database": "persistent", "sql": ENDLESS}));
    while count_running(&servers[0]) == json!(0) {}

    let error = persistent(&servers[1], &["INSERT INTO t VALUES (1)"]).error();

    assert!(error.contains("55006") && error.contains("hyperd of its own"), "{error}");
    servers[0].cancel(reading);
    persistent(&servers[1], &["INSERT INTO t VALUES (1)"]).structured();
}

#[test]
fn what_the_callers_own_sql_has_attached_is_on_disk_too() {
    let (folder, file) = place();
    let other = folder.path().join("other.hyper");
    let other = other.to_str().expect("UTF-8");
    let server = Server::private(&["--persistent-db", &file]);

    persistent(
        &server,
        &[
            &format!("CREATE DATABASE \"{other}\""),
            &format!("ATTACH DATABASE \"{other}\" AS other"),
            "CREATE TABLE other.public.t AS SELECT 7 AS i",
        ],
    )
    .structured();
    kill(hyperd_of(server.pid()));

    let read =
        [&format!("ATTACH DATABASE \"{other}\" AS other"), "INSERT INTO l SELECT i FROM other.public.t"];
    server.call("execute", json!({"sql": ["CREATE TABLE l (i INT)", read[0], read[1]]})).structured();
    assert_eq!(server.call("query", json!({"sql": "SELECT * FROM l"})).rows(), &json!([[7]]));
}
