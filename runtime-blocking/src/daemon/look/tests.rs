use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use hyperwire_core::control::{Advertised, LockBody, Nonce, Ports, Process, Secret, VERSION};

use super::*;
use crate::daemon::state_folder::describe;

const INCARNATION: Incarnation = Incarnation([7; 16]);
const SECRET: Secret = Secret([9; 32]);
const WITHIN: Duration = Duration::from_secs(10);

#[test]
fn one_that_leaves_between_two_questions_is_told_as_one_that_is_leaving() {
    let daemon = Scripted::start();
    let place = daemon.place.clone();
    let leaving = thread::spawn(move || {
        daemon.answer_hello_and_status();
        daemon.begin_to_leave()
    });

    let stopped = stop(&place, StopMode::Drain, Duration::ZERO).expect("it is leaving");

    assert_eq!(stopped, Stopped::Draining);
    drop(leaving.join().expect("it does not panic"));
}

#[test]
fn one_that_has_left_before_it_could_be_told_has_ended() {
    let daemon = Scripted::start();
    let place = daemon.place.clone();
    let leaving = thread::spawn(move || {
        daemon.answer_hello_and_status();
        drop(daemon.begin_to_leave());
    });

    let stopped = stop(&place, StopMode::Drain, WITHIN).expect("what was asked for has come about");

    assert_eq!(stopped, Stopped::Gone);
    leaving.join().expect("it does not panic");
}

#[test]
fn one_that_closes_every_connection_that_would_tell_it_is_given_up() {
    let daemon = Scripted::start();
    let place = daemon.place.clone();
    thread::spawn(move || {
        loop {
            daemon.answer_hello_and_status();
            drop(daemon.accept());
        }
    });

    let error = stop(&place, StopMode::Drain, WITHIN).expect_err("it never takes the order");

    assert!(matches!(error, StopError::Refused(_)), "{error}");
}

/// A daemon as far as one sees it from outside.
struct Scripted {
    place: Place,
    record: Record,
    listener: TcpListener,
    lock: std::fs::File,
    folder: tempfile::TempDir,
}

impl Scripted {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let mut place = Place::new(folder.path().join("state"));
        place.ports = Ports::new(port, 1);
        let advertised = Advertised {
            incarnation: INCARNATION,
            generation: 1,
            phase: Phase::Ready,
            host: host::name(),
            auth: Some(SECRET),
            identity: None,
        };
        let record = Record {
            pid: std::process::id(),
            hyperd_endpoint: "tab.tcp://localhost:1".to_owned(),
            health_port: port,
            started_at: "then".to_owned(),
            version: VERSION.to_owned(),
            advertised: Some(advertised),
        };
        let state = StateFolder::new(&place.state_folder);
        let (_, lock) = state.try_lock(DAEMON_LOCK);
        state.publish(&record, "new").expect("it is written");
        let daemon = Self { place, record, listener, lock: lock.expect("nobody else has it"), folder };
        daemon.describe(Phase::Ready);
        daemon
    }

    fn describe(&self, phase: Phase) {
        let body = LockBody {
            host: host::name(),
            daemon: Process { pid: std::process::id(), started: 0 },
            engine: None,
            incarnation: INCARNATION,
            phase,
            port: Some(self.record.health_port),
        };
        describe(&self.lock, &body);
    }

    fn accept(&self) -> TcpStream {
        self.listener.accept().expect("somebody asks").0
    }

    /// What one look takes.
    fn answer_hello_and_status(&self) {
        let mut stream = self.accept();
        let mut lines = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
        let mut next = || lines.next().and_then(Result::ok).map(|line| Command::parse(&line));
        let Some(Command::Hello { nonce: client }) = next() else { return };
        let server = Nonce([3; 16]);
        let transcript =
            Transcript { client, server, incarnation: INCARNATION, port: self.record.health_port };
        let mac = transcript.hello(&SECRET, 1, Phase::Ready);
        let hello =
            Reply::Hello { incarnation: INCARNATION, generation: 1, phase: Phase::Ready, nonce: server, mac };
        stream.write_all(hello.to_line().as_bytes()).expect("it reads");
        if next() == Some(Command::Status) {
            let status = Reply::Status(Status::new(self.record.clone(), None).to_line().into());
            stream.write_all(status.to_line().as_bytes()).expect("it reads");
        }
    }

    /// As a daemon does it: first the lock's text, then the record and the port. What is left is the lock.
    fn begin_to_leave(self) -> impl Send {
        self.describe(Phase::Draining);
        StateFolder::new(&self.place.state_folder).remove_record(Some(INCARNATION));
        drop(self.listener);
        (self.lock, self.folder)
    }
}
