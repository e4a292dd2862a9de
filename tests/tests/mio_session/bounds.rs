//! Every wait ends: by a deadline, or because the server is given up. And nobody is kept busy by waiting.

use std::time::{Duration, Instant};

use hyperwire_mio::hyperwire_core::session::{Fault, StatementError, Timer};
use hyperwire_mio::hyperwire_core::wire::FrontendMessage;
use hyperwire_mio::{Connection, Event};
use hyperwire_tests::script::{answer_repeatedly, flood, impatient};
use hyperwire_tests::scripted::{Latch, Listen, Server};
use rstest::rstest;

use crate::{LONG, Loop, SHORT, heed_cancel, serve, serve_proof, texts};

#[rstest]
fn a_statement_whose_time_is_up_is_canceled_and_the_session_goes_on(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let server = serve(listen(), |session| {
        session.expect_query("select forever")?;
        session.pulse()?;
        session.expect_cancel()?;
        heed_cancel(session)?;
        serve_proof(session)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    connection.set_statement_timeout(Some(SHORT));
    let start = Instant::now();

    let id = connection.query("select forever").unwrap();
    let outcome = embedder.finish(&mut connection, id).unwrap();

    assert_eq!(outcome.error, Some(StatementError::DeadlineExceeded));
    assert!(start.elapsed() >= SHORT, "after {:?}", start.elapsed());
    connection.set_statement_timeout(None);
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn a_server_that_ignores_a_cancel_is_given_up() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select forever")?;
        session.expect_cancel()?;
        session.expect_client_to_give_up()
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected_with(&server, impatient);
    connection.set_statement_timeout(Some(SHORT));
    let start = Instant::now();

    connection.query("select forever").unwrap();
    let fault = embedder.fault(&mut connection);

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    assert!(start.elapsed() >= 2 * SHORT, "after {:?}", start.elapsed());
    assert!(connection.is_closed() && connection.query("select 1").is_err());
    server.finish().unwrap();
}

/// An embedder that takes every event at once would never look at the clock.
#[rstest]
#[case::of_a_statement(|connection: &mut Connection| {
    connection.set_statement_timeout(Some(SHORT));
    let id = connection.query("select forever").unwrap();
    connection.demand(id, u64::MAX);
})]
#[case::of_a_statement_without_rows(|connection: &mut Connection| {
    connection.set_statement_timeout(Some(SHORT));
    connection.execute("select forever").unwrap();
})]
#[case::of_a_result_that_is_dropped(|connection: &mut Connection| {
    let id = connection.query("select forever").unwrap();
    assert!(matches!(connection.poll_event(), Ok(None)));
    connection.abandon(id);
})]
fn a_server_that_never_pauses_has_to_keep_to_deadlines(#[case] run: fn(&mut Connection)) {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select forever")?;
        session.send_bytes(texts(&[]).description())?;
        flood(|| session.send_row_repeatedly(&[Some(b"more")], 10_000))
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected_with(&server, impatient);

    run(&mut connection);
    let fault = embedder.fault(&mut connection);

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    server.finish().unwrap();
}

#[test]
fn a_server_that_says_nothing_is_given_up_at_the_connect_deadline() {
    let server = Server::tcp(|session| {
        session.read_startup()?;
        session.expect_client_to_give_up()
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connect(&server, |config| config.connect_timeout = SHORT);
    let start = Instant::now();

    let fault = embedder.fault(&mut connection);

    assert_eq!(fault, Fault::Deadline(Timer::Startup));
    assert!(start.elapsed() < LONG, "after {:?}", start.elapsed());
    server.finish().unwrap();
}

#[test]
fn a_server_that_does_not_answer_a_ping_is_given_up_and_nothing_is_canceled() {
    let server = serve(Listen::tcp(), |session| {
        session.expect(&FrontendMessage::Sync)?;
        session.expect_client_to_give_up()
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);

    connection.ping(SHORT).unwrap();

    assert_eq!(embedder.fault(&mut connection), Fault::Deadline(Timer::Sync));
    assert!(server.next_cancel(Duration::ZERO).is_err(), "a Sync cannot be canceled");
    server.finish().unwrap();
}

#[test]
fn a_server_that_does_not_close_its_end_is_left() {
    let done = Latch::new("the client has left");
    let server = serve(Listen::tcp(), {
        let done = done.clone();
        move |session| {
            session.expect(&FrontendMessage::Terminate)?;
            session.stall(&done)
        }
    });
    let mut embedder = Loop::new();
    let connection = embedder.connected(&server);

    embedder.close(connection);

    done.release();
    server.finish().unwrap();
}

#[test]
fn timeouts_without_end_are_taken_as_such() {
    let server = serve(Listen::tcp(), serve_proof);
    let mut embedder = Loop::new();
    let mut connection = embedder.connected_with(&server, |config| {
        config.connect_timeout = Duration::MAX;
        config.session.startup_timeout = Duration::MAX;
    });
    connection.set_statement_timeout(Some(Duration::MAX));

    embedder.shows_that_it_is_usable(&mut connection);

    drop(connection);
    server.finish().unwrap();
}

/// The poll is edge-triggered, and what is not read now is not announced again: an embedder must neither miss it nor
/// be sent around in circles for it.
#[test]
fn an_embedder_sleeps_while_there_is_nothing_to_do() {
    let server = serve(Listen::tcp(), |session| answer_repeatedly(session, "select much", b"x", 1_000));
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);

    let waits = embedder.waits;
    embedder.expect_silence(&mut connection, SHORT);
    let idle = embedder.waits - waits;

    let id = connection.query("select much").unwrap();
    assert!(matches!(embedder.next(&mut connection), Ok(Event::Columns { .. })));
    let waits = embedder.waits;
    embedder.expect_silence(&mut connection, SHORT);
    let paused = embedder.waits - waits;

    assert!(idle < 10 && paused < 10, "idle {idle} and paused {paused} times around");
    assert_eq!(embedder.finish(&mut connection, id).unwrap().values.len(), 1_000);
    drop(connection);
    server.finish().unwrap();
}
