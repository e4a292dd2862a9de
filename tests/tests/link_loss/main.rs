//! The first fix of the mission at work: a peer that vanished is reported within the bound that the socket's own
//! options promise, idle or not, and a peer that lives is never given up.
//!
//! The cases here use bare sockets, to measure when the kernel reports what; those in `client` show that the client of
//! hyperwire passes the report on as what it is.
//!
//! The bounds are scaled down to seconds, and all cases of a test run side by side on networks of their own. The same
//! at full scale (60 s / 10 s / 3 probes, cap 7.5 s) takes about 105 s and prints what it measured:
//!
//! ```text
//! cargo test -p hyperwire-tests --test link_loss -- --ignored
//! ```
#![cfg(target_os = "linux")]

mod client;
mod foretold;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hyperwire_blocking::socket::{self, LinkReport};
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::{DetectionBound, Keepalive, LinkPolicy};
use hyperwire_tests::network::{Network, PathLoss, SERVER_ADDRESS};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use foretold::{Foretold, assert_policy_is_met, longer_than_every_bound, why_not_wait_in_flight};

/// Lost in 5 s when idle, in 14.4 s with bytes in flight.
const SCALED: LinkPolicy = LinkPolicy {
    keepalive: Keepalive { idle: Duration::from_secs(2), interval: Duration::from_secs(1), probes: 3 },
    retransmit_cap: Duration::from_secs(1),
    ..LinkPolicy::DEFAULT
};

/// Far longer than anything takes that works at all.
const GENEROUS: Duration = Duration::from_secs(20);
/// How long the server waits for bytes: longer than the outage of any case, so that it ends if a case fails.
const SERVER_PATIENCE: Duration = Duration::from_secs(150);

const QUERY: &[u8; 6] = b"query\n";
/// What the server says while it works on a query; as it acknowledges the query, nothing is in flight afterwards.
const PULSE: u8 = b'?';
const ANSWER: u8 = b'!';

#[test]
fn a_vanished_peer_is_reported_within_the_bound_and_not_long_before() {
    side_by_side(&SCALED, &VANISHED);
}

#[test]
fn a_live_peer_is_never_given_up() {
    side_by_side(&SCALED, &ALIVE);
}

#[test]
#[ignore = "takes about 105 s"]
fn every_bound_holds_at_full_scale() {
    side_by_side(&LinkPolicy::DEFAULT, &[&VANISHED[..], &ALIVE[..]].concat());
}

type Case = (&'static str, fn(&Network, &LinkPolicy) -> String);

const VANISHED: [Case; 7] = [
    ("path lost while idle", path_lost_while_idle),
    ("path lost, then a query is sent", path_lost_before_a_query),
    ("path lost during an acknowledged query", path_lost_during_an_acknowledged_query),
    ("hyperwire client: path lost while idle", client::path_lost_while_idle),
    ("hyperwire client: path lost, then a query is sent", client::path_lost_before_a_query),
    (
        "hyperwire client: path lost, then more is sent than the kernel can hold",
        client::path_lost_before_a_query_that_the_kernel_cannot_hold,
    ),
    (
        "hyperwire client: path lost during an acknowledged query",
        client::path_lost_during_an_acknowledged_query,
    ),
];

const ALIVE: [Case; 5] = [
    ("live server, silent during a query", live_server_silent_during_a_query),
    ("live server that does not read", live_server_that_does_not_read),
    ("path healed before the bound", path_healed_before_the_bound),
    ("hyperwire client: live server, silent during a query", client::live_server_silent_during_a_query),
    ("hyperwire client: live server that does not read", client::live_server_that_does_not_read),
];

fn path_lost_while_idle(network: &Network, policy: &LinkPolicy) -> String {
    let server = Server::start(network, |stream, _| {
        read_query(stream);
        send(stream, ANSWER);
    });
    let mut client = Client::connect(network, server.address, policy);
    client.send_query();
    assert_eq!(client.next_event(GENEROUS), Event::Byte(ANSWER));
    let last_sign_of_life = Instant::now();

    let _loss = PathLoss::drop_both(network).expect("nft works");

    client.expect_loss(last_sign_of_life, |bound| bound.idle)
}

fn path_lost_before_a_query(network: &Network, policy: &LinkPolicy) -> String {
    let server = Server::start(network, |_, _| {});
    let mut client = Client::connect(network, server.address, policy);
    let _loss = PathLoss::drop_both(network).expect("nft works");
    if let Some(reason) = why_not_wait_in_flight(&client.report) {
        return reason;
    }

    let sent = Instant::now();
    client.send_query();

    client.expect_loss(sent, |bound| bound.in_flight)
}

fn path_lost_during_an_acknowledged_query(network: &Network, policy: &LinkPolicy) -> String {
    let server = Server::start(network, |stream, _| {
        read_query(stream);
        send(stream, PULSE);
    });
    let mut client = Client::connect(network, server.address, policy);
    client.send_query();
    assert_eq!(client.next_event(GENEROUS), Event::Byte(PULSE));
    let last_sign_of_life = Instant::now();

    let _loss = PathLoss::drop_both(network).expect("nft works");

    client.expect_loss(last_sign_of_life, |bound| bound.idle)
}

fn live_server_silent_during_a_query(network: &Network, policy: &LinkPolicy) -> String {
    let server = Server::start(network, |stream, told| {
        read_query(stream);
        send(stream, PULSE);
        answer_when_told(stream, told);
    });
    let mut client = Client::connect(network, server.address, policy);
    client.send_query();
    assert_eq!(client.next_event(GENEROUS), Event::Byte(PULSE));
    let silence = longer_than_every_bound(&client.report);

    let during = client.next_event(silence);
    server.tell_to_answer_after(0);
    let after = client.next_event(GENEROUS);

    assert_eq!((during, after), (Event::Nothing, Event::Byte(ANSWER)));
    format!("answered after a silence of {silence:.1?}")
}

fn live_server_that_does_not_read(network: &Network, policy: &LinkPolicy) -> String {
    let server = Server::start(network, answer_when_told);
    let mut client = Client::connect(network, server.address, policy);
    let stall = longer_than_every_bound(&client.report).max(Duration::from_secs(25));

    let sent = client.write_until_stalled_for(stall);
    server.tell_to_answer_after(sent);
    let event = client.next_event(GENEROUS);

    assert_eq!(event, Event::Byte(ANSWER), "the server got all {sent} bytes");
    format!("all {sent} bytes arrived after a stall of {stall:.1?}")
}

fn path_healed_before_the_bound(network: &Network, policy: &LinkPolicy) -> String {
    let server = Server::start(network, |stream, _| {
        read_query(stream);
        send(stream, ANSWER);
    });
    let mut client = Client::connect(network, server.address, policy);
    let outage = longer_than_every_bound(&client.report) / 2;
    let loss = PathLoss::drop_both(network).expect("nft works");
    client.send_query();

    let during = client.next_event(outage);
    loss.heal().expect("nft works");
    let after = client.next_event(longer_than_every_bound(&client.report));

    assert_eq!((during, after), (Event::Nothing, Event::Byte(ANSWER)));
    format!("answered after an outage of {outage:.1?}")
}

/// Everything that the cases ask of a client.
struct Client {
    stream: TcpStream,
    report: LinkReport,
}

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Byte(u8),
    Closed,
    Lost(io::ErrorKind),
    /// Within the given time.
    Nothing,
}

impl Client {
    fn connect(network: &Network, address: SocketAddr, policy: &LinkPolicy) -> Self {
        let endpoint = Endpoint::Tcp { host: address.ip().to_string(), port: address.port() };
        let policy = *policy;
        let (socket, report) = network
            .client
            .run(move || socket::connect(&endpoint, &policy, Instant::now() + GENEROUS))
            .expect("the server listens");
        assert_policy_is_met(&report);
        Self { stream: socket.into(), report }
    }

    fn send_query(&mut self) {
        self.stream.write_all(QUERY).expect("an empty send buffer has room");
    }

    fn next_event(&mut self, within: Duration) -> Event {
        let deadline = Instant::now() + within;
        loop {
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(0) => return Event::Closed,
                Ok(_) => return Event::Byte(byte[0]),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Event::Lost(error.kind()),
                Err(_) if ready(&self.stream, PollFlags::POLLIN, deadline) => {}
                Err(_) => return Event::Nothing,
            }
        }
    }

    /// Expects the kernel to report the loss when this bound foretells it.
    fn expect_loss(&mut self, since: Instant, which: fn(&DetectionBound) -> Option<Duration>) -> String {
        let foretold = Foretold::by(&self.report, which);

        let event = self.next_event(foretold.latest.saturating_sub(since.elapsed()));

        let elapsed = since.elapsed();
        assert_eq!(event, Event::Lost(io::ErrorKind::TimedOut), "after {elapsed:.2?}, {foretold}");
        foretold.check(elapsed)
    }

    /// Writes until the peer's window and every buffer are full and nothing has moved for `stall`.
    fn write_until_stalled_for(&mut self, stall: Duration) -> usize {
        let chunk = [b'x'; 65_536];
        let mut sent = 0;
        let mut last_progress = Instant::now();
        loop {
            match self.stream.write(&chunk) {
                Ok(count) => {
                    sent += count;
                    last_progress = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !ready(&self.stream, PollFlags::POLLOUT, last_progress + stall) {
                        return sent;
                    }
                }
                Err(error) => panic!("given up after a stall of {:.2?}: {error}", last_progress.elapsed()),
            }
        }
    }
}

/// A server of one connection. It acknowledges what arrives (its kernel does) and runs a script; the connection stays
/// open until the server is dropped.
struct Server {
    address: SocketAddr,
    /// Dropping it ends whatever the script waits for.
    orders: Option<Sender<usize>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(
        network: &Network,
        script: impl FnOnce(&mut TcpStream, &Receiver<usize>) + Send + 'static,
    ) -> Self {
        let listener = network.server.run(|| TcpListener::bind((SERVER_ADDRESS, 0))).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (orders, told) = mpsc::channel();
        let thread = network.server.spawn(move || {
            let called = ready(&listener, PollFlags::POLLIN, Instant::now() + GENEROUS);
            assert!(called, "a client connects within {GENEROUS:?}");
            let (mut stream, _) = listener.accept().expect("a client is there");
            stream.set_read_timeout(Some(SERVER_PATIENCE)).expect("a socket option");
            script(&mut stream, &told);
            // Returns when the test is over.
            let _ = told.recv();
        });
        Self { address, orders: Some(orders), thread: Some(thread) }
    }

    /// Has the script go on, read `bytes` more and answer.
    fn tell_to_answer_after(&self, bytes: usize) {
        let orders = self.orders.as_ref().expect("only `drop` takes it");
        orders.send(bytes).expect("the script waits for it");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.orders.take());
        let outcome = self.thread.take().expect("taken only here").join();
        // A failure of the case itself says more than what it did to the server.
        assert!(outcome.is_ok() || thread::panicking(), "the server's script failed");
    }
}

fn read_query(stream: &mut TcpStream) {
    let mut query = [0; QUERY.len()];
    stream.read_exact(&mut query).expect("a query");
    assert_eq!(&query, QUERY);
}

fn answer_when_told(stream: &mut TcpStream, told: &Receiver<usize>) {
    let Ok(bytes) = told.recv() else { return };
    let mut received = vec![0; bytes];
    stream.read_exact(&mut received).expect("every byte arrives");
    send(stream, ANSWER);
}

fn send(stream: &mut TcpStream, byte: u8) {
    stream.write_all(&[byte]).expect("the client is there");
}

/// Waits until `socket` is ready or failed; `false` at the deadline.
fn ready(socket: &impl AsFd, what: PollFlags, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let count = match poll(&mut [PollFd::new(socket.as_fd(), what)], timeout) {
            Err(nix::errno::Errno::EINTR) => continue,
            outcome => outcome.expect("poll works on a socket"),
        };
        if count > 0 || left.is_zero() {
            return count > 0;
        }
    }
}

/// Runs every case in a thread and on a network of its own, tells what was measured, and fails if any failed.
fn side_by_side(policy: &LinkPolicy, cases: &[Case]) {
    let Some(networks) = cases.iter().map(|_| Network::that_loses_or_skip()).collect::<Option<Vec<_>>>()
    else {
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
