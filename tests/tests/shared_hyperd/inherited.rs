//! Whoever starts the daemon is not held by it: neither by the daemon, nor by its hyperd, nor by what cleans up after that.

use std::fs;
use std::process::Command;
use std::time::Duration;

use hyperwire_tests::household::{Household, Program};

use crate::{SOON, stop};

/// Runs a script of bash, in which `$HYPERWIRE` is the program, to its end.
fn run(household: &Household, script: &str) -> String {
    let program = household.hyperwire(&[]);
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).env("HYPERWIRE", program.get_program());
    shell.current_dir(program.get_current_dir().expect("a household has a folder"));
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Program::start(shell)
        .and_then(|shell| shell.finish(SOON))
        .unwrap_or_else(|error| panic!("{error}"))
        .expect_code(0)
}

/// A descriptor that is passed on, as scripts, `make` and job servers have them, and how it shows that somebody holds it.
const HELD: &[(&str, &str)] = &[
    ("a lock", "exec 9>held.lock; flock 9; $START; exec 9>&-; timeout 5 flock held.lock true"),
    ("a pipe", "timeout 20 cat < <(exec 3>&1; $START >start.out; exec 3>&-)"),
    ("a pipe behind two redirections", "(exec 3>&1 4>&2; $START >start.out 2>&1) 2>&1 | timeout 20 cat"),
    ("a high descriptor", "timeout 20 cat < <(exec 200>&1; $START >start.out; exec 200>&-)"),
];
/// What starts a daemon. The MCP server ends with its input, so that goes on until there is one.
const STARTS: &[&str] = &[
    "$HYPERWIRE sql 'SELECT 1'",
    "$HYPERWIRE daemon start",
    "{ cat initialize.json; until test -e state/daemon.json; do sleep 0.05; done; } | $HYPERWIRE mcp",
];
/// The first thing that an MCP client says, and a call that needs hyperd.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"query","arguments":{"sql":"SELECT 1"}}}
"#;

#[test]
fn nobody_who_starts_a_daemon_is_held_by_it() {
    if !skipped_tests::has("bash", &["--version"]) || !skipped_tests::has("flock", &["--version"]) {
        return;
    }
    Household::run_alone_or_skip(|household| {
        let folder = household.state_folder();
        fs::write(folder.with_file_name("initialize.json"), INITIALIZE).expect("a folder of this test");
        for start in STARTS {
            for (what, script) in HELD {
                run(household, &script.replace("$START", start));

                let processes = household.processes();
                assert!(processes.len() >= 3, "daemon, hyperd, guard: {processes:?}");
                for process in &processes {
                    assert_eq!(foreign(process.pid), [""; 0], "{start}, {what}: {process:?}");
                }
                stop(household);
            }
        }
    });
}

#[test]
fn make_ends_with_its_recipes_while_the_daemon_goes_on() {
    if !skipped_tests::has("make", &["--version"]) || !skipped_tests::has("bash", &["--version"]) {
        return;
    }
    Household::run_alone_or_skip(|household| {
        let makefile = household.state_folder().with_file_name("Makefile");
        fs::write(&makefile, "all: a b\na b:\n\t+$(HYPERWIRE) sql 'SELECT 1' >$@.out\n")
            .expect("a folder of this test");

        run(household, "timeout 30 make -j2 | timeout 30 cat");

        stop(household);
    });
}

#[test]
fn a_daemon_that_was_started_by_hand_lets_go_of_everything_too() {
    if !skipped_tests::has("bash", &["--version"]) {
        return;
    }
    Household::run_alone_or_skip(|household| {
        run(
            household,
            "exec 9>held.lock; timeout 20 cat < <(exec 3>&1; $HYPERWIRE daemon run --detached 2>/dev/null >/dev/null &)",
        );
        hyperwire_tests::real_hyperd::wait_until("it serves", Duration::from_secs(30), || {
            household.status().is_some()
        });

        let home = household.state_folder();
        let home = home.parent().expect("it is in a folder");
        for process in household.processes() {
            assert_eq!(foreign(process.pid), [""; 0], "{process:?}");
            let folder = fs::read_link(format!("/proc/{}/cwd", process.pid)).expect("it lives");
            assert!(!folder.starts_with(home), "{process:?} is in {}", folder.display());
        }
        stop(household);
    });
}

/// The files that a process has open and that are neither the daemon's nor hyperd's own.
fn foreign(pid: u32) -> Vec<String> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let files =
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).map(|path| path.display().to_string());
    files.filter(|path| path.contains("held.lock") || path.contains("initialize.json")).collect()
}
