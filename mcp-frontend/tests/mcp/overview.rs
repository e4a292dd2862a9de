//! The overview, which `inspect` without arguments shows: what one wrote oneself is in it, and it says "busy" only if hyperd is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{GENEROUS, Pending, Server};

/// Runs until it is canceled.
const ENDLESS: &str =
    "SELECT sum(a * b % 7) FROM generate_series(1, 2000000) x(a), generate_series(1, 2000000) y(b)";

fn overview(server: &Server) -> Value {
    server.call("inspect", json!({})).structured().clone()
}

fn tables(overview: &Value) -> Vec<&str> {
    let tables = overview["databases"][0]["tables"].as_array();
    tables.into_iter().flatten().filter_map(|table| table["table"].as_str()).collect()
}

/// Statements that keep hyperd's threads busy, once they run.
fn load(server: &Server) -> Vec<Pending> {
    let running: Vec<_> = (0..4).map(|_| server.begin("query", json!({"sql": ENDLESS}))).collect();
    let since = Instant::now();
    while overview(server)["running"].as_array().unwrap().len() < running.len() {
        assert!(since.elapsed() < GENEROUS, "they do not run");
    }
    running
}

#[test]
fn a_table_that_was_just_made_is_in_it_while_others_keep_hyperd_busy() {
    let server = Server::private(&[]);
    let running = load(&server);

    for number in 0..100 {
        let make = format!("CREATE TABLE made{number} (i int)");
        let drop = format!("DROP TABLE IF EXISTS made{}", (number + 99) % 100);
        server.call("execute", json!({"sql": [drop, make]})).structured();

        let overview = overview(&server);

        let made = format!("local.public.made{number}");
        assert_eq!(tables(&overview), [made], "{overview}");
    }
    running.into_iter().for_each(|pending| server.cancel(pending));
}

#[test]
fn what_a_statement_did_before_another_failed_is_in_it() {
    let server = Server::private(&[]);
    server.call("query", json!({"sql": "SELECT 1"})).structured();
    assert!(tables(&overview(&server)).is_empty());

    for number in 0..20 {
        let make = format!("CREATE TABLE made{number:02} (i int)");
        let error = server.call("execute", json!({"sql": [make, "SELECT nonsense"]})).error();

        let overview = overview(&server);

        let made = format!("local.public.made{number:02}");
        assert!(tables(&overview).contains(&made.as_str()), "{error}: {overview}");
    }
}

#[test]
fn a_first_look_waits_until_hyperd_is_there() {
    for _ in 0..3 {
        let server = Server::private(&[]);
        server.call("query", json!({"sql": "SELECT 1"})).structured();

        let overview = overview(&server);

        assert_eq!(overview["engine"]["state"], "ready", "{overview}");
        assert!(overview["databases"][0]["tables"].is_array(), "{overview}");
    }
}

#[test]
fn it_says_busy_only_while_hyperd_is() {
    let server = Server::private(&[]);
    server.call("query", json!({"sql": "SELECT 1"})).structured();
    for _ in 0..50 {
        let overview = overview(&server);
        assert_eq!(overview["engine"]["state"], "ready", "{overview}");
        assert!(overview["engine"].get("seen_s_ago").is_none(), "{overview}");
    }

    let hyperd = crate::process::hyperd_of(server.pid());
    let running = load(&server);
    crate::process::signal(hyperd, rustix::process::Signal::STOP);
    // Its threads stop when the system gets to them; some may answer until then.
    let busy = crate::process::wait_for("a busy hyperd", || {
        let since = Instant::now();
        let overview = overview(&server);
        assert!(since.elapsed() < Duration::from_millis(1500), "sooner than the 2 s of an idle one");
        (overview["engine"]["state"] == "busy").then_some(overview)
    });
    crate::process::signal(hyperd, rustix::process::Signal::CONT);

    assert!(busy["engine"]["why"].as_str().is_some_and(|why| why.contains("statement")), "{busy}");
    running.into_iter().for_each(|pending| server.cancel(pending));
}
