//! A share in a daemon's hyperd, found or started from the embedder's loop. Each test has a network of its own, because
//! the ports of daemons are the same everywhere.

use std::ffi::OsString;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_blocking::daemon::{Answers, Daemon, Place, Stopped, look, stop};
use hyperwire_blocking::hyperd::{Environment, locate_or_install};
use hyperwire_blocking::shared::{JoinError, Settings};
use hyperwire_mio::hyperwire_core::control::{BASE_PORT, Record, StopMode};
use hyperwire_mio::hyperwire_core::daemon::Exit;
use hyperwire_mio::hyperwire_core::election::{Event as ElectionEvent, Phase};
use hyperwire_mio::hyperwire_core::hyperd::DEFAULT_USER;
use hyperwire_mio::{Config, Connection, Election, Event};
use hyperwire_tests::network::Network;
use hyperwire_tests::real_hyperd::wait_until;
use mio::{Events, Poll, Token};

/// A daemon starts within a second, and hyperd too.
const PATIENT: Duration = Duration::from_secs(40);

/// Elections, and a connection, of one poll.
struct Embedder {
    poll: Poll,
    events: Events,
    elections: Vec<Election>,
    waits: usize,
}

impl Embedder {
    fn new() -> Self {
        let poll = Poll::new().expect("a poll");
        Self { poll, events: Events::with_capacity(16), elections: Vec::new(), waits: 0 }
    }

    fn join(
        &mut self,
        place: &Place,
        command: impl FnMut() -> Result<Vec<OsString>, String> + Send + 'static,
    ) {
        let mut settings = Settings::new(place.clone(), "mio test", [""; 0]);
        settings.command = Box::new(command);
        let token = Token(100 + self.elections.len() * Election::TOKENS);
        self.elections.push(Election::join(settings, self.poll.registry(), token).expect("it begins"));
    }

    /// Waits for the next event of this election; the others go on meanwhile.
    fn next(&mut self, number: usize) -> Result<ElectionEvent, JoinError> {
        let bound = Instant::now() + PATIENT;
        loop {
            if let Some(event) = self.elections[number].poll_event()? {
                return Ok(event);
            }
            assert!(Instant::now() < bound, "nothing happened: {:?}", self.elections[number]);
            self.wait(PATIENT);
        }
    }

    fn wait(&mut self, at_most: Duration) {
        let deadline = self.elections.iter().filter_map(Election::deadline).min();
        let left = deadline.map_or(at_most, |at| at.saturating_duration_since(Instant::now()));
        self.poll.poll(&mut self.events, Some(left.min(at_most))).expect("the poll waits");
        for election in &mut self.elections {
            self.events.iter().for_each(|event| election.on_ready(event));
            election.on_timeout(Instant::now());
        }
        self.waits += 1;
    }

    fn adopt(&mut self, number: usize) -> std::sync::Arc<Record> {
        let event = self.next(number).expect("there is a daemon, or will be");
        let ElectionEvent::Adopted { record, lease: Some(_) } = event else { panic!("{event:?}") };
        assert!(self.elections[number].has_lease());
        record
    }

    /// Runs a statement on the hyperd of the daemon, in the same poll.
    fn run_on(&mut self, record: &Record) -> i32 {
        let config = Config::new(record.endpoint().expect("an endpoint"), DEFAULT_USER);
        let mut connection = Connection::connect(config, self.poll.registry(), Token(0)).expect("it begins");
        let id = connection.query("SELECT 42").expect("it is taken");
        connection.demand(id, u64::MAX);
        let (mut found, bound) = (0, Instant::now() + PATIENT);
        loop {
            assert!(Instant::now() < bound, "nothing happened: {connection:?}");
            while let Some(event) = connection.poll_event().expect("hyperd answers") {
                match event {
                    Event::Row(_) => found = crate::value(&connection),
                    Event::Finished { .. } => connection.close(),
                    _ => {}
                }
            }
            if connection.is_closed() {
                return found;
            }
            let wait = connection.deadline().map(|at| at.saturating_duration_since(Instant::now()));
            let wait = wait.map_or(PATIENT, |wait| wait.min(PATIENT));
            self.poll.poll(&mut self.events, Some(wait)).expect("the poll waits");
            for event in &self.events {
                connection.on_ready(event);
                self.elections.iter_mut().for_each(|election| election.on_ready(event));
            }
            connection.on_timeout(Instant::now());
        }
    }
}

fn hyperd() -> PathBuf {
    let found = locate_or_install(&Environment::of_this_process(), &mut |_| ControlFlow::Continue(()));
    found.expect("these tests need the real hyperd").path
}

/// The command that starts a daemon.
fn daemon_command(hyperd: &std::path::Path) -> Vec<OsString> {
    vec![env!("CARGO_BIN_EXE_hyperwire-tests-daemon").into(), hyperd.into()]
}

/// Runs a test on a host of its own, with a state folder of its own.
fn on_a_host(test: impl FnOnce(Place, PathBuf) + Send + 'static) {
    let Some(network) = Network::new_or_skip() else { return };
    let hyperd = hyperd();
    network.client.run(move || {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        test(Place::new(folder.path()), hyperd);
    });
}

#[test]
fn a_daemon_that_is_there_is_adopted_and_left_when_it_says_so() {
    on_a_host(|place, hyperd| {
        let settings = hyperwire_blocking::daemon::Settings::new(place.clone(), hyperd);
        let daemon = Daemon::new(&settings).expect("a daemon");
        let handle = daemon.stop_handle();
        let running = thread::spawn(move || daemon.run(&mut |_| {}));
        wait_until("the daemon answers", PATIENT, || matches!(look(&place).daemon, Answers::Ours(_)));
        let mut embedder = Embedder::new();
        embedder.join(&place, || Err("nothing is to be started".to_owned()));

        embedder.adopt(0);
        let record = embedder.elections[0].enter().expect("it was adopted");
        assert_eq!(record.pid, std::process::id());
        assert_eq!(embedder.run_on(&record), 42);

        // It stays as long as something runs on it, and says that it wants to leave.
        handle.stop(StopMode::Drain);
        assert!(matches!(embedder.next(0), Ok(ElectionEvent::Draining(_))));
        assert!(embedder.elections[0].enter().is_none(), "nothing new may begin on it");
        assert_eq!(embedder.run_on(&record), 42, "what runs may go on");
        embedder.elections[0].leave();
        let outcome = embedder.next(0);
        assert!(
            matches!(&outcome, Err(JoinError::Command(why)) if why == "nothing is to be started"),
            "{outcome:?}"
        );
        assert_eq!(embedder.elections[0].phase(), Phase::Failed);
        assert!(matches!(running.join().expect("no panic"), Ok(Exit::Drained(_))));
    });
}

#[test]
fn where_there_is_no_daemon_one_is_started_and_two_elections_share_it() {
    on_a_host(|place, hyperd| {
        let mut embedder = Embedder::new();
        for _ in 0..2 {
            let command = daemon_command(&hyperd);
            embedder.join(&place, move || Ok(command.clone()));
        }

        let (first, second) = (embedder.adopt(0), embedder.adopt(1));

        assert_eq!(first.pid, second.pid, "one daemon for both");
        assert_ne!(first.pid, std::process::id());
        assert_eq!(embedder.run_on(&first), 42);
        let waits = embedder.waits;
        let until = Instant::now() + crate::SHORT;
        while Instant::now() < until {
            let silent = embedder.elections.iter_mut().all(|e| matches!(e.poll_event(), Ok(None)));
            assert!(silent, "a lease is held in silence");
            embedder.wait(until.saturating_duration_since(Instant::now()));
        }
        assert!(embedder.waits - waits < 10, "{} times around for nothing", embedder.waits - waits);
        drop(embedder);
        let stopped = stop(&place, StopMode::Drain, PATIENT).expect("it can be told");
        assert_eq!(stopped, Stopped::Gone, "nobody holds a lease any more");
    });
}

/// Somebody may listen on a daemon's port and say nothing; the loop goes on all the while.
#[test]
fn a_port_that_does_not_answer_is_passed_over_within_its_bound() {
    on_a_host(|place, hyperd| {
        let _silent = TcpListener::bind(("127.0.0.1", BASE_PORT)).expect("nobody else is on this host");
        let mut embedder = Embedder::new();
        let command = daemon_command(&hyperd);
        embedder.join(&place, move || Ok(command.clone()));

        let mut longest = Duration::ZERO;
        let bound = Instant::now() + PATIENT;
        let record = loop {
            assert!(Instant::now() < bound, "no daemon: {:?}", embedder.elections[0]);
            let start = Instant::now();
            let event = embedder.elections[0].poll_event().expect("there will be a daemon");
            longest = longest.max(start.elapsed());
            if let Some(ElectionEvent::Adopted { record, .. }) = event {
                break record;
            }
            embedder.wait(PATIENT);
        };

        assert_ne!(record.health_port, BASE_PORT);
        // PROBE_REPLY is a second, which somebody who waited for the port would have spent in one call.
        assert!(longest < Duration::from_millis(900), "a call took {longest:?}");
        drop(embedder);
        assert_eq!(stop(&place, StopMode::Drain, PATIENT).expect("it can be told"), Stopped::Gone);
    });
}
