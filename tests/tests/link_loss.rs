//! The first fix of the mission at work: a peer that vanished is reported within the bound that the socket's own
//! options promise, idle or not, and a peer that lives is never given up.
//!
//! The bounds are scaled down to seconds, and all cases of a test run side by side on networks of their own. The same
//! at full scale (60 s / 10 s / 3 probes, cap 7.5 s) takes about 110 s and prints what it measured:
//!
//! ```text
//! cargo test -p hyperwire-tests --test link_loss -- --ignored
//! ```
#![cfg(target_os = "linux")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_blocking::core::hyperd::Endpoint;
use hyperwire_blocking::core::liveness::link::{DetectionBound, Keepalive, LinkOption, LinkPolicy};
use hyperwire_blocking::core::session::{Fault, LinkLoss};
use hyperwire_blocking::core::wire::TransactionStatus;
use hyperwire_blocking::socket::{self, LinkReport};
use hyperwire_blocking::{Client, Config, Error};
use hyperwire_tests::network::{Network, PathLoss, SERVER_ADDRESS};
use hyperwire_tests::scripted::{Auth, Failure, Latch, Listen, Rows, Server, Session, oid};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Lost in 5 s when idle, in 14.4 s with bytes in flight.
const SCALED: LinkPolicy = LinkPolicy {
    keepalive: Keepalive { idle: Duration::from_secs(2), interval: Duration::from_secs(1), probes: 3 },
    retransmit_cap: Duration::from_secs(1),
    ..LinkPolicy::DEFAULT
};

/// Far longer than anything takes that works at all.
const GENEROUS: Duration = Duration::from_secs(20);
/// How long scripts wait: longer than any case, so that none ends before its client.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(150);
/// More than all buffers between client and server.
const MUCH: usize = 32 << 20;

#[test]
fn a_vanished_peer_is_reported_within_the_bound_and_not_long_before() {
    side_by_side(&SCALED, &VANISHED);
}

#[test]
fn a_live_peer_is_never_given_up() {
    side_by_side(&SCALED, &ALIVE);
}

#[test]
#[ignore = "takes about 110 s"]
fn every_bound_holds_at_full_scale() {
    side_by_side(&LinkPolicy::DEFAULT, &[&VANISHED[..], &ALIVE[..]].concat());
}

type Case = (&'static str, fn(&Network, &LinkPolicy) -> String);

const VANISHED: [Case; 5] = [
    ("path lost while idle, as the kernel reports it", path_lost_while_idle_on_a_bare_socket),
    ("path lost while idle, and then a statement", path_lost_while_idle),
    ("path lost, then a statement is sent", path_lost_before_a_statement),
    ("path lost, then more is sent than the kernel takes", path_lost_before_a_large_statement),
    ("path lost during an acknowledged statement", path_lost_during_an_acknowledged_statement),
];

const ALIVE: [Case; 3] = [
    ("live server, silent during a statement", live_server_silent_during_a_statement),
    ("live server that does not read", live_server_that_does_not_read),
    ("path healed before the bound", path_healed_before_the_bound),
];

/// When the loss is known at all: a client that does nothing does not ask for it.
fn path_lost_while_idle_on_a_bare_socket(network: &Network, policy: &LinkPolicy) -> String {
    let server = RemoteServer::raw(network, |session| session.send_bytes(b"!"));
    let (endpoint, policy) = (server.endpoint.clone(), *policy);
    let (socket, report) = network
        .client
        .run(move || socket::connect(&endpoint, &policy, Instant::now() + GENEROUS))
        .expect("the server listens");
    let mut socket = TcpStream::from(socket);
    assert_eq!(read_within(&mut socket, GENEROUS).expect("a sign of life"), 1);
    let last_sign_of_life = Instant::now();

    let _loss = PathLoss::drop_both(network).expect("nft works");
    let latest = report.bound.with_allowance().idle.expect("keepalive is on");
    let outcome = read_within(&mut socket, latest);

    let elapsed = last_sign_of_life.elapsed();
    assert_eq!(outcome.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut), "after {elapsed:.2?}");
    in_time(elapsed, report.bound.idle, report.bound.with_allowance().idle)
}

fn path_lost_while_idle(network: &Network, policy: &LinkPolicy) -> String {
    let server = RemoteServer::start(network, |_| Ok(()));
    let client = server.connect(policy);
    let last_sign_of_life = Instant::now();
    let _loss = PathLoss::drop_both(network).expect("nft works");
    let latest = latest(&client).idle.expect("keepalive is on");
    // Nobody waits for the server now, and so nobody is told. The bound passes.
    thread::sleep(latest.saturating_sub(last_sign_of_life.elapsed()));

    let asked = Instant::now();
    let (mut client, outcome) = run(client, |client| client.execute("select 1"), GENEROUS);

    let elapsed = asked.elapsed();
    assert_eq!(lost(outcome), Fault::Link { loss: LinkLoss::TimedOut, request_open: false });
    assert!(elapsed < Duration::from_secs(1), "it is known already, but took {elapsed:.2?}");
    assert!(client.is_closed() && client.ping(GENEROUS).is_err());
    format!("told {elapsed:.2?} after it was asked, without sending anything")
}

fn path_lost_before_a_statement(network: &Network, policy: &LinkPolicy) -> String {
    path_lost_before(network, policy, "select 1".to_owned())
}

fn path_lost_before_a_large_statement(network: &Network, policy: &LinkPolicy) -> String {
    path_lost_before(network, policy, large_statement())
}

fn path_lost_before(network: &Network, policy: &LinkPolicy, sql: String) -> String {
    let server = RemoteServer::start(network, |_| Ok(()));
    let client = server.connect(policy);
    let _loss = PathLoss::drop_both(network).expect("nft works");
    let (nominal, latest) = (client.link().bound.in_flight, latest(&client).in_flight);
    if client.link().options.retransmit_cap.is_none() {
        return format!(
            "not waited for: this kernel has no TCP_RTO_MAX_MS (Linux 6.15), its bound is {nominal:?}"
        );
    }

    let sent = Instant::now();
    let (_, outcome) = run(client, move |client| client.execute(&sql), latest.expect("Linux tells"));

    let elapsed = sent.elapsed();
    assert_eq!(lost(outcome), Fault::Link { loss: LinkLoss::TimedOut, request_open: true });
    in_time(elapsed, nominal, latest)
}

fn path_lost_during_an_acknowledged_statement(network: &Network, policy: &LinkPolicy) -> String {
    let server = RemoteServer::start(network, |session| {
        session.expect_query("select slowly")?;
        // Its bytes acknowledge the statement, so that nothing is in flight behind them.
        session.send_bytes(Rows::of([("a", oid::TEXT)]).description())
    });
    let client = server.connect(policy);
    let (nominal, latest) = (client.link().bound.idle, latest(&client).idle);
    let acknowledged = Latch::new("the statement is acknowledged");

    let running = Running::start(client, {
        let acknowledged = acknowledged.clone();
        move |client| {
            let rows = client.query("select slowly")?;
            acknowledged.release();
            rows.finish().map(|_| 0)
        }
    });
    acknowledged.wait(GENEROUS).expect("the statement runs");
    let last_sign_of_life = Instant::now();
    let _loss = PathLoss::drop_both(network).expect("nft works");
    let (_, outcome) = running.outcome_within(latest.expect("keepalive is on"));

    let elapsed = last_sign_of_life.elapsed();
    assert_eq!(lost(outcome), Fault::Link { loss: LinkLoss::TimedOut, request_open: true });
    in_time(elapsed, nominal, latest)
}

fn live_server_silent_during_a_statement(network: &Network, policy: &LinkPolicy) -> String {
    let answer = Latch::new("the server may answer");
    let server = RemoteServer::start(network, {
        let answer = answer.clone();
        move |session| {
            session.expect_query("select slowly")?;
            session.stall(&answer)?;
            serve_answer(session)
        }
    });
    let client = server.connect(policy);
    let silence = longer_than_every_bound(&client);

    let running = Running::start(client, |client| client.execute("select slowly"));
    running.expect_to_run_for(silence);
    answer.release();
    let (_, outcome) = running.outcome_within(GENEROUS);

    assert_eq!(outcome.expect("the server lives"), 1);
    format!("answered after a silence of {silence:.1?}")
}

fn live_server_that_does_not_read(network: &Network, policy: &LinkPolicy) -> String {
    let (read, sql) = (Latch::new("the server may read"), large_statement());
    let server = RemoteServer::start(network, {
        let (read, sql) = (read.clone(), sql.clone());
        move |session| {
            session.stall(&read)?;
            session.expect_query(&sql)?;
            serve_answer(session)
        }
    });
    let client = server.connect(policy);
    let stall = longer_than_every_bound(&client).max(Duration::from_secs(25));

    let running = Running::start(client, move |client| client.execute(&sql));
    running.expect_to_run_for(stall);
    read.release();
    let (_, outcome) = running.outcome_within(GENEROUS + stall);

    assert_eq!(outcome.expect("the server lives"), 1);
    format!("all {MUCH} bytes arrived after a stall of {stall:.1?}")
}

fn path_healed_before_the_bound(network: &Network, policy: &LinkPolicy) -> String {
    let server = RemoteServer::start(network, |session| {
        session.expect_query("select 1")?;
        serve_answer(session)
    });
    let client = server.connect(policy);
    let (outage, later) = (longer_than_every_bound(&client) / 2, longer_than_every_bound(&client));
    let loss = PathLoss::drop_both(network).expect("nft works");

    let running = Running::start(client, |client| client.execute("select 1"));
    running.expect_to_run_for(outage);
    loss.heal().expect("nft works");
    let (_, outcome) = running.outcome_within(later);

    assert_eq!(outcome.expect("the path is there again"), 1);
    format!("answered after an outage of {outage:.1?}")
}

/// A scripted server on the server's host. Connections stay open until it is dropped, whatever their script does.
struct RemoteServer<'n> {
    network: &'n Network,
    endpoint: Endpoint,
    over: Latch,
    server: Option<Server>,
}

impl<'n> RemoteServer<'n> {
    /// Lets everybody in, and goes on with this script.
    fn start(
        network: &'n Network,
        script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::raw(network, move |session| {
            session.accept_startup(Auth::Trust)?;
            script(session)
        })
    }

    fn raw(
        network: &'n Network,
        script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Self {
        let over = Latch::new("the case is over");
        let end = over.clone();
        let script = move |session: &mut Session| {
            script(session)?;
            session.stall(&end)
        };
        let listen = Listen::tcp_on(SERVER_ADDRESS).patience(SCRIPT_PATIENCE).raw();
        let server = network.server.run(move || listen.serve(script));
        let endpoint = server.address().descriptor().parse().expect("the server's address is an endpoint");
        Self { network, endpoint, over, server: Some(server) }
    }

    /// Connects from the client's host.
    fn connect(&self, policy: &LinkPolicy) -> Client {
        let mut config = Config::new(self.endpoint.clone(), "adm");
        config.link = *policy;
        let client = self.network.client.run(move || Client::connect(config)).expect("the server listens");
        assert_as_asked(client.link());
        client
    }
}

impl Drop for RemoteServer<'_> {
    fn drop(&mut self) {
        self.over.release();
        let server = self.server.take().expect("taken only here");
        if thread::panicking() {
            // A failure of the case itself says more than what it did to the server.
            return drop(server);
        }
        self.network.server.run(move || server.finish()).expect("the script came to its end");
    }
}

fn assert_as_asked(report: &LinkReport) {
    let without_cap = report.options.retransmit_cap.is_none();
    let excused = if without_cap { &[LinkOption::RetransmissionBound][..] } else { &[] };
    assert_eq!(report.unmet, excused, "what was asked for is what the socket has");
}

/// A client at work, on a thread of its own.
struct Running(mpsc::Receiver<(Client, Result<u64, Error>)>);

impl Running {
    fn start(
        mut client: Client,
        work: impl FnOnce(&mut Client) -> Result<u64, Error> + Send + 'static,
    ) -> Self {
        let (done, outcome) = mpsc::channel();
        thread::spawn(move || {
            let outcome = work(&mut client);
            // The case may have given up.
            let _ = done.send((client, outcome));
        });
        Self(outcome)
    }

    fn expect_to_run_for(&self, time: Duration) {
        if let Ok((_, outcome)) = self.0.recv_timeout(time) {
            panic!("it should run for {time:.1?}, but ended: {outcome:?}");
        }
    }

    fn outcome_within(&self, bound: Duration) -> (Client, Result<u64, Error>) {
        self.0.recv_timeout(bound).unwrap_or_else(|_| panic!("nothing was reported within {bound:.2?}"))
    }
}

fn run(
    client: Client,
    work: impl FnOnce(&mut Client) -> Result<u64, Error> + Send + 'static,
    bound: Duration,
) -> (Client, Result<u64, Error>) {
    Running::start(client, work).outcome_within(bound)
}

fn serve_answer(session: &mut Session) -> Result<(), Failure> {
    session.complete("SELECT 1")?;
    session.ready(TransactionStatus::Idle)
}

fn large_statement() -> String {
    format!("select '{}'", "x".repeat(MUCH))
}

#[track_caller]
fn lost(outcome: Result<u64, Error>) -> Fault {
    match outcome {
        Err(Error::Session { fault, .. }) => fault,
        outcome => panic!("the connection should be lost, but: {outcome:?}"),
    }
}

/// Expects a loss to be reported between 80 % of the nominal bound and the latest moment allowed.
fn in_time(elapsed: Duration, nominal: Option<Duration>, latest: Option<Duration>) -> String {
    let (nominal, latest) = nominal.zip(latest).expect("Linux tells everything that a bound needs");
    let earliest = nominal * 4 / 5;
    assert!(elapsed >= earliest, "lost after {elapsed:.2?}, {earliest:.2?} is the earliest");
    assert!(elapsed <= latest, "lost after {elapsed:.2?}, {latest:.2?} is the latest");
    format!("lost after {elapsed:.2?}; nominal {nominal:.2?}, latest {latest:.2?}")
}

fn latest(client: &Client) -> DetectionBound {
    client.link().bound.with_allowance()
}

/// Past the latest moment at which any loss would be reported; without a cap the bound in flight is out of reach.
fn longer_than_every_bound(client: &Client) -> Duration {
    let in_flight = client.link().options.retransmit_cap.and(latest(client).in_flight);
    latest(client).idle.max(in_flight).expect("keepalive is on") + Duration::from_secs(1)
}

/// Reads from a socket that does not block; `WouldBlock` if nothing happened for so long.
fn read_within(socket: &mut TcpStream, time: Duration) -> io::Result<usize> {
    let deadline = Instant::now() + time;
    loop {
        match socket.read(&mut [0; 16]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            outcome => return outcome,
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) if left.is_zero() => return Err(io::ErrorKind::WouldBlock.into()),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Runs every case in a thread and on a network of its own, tells what was measured, and fails if any failed.
fn side_by_side(policy: &LinkPolicy, cases: &[Case]) {
    let Some(networks) = cases.iter().map(|_| Network::new_or_skip()).collect::<Option<Vec<_>>>() else {
        return;
    };
    let failed: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = cases
            .iter()
            .zip(networks)
            .map(|((name, case), network)| {
                let thread = thread::Builder::new().name((*name).into());
                let run = move || {
                    let outcome = case(&network, policy);
                    // Past the test harness, which shows what is printed only when a test fails.
                    let _ = writeln!(io::stderr(), "{name}: {outcome}");
                };
                (name, thread.spawn_scoped(scope, run).expect("the system has room for a thread"))
            })
            .collect();
        running.into_iter().filter_map(|(name, case)| case.join().is_err().then_some(*name)).collect()
    });
    assert!(failed.is_empty(), "failed: {failed:?}");
}
