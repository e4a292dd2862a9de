//! The fake hyperd passes for hyperd with the code that starts hyperd, and its journal tells what happened.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use hyperwire_blocking::hyperd::{Ending, Hyperd, Listen, Settings, StartError};
use hyperwire_blocking::hyperwire_core::hyperd::DEFAULT_USER;
use hyperwire_blocking::{Client, Config, Error};
use hyperwire_tests::fake_engine::{Event, FAILING_STARTS, HANG, JOURNAL, Journal, Outcome, START_DELAY_MS};
use hyperwire_tests::real_hyperd::{value, wait_until};
use tempfile::TempDir;

/// A fake hyperd's surroundings: its program is a script that sets the variables, since a test must not change its
/// own environment while other threads run.
struct Setting {
    folder: TempDir,
}

impl Setting {
    fn new(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let journal = folder.path().join("journal");
        variables.insert(JOURNAL, journal.to_str().expect("UTF-8"));
        let exports: String =
            variables.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        let program = env!("CARGO_BIN_EXE_fake_hyperd");
        let script = format!("#!/bin/sh\n{exports}exec '{program}' \"$@\"\n");
        let path = folder.path().join("hyperd");
        std::fs::write(&path, script).expect("a new file");
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, permissions).expect("it is ours");
        Self { folder }
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.folder.path().join("hyperd"));
        settings.ready_within = Duration::from_secs(20);
        settings
    }

    fn start(&self) -> Hyperd {
        Hyperd::start(&self.settings()).expect("a fake hyperd starts")
    }

    fn events(&self) -> Vec<Event> {
        let entries = Journal::read(&self.journal()).expect("a journal");
        entries.into_iter().map(|entry| entry.event).collect()
    }

    fn journal(&self) -> std::path::PathBuf {
        self.folder.path().join("journal")
    }

    fn wait_for(&self, wanted: impl Fn(&Event) -> bool) {
        wait_until("the event is in the journal", Duration::from_secs(10), || {
            self.events().iter().any(&wanted)
        });
    }
}

fn connect(hyperd: &Hyperd) -> Client {
    Client::connect(Config::new(hyperd.endpoint().clone(), DEFAULT_USER)).expect("it lets everybody in")
}

#[test]
fn it_is_started_queried_and_ended_as_hyperd_is_and_writes_all_of_it_down() {
    for listen in [Listen::Private, Listen::Loopback] {
        let setting = Setting::new(&[]);
        let mut settings = setting.settings();
        settings.listen = listen;
        let hyperd = Hyperd::start(&settings).expect("a fake hyperd starts");
        let mut client = connect(&hyperd);

        let one: i32 = value(&mut client, "SELECT 1");
        client.execute("CREATE TEMPORARY TABLE t (a INT)").expect("statements without rows work too");
        client.close().expect("it takes leave");
        setting.wait_for(|event| matches!(event, Event::SessionEnd { session: 1 }));
        let ended = hyperd.shutdown(Duration::from_secs(10)).expect("it ends");

        assert_eq!((one, ended.ending), (1, Ending::Orderly));
        let query = |statement: &str| {
            let statement = statement.to_owned();
            let outcome = Outcome::Answered;
            [Event::QueryBegin { session: 1, statement }, Event::QueryEnd { session: 1, outcome }]
        };
        let start = Event::Start { parent: std::process::id() };
        let mut expected = vec![start, Event::SessionBegin { session: 1 }];
        expected.extend(query("SELECT 1"));
        expected.extend(query("CREATE TEMPORARY TABLE t (a INT)"));
        expected.extend([Event::SessionEnd { session: 1 }, Event::Exit { code: 0 }]);
        assert_eq!(setting.events(), expected);
    }
}

#[test]
fn prepared_statements_work_too() {
    let setting = Setting::new(&[]);
    let hyperd = setting.start();
    let mut client = connect(&hyperd);

    let statement = client.prepare("SELECT 1", &[]).expect("it parses anything");
    let rows = client.query_prepared(&statement, &[]).expect("it runs");
    let ones: Vec<i32> = rows.map(|row| Ok::<_, Error>(row.get(0)?)).expect("rows of one integer");

    assert_eq!(ones, [1]);
}

#[test]
fn a_statement_that_runs_at_the_end_is_broken_off_and_nothing_is_left() {
    let setting = Setting::new(&[]);
    let run_dir = tempfile::tempdir().expect("a temporary folder");
    let socket = run_dir.path().join("hyper");
    let mut settings = setting.settings();
    settings.listen = Listen::Domain(socket.clone());
    let hyperd = Hyperd::start(&settings).expect("a fake hyperd starts");
    assert!(socket.exists());
    let mut client = connect(&hyperd);
    let asking = thread::spawn(move || client.execute("SELECT 'hold 60000 ms'").map(drop));
    setting.wait_for(|event| matches!(event, Event::QueryBegin { .. }));

    let ended = hyperd.shutdown(Duration::from_secs(10)).expect("it ends");

    assert_eq!(ended.ending, Ending::Orderly);
    asking.join().expect("no panic").expect_err("the connection is lost");
    let [.., broken_off, session_end, exit] = &setting.events()[..] else { panic!("{:?}", setting.events()) };
    assert_eq!(*broken_off, Event::QueryEnd { session: 1, outcome: Outcome::BrokenOff });
    assert_eq!((session_end, exit), (&Event::SessionEnd { session: 1 }, &Event::Exit { code: 0 }));
    let left: Vec<_> = std::fs::read_dir(run_dir.path()).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_statement_can_be_cancelled() {
    let setting = Setting::new(&[]);
    let hyperd = setting.start();
    let mut client = connect(&hyperd);
    let cancel = client.cancel_handle().expect("it gave a key");
    let asking = thread::spawn(move || (client.execute("SELECT 'hold 60000 ms'").map(drop), client));
    setting.wait_for(|event| matches!(event, Event::QueryBegin { .. }));

    cancel.cancel().expect("it listens");

    let (refused, mut client) = asking.join().expect("no panic");
    let code = refused.expect_err("cancelled").code().map(|code| code.to_string());
    assert_eq!(code.as_deref(), Some("57014"));
    assert_eq!(value::<i32>(&mut client, "SELECT 1"), 1, "the session goes on");
}

#[test]
fn sigterm_is_an_orderly_end() {
    let setting = Setting::new(&[]);
    let hyperd = setting.start();
    let pid = hyperd.pid();

    let mut terminated = Command::new("kill");
    assert!(terminated.arg("-TERM").arg(pid.to_string()).status().expect("every Unix has it").success());

    setting.wait_for(|event| *event == Event::Exit { code: 0 });
    drop(hyperd);
}

#[test]
fn starts_fail_as_often_as_told_and_are_slow_when_told() {
    let setting = Setting::new(&[(FAILING_STARTS, "2"), (START_DELAY_MS, "1")]);

    let outcomes: Vec<_> = (0..3).map(|_| Hyperd::start(&setting.settings()).map(drop)).collect();

    let failures = outcomes.iter().filter(|it| matches!(it, Err(StartError::Exited { .. }))).count();
    assert!(failures == 2 && outcomes[2].is_ok(), "{outcomes:?}");
}

#[test]
fn one_that_hangs_at_the_start_is_given_up_and_leaves_no_process() {
    let setting = Setting::new(&[(HANG, "start")]);
    let mut settings = setting.settings();
    settings.ready_within = Duration::from_secs(1);

    let failed = Hyperd::start(&settings).expect_err("it never calls back");

    assert!(matches!(failed, StartError::NotReady { .. }), "{failed}");
    let entries = Journal::read(&setting.journal()).expect("a journal");
    assert!(!Path::new(&format!("/proc/{}", entries[0].pid)).exists());
}

#[test]
fn one_that_hangs_at_the_end_is_killed() {
    let setting = Setting::new(&[(HANG, "exit")]);
    let hyperd = setting.start();

    let ended = hyperd.shutdown(Duration::ZERO).expect("it ends");

    assert_eq!(ended.ending, Ending::Killed);
    assert!(!setting.events().iter().any(|event| matches!(event, Event::Exit { .. })));
}

#[test]
fn what_it_does_not_understand_it_refuses_aloud() {
    let output = Command::new(env!("CARGO_BIN_EXE_fake_hyperd"))
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .expect("it was built");

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stderr, b"fake hyperd: the first argument of hyperd is `run`\n");
}
