//! Starting and ending the real hyperd, and what is left of it in every case: nothing.
#![cfg(unix)]

mod hyperd_support;

use std::error::Error;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hyperd_support::{is_running, names_in, processes_naming, wait_until, write_program};
use hyperwire_blocking::hyperd::{
    Authentication, Ended, Ending, Endpoint, Environment, Hyperd, Listen, SettingError, Settings, StartError,
    locate_or_install,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const SECONDS_10: Duration = Duration::from_secs(10);

/// The hyperd of this machine, fetched if there is none.
fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let find = || locate_or_install(&Environment::of_this_process(), &mut |_| ControlFlow::Continue(()));
    PROGRAM.get_or_init(|| find().expect("these tests need hyperd").path).clone()
}

/// A folder for run folders, which must be empty in the end, and settings that lead there.
fn place() -> (TempDir, Settings) {
    let place = tempfile::tempdir().unwrap();
    let mut settings = Settings::new(program());
    settings.run_dir = Some(place.path().to_path_buf());
    (place, settings)
}

fn assert_nothing_left(place: &Path) {
    assert_eq!(names_in(place), Vec::<String>::new());
    assert_eq!(processes_naming(&place.display().to_string()), Vec::<u32>::new());
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn connect(endpoint: &Endpoint) -> Box<dyn Stream> {
    match endpoint {
        Endpoint::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).unwrap();
            stream.set_read_timeout(Some(SECONDS_10)).unwrap();
            Box::new(stream)
        }
        Endpoint::Domain { path } => {
            let stream = UnixStream::connect(path).unwrap();
            stream.set_read_timeout(Some(SECONDS_10)).unwrap();
            Box::new(stream)
        }
        other => panic!("{other}"),
    }
}

/// Sends the StartupMessage and gives the type and the first word of the answer.
fn start_up(stream: &mut impl Write, user: &str) -> io::Result<()> {
    let body = [&196_608_i32.to_be_bytes()[..], b"user\0", user.as_bytes(), b"\0\0"].concat();
    stream.write_all(&i32::try_from(body.len() + 4).unwrap().to_be_bytes())?;
    stream.write_all(&body)
}

fn message(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let length = i32::from_be_bytes(head[1..].try_into().unwrap());
    let mut body = vec![0; usize::try_from(length).unwrap() - 4];
    stream.read_exact(&mut body).unwrap();
    (head[0], body)
}

fn read_until_ready(stream: &mut impl Read) -> Vec<u8> {
    let mut kinds = Vec::new();
    while kinds.last() != Some(&b'Z') {
        kinds.push(message(stream).0);
    }
    kinds
}

fn query(stream: &mut impl Stream, sql: &str) -> Vec<u8> {
    let length = i32::try_from(sql.len() + 5).unwrap().to_be_bytes();
    stream.write_all(&[b"Q", &length[..], sql.as_bytes(), b"\0"].concat()).unwrap();
    read_until_ready(stream)
}

fn authentication_of(endpoint: &Endpoint, user: &str) -> (u8, i32) {
    let mut stream = connect(endpoint);
    start_up(&mut stream, user).unwrap();
    let (kind, body) = message(&mut stream);
    (kind, i32::from_be_bytes(body[..4].try_into().unwrap()))
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn it_starts_lets_its_user_in_and_ends_without_a_trace() {
    let (place, settings) = place();

    let hyperd = Hyperd::start(&settings).unwrap();
    assert!(matches!(hyperd.endpoint(), Endpoint::Domain { .. }), "{hyperd:?}");
    assert_eq!(authentication_of(hyperd.endpoint(), "tableau_internal_user"), (b'R', 0));
    let pid = hyperd.pid();
    let ended = hyperd.shutdown(SECONDS_10).unwrap();

    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.ending, Ending::Orderly);
    assert!(!is_running(pid));
    assert_nothing_left(place.path());
}

#[test]
fn a_drop_ends_it_as_well() {
    let (place, settings) = place();

    let hyperd = Hyperd::start(&settings).unwrap();
    let pid = hyperd.pid();
    drop(hyperd);

    assert!(!is_running(pid));
    assert_nothing_left(place.path());
}

#[test]
fn on_loopback_the_free_port_is_announced() {
    let (place, mut settings) = place();
    settings.listen = Listen::Loopback;

    let hyperd = Hyperd::start(&settings).unwrap();

    assert!(
        matches!(hyperd.endpoint(), Endpoint::Tcp { host, port: 1.. } if host == "127.0.0.1"),
        "{hyperd:?}"
    );
    assert_eq!(authentication_of(hyperd.endpoint(), "tableau_internal_user"), (b'R', 0));
    hyperd.shutdown(SECONDS_10).unwrap();
    assert_nothing_left(place.path());
}

#[test]
fn a_socket_at_a_given_path_is_removed_even_when_hyperd_was_killed() {
    let (place, mut settings) = place();
    let sockets = tempfile::tempdir().unwrap();
    let socket = sockets.path().join("engine");
    settings.listen = Listen::Domain(socket.clone());

    let hyperd = Hyperd::start(&settings).unwrap();
    assert_eq!(hyperd.endpoint(), &Endpoint::domain(socket.to_str().unwrap()).unwrap());
    assert_eq!(authentication_of(hyperd.endpoint(), "tableau_internal_user"), (b'R', 0));
    signal(hyperd.pid(), Signal::KILL);
    let ended = hyperd.shutdown(SECONDS_10).unwrap();

    assert_eq!(ended.ending, Ending::Otherwise);
    assert_eq!(names_in(sockets.path()), Vec::<String>::new());
    assert_nothing_left(place.path());
}

#[test]
fn a_socket_that_another_hyperd_serves_is_refused_and_left_alone() {
    let (place, mut settings) = place();
    let sockets = tempfile::tempdir().unwrap();
    settings.listen = Listen::Domain(sockets.path().join("engine"));
    let first = Hyperd::start(&settings).unwrap();

    match Hyperd::start(&settings) {
        Err(StartError::Exited { words, .. }) => assert!(words.contains("in use"), "{words}"),
        other => panic!("{other:?}"),
    }

    assert_eq!(authentication_of(first.endpoint(), "tableau_internal_user"), (b'R', 0));
    first.shutdown(SECONDS_10).unwrap();
    assert_nothing_left(place.path());
}

#[test]
fn with_a_password_it_asks_for_scram() {
    const SASL: i32 = 10;
    let (place, mut settings) = place();
    settings.user = "adm".to_owned();
    settings.authentication = Authentication::Password("s3cret".to_owned());

    let hyperd = Hyperd::start(&settings).unwrap();

    assert_eq!(authentication_of(hyperd.endpoint(), "adm"), (b'R', SASL));
    hyperd.shutdown(SECONDS_10).unwrap();
    assert_nothing_left(place.path());
}

#[test]
fn a_password_that_hyperd_cannot_read_is_refused_before_the_start() {
    let (place, mut settings) = place();
    settings.authentication = Authentication::Password("two\nlines".to_owned());

    let result = Hyperd::start(&settings);

    assert!(matches!(result, Err(StartError::Setting(SettingError::Password))), "{result:?}");
    assert_nothing_left(place.path());
    assert!(!format!("{settings:?}").contains("two"), "a password is not for a log");
}

#[test]
fn a_start_that_fails_shows_what_hyperd_said() {
    let (place, mut settings) = place();
    settings.extra = vec![("no-such-setting".to_owned(), "1".to_owned())];

    match Hyperd::start(&settings) {
        Err(StartError::Exited { status, words }) => {
            assert_eq!(status.code(), Some(1));
            assert!(words.contains("No internal setting named 'no_such_setting' exists"), "{words}");
        }
        other => panic!("{other:?}"),
    }
    assert_nothing_left(place.path());
}

#[test]
fn what_cannot_be_run_is_an_error_of_its_own() {
    let (place, mut settings) = place();
    let folder = tempfile::tempdir().unwrap();
    settings.program = folder.path().join("hyperd");
    for content in [None, Some("not executable")] {
        if let Some(content) = content {
            fs::write(&settings.program, content).unwrap();
        }

        match Hyperd::start(&settings) {
            Err(error @ StartError::Spawn { .. }) => assert!(error.source().is_some()),
            other => panic!("{other:?}"),
        }
        assert_nothing_left(place.path());
    }
}

#[test]
fn a_program_that_never_calls_back_is_ended_at_the_deadline_with_its_children() {
    let (place, mut settings) = place();
    let folder = tempfile::tempdir().unwrap();
    settings.program = folder.path().join("hyperd");
    settings.ready_within = Duration::from_millis(500);
    let pids = folder.path().join("pids");
    let script =
        format!("#!/bin/sh\necho I am thinking\nsleep 600 &\necho $$ $! > '{}'\nwait\n", pids.display());
    write_program(&settings.program, &script);
    let started = Instant::now();

    match Hyperd::start(&settings) {
        Err(StartError::NotReady { words, .. }) => assert_eq!(words, "I am thinking"),
        other => panic!("{other:?}"),
    }

    assert!(started.elapsed() >= Duration::from_millis(500));
    for pid in fs::read_to_string(&pids).unwrap().split_whitespace() {
        let pid = pid.parse().unwrap();
        wait_until("the process has ended", SECONDS_10, || !is_running(pid));
    }
    assert_nothing_left(place.path());
}

#[cfg(target_os = "linux")]
#[test]
fn hyperd_and_what_cleans_up_after_it_hold_no_file_of_the_program() {
    use std::os::fd::AsRawFd;
    let (place, settings) = place();
    let folder = tempfile::tempdir().unwrap();
    let held = folder.path().join("held");
    // As a program has it that means to pass it on to its own children.
    let passed_on = rustix::io::fcntl_dupfd_cloexec(File::create(&held).unwrap(), 100).unwrap();
    rustix::io::fcntl_setfd(&passed_on, rustix::io::FdFlags::empty()).unwrap();

    let hyperd = Hyperd::start(&settings).unwrap();

    let started = processes_naming(&place.path().display().to_string());
    assert!(started.len() >= 2, "hyperd and its guard: {started:?}");
    for pid in started {
        let number = passed_on.as_raw_fd();
        assert_ne!(
            fs::read_link(format!("/proc/{pid}/fd/{number}")).ok(),
            Some(held.clone()),
            "process {pid}"
        );
    }
    let flags = rustix::io::fcntl_getfd(&passed_on).unwrap();
    assert!(!flags.contains(rustix::io::FdFlags::CLOEXEC), "it can still be passed on");
    hyperd.shutdown(SECONDS_10).unwrap();
    assert_nothing_left(place.path());
}

#[test]
fn a_program_that_calls_back_with_nonsense_is_ended() {
    if !skipped_tests::has("python3", &["-c", "import socket"]) {
        return;
    }
    let (place, mut settings) = place();
    let folder = tempfile::tempdir().unwrap();
    settings.program = folder.path().join("hyperd");
    for (said, expected) in [
        (r"\x05http\x00", "cannot be understood"),
        (r"\x02http://", "more came"),
        (r"\x09tab.tcp", "before hyperd had said"),
    ] {
        let script = format!(
            "#!/usr/bin/env python3
import socket, sys, time
callback = next(a for a in sys.argv if a.startswith('--callback-connection='))
stream = socket.socket(socket.AF_UNIX)
stream.connect(callback.split('://')[1].replace('/domain/', '/'))
stream.sendall(b'{said}')
stream.shutdown(socket.SHUT_WR)
time.sleep(600)
"
        );
        write_program(&settings.program, &script);

        match Hyperd::start(&settings) {
            Err(error @ StartError::Callback { .. }) => {
                let source = error.source().unwrap().to_string();
                assert!(source.contains(expected), "{said}: {source}");
            }
            other => panic!("{said}: {other:?}"),
        }
        assert_nothing_left(place.path());
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_path() {
    let (place, settings) = place();
    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings.clone();
        change(&mut settings);
        let error = Hyperd::start(&settings).expect_err("it must be refused");
        assert_nothing_left(place.path());
        error
    };
    let long = place.path().join("x".repeat(120));

    assert!(matches!(refused(&|s| s.listen = Listen::Domain("relative".into())), StartError::Path { .. }));
    assert!(matches!(refused(&|s| s.listen = Listen::Domain(long.clone())), StartError::Path { .. }));
    assert!(matches!(refused(&|s| s.log_dir = Some("/nowhere/log".into())), StartError::Path { .. }));
    assert!(matches!(refused(&|s| s.run_dir = Some("/nowhere".into())), StartError::RunFolder { .. }));
    let reserved = ("listen-connection".to_owned(), "x".to_owned());
    let error = refused(&|s| s.extra = vec![reserved.clone()]);
    assert!(matches!(error, StartError::Setting(SettingError::Reserved { .. })), "{error:?}");
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let (place, settings) = place();

    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| Hyperd::start(&settings).unwrap());
        (Hyperd::start(&settings).unwrap(), other.join().unwrap())
    });

    assert_ne!(first.endpoint(), second.endpoint());
    first.shutdown(SECONDS_10).unwrap();
    assert_eq!(authentication_of(second.endpoint(), "tableau_internal_user"), (b'R', 0));
    second.shutdown(SECONDS_10).unwrap();
    assert_nothing_left(place.path());
}

#[test]
fn the_folder_of_a_killed_program_is_swept_by_the_next_start() {
    let (place, settings) = place();
    let abandoned = place.path().join("hyperwire-run-abandoned");
    fs::create_dir_all(abandoned.join("log")).unwrap();
    fs::write(abandoned.join("lock"), "").unwrap();

    let hyperd = Hyperd::start(&settings).unwrap();

    assert!(!abandoned.exists());
    let other = Hyperd::start(&settings).unwrap();
    assert_eq!(
        authentication_of(hyperd.endpoint(), "tableau_internal_user"),
        (b'R', 0),
        "one in use is not swept"
    );
    other.shutdown(SECONDS_10).unwrap();
    hyperd.shutdown(SECONDS_10).unwrap();
    assert_nothing_left(place.path());
}

#[test]
fn one_that_hangs_is_killed_in_the_end() {
    let (place, settings) = place();
    let hyperd = Hyperd::start(&settings).unwrap();
    let pid = hyperd.pid();
    signal(pid, Signal::STOP);

    let ended = hyperd.shutdown(Duration::from_millis(100)).unwrap();

    assert!(matches!(ended, Ended { ending: Ending::Killed, .. }), "{ended:?}");
    assert!(!is_running(pid));
    assert_nothing_left(place.path());
}

#[test]
fn what_was_committed_is_on_disk_after_an_orderly_end() {
    let (place, mut settings) = place();
    let work = tempfile::tempdir().unwrap();
    settings.working_dir = Some(work.path().to_path_buf());
    let session = |statements: &[&str]| {
        let hyperd = Hyperd::start(&settings).unwrap();
        let mut stream = connect(hyperd.endpoint());
        start_up(&mut stream, "tableau_internal_user").unwrap();
        read_until_ready(&mut stream);
        let kinds: Vec<_> = statements.iter().map(|sql| query(&mut stream, sql)).collect();
        // The connection still uses the database when hyperd is told to end.
        let ended = hyperd.shutdown(SECONDS_10).unwrap();
        assert_eq!(ended.ending, Ending::Orderly);
        kinds
    };

    session(&[
        "CREATE DATABASE \"d.hyper\"",
        "ATTACH DATABASE \"d.hyper\" AS d",
        "CREATE TABLE d.public.t (n int)",
        "INSERT INTO d.public.t VALUES (1)",
    ]);
    let kinds = session(&["ATTACH DATABASE \"d.hyper\" AS d", "SELECT * FROM d.public.t"]);

    assert_eq!(kinds[1], b"TDCZ", "one row");
    assert_eq!(names_in(work.path()), ["d.hyper"], "relative paths start at the working folder");
    assert_nothing_left(place.path());
}

#[test]
fn the_log_stays_small_whatever_is_asked() {
    let (place, settings) = place();
    let hyperd = Hyperd::start(&settings).unwrap();
    let mut stream = connect(hyperd.endpoint());
    start_up(&mut stream, "tableau_internal_user").unwrap();
    read_until_ready(&mut stream);
    for sql in ["SELECT 1", "SELECT nonsense"].iter().cycle().take(2_000) {
        query(&mut stream, sql);
    }

    let sizes = names_in(hyperd.log_dir())
        .into_iter()
        .map(|name| fs::metadata(hyperd.log_dir().join(name)).unwrap().len());

    assert!(sizes.sum::<u64>() < 64 * 1024, "one statement leaves 2400 bytes on default settings");
    hyperd.shutdown(SECONDS_10).unwrap();
    assert_nothing_left(place.path());
}

#[test]
fn a_log_that_does_fill_does_not_stop_hyperd_or_fill_the_disk() {
    let (place, mut settings) = place();
    // hyperd prints a line for each new log file: this is a lot of words for the guard.
    let logs_all = ("log-config".to_owned(), "file,json,all,hyperd,0".to_owned());
    settings.extra = vec![logs_all, ("log-file-size-limit".to_owned(), "100k".to_owned())];
    settings.extra.push(("log-queries".to_owned(), "1".to_owned()));
    let hyperd = Hyperd::start(&settings).unwrap();
    let mut stream = connect(hyperd.endpoint());
    start_up(&mut stream, "tableau_internal_user").unwrap();
    read_until_ready(&mut stream);

    for _ in 0..3_000 {
        assert_eq!(query(&mut stream, "SELECT 1"), b"TDCZ");
    }

    let output = fs::metadata(hyperd.log_dir().parent().unwrap().join("output")).unwrap().len();
    assert_eq!(output, 65_536, "the guard keeps 64 KiB and drains the rest");
    assert_eq!(hyperd.shutdown(SECONDS_10).unwrap().ending, Ending::Orderly);
    assert_nothing_left(place.path());
}

#[test]
fn a_lock_that_it_holds_open_lasts_as_long_as_it_does() {
    let (place, mut settings) = place();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daemon.lock");
    let lock = File::options().create_new(true).write(true).open(&path).unwrap();
    lock.lock().unwrap();
    settings.hold_open = Some(Arc::new(lock));

    let hyperd = Hyperd::start(&settings).unwrap();
    settings.hold_open = None;

    let other = File::options().write(true).open(&path).unwrap();
    assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)), "hyperd holds it");
    hyperd.shutdown(SECONDS_10).unwrap();
    assert!(other.try_lock().is_ok());
    assert_nothing_left(place.path());
}

#[test]
fn without_its_guard_hyperd_goes_on_and_still_ends_without_a_trace() {
    let (place, settings) = place();
    let hyperd = Hyperd::start(&settings).unwrap();
    // The zero byte separates two arguments.
    let guards = processes_naming(&format!("hyperwire-guard\0{}", place.path().display()));
    assert_eq!(guards.len(), 1);
    let group = Pid::from_raw(i32::try_from(guards[0]).unwrap()).unwrap();
    rustix::process::kill_process_group(group, Signal::KILL).unwrap();

    assert_eq!(authentication_of(hyperd.endpoint(), "tableau_internal_user"), (b'R', 0));
    assert_eq!(hyperd.shutdown(SECONDS_10).unwrap().ending, Ending::Orderly);
    assert_nothing_left(place.path());
}

#[test]
fn of_a_killed_program_neither_hyperd_nor_a_file_remains() {
    let (place, _) = place();
    // This test program again, running only the helper below.
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_that_holds_a_hyperd", "--ignored", "--nocapture"])
        .env(HOLD_IN, place.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(program.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.filter_map(|line| line.split("hyperd is ").nth(1)?.trim().parse().ok()).next();
    let pid: u32 = pid.expect("the helper says which process hyperd is");
    assert!(is_running(pid));
    assert_eq!(names_in(place.path()).len(), 1);

    program.kill().unwrap();
    program.wait().unwrap();

    wait_until("hyperd has ended", SECONDS_10, || !is_running(pid));
    wait_until("its folder is removed", SECONDS_10, || names_in(place.path()).is_empty());
    wait_until("nothing that was started runs", SECONDS_10, || {
        processes_naming(&place.path().display().to_string()).is_empty()
    });
}

const HOLD_IN: &str = "HYPERWIRE_TEST_HOLD_IN";

#[test]
#[ignore = "the program that another test kills; does nothing by itself"]
fn helper_that_holds_a_hyperd() {
    let Some(place) = std::env::var_os(HOLD_IN) else { return };
    let mut settings = Settings::new(program());
    settings.run_dir = Some(place.into());
    let hyperd = Hyperd::start(&settings).unwrap();
    let mut stdout = io::stdout();
    writeln!(stdout, "hyperd is {}", hyperd.pid()).unwrap();
    stdout.flush().unwrap();
    loop {
        std::thread::park();
    }
}
