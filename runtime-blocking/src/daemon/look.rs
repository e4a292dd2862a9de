//! Looking at a place from outside, and telling its daemon to end: for a person who asks.

use std::thread;
use std::time::{Duration, Instant};

use hyperwire_core::control::{
    Command, DAEMON_LOCK, Incarnation, LockTest, PROBE_REPLY, Phase, Probe, Record, RecordRead, Reply,
    Status, StopMode, Transcript, is_same_machine,
};
use hyperwire_core::election::Greeting;

use super::port::{self, Link, NoAnswer};
use super::probes::Probes;
use super::state_folder::StateFolder;
use super::{Place, host};

/// How often it is looked whether a daemon that was told to end has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What is at a place. Looking changes nothing and creates nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sight {
    /// What `daemon.json` says.
    pub record: RecordRead,
    /// Whether a daemon holds the lock.
    pub lock: LockTest,
    /// What the daemon answers that the record names, or else the lowest one of this user's that knows no locks.
    pub daemon: Answers,
}

/// What asking the daemon gave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answers {
    /// There is no record that names one, and nobody else is there.
    Nobody,
    /// One of ours, which proved that it wrote the record.
    Ours(Box<Status>),
    /// One that knows no leases, such as that of `hyperdb-mcp`.
    Legacy(Box<Status>),
    /// The record names this port, and nobody listens there.
    Refused(u16),
    /// The record names this port, and it does not answer in time.
    Silent(u16),
    /// The record names this port, and somebody else is there.
    Stranger(u16),
    /// The record is that of another machine, boot or container.
    Elsewhere(String),
}

/// How an order to end was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// There was none to stop.
    NotRunning,
    /// It is gone.
    Gone,
    /// It leaves when those who use it have done.
    Draining,
}

/// Why an order to end was not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// A daemon holds the lock and cannot be reached.
    #[error("a daemon holds the lock of this state folder but cannot be reached ({answers}); if it does not come back, end its process{}", process.map_or_else(String::new, |pid| format!(" {pid}")))]
    Unreachable {
        /// How it looks.
        answers: String,
        /// Which process it says it is.
        process: Option<u32>,
    },
    /// It did not do as told.
    #[error("the daemon did not obey: {0}")]
    Refused(String),
}

/// Asks ports of 127.0.0.1 who is there, all at once: half a second at most.
#[must_use]
pub fn look_at_ports(ports: impl IntoIterator<Item = u16>) -> Vec<(u16, Probe)> {
    Probes::ask_all(ports)
}

/// Looks. Takes a few milliseconds, and a second at most if the record's port is frozen.
#[must_use]
pub fn look(place: &Place) -> Sight {
    let folder = StateFolder::new(&place.state_folder);
    let record = folder.read_record();
    let daemon = match &record {
        RecordRead::Found(record) => ask(record, place),
        _ => unadvertised(place),
    };
    Sight { record, lock: folder.test_lock(DAEMON_LOCK), daemon }
}

fn ask(record: &Record, place: &Place) -> Answers {
    let port = record.health_port;
    if let Some(own) = &record.advertised {
        if !is_same_machine(&own.host, &host::name()) {
            return Answers::Elsewhere(own.host.clone());
        }
        return match prove(record) {
            Ok((mut link, _)) => match link.status(Instant::now() + PROBE_REPLY) {
                Ok(status) => Answers::Ours(status.into()),
                Err(_) => Answers::Silent(port),
            },
            Err(why) => unanswered(why, port),
        };
    }
    match port::probe(port) {
        probe @ Probe::Daemon { .. } => match place.text().and_then(|folder| probe.legacy(folder)) {
            Some(found) if found.is_of(record) => {
                Answers::Legacy(Status::new((**found).clone(), None).into())
            }
            _ => Answers::Stranger(port),
        },
        Probe::Refused => Answers::Refused(port),
        Probe::Silent => Answers::Silent(port),
        _ => Answers::Stranger(port),
    }
}

fn unanswered(why: NoAnswer, port: u16) -> Answers {
    match why {
        NoAnswer::Refused => Answers::Refused(port),
        NoAnswer::Silent => Answers::Silent(port),
        NoAnswer::Foreign | NoAnswer::Error(_) => Answers::Stranger(port),
    }
}

/// Daemons that know no locks may be there without a record.
fn unadvertised(place: &Place) -> Answers {
    let ports = std::iter::successors(place.ports.after(None), |port| place.ports.after(Some(*port)));
    let found = look_at_ports(ports).into_iter().find_map(|(_, probe)| probe.legacy(place.text()?).cloned());
    found.map_or(Answers::Nobody, |record| Answers::Legacy(Status::new((*record).clone(), None).into()))
}

/// Says HELLO to the daemon that the record names and checks that it wrote the record.
fn prove(record: &Record) -> Result<(Link, Transcript), NoAnswer> {
    let (nonce, reply, link) = match port::hello(record.health_port) {
        (Greeting::Reply { nonce, reply }, Some(link)) => (nonce, reply, link),
        (Greeting::Refused, _) => return Err(NoAnswer::Refused),
        (Greeting::Silent, _) => return Err(NoAnswer::Silent),
        _ => return Err(NoAnswer::Foreign),
    };
    let secret = record.advertised.as_ref().and_then(|own| own.auth).ok_or(NoAnswer::Foreign)?;
    let Reply::Hello { incarnation, generation, phase, nonce: server, mac } = reply else {
        return Err(NoAnswer::Foreign);
    };
    let transcript = Transcript { client: nonce, server, incarnation, port: record.health_port };
    let proven =
        record.incarnation() == Some(incarnation) && mac == transcript.hello(&secret, generation, phase);
    if proven { Ok((link, transcript)) } else { Err(NoAnswer::Foreign) }
}

/// Tells the daemon of this place to end, and waits until it has, at most so long. `Force` ends what runs on it.
///
/// # Errors
/// See [`StopError`].
pub fn stop(place: &Place, mode: StopMode, within: Duration) -> Result<Stopped, StopError> {
    let deadline = hyperwire_carrier::deadline(within);
    let settled = Instant::now() + PROBE_REPLY;
    let mut none_left = Stopped::NotRunning;
    let told = loop {
        match tell(place, mode)? {
            Told::Nobody => return Ok(none_left),
            Told::Legacy(record) => return stop_legacy(&record, deadline),
            Told::Ours(incarnation) => break incarnation,
            // A daemon that begins to leave takes down its record and its port within milliseconds.
            Told::LeftMeanwhile if Instant::now() < settled => none_left = Stopped::Gone,
            Told::LeftMeanwhile => {
                return Err(StopError::Refused("it closes every connection that asks".to_owned()));
            }
        }
        thread::sleep(LOOK_AGAIN);
    };
    let folder = StateFolder::new(&place.state_folder);
    // Whoever waits for the lock may have it in the next moment.
    Ok(wait_until(deadline, || match folder.test_lock(DAEMON_LOCK) {
        LockTest::Free => true,
        LockTest::Held(body) => body.is_some_and(|body| body.incarnation != told),
        LockTest::Error(_) => false,
    }))
}

/// Who was given the order.
enum Told {
    Nobody,
    Ours(Incarnation),
    /// One that has to be told in its own way.
    Legacy(Box<Record>),
    /// It was there when it was looked at, and had left when it was to be told.
    LeftMeanwhile,
}

fn tell(place: &Place, mode: StopMode) -> Result<Told, StopError> {
    let sight = look(place);
    match (&sight.daemon, &sight.record) {
        (Answers::Ours(_), RecordRead::Found(record)) => {
            let told = tell_ours(record, mode)?;
            match &sight.lock {
                // The record is of one whose folder was deleted and which wrote it into the new one. It is not the daemon
                // of this place any more; that one has the lock, and no record leads to it for up to 30 s.
                LockTest::Held(Some(body)) if record.incarnation() != Some(body.incarnation) => {
                    if host::terminate(body.daemon) {
                        Ok(Told::Ours(body.incarnation))
                    } else {
                        Ok(told)
                    }
                }
                _ => Ok(told),
            }
        }
        (Answers::Legacy(status), _) => Ok(Told::Legacy(Box::new(status.record.clone()))),
        (answers, _) => match &sight.lock {
            LockTest::Free => Ok(Told::Nobody),
            // Leaving, it has no record and no port any more; only a signal reaches it.
            LockTest::Held(Some(body)) if body.phase == Phase::Draining => {
                if mode == StopMode::Force && !host::terminate(body.daemon) {
                    return Err(unreachable(answers, Some(body.daemon.pid)));
                }
                Ok(Told::Ours(body.incarnation))
            }
            LockTest::Held(body) => Err(unreachable(answers, body.as_ref().map(|body| body.daemon.pid))),
            LockTest::Error(error) => Err(StopError::Refused(error.to_string())),
        },
    }
}

fn tell_ours(record: &Record, mode: StopMode) -> Result<Told, StopError> {
    let secret = record.advertised.as_ref().and_then(|own| own.auth);
    let (Ok((mut link, transcript)), Some(secret)) = (prove(record), secret) else {
        return Ok(Told::LeftMeanwhile);
    };
    let mac = transcript.stop_if(&secret, mode);
    let order = Command::StopIf { incarnation: transcript.incarnation, mode, mac };
    match link.ask(&order, Instant::now() + PROBE_REPLY) {
        Ok(Reply::Stopping | Reply::Ok) => Ok(Told::Ours(transcript.incarnation)),
        Ok(other) => Err(StopError::Refused(other.to_string())),
        Err(NoAnswer::Silent) => Err(StopError::Refused("it did not answer".to_owned())),
        Err(_) => Ok(Told::LeftMeanwhile),
    }
}

fn stop_legacy(record: &Record, deadline: Instant) -> Result<Stopped, StopError> {
    let port = record.health_port;
    let process = host::process(record.pid);
    if port::exchange(port, &Command::Stop) != Ok(Reply::Stopping) {
        return Err(StopError::Refused("it did not answer STOP".to_owned()));
    }
    // It gives up its port up to ten seconds before it ends its hyperd.
    Ok(wait_until(deadline, || port::probe(port) == Probe::Refused && !host::is_alive(process)))
}

fn unreachable(answers: &Answers, process: Option<u32>) -> StopError {
    StopError::Unreachable { answers: answers.to_string(), process }
}

fn wait_until(deadline: Instant, gone: impl Fn() -> bool) -> Stopped {
    loop {
        if gone() {
            return Stopped::Gone;
        }
        if Instant::now() >= deadline {
            return Stopped::Draining;
        }
        thread::sleep(LOOK_AGAIN);
    }
}

impl std::fmt::Display for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody => f.write_str("no record names it"),
            Self::Ours(status) => write!(f, "a daemon answers on port {}", status.record.health_port),
            Self::Legacy(status) => {
                write!(f, "a daemon of hyperdb-mcp answers on port {}", status.record.health_port)
            }
            Self::Refused(port) => write!(f, "nobody listens on port {port}, which its record names"),
            Self::Silent(port) => write!(f, "port {port}, which its record names, does not answer"),
            Self::Stranger(port) => write!(f, "another program is on port {port}, which its record names"),
            Self::Elsewhere(host) => write!(f, "its record is of another machine or container, {host:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
