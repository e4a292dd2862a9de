//! The command as its users have it: a process of its own, on a real hyperd that it provides for itself.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests lay out files of their own")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Far longer than anything takes that works at all, a first fetch of hyperd aside.
const GENEROUS: Duration = Duration::from_secs(300);

/// With a hyperd of its own: sharing one is the daemon's tests' business.
fn hyperwire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyperwire"));
    if let ["sql", rest @ ..] = arguments {
        command.args(["sql", "--private"]).args(rest);
    } else {
        command.args(arguments);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end, which must come.
fn run(arguments: &[&str]) -> Output {
    finish(hyperwire(arguments).spawn().expect("the binary was built"))
}

fn finish(mut child: Child) -> Output {
    let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let out = thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).map(|_| bytes)
    });
    let err = thread::spawn(move || {
        let mut bytes = Vec::new();
        err.read_to_end(&mut bytes).map(|_| bytes)
    });
    let deadline = Instant::now() + GENEROUS;
    let status = loop {
        match child.try_wait().expect("it is our child") {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                child.kill().expect("it is our child");
                panic!("the command did not end within {GENEROUS:?}");
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    let read =
        |thread: thread::JoinHandle<std::io::Result<Vec<u8>>>| thread.join().expect("reads").expect("a pipe");
    Output { status, stdout: read(out), stderr: read(err) }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_table_shows_numbers_to_the_right_and_null() {
    let output = run(&["sql", "SELECT 7 AS n, 'x' AS t, NULL::int AS missing"]);

    assert_eq!(text(&output.stdout), " n | t | missing\n---+---+---------\n 7 | x |    NULL\n(1 row)\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn csv_json_and_jsonl_say_the_same() {
    let sql = "SELECT i, i * 0.5 AS half FROM generate_series(1, 2) AS s(i) ORDER BY i";

    let [csv, json, jsonl] = ["csv", "json", "jsonl"].map(|format| run(&["sql", "--format", format, sql]));

    assert_eq!(text(&csv.stdout), "i,half\n1,0.5\n2,1.0\n");
    assert_eq!(text(&jsonl.stdout), "{\"i\":1,\"half\":0.5}\n{\"i\":2,\"half\":1.0}\n");
    let squeezed: String = text(&json.stdout).split_whitespace().collect();
    assert_eq!(squeezed, "[{\"i\":1,\"half\":0.5},{\"i\":2,\"half\":1.0}]");
}

#[test]
fn a_database_that_was_created_keeps_its_rows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("kept.hyper");
    let file = file.to_str().expect("UTF-8");

    let missing = run(&["sql", "--database", file, "SELECT 1"]);
    let created = run(&[
        "sql",
        "--database",
        file,
        "--create",
        "CREATE TABLE t (a INT); INSERT INTO t SELECT i FROM generate_series(1, 3) AS s(i)",
    ]);
    let kept = run(&["sql", "--database", file, "--format", "csv", "SELECT count(*) AS n FROM t"]);

    assert_eq!(missing.status.code(), Some(2), "a missing file is not made unasked");
    assert_eq!(created.status.code(), Some(0), "{}", text(&created.stderr));
    assert_eq!(text(&kept.stdout), "n\n3\n");
    assert!(Path::new(file).exists());
}

#[test]
fn an_error_shows_its_sqlstate_its_line_a_caret_and_exit_code_1() {
    let output = run(&["sql", "SELECT 1;\nSELECT nonsense"]);

    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("SQLSTATE 42703"), "{err}");
    assert!(err.contains("line 2, column 8\n  SELECT nonsense\n         ^"), "{err}");
    assert!(text(&output.stdout).contains("(1 row)"), "what came before the error was done");
}

#[test]
fn statements_come_from_standard_input() {
    let mut child = hyperwire(&["sql", "--format", "csv"]).stdin(Stdio::piped()).spawn().expect("built");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"SELECT 5 AS a; -- and\nSELECT ';' AS b").expect("it reads");
    drop(stdin);

    let output = finish(child);

    assert_eq!(text(&output.stdout), "a\n5\n\nb\n;\n", "{}", text(&output.stderr));
}

#[test]
fn ctrl_c_cancels_the_statement_and_ends_with_130() {
    let endless = "SELECT * FROM generate_series(1::bigint, 1000000000000::bigint) AS s(i)";
    let mut child = hyperwire(&["sql", "--format", "csv", endless]).spawn().expect("built");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("a pipe");
    assert_eq!(first, "i\n", "the statement runs");
    let pid = Pid::from_child(&child);
    // Rows must go on being read, or the command waits for its reader and not for the server.
    let drain = thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()).map(drop));

    kill_process(pid, Signal::INT).expect("it is our child");

    child.stdout = Some(empty_pipe());
    let output = finish(child);
    drain.join().expect("reads").expect("a pipe");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "canceled\n");
}

/// Stands in for the output that somebody else reads.
fn empty_pipe() -> std::process::ChildStdout {
    let mut child = Command::new("true").stdout(Stdio::piped()).spawn().expect("every Unix has it");
    child.wait().expect("it is our child");
    child.stdout.take().expect("piped")
}

#[test]
fn a_reader_that_goes_away_ends_it_with_141() {
    let endless = "SELECT * FROM generate_series(1::bigint, 1000000000000::bigint) AS s(i)";
    let mut child = hyperwire(&["sql", "--format", "csv", endless]).spawn().expect("built");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    lines.read_line(&mut String::new()).expect("a pipe");

    drop(lines);

    child.stdout = Some(empty_pipe());
    let output = finish(child);
    assert_eq!(output.status.code(), Some(141), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn wrong_arguments_and_a_useless_hyperd_have_exit_codes_of_their_own() {
    let usage = run(&["sql", "--format", "xml", "SELECT 1"]);
    let useless =
        finish(hyperwire(&["sql", "SELECT 1"]).env("HYPERD_PATH", "/nowhere").spawn().expect("built"));

    assert_eq!(usage.status.code(), Some(2));
    assert_eq!(useless.status.code(), Some(3));
    assert!(text(&useless.stderr).contains("HYPERD_PATH"), "{}", text(&useless.stderr));
}
