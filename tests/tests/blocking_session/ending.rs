//! The server goes away: at any point, with and without a word, and the client says what that means for its statement.

use hyperwire_blocking::core::session::{Fault, LinkLoss};
use hyperwire_blocking::core::wire::{FrontendMessage, TransactionStatus};
use hyperwire_blocking::{Client, Error};
use hyperwire_tests::scripted::{Auth, Latch, Listen, Server};
use rstest::rstest;

use crate::{LONG, config, connect, fault_of, serve, texts};

/// How far the server gets with its answer.
#[derive(Clone, Copy, Debug)]
enum Answered {
    Nothing,
    Description,
    HalfARow,
    Rows,
    Complete,
}

#[rstest]
fn a_server_that_goes_away_during_a_statement_leaves_its_effect_unknown(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
    #[values(
        Answered::Nothing,
        Answered::Description,
        Answered::HalfARow,
        Answered::Rows,
        Answered::Complete
    )]
    answered: Answered,
) {
    let server = serve(listen(), move |session| {
        session.expect_query("insert ... returning a")?;
        let (rows, complete) = (texts(&["one", "two"]), b"C\0\0\0\x0fINSERT 0 2\0");
        let bytes = match answered {
            Answered::Nothing => vec![],
            Answered::Description => rows.description().to_vec(),
            Answered::HalfARow => [rows.description(), &rows.rows()[..9]].concat(),
            Answered::Rows => [rows.description(), rows.rows()].concat(),
            Answered::Complete => [rows.description(), rows.rows(), complete].concat(),
        };
        session.send_bytes(&bytes)?;
        session.close();
        Ok(())
    });
    let mut client = connect(&server);

    let fault = fault_of(client.execute("insert ... returning a"));

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: true });
    assert_eq!(fault_of(client.execute("select 1")), fault, "and so at every later call");
    assert!(client.is_closed());
    server.finish().unwrap();
}

#[test]
fn a_reset_is_told_from_an_end() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select 1")?;
        session.reset()
    });
    let mut client = connect(&server);

    let error = client.execute("select 1").expect_err("the connection is reset");

    let Error::Session { fault, source } = error else { panic!("{error:?}") };
    assert_eq!(fault, Fault::Link { loss: LinkLoss::Reset, request_open: true });
    assert_eq!(source.map(|source| source.kind()), Some(std::io::ErrorKind::ConnectionReset));
    server.finish().unwrap();
}

/// Then the statement can be run again elsewhere without fear.
#[rstest]
#[case::query(|client: &mut Client| client.execute("insert").map(drop))]
#[case::parameters(|client: &mut Client| client.execute_params("insert", &[]).map(drop))]
#[case::prepare(|client: &mut Client| client.prepare("insert", &[]).map(drop))]
#[case::transaction(|client: &mut Client| client.transaction().map(drop))]
#[case::ping(|client: &mut Client| client.ping(LONG))]
fn a_statement_that_was_never_sent_is_known_not_to_have_run(
    #[case] run: fn(&mut Client) -> Result<(), Error>,
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let gone = Latch::new("the server has closed");
    let server = serve(listen(), {
        let gone = gone.clone();
        move |session| {
            session.half_close()?;
            gone.release();
            session.expect_eof()
        }
    });
    let mut client = connect(&server);
    gone.wait(LONG).expect("the server closes");

    let fault = fault_of(run(&mut client));

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: false });
    server.finish().unwrap();
}

#[test]
fn a_server_that_says_why_it_ends_an_idle_session_is_quoted() {
    let gone = Latch::new("the server has closed");
    let server = serve(Listen::tcp(), {
        let gone = gone.clone();
        move |session| {
            session.send_error("57P01", "the server is shut down")?;
            session.half_close()?;
            gone.release();
            session.expect_eof()
        }
    });
    let mut client = connect(&server);
    gone.wait(LONG).expect("the server closes");

    let error = client.execute("select 1").expect_err("the session is over");

    assert_eq!(error.server().map(|said| said.message()), Some("the server is shut down"), "{error:?}");
    assert!(error.is_session_lost());
    server.finish().unwrap();
}

#[rstest]
#[case::simple(|client: &mut Client| client.execute("select 1").map(drop))]
#[case::extended(|client: &mut Client| client.execute_params("select 1", &[]).map(drop))]
#[case::prepare(|client: &mut Client| client.prepare("select 1", &[]).map(drop))]
fn a_server_that_says_why_it_ends_a_session_during_a_statement_is_quoted(
    #[case] run: fn(&mut Client) -> Result<(), Error>,
) {
    let server = serve(Listen::tcp(), |session| {
        session.next_message()?;
        session.send_error("08P01", "protocol violation")?;
        session.half_close()?;
        session.expect_client_to_give_up()
    });
    let mut client = connect(&server);

    let error = run(&mut client).expect_err("the session is over");

    assert_eq!(error.server().map(|said| said.message()), Some("protocol violation"), "{error:?}");
    assert!(error.is_session_lost());
    server.finish().unwrap();
}

#[test]
fn a_ping_runs_nothing_whose_effect_could_be_unknown() {
    let server = serve(Listen::tcp(), |session| {
        session.expect(&FrontendMessage::Sync)?;
        session.close();
        Ok(())
    });
    let mut client = connect(&server);

    let fault = fault_of(client.ping(LONG));

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: false });
    server.finish().unwrap();
}

#[rstest]
fn a_server_that_goes_away_during_start_up_has_run_nothing(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
    #[values(false, true)] authenticated: bool,
) {
    let server = listen().serve(move |session| {
        let startup = session.read_startup()?;
        if authenticated {
            session.authenticate(&Auth::Trust, &startup)?;
        }
        session.close();
        Ok(())
    });

    let fault = fault_of(Client::connect(config(&server)));

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: false });
    server.finish().unwrap();
}

#[rstest]
fn a_client_says_goodbye(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
    #[values(|client: Client| drop(client), |client: Client| client.close().expect("in good order"))]
    end: fn(Client),
) {
    let server = serve(listen(), |session| {
        session.expect(&FrontendMessage::Sync)?;
        session.ready(TransactionStatus::Idle)?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut client = connect(&server);
    client.ping(LONG).expect("answered");

    end(client);

    server.finish().unwrap();
}

#[test]
fn a_server_that_is_not_there_is_a_failure_to_connect() {
    let server = Server::tcp(|session| session.accept_startup(Auth::Trust).map(drop));
    let config = config(&server);
    drop(connect(&server));
    server.finish().unwrap();

    let error = Client::connect(config).expect_err("nobody listens any more");

    assert!(
        matches!(&error, Error::Connect { source, .. } if source.kind() == std::io::ErrorKind::ConnectionRefused),
        "{error:?}"
    );
}
