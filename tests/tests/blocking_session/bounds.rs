//! Every wait ends: by a deadline, by a cancel, or because the server is given up.

use std::thread;
use std::time::{Duration, Instant};

use hyperwire_blocking::core::session::{CANCEL_TIMEOUT, Fault, SqlState, StatementError, Timer};
use hyperwire_blocking::core::wire::{BackendMessage, FrontendMessage, Report, TransactionStatus};
use hyperwire_blocking::{Client, Config, Error};
use hyperwire_tests::scripted::{Auth, Failure, Initial, Latch, Listen, Server};
use rstest::rstest;

use crate::{LONG, SHORT, config, connect, fault_of, serve, serve_proof, shows_that_it_is_usable, texts};

#[rstest]
fn a_statement_whose_time_is_up_is_canceled_and_the_session_goes_on(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let server = serve(listen(), |session| {
        session.expect_query("select forever")?;
        session.pulse()?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);
    client.set_statement_timeout(Some(SHORT));
    let start = Instant::now();

    let outcome = client.execute("select forever");

    assert!(matches!(outcome, Err(Error::Statement(StatementError::DeadlineExceeded))), "{outcome:?}");
    assert!(start.elapsed() >= SHORT, "after {:?}", start.elapsed());
    client.set_statement_timeout(None);
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_statement_that_is_faster_than_its_cancel_is_done() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("insert")?;
        session.expect_cancel()?;
        session.complete("INSERT 0 1")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);
    client.set_statement_timeout(Some(SHORT));

    let outcome = client.execute("insert");

    assert_eq!(outcome.expect("it did happen"), 1);
    client.set_statement_timeout(None);
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[rstest]
fn a_server_that_ignores_a_cancel_is_given_up(#[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen) {
    let server = serve(listen(), |session| {
        session.expect_query("select forever")?;
        session.expect_cancel()?;
        session.expect_client_to_give_up()
    });
    let mut client = Client::connect(impatient(&server)).expect("trusted");
    client.set_statement_timeout(Some(SHORT));
    let start = Instant::now();

    let fault = fault_of(client.execute("select forever"));

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    assert!(start.elapsed() >= 2 * SHORT, "after {:?}", start.elapsed());
    server.finish().unwrap();
    assert_eq!(fault_of(client.execute("select 1")), fault);
}

/// A client that only looks at the clock when nothing comes would never look.
#[rstest]
#[case::of_a_statement(Some(SHORT), |client: &mut Client| {
    let mut rows = client.query("select forever")?;
    while rows.next()?.is_some() {}
    Ok(())
})]
#[case::of_a_result_that_was_dropped(None, |client: &mut Client| {
    drop(client.query("select forever")?);
    client.execute("select 1").map(drop)
})]
fn a_server_that_never_pauses_has_to_keep_to_deadlines(
    #[case] timeout: Option<Duration>,
    #[case] run: fn(&mut Client) -> Result<(), Error>,
) {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select forever")?;
        session.send_bytes(texts(&[]).description())?;
        flood(|| session.send_row_repeatedly(&[Some(b"more")], 10_000))
    });
    let mut client = Client::connect(impatient(&server)).expect("trusted");
    client.set_statement_timeout(timeout);

    let fault = fault_of(run(&mut client));

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    server.finish().unwrap();
}

#[test]
fn a_server_that_says_nothing_is_given_up_at_the_connect_deadline() {
    let server = Server::tcp(|session| {
        session.read_startup()?;
        session.expect_client_to_give_up()
    });
    let mut config = config(&server);
    config.connect_timeout = SHORT;
    let start = Instant::now();

    let fault = fault_of(Client::connect(config));

    assert_eq!(fault, Fault::Deadline(Timer::Startup));
    assert!(start.elapsed() >= SHORT && start.elapsed() < LONG, "after {:?}", start.elapsed());
    server.finish().unwrap();
}

#[test]
fn a_server_that_says_too_much_is_given_up_at_the_connect_deadline() {
    let server = Server::tcp(|session| {
        session.read_startup()?;
        let notices = notices(100)?;
        flood(|| session.send_bytes(&notices))
    });
    let mut config = config(&server);
    config.connect_timeout = SHORT;

    let fault = fault_of(Client::connect(config));

    assert_eq!(fault, Fault::Deadline(Timer::Startup));
    server.finish().unwrap();
}

#[test]
fn a_server_that_does_not_answer_a_ping_is_given_up_and_nothing_is_canceled() {
    let server = serve(Listen::tcp(), |session| {
        session.expect(&FrontendMessage::Sync)?;
        session.expect_client_to_give_up()
    });
    let mut client = connect(&server);

    let fault = fault_of(client.ping(SHORT));

    assert_eq!(fault, Fault::Deadline(Timer::Sync));
    assert!(server.next_cancel(Duration::ZERO).is_err(), "a Sync cannot be canceled");
    server.finish().unwrap();
}

#[rstest]
fn another_thread_cancels_a_statement(#[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen) {
    let runs = Latch::new("the statement runs");
    let server = serve(listen(), {
        let runs = runs.clone();
        move |session| {
            session.expect_query("select forever")?;
            runs.release();
            session.expect_cancel()?;
            session.send_error("57014", "canceled by the user")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = connect(&server);
    let handle = client.cancel_handle().expect("the server gave a key");

    let canceler = thread::spawn(move || {
        runs.wait(LONG).expect("the statement runs");
        handle.cancel()
    });
    let error = client.execute("select forever").expect_err("it is canceled");

    canceler.join().expect("no panic").expect("the cancel is delivered");
    assert_eq!(error.code(), Some(SqlState::QUERY_CANCELED));
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_cancel_that_finds_nothing_to_cancel_changes_nothing() {
    let server = serve(Listen::tcp(), serve_proof);
    let mut client = connect(&server);

    client.cancel_handle().and_then(|handle| handle.cancel()).expect("it is delivered");

    server.next_cancel(LONG).expect("it came");
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_server_that_talks_to_a_cancel_without_end_is_given_up() {
    let server = Listen::tcp().raw().serve(|session| {
        if session.number() == 0 {
            return session.accept_startup(Auth::Trust).map(drop);
        }
        let Initial::Cancel(_) = session.next_initial()? else { return Err("no CancelRequest".into()) };
        let notices = notices(100)?;
        flood(|| session.send_bytes(&notices))
    });
    let client = connect(&server);
    let start = Instant::now();

    let outcome = client.cancel_handle().and_then(|handle| handle.cancel());

    assert!(
        matches!(&outcome, Err(Error::Connect { source, .. }) if source.kind() == std::io::ErrorKind::TimedOut),
        "{outcome:?}"
    );
    assert!(start.elapsed() >= CANCEL_TIMEOUT, "after {:?}", start.elapsed());
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_server_that_talks_to_a_goodbye_without_end_is_left() {
    let server = serve(Listen::tcp(), |session| {
        session.expect(&FrontendMessage::Terminate)?;
        let notices = notices(100)?;
        flood(|| session.send_bytes(&notices))
    });

    let outcome = connect(&server).close();

    outcome.expect("it has no database to let go of");
    server.finish().unwrap();
}

#[test]
fn timeouts_without_end_are_taken_as_such() {
    let server = serve(Listen::tcp(), |session| {
        session.expect(&FrontendMessage::Sync)?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut config = config(&server);
    config.connect_timeout = Duration::MAX;
    config.session.startup_timeout = Duration::MAX;

    let mut client = Client::connect(config).expect("trusted");
    client.set_statement_timeout(Some(Duration::MAX));
    client.ping(Duration::MAX).expect("answered");

    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

/// Gives a server little time to heed a cancel.
fn impatient(server: &Server) -> Config {
    let mut config = config(server);
    config.session.cancel_grace = SHORT;
    config.session.abandon_patience = SHORT;
    config
}

/// Sends until the client closes the connection, which it has to do before the test's patience ends.
fn flood(mut send: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    let start = Instant::now();
    while start.elapsed() < LONG {
        match send() {
            Ok(()) => {}
            Err(Failure::Io { .. }) => return Ok(()),
            Err(failure) => return Err(failure),
        }
    }
    Err("the client takes whatever comes".into())
}

fn notices(count: usize) -> Result<Vec<u8>, Failure> {
    let (mut body, mut notice) = (Vec::new(), Vec::new());
    Report::write_fields([(b'C', "01000"), (b'M', "and another thing")], &mut body);
    let report = Report::from_body(&body).map_err(|violation| violation.to_string())?;
    BackendMessage::NoticeResponse(report).encode(&mut notice);
    Ok(notice.repeat(count))
}
