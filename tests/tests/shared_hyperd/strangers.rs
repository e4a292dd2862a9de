//! Other programs, other folders and other users on the same ports.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use hyperwire_tests::household::{Household, Program, Role};

use crate::{SOON, complaint, sql, stop};

/// Says something to a port and gives all that comes back until the other side is content.
pub(crate) fn say(port: u16, lines: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("somebody listens");
    stream.set_read_timeout(Some(SOON)).expect("a time");
    stream.write_all(lines.as_bytes()).expect("it is taken");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).expect("it ends");
    heard
}

#[test]
fn a_stranger_on_the_first_port_moves_the_daemon_to_the_second() {
    Household::run_alone_or_skip(|household| {
        let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, 7485)).expect("nobody else is here");

        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");

        assert_eq!(household.status().expect("it runs")["health_port"], 7486);
        drop(stranger);
        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");
        assert_eq!(household.status().expect("it runs")["health_port"], 7486, "it is not moved");
        stop(household);
    });
}

#[test]
fn a_pinned_port_that_is_taken_is_an_error_that_says_so() {
    Household::run_alone_or_skip(|household| {
        let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, 9000)).expect("nobody else is here");
        let mut command = household.hyperwire(&["sql", "SELECT 1"]);
        command.env("HYPERDB_DAEMON_PORT", "9000");

        let refused = Program::start(command).and_then(|program| program.finish(2 * SOON)).expect("it ends");

        let said = complaint(&refused, 3);
        assert!(said.contains("HYPERDB_DAEMON_PORT"), "{said}");
        drop(stranger);
    });
}

#[test]
fn two_state_folders_have_two_daemons_that_leave_each_other_alone() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let first = household.status().expect("it runs");
        let other = household.state_folder().with_file_name("other");
        let run = |arguments: &[&str]| {
            let mut command = household.hyperwire(arguments);
            command.env("HYPERDB_STATE_DIR", &other);
            Program::start(command).and_then(|program| program.finish(SOON)).expect("it ends").expect_code(0)
        };

        run(&["sql", "SELECT 1"]);

        assert_eq!(household.processes_as(Role::Daemon).len(), 2, "{:?}", household.processes());
        run(&["daemon", "stop"]);
        assert_eq!(household.status().expect("it runs")["pid"], first["pid"]);
        stop(household);
    });
}

#[test]
fn another_user_can_neither_ask_nor_stop_nor_report() {
    if !skipped_tests::has("bash", &["--version"]) {
        return;
    }
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        // The user nobody, whoever this test runs as: it has to be root to be on a network of its own.
        let script = r#"exec 3<>/dev/tcp/127.0.0.1/7485; printf 'PING\nSTATUS\nSTOP\nREPORT_HYPERD_ERROR\n' >&3
            for _ in 1 2 3 4; do read -r line <&3; echo "$line"; done"#;
        let mut stranger = Command::new("bash");
        stranger.args(["-c", script]).uid(65_534).gid(65_534).current_dir("/").stdin(Stdio::null());

        let heard = stranger.output().expect("there is a bash");

        let heard = String::from_utf8_lossy(&heard.stdout).into_owned();
        let lines: Vec<_> = heard.lines().collect();
        assert_eq!(lines.len(), 4, "{heard}");
        assert!(lines[0].starts_with("PONG hyperdb-mcp "), "{heard}");
        assert!(lines[1..].iter().all(|line| *line == "ERR this daemon serves another user"), "{heard}");
        assert!(household.status().is_some_and(|status| status["phase"] == "ready"));
        stop(household);
    });
}

#[test]
fn more_connections_than_files_may_be_open_harm_nobody() {
    if !skipped_tests::has("bash", &["-c", "ulimit -n 256"]) {
        return;
    }
    Household::run_alone_or_skip(|household| {
        // Both limits: the daemon cannot raise them.
        let program = household.hyperwire(&[]);
        let mut shell = Command::new("bash");
        shell.args(["-c", "ulimit -n 256; exec \"$0\" daemon start"]).arg(program.get_program());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let started = shell.output().expect("there is a bash");
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let before = household.status().expect("it runs");

        let idle: Vec<_> =
            (0..300).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, 7485)).expect("it listens")).collect();

        // Those that say nothing give way to those that do, after a second.
        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");
        let mut resetting: Vec<_> =
            (0..50).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, 7485)).expect("it listens")).collect();
        resetting.drain(..).for_each(|stream| {
            let socket = socket2::Socket::from(stream);
            socket.set_linger(Some(std::time::Duration::ZERO)).expect("a socket");
        });
        assert_eq!(sql(household, "SELECT 2 AS n"), "n\n2\n");
        drop(idle);
        let after = household.status().expect("it runs");
        assert_eq!((&after["pid"], &after["generation"]), (&before["pid"], &before["generation"]));
        stop(household);
    });
}

#[test]
fn nonsense_on_the_port_harms_nobody() {
    Household::run_alone_or_skip(|household| {
        sql(household, "SELECT 1");
        let long = "x".repeat(70_000);
        for nonsense in ["\n\n\n", "GET / HTTP/1.1\r\n\r\n", "LEASE x y z\nSTOP-IF a b c\nHELLO 2\n", &long] {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 7485)).expect("the daemon listens");
            stream.write_all(nonsense.as_bytes()).expect("it is taken");
            // What it says to that is its business; that it goes on is ours.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_string(&mut String::new());
        }
        let silent: Vec<_> =
            (0..200).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, 7485)).expect("it listens")).collect();

        assert_eq!(sql(household, "SELECT 1 AS n"), "n\n1\n");

        drop(silent);
        stop(household);
    });
}
