//! The server goes away: at any point, with and without a word, and the client says what that means for its statement.

use std::io::ErrorKind;
use std::net::SocketAddr;

use hyperwire_blocking::{Config, Error};
use hyperwire_core::session::{Fault, LinkLoss};
use hyperwire_core::wire::{FrontendMessage, TransactionStatus};
use socket2::{Domain, Socket, Type};

use super::scenario;
use crate::conformance::peer::{LONG, fault_of, texts};
use crate::conformance::{Client, Offer, Request, Scenario, SocketKind, Stage};
use crate::scripted::{Auth, Latch};

type Call = fn(&mut dyn Client) -> Result<(), Error>;

const QUERY: Call = |client| client.execute("insert").map(drop);
const PARAMETERS: Call = |client| client.finish(&Request::Parameters("insert", &[])).map(drop);
const PREPARE: Call = |client| client.prepare("insert", &[]).map(drop);
const TRANSACTION: Call = |client| client.transaction(&[], crate::conformance::End::Commit);
const PING: Call = |client| client.ping(LONG);

pub(super) fn all() -> Vec<Scenario> {
    let (rows, complete) = (texts(&["one", "two"]), b"C\0\0\0\x0fINSERT 0 2\0");
    let answers = [
        ("nothing", vec![]),
        ("description", rows.description().to_vec()),
        ("half_a_row", [rows.description(), &rows.rows()[..9]].concat()),
        ("rows", [rows.description(), rows.rows()].concat()),
        ("complete", [rows.description(), rows.rows(), complete].concat()),
    ];
    let mut all: Vec<_> = answers
        .into_iter()
        .map(|(far, answer)| {
            let name = format!("a_server_that_goes_away_during_a_statement_leaves_its_effect_unknown::{far}");
            Scenario::new(name, move |stage| during_a_statement(stage, &answer))
        })
        .collect();
    all.extend([
        // A Unix socket knows no resets.
        scenario!(a_reset_is_told_from_an_end).not_on(SocketKind::Unix),
        scenario!(a_statement_that_was_never_sent_is_known_not_to_have_run, query, QUERY),
        scenario!(a_statement_that_was_never_sent_is_known_not_to_have_run, parameters, PARAMETERS),
        scenario!(a_statement_that_was_never_sent_is_known_not_to_have_run, prepare, PREPARE),
        scenario!(a_statement_that_was_never_sent_is_known_not_to_have_run, transaction, TRANSACTION)
            .needs(Offer::Transactions),
        scenario!(a_statement_that_was_never_sent_is_known_not_to_have_run, ping, PING),
        scenario!(a_server_that_says_why_it_ends_an_idle_session_is_quoted),
        scenario!(a_server_that_says_why_it_ends_a_session_during_a_statement_is_quoted, query, QUERY),
        scenario!(
            a_server_that_says_why_it_ends_a_session_during_a_statement_is_quoted,
            parameters,
            PARAMETERS
        ),
        scenario!(a_server_that_says_why_it_ends_a_session_during_a_statement_is_quoted, prepare, PREPARE),
        scenario!(a_ping_runs_nothing_whose_effect_could_be_unknown),
        scenario!(a_server_that_goes_away_during_start_up_has_run_nothing, at_once, Phase::Accepted),
        scenario!(a_server_that_goes_away_during_start_up_has_run_nothing, asked, Phase::Asked),
        scenario!(a_server_that_goes_away_during_start_up_has_run_nothing, let_in, Phase::LetIn),
        scenario!(a_client_says_goodbye, dropped, false),
        scenario!(a_client_says_goodbye, closed, true),
        // Connecting is a matter of sockets; the core begins behind it.
        scenario!(a_server_that_is_not_there_is_a_failure_to_connect).not_on(SocketKind::Memory),
    ]);
    all
}

fn during_a_statement(stage: &Stage<'_>, answer: &[u8]) {
    let server = stage.serve({
        let answer = answer.to_vec();
        move |session| {
            session.expect_query("insert ... returning a")?;
            session.send_bytes(&answer)?;
            session.close();
            Ok(())
        }
    });
    let mut client = server.connect();

    let fault = fault_of(client.execute("insert ... returning a"));

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: true });
    assert_eq!(fault_of(client.execute("select 1")), fault, "and so at every later call");
    assert!(client.is_closed());
    server.finish();
}

fn a_reset_is_told_from_an_end(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query("select 1")?;
        session.reset()
    });
    let mut client = server.connect();

    let fault = fault_of(client.execute("select 1"));

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Reset, request_open: true });
    server.finish();
}

/// Then the statement can be run again elsewhere without fear.
fn a_statement_that_was_never_sent_is_known_not_to_have_run(stage: &Stage<'_>, run: Call) {
    let gone = Latch::new("the server has closed");
    let server = stage.serve({
        let gone = gone.clone();
        move |session| {
            session.half_close()?;
            gone.release();
            session.expect_eof()
        }
    });
    let mut client = server.connect();
    server.wait_until_it_said(&gone);

    let fault = fault_of(run(&mut *client));

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: false });
    server.finish();
}

fn a_server_that_says_why_it_ends_an_idle_session_is_quoted(stage: &Stage<'_>) {
    let gone = Latch::new("the server has closed");
    let server = stage.serve({
        let gone = gone.clone();
        move |session| {
            session.send_error("57P01", "the server is shut down")?;
            session.half_close()?;
            gone.release();
            session.expect_eof()
        }
    });
    let mut client = server.connect();
    server.wait_until_it_said(&gone);

    let error = client.execute("select 1").expect_err("the session is over");

    assert_eq!(error.server().map(|said| said.message()), Some("the server is shut down"), "{error:?}");
    assert!(error.is_session_lost());
    server.finish();
}

fn a_server_that_says_why_it_ends_a_session_during_a_statement_is_quoted(stage: &Stage<'_>, run: Call) {
    let server = stage.serve(|session| {
        session.next_message()?;
        session.send_error("08P01", "protocol violation")?;
        session.half_close()?;
        session.expect_client_to_give_up()
    });
    let mut client = server.connect();

    let error = run(&mut *client).expect_err("the session is over");

    assert_eq!(error.server().map(|said| said.message()), Some("protocol violation"), "{error:?}");
    assert!(error.is_session_lost());
    server.finish();
}

fn a_ping_runs_nothing_whose_effect_could_be_unknown(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect(&FrontendMessage::Sync)?;
        session.close();
        Ok(())
    });
    let mut client = server.connect();

    let fault = fault_of(client.ping(LONG));

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: false });
    server.finish();
}

/// How far a start-up comes.
#[derive(Clone, Copy)]
enum Phase {
    Accepted,
    Asked,
    LetIn,
}

fn a_server_that_goes_away_during_start_up_has_run_nothing(stage: &Stage<'_>, phase: Phase) {
    let server = stage.script(move |session| {
        let startup = session.read_startup()?;
        match phase {
            Phase::Accepted => {}
            Phase::Asked => {
                session.send_bytes(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0")?;
                session.next_message()?;
            }
            Phase::LetIn => session.authenticate(&Auth::Trust, &startup)?,
        }
        session.close();
        Ok(())
    });

    let fault = fault_of(server.connect_with(server.config().password("secret")));

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: false });
    server.finish();
}

fn a_client_says_goodbye(stage: &Stage<'_>, in_good_order: bool) {
    let server = stage.serve(|session| {
        session.expect(&FrontendMessage::Sync)?;
        session.ready(TransactionStatus::Idle)?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut client = server.connect();
    client.ping(LONG).expect("answered");

    if in_good_order {
        client.close().expect("nothing is open");
    } else {
        drop(client);
    }

    server.finish();
}

fn a_server_that_is_not_there_is_a_failure_to_connect(stage: &Stage<'_>) {
    // Bound and not listening, so that nobody else can listen there.
    let reserved = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    reserved.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let address = reserved.local_addr().expect("bound").as_socket().expect("TCP");
    let (endpoint, expected) = match stage.socket {
        SocketKind::Tcp => {
            (format!("tab.tcp://{address}").parse().expect("an endpoint"), ErrorKind::ConnectionRefused)
        }
        SocketKind::Unix => {
            let server = stage.serve(|_| Ok(()));
            let endpoint = server.config().endpoint;
            drop(server.connect());
            // Its folder is gone as well.
            server.finish();
            (endpoint, ErrorKind::NotFound)
        }
        SocketKind::Memory => unreachable!("it is not for memory"),
    };

    let Err(error) = stage.runtime.connect(Config::new(endpoint, "adm")) else { panic!("nobody listens") };

    assert!(matches!(&error, Error::Connect { source, .. } if source.kind() == expected), "{error:?}");
}
