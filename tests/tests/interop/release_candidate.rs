//! hyperdb-mcp 1.0.0-rc.5, the successor of 0.7.3: a hyperd is to be named by `<host>:<port>` or the path of its socket, and
//! STATUS has to say which program a daemon is.
//!
//! npm does not have it, and building it takes ten minutes and needs `protoc`. So what it said is replayed, from the file
//! beside this one, and the program itself is asked by hand:
//!
//! ```text
//! cargo install hyperdb-mcp --version 1.0.0-rc.5 --root target/hyperdb-mcp-1.0.0-rc.5
//! HYPERDB_MCP_RC=$PWD/target/hyperdb-mcp-1.0.0-rc.5/bin/hyperdb-mcp \
//!     cargo test -p hyperwire-tests --test interop release_candidate -- --ignored
//! ```

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::{env, fs, thread};

use hyperwire_blocking::hyperd::{Hyperd, Listen, Settings};
use hyperwire_tests::hyperdb_mcp::{Finished, Household, McpClient, Program, Role};
use hyperwire_tests::real_hyperd::{hyperd_program, wait_until};
use serde_json::Value;

use crate::{SOON, assert_ours_answers, assert_theirs_answers};

const TRANSCRIPT: &str = include_str!("hyperdb_mcp_1.0.0-rc.5.txt");
/// Names the program.
const ENV_PROGRAM: &str = "HYPERDB_MCP_RC";

/// What was said to the daemon that the heading names, and what it answered.
fn exchanges(heading: &str) -> Vec<(&'static str, &'static str)> {
    let (mut of, mut asked, mut found) = ("", "", Vec::new());
    for line in TRANSCRIPT.lines() {
        match line.split_once(' ') {
            Some(("#", text)) => of = text,
            Some((">", line)) => asked = line,
            Some(("<", line)) if of.starts_with(heading) => found.push((asked, line)),
            _ => {}
        }
    }
    assert!(!found.is_empty(), "nothing is recorded under {heading}");
    found
}

fn say(line: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 7485)).expect("a daemon listens");
    stream.set_read_timeout(Some(SOON)).expect("a time");
    writeln!(stream, "{line}").expect("it is taken");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).expect("an answer");
    answer.trim().to_owned()
}

#[test]
fn our_daemon_answers_its_programs_as_when_they_were_content() {
    Household::run_alone_or_skip(|household| {
        let _ = household.start_our_daemon();

        for (asked, recorded) in exchanges("its clients to our daemon") {
            let answer = say(asked);

            match (serde_json::from_str::<Value>(&answer), serde_json::from_str::<Value>(recorded)) {
                (Ok(answer), Ok(recorded)) => assert_same_form("", &recorded, &answer),
                _ => assert_eq!(answer.replace(env!("CARGO_PKG_VERSION"), "0.1.0"), recorded, "to {asked}"),
            }
            if asked == "STATUS" {
                let status: Value = serde_json::from_str(&answer).expect("JSON");
                let endpoint = status["hyperd_endpoint"].as_str().expect("a text");
                assert!(
                    endpoint.starts_with('/') && fs::exists(endpoint).is_ok_and(|there| there),
                    "{endpoint}"
                );
                let executable = status["identity"]["executable_path"]["display"].as_str().expect("a text");
                assert!(executable.ends_with("hyperwire"), "{executable}");
            }
        }
        wait_until("it has gone, as it was told", SOON, || household.processes().is_empty());
    });
}

/// Every field that was there is there, with a value of the same kind.
fn assert_same_form(name: &str, recorded: &Value, answer: &Value) {
    assert_eq!(std::mem::discriminant(recorded), std::mem::discriminant(answer), "{name}: {answer}");
    for (field, value) in recorded.as_object().into_iter().flatten() {
        assert_same_form(field, value, &answer[field]);
    }
}

#[test]
fn our_programs_share_the_hyperd_of_a_daemon_that_answers_as_its_does() {
    Household::run_alone_or_skip(|household| {
        let sockets = household.state_folder().join("sockets");
        fs::create_dir_all(&sockets).expect("a folder of this test");
        let mut settings = Settings::new(hyperd_program());
        settings.listen = Listen::Domain(sockets.join("hyper"));
        let hyperd = Hyperd::start(&settings).expect("hyperd starts");
        let own = |line: &str| {
            let socket = sockets.join("hyper").display().to_string();
            let pid = format!("\"pid\":{},", std::process::id());
            line.replace("/s/sockets/hyper", &socket).replace("\"pid\":16085,", &pid)
        };
        let said: BTreeMap<_, _> = exchanges("our clients to its daemon")
            .into_iter()
            .map(|(asked, line)| (asked, own(line)))
            .collect();
        let record = household.state_folder().join("daemon.json");
        fs::write(&record, &said["STATUS"]).expect("a folder of this test");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 7485)).expect("nobody else is here");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let said = said.clone();
                thread::spawn(move || answer(&stream, &said));
            }
        });

        assert_ours_answers(household);
        let status = household.status().expect("it is found");

        assert_eq!(status["version"], "1.0.0-rc.5", "{status}");
        assert_eq!(household.processes_as(Role::Engine).len(), 1, "{:?}", household.processes());
        fs::remove_file(record).expect("it is still there");
        wait_until("without a record it is found by its port", SOON, || household.status().is_some());
        hyperd.shutdown(SOON).expect("it ends in order");
    });
}

fn answer(stream: &TcpStream, said: &BTreeMap<&str, String>) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let known = said.iter().find(|(asked, _)| asked.split(' ').next() == line.split(' ').next());
        let answer = known.map_or("ERR unknown command", |(_, answer)| answer);
        if writeln!(&*stream, "{answer}").is_err() {
            return;
        }
    }
}

fn program() -> PathBuf {
    env::var_os(ENV_PROGRAM)
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("{ENV_PROGRAM} names no hyperdb-mcp"))
}

fn run(household: &Household, arguments: &[&str]) -> Finished {
    let command = household.command(&program(), arguments);
    Program::start(command).and_then(|program| program.finish(SOON)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
#[ignore = "needs hyperdb-mcp 1.0.0-rc.5, which takes ten minutes to build; see the module"]
fn the_program_itself_calls_our_daemon_healthy_and_shares_it() {
    Household::run_alone_or_skip(|household| {
        let ours = household.start_our_daemon();

        let status = run(household, &["daemon", "status"]).expect_code(0);
        assert!(
            status.contains("Daemon is running") && status.contains(&ours["pid"].to_string()),
            "{status}"
        );
        let doctor = run(household, &["doctor"]).expect_code(0);
        assert!(doctor.contains("State: live_from_discovery"), "{doctor}");
        assert!(!doctor.contains("malformed") && !doctor.contains("stale"), "{doctor}");
        let mut client = McpClient::start(household.command(&program(), &["--ephemeral-only"]), SOON)
            .unwrap_or_else(|error| panic!("{error}"));
        assert_theirs_answers(&mut client);
        let status = client.status().expect("the tool `status` answers");

        assert_eq!(status["hyperd_running"], true, "{status}");
        assert_eq!(status["engine"]["hyperd_endpoint"], ours["endpoint"], "{status}");
        assert_eq!(status["engine"]["connection"]["transport"], "unix_domain_socket", "{status}");
        assert_eq!(household.processes_as(Role::Engine).len(), 1, "{:?}", household.processes());
        assert_eq!(client.close(), Ok(()));
        let _ = run(household, &["daemon", "stop"]).expect_code(0);
        wait_until("it has gone, as it was told", SOON, || household.processes().is_empty());
    });
}

#[test]
#[ignore = "needs hyperdb-mcp 1.0.0-rc.5, which takes ten minutes to build; see the module"]
fn our_programs_share_the_daemon_of_the_program_itself() {
    Household::run_alone_or_skip(|household| {
        let daemon = Program::start(household.command(&program(), &["daemon"])).expect("it runs");
        wait_until("its daemon has written its record", SOON, || household.record().is_some());

        assert_ours_answers(household);
        let status = household.status().expect("it runs");

        assert_eq!(
            (&status["pid"], &status["version"]),
            (&daemon.pid().into(), &"1.0.0-rc.5".into()),
            "{status}"
        );
        assert_eq!(household.processes_as(Role::Engine).len(), 1, "{:?}", household.processes());
        let said = household.run_hyperwire(&["daemon", "stop"]).expect_code(0);
        assert_eq!(said, "the daemon has ended\n");
        let _ = daemon.finish(SOON).expect("a daemon ends that was told to").expect_code(0);
    });
}
