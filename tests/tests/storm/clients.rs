//! Many clients that begin at the same moment.

use std::fs;
use std::io::{self, PipeWriter, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_tests::fake_engine::{Entry, Journal, monotonic_nanoseconds};
use hyperwire_tests::hyperwire_binary::hyperwire_binary;
use rustix::process::Signal;

use crate::checker::was_answered;
use crate::place::Place;
use crate::plan::Allowance;
use crate::processes::signal_pid;
use crate::violation::Violation;

/// Says that it is there, waits for the end of its input, and becomes the client.
const WAIT_AT_THE_BARRIER: &str =
    r#"echo; read -r _; out="$1"; err="$2"; shift 2; exec "$@" </dev/null >"$out" 2>"$err""#;

/// Longer than an election may take (90 s), after which a client has to say what is wrong.
const BOUND: Duration = Duration::from_secs(100);

/// Clients that were started and wait for the others.
pub(crate) struct Barrier {
    clients: Clients,
    /// The input of all of them ends with this.
    gate: PipeWriter,
}

/// Clients that run.
pub(crate) struct Clients {
    running: Vec<Client>,
}

struct Client {
    number: usize,
    child: Child,
    /// A fault killed it.
    killed: bool,
    ended: Option<std::process::ExitStatus>,
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) client: usize,
    pub(crate) ending: Ending,
    /// A fault killed it.
    pub(crate) killed: bool,
    /// Standard output.
    pub(crate) output: String,
    /// Standard error.
    pub(crate) words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Code(i32),
    Signal(i32),
    /// It did not end.
    Hung(Duration),
}

impl Barrier {
    /// Starts one client for each list of arguments, and returns when all of them wait.
    pub(crate) fn raise(place: &Place, arguments: &[Vec<String>]) -> io::Result<Self> {
        let (input, gate) = io::pipe()?;
        let (mut arrivals, arrival) = io::pipe()?;
        let mut clients = Clients { running: Vec::new() };
        for (number, arguments) in arguments.iter().enumerate() {
            let mut command = place.command(Path::new("/bin/sh"));
            let words = |kind: &str| place.clients().join(format!("{number}.{kind}"));
            command.args(["-c", WAIT_AT_THE_BARRIER, "client"]).arg(words("out")).arg(words("err"));
            command.arg(hyperwire_binary()).args(arguments);
            command.stdin(input.try_clone()?).stdout(arrival.try_clone()?).stderr(Stdio::inherit());
            let child = command.spawn()?;
            clients.running.push(Client { number, child, killed: false, ended: None });
        }
        drop(arrival);
        arrivals.read_exact(&mut vec![0; arguments.len()])?;
        Ok(Self { clients, gate })
    }

    /// Lets all of them go.
    pub(crate) fn fall(self) -> Clients {
        drop(self.gate);
        self.clients
    }
}

impl Clients {
    /// The process ids of those that have not ended.
    pub(crate) fn alive(&mut self) -> Vec<u32> {
        self.running
            .iter_mut()
            .filter_map(|client| {
                client.look();
                client.ended.is_none().then(|| client.child.id())
            })
            .collect()
    }

    /// Kills one, unless it has ended; whether it had not.
    pub(crate) fn kill(&mut self, pid: u32, journal: &Journal) -> bool {
        let Some(client) = self.running.iter_mut().find(|client| client.child.id() == pid) else {
            return false;
        };
        client.look();
        let at = monotonic_nanoseconds();
        if client.ended.is_some() || signal_pid(pid, Signal::KILL).is_err() {
            return false;
        }
        client.killed = true;
        let event = hyperwire_tests::fake_engine::Event::Killed;
        journal.write_entry(&Entry { at, pid, event }).expect("the journal is on a disk with room");
        true
    }

    /// Waits for all of them, and says what became of each.
    pub(crate) fn wait(mut self, place: &Place) -> Vec<Report> {
        let deadline = Instant::now() + BOUND;
        while !self.alive().is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        self.running.drain(..).map(|client| client.report(place)).collect()
    }
}

/// A test that fails leaves no client behind.
impl Drop for Clients {
    fn drop(&mut self) {
        for client in &mut self.running {
            let _ = client.child.kill();
            let _ = client.child.wait();
        }
    }
}

impl Client {
    fn look(&mut self) {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("the system knows its own children");
        }
    }

    fn report(mut self, place: &Place) -> Report {
        let ending = match self.ended {
            Some(status) => {
                let signal = || Ending::Signal(status.signal().unwrap_or_default());
                status.code().map_or_else(signal, Ending::Code)
            }
            None => {
                let _ = self.child.kill();
                let _ = self.child.wait();
                Ending::Hung(BOUND)
            }
        };
        // Without such a file it was killed at the barrier.
        let read = |kind: &str| {
            let bytes = fs::read(place.clients().join(format!("{}.{kind}", self.number))).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Report { client: self.number, ending, killed: self.killed, output: read("out"), words: read("err") }
    }
}

/// What is wrong with how a client of a fake engine ended.
pub(crate) fn check_client(report: &Report, journal: &[Entry], allowance: &Allowance) -> Option<Violation> {
    let client = report.client;
    let lies = |reason: String| Some(Violation::ClientLies { client, reason });
    let words = report.words.trim().to_owned();
    match report.ending {
        Ending::Hung(waited) => Some(Violation::ClientHangs { client, waited, words }),
        Ending::Signal(9) if report.killed => None,
        Ending::Code(0) if report.output != "{\"served\":1}\n" => {
            lies(format!("it printed {:?}", report.output))
        }
        Ending::Code(0) if !was_answered(journal, &mark(client)) => {
            lies("no engine answered its statement".to_owned())
        }
        Ending::Code(0) => None,
        Ending::Code(3) if allowance.no_daemon && !words.is_empty() => None,
        Ending::Code(4) if allowance.lost && !words.is_empty() => None,
        ending => {
            let status = format!("{ending:?}");
            let excused = matches!(ending, Ending::Code(3) if allowance.no_daemon)
                || matches!(ending, Ending::Code(4) if allowance.lost);
            Some(if excused {
                Violation::ClientSilent { client, status }
            } else {
                Violation::ClientFailed { client, status, words }
            })
        }
    }
}

/// What a client runs: a statement that names the client and takes so long on a fake engine.
pub(crate) fn statement(client: usize, hold: Duration) -> String {
    format!("SELECT {}hold {} ms'", mark(client), hold.as_millis())
}

fn mark(client: usize) -> String {
    format!("'client {client} ")
}
