//! Folders whose new files are loaded, with real files and databases.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{GENEROUS, Server};

fn start(server: &Server, folder: &Path) -> Value {
    let started = server.call("watch", json!({"op": "start", "path": folder, "table": "t"}));
    started.structured()["watches"][0].clone()
}

/// What the watch says of itself, once that is as `wanted`.
#[track_caller]
fn wait_until(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    let since = Instant::now();
    loop {
        let watch = server.call("watch", json!({"op": "list"})).structured()["watches"][0].clone();
        if wanted(&watch) {
            return watch;
        }
        assert!(since.elapsed() < GENEROUS, "the watch stays as {watch}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn rows(server: &Server, database: &str) -> Value {
    let sql = "SELECT count(*), sum(a) FROM t";
    server.call("query", json!({"sql": sql, "database": database})).rows().clone()
}

/// As a program that cares writes a file: whole, under a name that nobody looks for, and then renamed.
fn deliver(folder: &Path, name: &str, content: &str) {
    let part = folder.join(format!("{name}.part"));
    fs::write(&part, content).unwrap();
    fs::rename(part, folder.join(name)).unwrap();
}

#[test]
fn new_files_are_appended_and_those_that_were_there_are_not() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.csv"), "a\n100\n").unwrap();
    let server = Server::start(&["--toolsets", "watch"]);

    assert_eq!(start(&server, folder.path())["skipped"], json!(1));
    deliver(folder.path(), "one.csv", "a\n1\n2\n");
    wait_until(&server, |watch| watch["loaded"] == 1);
    deliver(folder.path(), "two.csv", "a\n3\n");
    let watch = wait_until(&server, |watch| watch["loaded"] == 2);

    assert_eq!(watch["rows"], json!(3));
    assert_eq!(rows(&server, "local"), json!([[3, 6]]));
}

#[test]
fn those_that_were_there_are_loaded_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.csv"), "a\n100\n").unwrap();
    let server = Server::start(&["--toolsets", "watch"]);

    let asked = json!({"op": "start", "path": folder.path(), "table": "t", "existing": true});
    server.call("watch", asked).structured();
    wait_until(&server, |watch| watch["loaded"] == 1);

    assert_eq!(rows(&server, "local"), json!([[1, 100]]));
}

#[test]
fn a_file_waits_for_its_sign_if_one_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--toolsets", "watch"]);
    let asked = json!({"op": "start", "path": folder.path(), "table": "t", "ready_suffix": ".ready"});
    server.call("watch", asked).structured();

    // This one is written first, and has no sign when the other is loaded already.
    deliver(folder.path(), "half.csv", "a\n10\n");
    deliver(folder.path(), "whole.csv", "a\n1\n");
    fs::write(folder.path().join("whole.csv.ready"), "").unwrap();
    wait_until(&server, |watch| watch["loaded"] == 1);
    assert_eq!(rows(&server, "local"), json!([[1, 1]]));
    fs::write(folder.path().join("half.csv.ready"), "").unwrap();
    wait_until(&server, |watch| watch["loaded"] == 2);

    assert_eq!(rows(&server, "local"), json!([[2, 11]]));
}

#[test]
fn a_file_that_cannot_be_loaded_is_told_and_tried_again_when_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--toolsets", "watch"]);
    server.call("execute", json!({"sql": ["CREATE TABLE t (a int)"]})).structured();
    start(&server, folder.path());

    deliver(folder.path(), "bad.csv", "a\n1\nnot a number\n");
    deliver(folder.path(), "good.csv", "a\n5\n");
    let watch = wait_until(&server, |watch| watch["loaded"] == 1 && watch["failed"][0] != Value::Null);

    assert_eq!(watch["failed"][0]["file"], json!("bad.csv"));
    assert!(watch["failed"][0]["error"].as_str().is_some_and(|why| why.contains("line:3")), "{watch}");
    assert_eq!(rows(&server, "local"), json!([[1, 5]]));
    deliver(folder.path(), "bad.csv", "a\n1\n2\n");
    let watch = wait_until(&server, |watch| watch["loaded"] == 2);
    assert_eq!(watch.get("failed"), None);
    assert_eq!(rows(&server, "local"), json!([[3, 8]]));
}

#[test]
fn a_file_that_changes_after_it_was_loaded_is_told_and_not_loaded_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--toolsets", "watch"]);
    start(&server, folder.path());
    deliver(folder.path(), "log.csv", "a\n1\n");
    wait_until(&server, |watch| watch["loaded"] == 1);

    deliver(folder.path(), "log.csv", "a\n1\n2\n");
    let watch = wait_until(&server, |watch| watch["changed_since_loaded"][0] != Value::Null);

    assert_eq!(watch["changed_since_loaded"], json!(["log.csv"]));
    assert_eq!(rows(&server, "local"), json!([[1, 1]]));
}

#[test]
fn the_next_server_goes_on_where_the_last_one_ended() {
    let (folder, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let database = place.path().join("kept.hyper");
    let begin = || {
        let server = Server::start(&["--toolsets", "watch", "--persistent-db", database.to_str().unwrap()]);
        let asked = json!({"op": "start", "path": folder.path(), "table": "t", "database": "persistent"});
        server.call("watch", asked).structured();
        server
    };
    let server = begin();
    deliver(folder.path(), "one.csv", "a\n1\n");
    wait_until(&server, |watch| watch["loaded"] == 1);
    server.end();
    deliver(folder.path(), "two.csv", "a\n2\n");

    let server = begin();
    wait_until(&server, |watch| watch["loaded"] == 2);

    assert_eq!(rows(&server, "persistent"), json!([[2, 3]]));
}

#[test]
fn two_servers_that_watch_one_folder_load_each_file_once() {
    const FILES: usize = 6;
    let (folder, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let database = place.path().join("kept.hyper");
    let servers = [(); 2].map(|()| {
        let server = Server::start(&["--toolsets", "watch", "--persistent-db", database.to_str().unwrap()]);
        let asked = json!({"op": "start", "path": folder.path(), "table": "t", "database": "persistent"});
        server.call("watch", asked).structured();
        server
    });

    for at in 0..FILES {
        deliver(folder.path(), &format!("{at}.csv"), "a\n1\n");
    }
    let loaded = servers.each_ref().map(|server| {
        let all = |watch: &Value| {
            let of = |kind: &str| watch[kind].as_u64().unwrap_or(0);
            of("loaded") + of("loaded_elsewhere") == FILES as u64
        };
        wait_until(server, all)["loaded"].as_u64().unwrap()
    });

    assert_eq!(loaded.iter().sum::<u64>(), FILES as u64, "{loaded:?}");
    assert_eq!(rows(&servers[0], "persistent"), json!([[FILES, FILES]]));
}

#[test]
fn what_comes_after_a_watch_was_stopped_waits_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--toolsets", "watch"]);
    start(&server, folder.path());

    let stopped = server.call("watch", json!({"op": "stop", "path": folder.path()}));

    assert_eq!(stopped.structured()["watches"][0]["watching"], json!(false));
    assert_eq!(server.call("watch", json!({"op": "list"})).structured()["watches"], json!([]));
    deliver(folder.path(), "late.csv", "a\n1\n");
    start(&server, folder.path());
    wait_until(&server, |watch| watch["loaded"] == 1);
    assert_eq!(rows(&server, "local"), json!([[1, 1]]));
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(inside.path().join("file.csv"), "a\n1\n").unwrap();
    let server = Server::start(&["--toolsets", "watch", "--allow-dir", inside.path().to_str().unwrap()]);
    let refused = |arguments: Value| server.call("watch", arguments).error();
    let on = |path: &Path| json!({"op": "start", "path": path, "table": "t"});

    assert!(refused(on(outside.path())).contains("outside"));
    assert!(refused(on(&inside.path().join("file.csv"))).contains("not a folder"));
    assert!(refused(on(&inside.path().join("none"))).contains("none"));
    assert!(refused(json!({"op": "stop", "path": inside.path()})).contains("not watched"));
    assert!(refused(json!({"op": "list", "path": inside.path()})).contains("path"));
    start(&server, inside.path());
    assert!(refused(on(inside.path())).contains("already"));
}

#[test]
fn a_server_that_watches_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--toolsets", "watch"]);
    start(&server, folder.path());

    let (status, took) = server.end();

    assert!(status.success());
    assert!(took < Duration::from_secs(1), "{took:?}");
}
