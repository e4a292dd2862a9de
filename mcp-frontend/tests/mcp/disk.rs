//! Paths that are no files, and file systems that do not answer.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Http, modern, reply};
use crate::process::{signal, wait_for};
use crate::server::{Server, command};

/// No longer than this are callers to wait for one operation on a file, and some for the machine.
const BOUNDED: Duration = Duration::from_secs(15);
/// What needs no file is answered within this time, whatever hangs.
const AT_ONCE: Duration = Duration::from_secs(1);

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("it is there");
    (folder, path)
}

fn make_fifo(path: &Path) -> &Path {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo(1)");
    assert!(made.success());
    path
}

/// Calls with a path of every tool that takes one.
fn calls(path: &Path) -> Vec<(&'static str, Value)> {
    let path = path.to_str().expect("UTF-8");
    let mut calls = vec![
        ("inspect", json!({"target": path})),
        ("inspect", json!({"target": path, "detail": "stats"})),
        ("export", json!({"sql": "SELECT 1", "path": path, "format": "csv", "overwrite": true})),
        ("export", json!({"sql": "SELECT 1", "path": path, "format": "json", "overwrite": true})),
        ("export", json!({"sql": "SELECT 1 AS i", "path": path, "format": "hyper", "overwrite": true})),
        ("database", json!({"action": "attach", "path": path, "alias": "a"})),
        ("watch", json!({"op": "start", "path": path, "table": "t"})),
        ("memory", json!({"op": "set", "store": "s", "key": "k", "value_path": path})),
    ];
    for format in ["csv", "json", "parquet", "arrow", "iceberg", "hyper"] {
        let input = json!({"path": path, "format": format});
        calls.push(("query", json!({"sql": "SELECT * FROM t", "inputs": {"t": input}})));
        calls.push(("load", json!({"sources": [{"table": "t", "path": path, "format": format}]})));
    }
    calls.push(("chart", json!({"sql": "SELECT * FROM t", "kind": "bar", "inputs": {"t": {"path": path}}})));
    calls
}

fn with_all_tools() -> Server {
    Server::private(&["--toolsets", "memory,watch,catalog"])
}

#[track_caller]
fn assert_answers_at_once(server: &Server) {
    let start = Instant::now();
    assert!(server.reply(server.send("ping", json!({})), AT_ONCE).is_some(), "ping is not answered");
    let overview = server.wait(server.begin("inspect", json!({})), AT_ONCE);
    assert!(!overview.is_error(), "{}", overview.text());
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}

#[test]
fn a_fifo_is_refused_by_name_by_every_tool_that_takes_a_path() {
    let (_all, folder) = folder();
    let fifo = folder.join("fifo");
    make_fifo(&fifo);
    let server = with_all_tools();

    for (tool, arguments) in calls(&fifo) {
        let answer = server.reply(server.begin(tool, arguments.clone()), BOUNDED);
        let Some(Ok(answer)) = answer else { panic!("{tool} {arguments}: {answer:?}") };
        let text = answer.to_string();
        assert!(text.contains("a FIFO (named pipe)"), "{tool} {arguments}: {text}");
    }
    assert_answers_at_once(&server);
    let picture = folder.join("fifo.png");
    make_fifo(&picture);
    let chart = json!({"sql": "SELECT 'a' AS x, 1 AS y", "kind": "bar", "path": picture, "overwrite": true});
    assert!(server.call("chart", chart).error().contains("a FIFO (named pipe)"));
    let (status, took) = server.end();
    assert!(status.success() && took < Duration::from_secs(1), "{status} {took:?}");
}

#[test]
fn a_device_is_refused_by_name_and_is_still_one_afterwards() {
    let server = with_all_tools();

    for device in ["/dev/null", "/dev/zero"] {
        for (tool, arguments) in calls(Path::new(device)) {
            let answer = server.reply(server.begin(tool, arguments.clone()), BOUNDED);
            let Some(Ok(answer)) = answer else { panic!("{tool} {arguments}: {answer:?}") };
            assert!(answer.to_string().contains("a character device"), "{tool} {arguments}: {answer}");
        }
    }
    use std::os::unix::fs::FileTypeExt as _;
    assert!(fs::metadata("/dev/null").expect("it is there").file_type().is_char_device());
}

#[test]
fn a_fifo_among_the_arguments_of_the_server_is_refused_at_the_start() {
    let (_all, folder) = folder();
    let fifo = folder.join("fifo");
    let fifo = make_fifo(&fifo).to_str().expect("UTF-8");

    for arguments in [
        &["--allow-dir", fifo][..],
        &["--persistent-db", fifo],
        &["--read-only", "--persistent-db", fifo],
        &["--read-only", "--export-dir", fifo],
    ] {
        let mut child = command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let status = wait_for("an end of the server", || child.try_wait().expect("our child"));
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        assert!(!status.success() && said.contains("FIFO"), "{arguments:?}: {status} {said}");
    }
}

/// A server that sees a file system which never answers; `None` where this machine lets nobody make one.
fn with_dead_file_system(folder: &Path, arguments: &[&str]) -> Option<(Server, PathBuf)> {
    let (command, dead) = beside_dead_file_system(folder, arguments)?;
    let server = Server::spawn(command);
    server.initialize();
    Some((server, dead))
}

/// The command that starts such a server.
fn beside_dead_file_system(folder: &Path, arguments: &[&str]) -> Option<(Command, PathBuf)> {
    let dead = folder.join("dead");
    fs::create_dir(&dead).expect("room");
    // Whoever has the other end of FUSE answers its requests. Nobody does, as long as it is open.
    const MOUNT: &str = "exec 9<>/dev/fuse && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 dead \"$1\" && \
        shift && exec \"$@\"";
    let unshare = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "--propagation", "private", "sh", "-c", script, "sh"]).arg(&dead);
        unshare
    };
    if !unshare(MOUNT).arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("skipped: no file system that hangs can be made here (needs root, unshare and /dev/fuse)");
        return None;
    }
    let plain = command(arguments);
    let mut wrapped = unshare(MOUNT);
    wrapped.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    Some((wrapped, dead))
}

#[test]
fn a_file_system_that_hangs_holds_up_nobody_who_does_not_use_it() {
    let (_all, folder) = folder();
    let tools = ["--private", "--toolsets", "memory,watch,catalog"];
    let Some((server, dead)) = with_dead_file_system(&folder, &tools) else { return };
    server.call("query", json!({"sql": "SELECT 1"})).structured();

    let pending: Vec<_> = calls(&dead.join("file"))
        .into_iter()
        .map(|(tool, arguments)| (tool, server.begin(tool, arguments)))
        .collect();
    let canceled = server.begin("inspect", json!({"target": dead.join("other")}));

    assert_answers_at_once(&server);
    let start = Instant::now();
    assert_eq!(server.call("query", json!({"sql": "SELECT 42"})).rows(), &json!([[42]]));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    server.cancel(canceled);
    assert_answers_at_once(&server);
    for (tool, pending) in pending {
        let text = server.wait(pending, BOUNDED).error();
        assert!(
            text.contains("did not answer") && text.contains("fault lies") && text.contains("Next:"),
            "{tool}: {text}"
        );
    }
    let again = Instant::now();
    let refused = server.call("inspect", json!({"target": dead.join("file")})).error();
    assert!(refused.contains("has hung for") && again.elapsed() < AT_ONCE, "{refused}");
    let (status, took) = server.end();
    assert!(status.success() && took < Duration::from_secs(1), "{status} {took:?}");
}

#[test]
fn a_server_ends_within_a_second_of_a_signal_while_paths_hang() {
    for kind in [Signal::TERM, Signal::HUP, Signal::INT] {
        let (_all, folder) = folder();
        let Some((server, dead)) = with_dead_file_system(&folder, &["--private"]) else { return };
        for index in 0..8 {
            server.begin("inspect", json!({"target": dead.join(format!("{index}.csv"))}));
        }
        assert_answers_at_once(&server);
        let pid = server.pid();

        let start = Instant::now();
        signal(pid, kind);
        server.wait_for_end();

        assert!(start.elapsed() < Duration::from_secs(1), "{kind:?}: {:?}", start.elapsed());
    }
}

#[test]
fn more_paths_that_hang_than_may_are_told_as_that() {
    let (_all, folder) = folder();
    let Some((server, dead)) = with_dead_file_system(&folder, &["--private"]) else { return };
    let fine = folder.join("fine.csv");
    fs::write(&fine, "a\n1\n").expect("room");

    let pending: Vec<_> = (0..40)
        .map(|index| server.begin("inspect", json!({"target": dead.join(format!("{index}.csv"))})))
        .collect();
    for pending in pending {
        server.wait(pending, BOUNDED).error();
    }

    let refused = server.call("inspect", json!({"target": fine})).error();
    assert!(refused.contains("hang already") && refused.contains("the limit"), "{refused}");
    assert_answers_at_once(&server);
    let (status, took) = server.end();
    assert!(status.success() && took < Duration::from_secs(1), "{status} {took:?}");
}

#[tokio::test]
async fn paths_that_hang_for_one_client_over_http_hold_up_no_other_and_not_the_end() {
    let (_all, folder) = folder();
    let Some((command, dead)) = beside_dead_file_system(&folder, &["--private"]) else { return };
    let server = Http::of(command, true);
    let call = |tool: &str, arguments: Value| {
        modern(&server, "tools/call", json!({"name": tool, "arguments": arguments}))
    };
    for index in 0..8 {
        let path = dead.join(format!("{index}.csv"));
        tokio::spawn(call("inspect", json!({"target": path})).send());
    }

    let start = Instant::now();
    let answer = reply(call("query", json!({"sql": "SELECT 42"})).send().await.expect("an answer")).await;
    let took = start.elapsed();

    assert_eq!(answer["result"]["structuredContent"]["rows"], json!([[42]]));
    assert!(took < Duration::from_secs(8), "with the start of hyperd {took:?}");
    let ended = server.end();
    assert!(ended < Duration::from_secs(1), "{ended:?}");
}
