//! Folders and patterns of files, whatever the files are called.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;

fn named<'a>(files: &'a Value, ending: &str) -> &'a Value {
    let all = files.as_array().expect("a list");
    let found = all.iter().find(|file| file["file"].as_str().is_some_and(|name| name.ends_with(ending)));
    found.unwrap_or_else(|| panic!("no {ending} in {files}"))
}

#[test]
fn inspect_lists_the_files_of_a_pattern_and_of_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in
        [("a.csv", "x\n1\n"), ("b.csv", "x\n22\n"), ("c.json", "[]"), ("notes.md", "# no data")]
    {
        fs::write(folder.path().join(name), text).expect("room");
    }
    fs::create_dir(folder.path().join("deep")).expect("room");
    let server = Server::private(&[]);

    let pattern = server.call("inspect", json!({"target": folder.path().join("*.csv")}));
    let whole = server.call("inspect", json!({"target": folder.path()}));
    let page = server.call("inspect", json!({"target": folder.path(), "limit": 2}));
    let cursor = &page.structured()["cursor"];
    let rest = server.call("inspect", json!({"target": folder.path(), "cursor": cursor}));

    let files = &pattern.structured()["files"];
    assert_eq!(pattern.structured()["files_total"], json!(2), "{}", pattern.text());
    assert_eq!(
        [&named(files, "/a.csv")["bytes"], &named(files, "/a.csv")["kind"]],
        [&json!(4), &json!("csv")]
    );
    assert_eq!(whole.structured()["files_total"], json!(5));
    assert_eq!(named(&whole.structured()["files"], "/deep")["kind"], json!("folder"));
    assert_eq!(named(&whole.structured()["files"], "/notes.md")["kind"], json!("file"));
    assert_eq!(page.structured()["files"].as_array().map(Vec::len), Some(2));
    assert_eq!(rest.structured()["files"].as_array().map(Vec::len), Some(3));
}

#[test]
fn statistics_of_several_files_come_in_one_call_and_one_that_is_broken_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("a.csv", "x\n1\n3\n"), ("b.csv", "y\n5\n"), ("c.csv", "z,w\n1\n1,2,3\n")] {
        fs::write(folder.path().join(name), text).expect("room");
    }
    let server = Server::private(&[]);

    for target in [folder.path().join("*.csv"), folder.path().to_owned()] {
        let stats = server.call("inspect", json!({"target": target, "detail": "stats"}));

        let files = &stats.structured()["files"];
        assert_eq!(named(files, "/a.csv")["columns"][0]["max"], json!(3), "{}", stats.text());
        assert_eq!(named(files, "/b.csv")["columns"][0]["max"], json!(5));
        assert!(named(files, "/c.csv")["error"].is_string());
    }
}

#[test]
fn names_that_are_hostile_are_shown_and_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = "n".repeat(251) + ".csv";
    let names: Vec<&[u8]> = vec![
        b"new\nline.csv",
        b"it's \"quoted\".csv",
        b"-rf.csv",
        b"..csv",
        "\u{202e}vsc.exe.csv".as_bytes(),
        b"z\xfcrich.csv",
        b"[1].csv",
        long.as_bytes(),
    ];
    for name in &names {
        fs::write(folder.path().join(OsStr::from_bytes(name)), "x\n1\n").expect("room");
    }
    symlink("nowhere", folder.path().join("dangling.csv")).expect("room");
    symlink("loop.csv", folder.path().join("loop.csv")).expect("room");
    assert!(
        Command::new("mkfifo").arg(folder.path().join("fifo.csv")).status().expect("mkfifo(1)").success()
    );
    let server = Server::private(&[]);

    let listed = server.call("inspect", json!({"target": folder.path()}));

    let files = &listed.structured()["files"];
    assert_eq!(listed.structured()["files_total"], json!(names.len() + 3));
    let kind = |name: &str| named(files, name)["kind"].as_str().unwrap_or_default().to_owned();
    assert_eq!(kind("/dangling.csv"), "broken link");
    assert_eq!(kind("/loop.csv"), "broken link");
    assert!(kind("/fifo.csv").contains("FIFO"));
    assert_eq!(named(files, "vsc.exe.csv")["name"], json!("\\u{202e}vsc.exe.csv"));
    assert!(named(files, "z\\xfcrich.csv")["warning"].as_str().is_some_and(|why| why.contains("UTF-8")));
    for name in names.iter().filter_map(|name| str::from_utf8(name).ok()) {
        let path = folder.path().join(name);
        let read = server.call("query", json!({"sql": "SELECT x FROM t", "inputs": {"t": {"path": path}}}));
        assert_eq!(read.rows(), &json!([[1]]), "{name:?}");
    }
    for name in ["dangling.csv", "loop.csv", "fifo.csv", "none.csv", "../none/x.csv"] {
        let path = folder.path().join(name);
        let refused =
            server.call("query", json!({"sql": "SELECT 1", "inputs": {"t": {"path": path}}})).error();
        assert!(refused.contains("Next:"), "{name}: {refused}");
    }
}

#[test]
fn a_folder_that_is_huge_is_listed_in_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let huge = folder.path().join("huge");
    fs::create_dir(&huge).expect("room");
    for number in 0..100_000 {
        fs::File::create(huge.join(format!("{number}.csv"))).expect("room");
    }
    let server = Server::private(&[]);

    let start = Instant::now();
    let listed = server.call("inspect", json!({"target": huge}));
    let too_many = server
        .call("query", json!({"sql": "SELECT 1", "inputs": {"t": {"path": huge.join("*.csv")}}}))
        .error();

    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(listed.structured()["files_total"], json!(100_000));
    assert!(listed.0.to_string().len() < 100_000 && listed.structured()["cursor"].is_string());
    assert!(too_many.contains("100000 files"), "{too_many}");
}

#[test]
fn a_pattern_that_would_take_others_for_ever_is_matched_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a".repeat(200)), "x\n1\n").expect("room");
    let server = Server::private(&[]);
    let pattern = "*a".repeat(30) + "*b";
    server.call("query", json!({"sql": "SELECT 1"})).structured();
    server
        .call("execute", json!({"sql": [format!("CREATE TABLE \"{}\" (i INT)", "a".repeat(60))]}))
        .structured();

    let start = Instant::now();
    let file = server
        .call("query", json!({"sql": "SELECT 1", "inputs": {"t": {"path": folder.path().join(&pattern)}}}));
    let listed = server.call("inspect", json!({"target": folder.path().join(&pattern)}));
    let table = server.call("inspect", json!({"target": pattern}));

    assert!(file.error().contains("No file matches"), "{}", file.text());
    assert_eq!(listed.structured()["files_total"], json!(0));
    assert!(table.error().contains("No table is like"), "{}", table.text());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}
