//! Ending a statement early: before it was sent, while it runs, when it is over, and by dropping its result.

use std::time::Duration;

use hyperwire_mio::hyperwire_core::session::{CANCEL_TIMEOUT, Fault, SqlState, StatementError};
use hyperwire_mio::hyperwire_core::wire::TransactionStatus;
use hyperwire_tests::script::answer_repeatedly;
use hyperwire_tests::scripted::{Auth, Initial, Latch, Listen};
use rstest::rstest;

use crate::{LONG, Loop, SHORT, answer, heed_cancel, serve, serve_proof, texts};

/// A field that makes a row of a kilobyte.
const KILOBYTE: [u8; 1013] = [b'x'; 1013];

#[rstest]
fn a_statement_that_runs_is_canceled_and_the_session_goes_on(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let runs = Latch::new("the statement runs");
    let server = serve(listen(), {
        let runs = runs.clone();
        move |session| {
            session.expect_query("select forever")?;
            runs.release();
            session.expect_cancel()?;
            heed_cancel(session)?;
            serve_proof(session)
        }
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let id = connection.query("select forever").unwrap();
    assert!(matches!(connection.poll_event(), Ok(None)), "it is on its way");
    runs.wait(LONG).unwrap();

    connection.cancel(id);
    let outcome = embedder.finish(&mut connection, id).unwrap();

    let Some(StatementError::Server(error)) = outcome.error else { panic!("{outcome:?}") };
    assert_eq!(error.code(), SqlState::QUERY_CANCELED);
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn a_statement_that_was_not_sent_yet_never_is() {
    let server = serve(Listen::tcp(), |session| {
        answer(session, "select 1", &["1"])?;
        serve_proof(session)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connect(&server, |_| {});
    let first = connection.query("select 1").unwrap();
    let second = connection.query("drop everything").unwrap();

    connection.cancel(second);

    let failed = embedder.next(&mut connection).unwrap();
    assert!(
        matches!(&failed, hyperwire_mio::Event::Failed { id, error: StatementError::NeverSent } if *id == second),
        "{failed:?}"
    );
    assert!(matches!(embedder.next(&mut connection), Ok(hyperwire_mio::Event::Finished { .. })));
    assert!(matches!(embedder.next(&mut connection), Ok(hyperwire_mio::Event::Ready)));
    assert_eq!(embedder.finish(&mut connection, first).unwrap().values, ["1"]);
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn a_statement_that_is_over_is_not_canceled_and_neither_is_the_next() {
    let server = serve(Listen::tcp(), |session| {
        answer(session, "select 1", &["1"])?;
        serve_proof(session)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let id = connection.query("select 1").unwrap();
    embedder.finish(&mut connection, id).unwrap();

    connection.cancel(id);

    embedder.shows_that_it_is_usable(&mut connection);
    assert!(server.next_cancel(Duration::ZERO).is_err(), "a cancel came");
    drop(connection);
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
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let id = connection.execute("insert").unwrap();

    connection.cancel(id);
    let outcome = embedder.finish(&mut connection, id).unwrap();

    assert_eq!((outcome.error, outcome.tag.as_deref()), (None, Some("INSERT 0 1")));
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

/// A late CancelRequest would hit the next statement, so that one waits; and is not sent if it could still come.
#[test]
fn a_server_that_does_not_take_a_cancel_in_time_gets_no_other_statement() {
    let over = Latch::new("the test is over");
    let server = Listen::tcp().raw().serve({
        let over = over.clone();
        move |session| {
            if session.number() > 0 {
                let Initial::Cancel(_) = session.next_initial()? else { return Err("no cancel".into()) };
                session.set_patience(2 * CANCEL_TIMEOUT);
                return session.stall(&over);
            }
            session.accept_startup(Auth::Trust)?;
            session.expect_query("insert")?;
            session.complete("INSERT 0 1")?;
            session.ready(TransactionStatus::Idle)?;
            session.set_patience(2 * CANCEL_TIMEOUT);
            session.expect_client_to_give_up()
        }
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let start = std::time::Instant::now();
    let id = connection.execute("insert").unwrap();

    connection.cancel(id);
    assert_eq!(embedder.finish(&mut connection, id).unwrap().tag.as_deref(), Some("INSERT 0 1"));
    connection.query("select 'usable'").expect("it waits for the cancel");
    let fault = embedder.fault(&mut connection);

    assert_eq!(fault, Fault::CancelUnsettled);
    assert!(start.elapsed() >= CANCEL_TIMEOUT, "after {:?}", start.elapsed());
    over.release();
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn a_small_result_that_is_dropped_is_read_to_its_end_without_a_cancel() {
    let server = serve(Listen::tcp(), |session| {
        answer_repeatedly(session, "select some", &KILOBYTE, 500)?;
        serve_proof(session)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let id = connection.query("select some").unwrap();
    connection.demand(id, 1);
    while !matches!(embedder.next(&mut connection).unwrap(), hyperwire_mio::Event::Row(_)) {}

    connection.abandon(id);

    embedder.shows_that_it_is_usable(&mut connection);
    assert!(server.next_cancel(Duration::ZERO).is_err(), "a cancel came");
    drop(connection);
    server.finish().unwrap();
}

#[rstest]
#[case::because_it_is_large(8 << 10, LONG)]
#[case::because_it_is_long_in_coming(0, SHORT)]
fn a_result_that_is_dropped_is_canceled(#[case] rows: u64, #[case] patience: Duration) {
    let server = serve(Listen::tcp(), move |session| {
        session.expect_query("select much")?;
        session.send_bytes(texts(&[]).description())?;
        session.send_row_repeatedly(&[Some(&KILOBYTE)], rows)?;
        session.expect_cancel()?;
        heed_cancel(session)?;
        serve_proof(session)
    });
    let mut embedder = Loop::new();
    let mut connection =
        embedder.connected_with(&server, |config| config.session.abandon_patience = patience);
    let id = connection.query("select much").unwrap();
    assert!(matches!(embedder.next(&mut connection), Ok(hyperwire_mio::Event::Columns { .. })));

    connection.abandon(id);

    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}
