//! `--allow-dir`: what lies outside stays out of reach, for SQL too.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tempfile::TempDir;

use crate::server::{Answer, Server};

/// A server that may use one folder, and one beside it that it may not.
struct Fenced {
    server: Server,
    all: TempDir,
    inside: PathBuf,
    outside: PathBuf,
}

fn fenced() -> Fenced {
    let all = tempfile::tempdir().expect("a folder");
    let whole = all.path().canonicalize().expect("it is there");
    let [inside, outside] = ["in", "inner"].map(|name| whole.join(name));
    for folder in [&inside, &outside] {
        fs::create_dir(folder).expect("room");
        fs::create_dir(folder.join("deep")).expect("room");
        fs::write(folder.join("text"), "secret\n").expect("room");
    }
    let server = Server::start(&["--allow-dir", inside.to_str().expect("UTF-8")]);
    Fenced { server, all, inside, outside }
}

fn execute(server: &Server, sql: &str) -> Answer {
    server.call("execute", json!({"sql": [sql]}))
}

fn read(path: &Path) -> String {
    format!(
        "CREATE TEMP TABLE a AS SELECT * FROM external('{}', COLUMNS => DESCRIPTOR(a TEXT), FORMAT => 'csv')",
        path.display()
    )
}

#[test]
fn sql_reads_and_writes_files_inside() {
    let Fenced { server, all: _all, inside, .. } = fenced();

    for sql in [
        read(&inside.join("text")),
        format!("COPY (SELECT 1) TO '{}' WITH (FORMAT csv)", inside.join("deep/made").display()),
        format!("CREATE DATABASE \"{}\"", inside.join("deep/made.hyper").display()),
    ] {
        execute(&server, &sql).structured();
    }
    assert!(inside.join("deep/made").exists() && inside.join("deep/made.hyper").exists());
}

#[test]
fn sql_reaches_nothing_outside() {
    let Fenced { server, all: _all, inside, outside } = fenced();
    let climbing = inside.join("../inner/text");
    symlink(&outside, inside.join("folder")).expect("room");

    for path in [
        Path::new("/etc/passwd"),
        &outside.join("text"),
        &climbing,
        &inside.join("folder/text"),
        Path::new("../../../../../../../../etc/passwd"),
        Path::new("file:///etc/passwd"),
        Path::new("/proc/self/root/etc/passwd"),
    ] {
        let error = execute(&server, &read(path)).error();
        assert!(error.contains("inaccessible"), "{}: {error}", path.display());
    }
    for path in [outside.join("made"), inside.join("../inner/made"), inside.join("folder/made")] {
        let path = path.display();
        for sql in [
            format!("COPY (SELECT 1) TO '{path}' WITH (FORMAT csv)"),
            format!("CREATE DATABASE \"{path}\""),
            format!("ATTACH DATABASE \"{path}\" AS made"),
            format!("DROP DATABASE \"{path}\""),
            format!("CREATE TEMP EXTERNAL TABLE e (a TEXT) FOR '{path}' WITH (FORMAT => 'csv')"),
        ] {
            assert!(execute(&server, &sql).is_error(), "{sql}");
        }
    }
    let mut left: Vec<_> =
        fs::read_dir(&outside).expect("it is there").flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["deep", "text"]);
}

#[test]
fn a_link_to_a_file_outside_leads_nowhere() {
    let Fenced { server, all: _all, inside, outside } = fenced();
    symlink(outside.join("text"), inside.join("deep/link")).expect("room");
    let link = inside.join("deep/link").display().to_string();

    for sql in [
        read(Path::new(&link)),
        format!("COPY (SELECT 'overwritten') TO '{link}' WITH (FORMAT csv)"),
        format!("ATTACH DATABASE \"{link}\" AS a"),
    ] {
        let error = execute(&server, &sql).error();
        assert!(!error.contains("secret"), "{sql}: {error}");
    }
    // Nothing is opened before it is read.
    let create = format!("CREATE TEMP EXTERNAL TABLE e (a TEXT) FOR '{link}' WITH (FORMAT => 'csv')");
    let error = server.call("execute", json!({"sql": [create, "SELECT * FROM e"]})).error();
    assert!(!error.contains("secret"), "{error}");
    execute(&server, "CREATE TABLE harmless AS SELECT 1 AS i").structured();
    assert_eq!(fs::read_to_string(outside.join("text")).expect("it is there"), "secret\n");
}

/// Where the kernel keeps hyperd to the folders, one link that leads out of them spoils nothing else.
#[test]
fn a_link_outside_keeps_no_other_file_from_being_read() {
    let Fenced { server, all: _all, inside, outside } = fenced();
    symlink(outside.join("text"), inside.join("link")).expect("room");
    let protection = server.call("inspect", json!({})).structured()["protection"].to_string();
    if protection.contains("no Landlock") {
        println!("skipped: this kernel has no Landlock");
        return;
    }

    execute(&server, &read(&inside.join("text"))).structured();

    assert!(protection.contains("Landlock") && protection.contains("no TCP connection"), "{protection}");
}

/// Ends a thread beside a test, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_link_that_changes_while_it_is_read_leads_nowhere() {
    let Fenced { server, all: _all, inside, outside } = fenced();
    fs::write(inside.join("text"), "public\n").expect("room");
    let (link, spare, ends) = (inside.join("link"), inside.join("spare"), AtomicBool::new(false));
    symlink(inside.join("text"), &link).expect("room");
    let sql = read(&link).replace("CREATE TEMP TABLE a AS ", "");

    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                for target in [&outside, &inside] {
                    symlink(target.join("text"), &spare).expect("room");
                    fs::rename(&spare, &link).expect("room");
                }
            }
        });
        let _ends = Ends(&ends);
        for _ in 0..200 {
            let text = execute(&server, &sql).text();
            assert!(!text.contains("secret"), "{text}");
        }
    });
}

#[test]
fn a_query_reaches_no_file_at_all() {
    let Fenced { server, all: _all, inside, .. } = fenced();
    let sql = format!("SELECT * FROM external('{}')", inside.join("text").display());

    assert!(server.call("query", json!({"sql": sql})).error().contains("`inputs`"));
}
