//! What a program sees that uses the blocking client: every call ends, with an answer or with what happened.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use hyperwire_blocking::hyperwire_core::session::{Fault, LinkLoss};
use hyperwire_blocking::{Client, Config, Error};
use hyperwire_core::hyperd::Endpoint;
use hyperwire_core::liveness::link::LinkPolicy;
use hyperwire_core::wire::TransactionStatus;
use hyperwire_tests::network::{Network, PathLoss, SERVER_ADDRESS};
use hyperwire_tests::scripted::{Auth, Failure, Latch, Listen, Rows, Server, Session, oid};

use super::foretold::{Foretold, assert_policy_is_met, longer_than_every_bound, why_not_wait_in_flight};
use super::{GENEROUS, SERVER_PATIENCE};

const STATEMENT: &str = "SELECT said";
const ANSWER: &str = "at last";
/// What a call may take that has nothing to wait for.
const AT_ONCE: Duration = Duration::from_millis(500);

pub(crate) fn path_lost_while_idle(network: &Network, policy: &LinkPolicy) -> String {
    let over = Latch::new("the case is over");
    let until_over = over.clone();
    let server = serve(network, move |session| session.stall(&until_over));
    let (first, second) = (connect(network, &server, policy), connect(network, &server, policy));
    let last_sign_of_life = Instant::now();
    let foretold = Foretold::by(first.link(), |bound| bound.idle);

    let _loss = PathLoss::drop_both(network).expect("nft works");
    // The client does nothing meanwhile, so there is nothing to wait for but the time by which its kernel knows.
    thread::sleep(foretold.latest.saturating_sub(last_sign_of_life.elapsed()));
    let ping = call(network, first, |client| client.ping(GENEROUS)).expect_within(GENEROUS);
    let query = call(network, second, ask).expect_within(GENEROUS);

    assert_timed_out(&ping.outcome.unwrap_err(), false);
    assert_timed_out(&query.outcome.unwrap_err(), false);
    assert!(ping.took < AT_ONCE && query.took < AT_ONCE, "{:.2?}, {:.2?}", ping.took, query.took);
    finish(network, server, &over);
    format!("{foretold}; a ping then failed in {:.2?}, a query in {:.2?}", ping.took, query.took)
}

pub(crate) fn path_lost_before_a_query(network: &Network, policy: &LinkPolicy) -> String {
    path_lost_before(network, policy, ask)
}

/// The kernel reports the loss once. Here it may be to a write, behind which a read finds an orderly end.
pub(crate) fn path_lost_before_a_query_that_the_kernel_cannot_hold(
    network: &Network,
    policy: &LinkPolicy,
) -> String {
    path_lost_before(network, policy, ask_at_length)
}

fn path_lost_before(
    network: &Network,
    policy: &LinkPolicy,
    ask: fn(&mut Client) -> Result<String, Error>,
) -> String {
    let over = Latch::new("the case is over");
    let until_over = over.clone();
    let server = serve(network, move |session| session.stall(&until_over));
    let client = connect(network, &server, policy);
    let foretold = Foretold::by(client.link(), |bound| bound.in_flight);
    let out_of_reach = why_not_wait_in_flight(client.link());
    let _loss = PathLoss::drop_both(network).expect("nft works");
    if let Some(reason) = out_of_reach {
        finish(network, server, &over);
        return reason;
    }

    let query = call(network, client, ask).expect_within(foretold.latest + GENEROUS);

    assert_timed_out(&query.outcome.unwrap_err(), true);
    finish(network, server, &over);
    foretold.check(query.took)
}

pub(crate) fn path_lost_during_an_acknowledged_query(network: &Network, policy: &LinkPolicy) -> String {
    let (works, over) = (Latch::new("the server works on the query"), Latch::new("the case is over"));
    let (is_working, until_over) = (works.clone(), over.clone());
    let server = serve(network, move |session| {
        session.expect_query(STATEMENT)?;
        // Acknowledges the query: nothing is in flight to the server any more.
        session.pulse()?;
        is_working.release();
        session.stall(&until_over)
    });
    let client = connect(network, &server, policy);
    let foretold = Foretold::by(client.link(), |bound| bound.idle);
    let running = call(network, client, ask);
    works.wait(GENEROUS).expect("the query arrives");
    let last_sign_of_life = Instant::now();

    let _loss = PathLoss::drop_both(network).expect("nft works");
    let query = running.expect_within(foretold.latest + GENEROUS);

    assert_timed_out(&query.outcome.unwrap_err(), true);
    finish(network, server, &over);
    foretold.check(query.ended - last_sign_of_life)
}

pub(crate) fn live_server_silent_during_a_query(network: &Network, policy: &LinkPolicy) -> String {
    let (works, answer) = (Latch::new("the server works on the query"), Latch::new("the server answers"));
    let (is_working, until_told) = (works.clone(), answer.clone());
    let server = serve(network, move |session| {
        session.expect_query(STATEMENT)?;
        is_working.release();
        session.stall(&until_told)?;
        session.send_rows(&Rows::of([("said", oid::TEXT)]).row([Some(ANSWER)]))?;
        session.ready(TransactionStatus::Idle)
    });
    let client = connect(network, &server, policy);
    let silence = longer_than_every_bound(client.link());
    let running = call(network, client, ask);
    works.wait(GENEROUS).expect("the query arrives");

    let during = running.outcome_within(silence);
    answer.release();

    assert!(during.is_none(), "the server has said nothing, the client: {during:?}");
    let query = running.expect_within(GENEROUS);
    assert_eq!(query.outcome.expect("the answer"), ANSWER);
    finish(network, server, &answer);
    format!("answered after a silence of {silence:.1?}")
}

pub(crate) fn live_server_that_does_not_read(network: &Network, policy: &LinkPolicy) -> String {
    let read = Latch::new("the server reads");
    let until_told = read.clone();
    let server = serve(network, move |session| {
        session.stall(&until_told)?;
        session.expect_query(&lengthy_statement())?;
        session.send_rows(&Rows::of([("said", oid::TEXT)]).row([Some(ANSWER)]))?;
        session.ready(TransactionStatus::Idle)
    });
    let client = connect(network, &server, policy);
    let stall = longer_than_every_bound(client.link()).max(Duration::from_secs(25));
    let running = call(network, client, ask_at_length);

    let during = running.outcome_within(stall);
    read.release();

    assert!(during.is_none(), "the server has read nothing, the client: {during:?}");
    // The kernel looks for an open window again after at most as long as it was closed.
    let query = running.expect_within(stall + GENEROUS);
    assert_eq!(query.outcome.expect("the answer"), ANSWER);
    finish(network, server, &read);
    format!("answered after a stall of {stall:.1?}")
}

/// A server on the server's host; every connection logs in and runs the script.
fn serve(
    network: &Network,
    script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
) -> Server {
    let script = move |session: &mut Session| {
        session.accept_startup(Auth::Trust)?;
        script(session)
    };
    network.server.run(|| Listen::tcp_on(SERVER_ADDRESS).patience(SERVER_PATIENCE).serve(script))
}

/// Ends the server, which must have seen nothing unexpected.
fn finish(network: &Network, server: Server, over: &Latch) {
    over.release();
    network.server.run(|| server.finish()).expect("the script went as written");
}

fn connect(network: &Network, server: &Server, policy: &LinkPolicy) -> Client {
    let address = server.address().tcp();
    let endpoint = Endpoint::Tcp { host: address.ip().to_string(), port: address.port() };
    let mut config = Config::new(endpoint, "user");
    config.link = *policy;
    config.connect_timeout = GENEROUS;
    let client = network.client.run(|| Client::connect(config)).expect("the server listens");
    assert_policy_is_met(client.link());
    client
}

fn ask(client: &mut Client) -> Result<String, Error> {
    value_of(client, STATEMENT)
}

fn ask_at_length(client: &mut Client) -> Result<String, Error> {
    value_of(client, &lengthy_statement())
}

/// Longer than all buffers between client and server can hold.
fn lengthy_statement() -> String {
    format!("{STATEMENT} -- {}", "x".repeat(32 << 20))
}

/// The value that the statement returns.
fn value_of(client: &mut Client, statement: &str) -> Result<String, Error> {
    let mut rows = client.query(statement)?;
    let said = rows.next()?.expect("a row").get("said")?;
    rows.finish()?;
    Ok(said)
}

/// A call that runs in a thread of the client's host, so that one that hangs fails the test and does not hang it.
struct Call<T>(Receiver<Ended<T>>);

/// A call that is over.
#[derive(Debug)]
struct Ended<T> {
    outcome: Result<T, Error>,
    took: Duration,
    ended: Instant,
}

fn call<T: Send + 'static>(
    network: &Network,
    mut client: Client,
    run: fn(&mut Client) -> Result<T, Error>,
) -> Call<T> {
    let (done, outcome) = mpsc::channel();
    network.client.spawn(move || {
        let begun = Instant::now();
        let outcome = run(&mut client);
        let ended = Instant::now();
        assert_eq!(client.is_closed(), outcome.is_err(), "only a lost link makes these calls fail");
        // Nobody listens if the case has failed.
        let _ = done.send(Ended { outcome, took: ended - begun, ended });
    });
    Call(outcome)
}

impl<T> Call<T> {
    /// `None` if it is not over then.
    fn outcome_within(&self, within: Duration) -> Option<Ended<T>> {
        match self.0.recv_timeout(within) {
            Ok(ended) => Some(ended),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the client panicked"),
        }
    }

    fn expect_within(&self, within: Duration) -> Ended<T> {
        self.outcome_within(within)
            .unwrap_or_else(|| panic!("the client hangs: no outcome after {within:.2?}"))
    }
}

#[track_caller]
fn assert_timed_out(error: &Error, request_was_open: bool) {
    let Error::Session { fault: Fault::Link { loss, request_open }, .. } = error else {
        panic!("no lost link: {error:?}")
    };
    assert_eq!((*loss, *request_open), (LinkLoss::TimedOut, request_was_open), "{error:?}");
}
