//! What comes of statements, however it is split on its way.

use hyperwire_mio::hyperwire_core::wire::{
    Authentication, BackendMessage, FrontendMessage, TransactionStatus,
};
use hyperwire_mio::{Event, Wants};
use hyperwire_tests::script::answer_repeatedly;
use hyperwire_tests::scripted::{Auth, Latch, Listen};
use rstest::rstest;

use crate::{Loop, SHORT, answer, serve, serve_proof, texts, value};

#[rstest]
fn rows_come_as_they_are_asked_for_and_no_others(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let server = serve(listen(), |session| {
        answer(session, "select a", &["1", "2", "3", "4", "5"])?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let id = connection.query("select a").unwrap();
    connection.demand(id, 2);

    assert!(
        matches!(embedder.next(&mut connection), Ok(Event::Columns { columns, .. }) if columns.len() == 1)
    );
    for expected in ["1", "2"] {
        assert!(matches!(embedder.next(&mut connection), Ok(Event::Row(of)) if of == id));
        assert_eq!(value::<&str>(&connection), expected);
    }
    embedder.expect_silence(&mut connection, SHORT);
    assert!(connection.wants_demand() && matches!(connection.poll_event(), Ok(None)));
    assert_eq!((connection.wants(), connection.deadline()), (Wants::Demand, None));

    let rest = embedder.finish(&mut connection, id).unwrap();
    assert_eq!(
        (rest.values, rest.tag.as_deref()),
        (vec!["3".into(), "4".into(), "5".into()], Some("SELECT 5"))
    );
    embedder.close(connection);
    server.finish().unwrap();
}

/// Whether there is a second row, the server is asked and not the embedder.
#[rstest]
#[case::that_comes_at_once(false)]
#[case::that_is_long_in_coming(true)]
fn a_row_that_is_asked_for_alone_brings_the_end_of_its_result(#[case] later: bool) {
    let seen = Latch::new("the row was seen");
    let server = serve(Listen::tcp(), {
        let seen = seen.clone();
        move |session| {
            session.expect_query("select a")?;
            let rows = texts(&["1"]);
            session.send_bytes(rows.description())?;
            session.send_bytes(rows.rows())?;
            if later {
                session.stall(&seen)?;
            }
            session.complete("SELECT 1")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    assert_eq!(connection.wants(), Wants::Turn, "it was not asked for events until it had none");
    assert!(matches!(connection.poll_event(), Ok(None)));
    assert_eq!(connection.wants(), Wants::Request);
    let id = connection.query("select a").unwrap();
    connection.demand(id, 1);

    assert!(matches!(embedder.next(&mut connection), Ok(Event::Columns { .. })));
    assert!(matches!(embedder.next(&mut connection), Ok(Event::Row(_))));
    if later {
        embedder.expect_silence(&mut connection, SHORT);
        assert!(matches!(connection.poll_event(), Ok(None)));
        assert_eq!(connection.wants(), Wants::Readiness);
    }
    seen.release();

    assert!(matches!(embedder.next(&mut connection), Ok(Event::Complete { .. })));
    assert!(matches!(embedder.next(&mut connection), Ok(Event::Finished { .. })));
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

#[rstest]
fn a_conversation_is_the_same_when_every_byte_comes_alone(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let server = listen().serve(|session| {
        let startup = session.read_startup()?;
        assert_eq!(startup.get("user"), Some("adm"));
        let mut bytes = Vec::new();
        for message in [
            BackendMessage::Authentication(Authentication::Ok),
            BackendMessage::BackendKeyData(session.cancel_key()),
            BackendMessage::ReadyForQuery(TransactionStatus::Idle),
        ] {
            message.encode(&mut bytes);
        }
        session.send_byte_by_byte(&bytes)?;
        session.expect_query("select a")?;
        let rows = texts(&["one", "two", ""]);
        let mut bytes = [rows.description(), rows.rows()].concat();
        BackendMessage::CommandComplete("SELECT 3").encode(&mut bytes);
        BackendMessage::ReadyForQuery(TransactionStatus::Idle).encode(&mut bytes);
        session.send_byte_by_byte(&bytes)?;
        serve_proof(session)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);

    let id = connection.query("select a").unwrap();
    let outcome = embedder.finish(&mut connection, id).unwrap();

    assert_eq!(
        (outcome.values, outcome.tag.as_deref()),
        (vec!["one".into(), "two".into(), String::new()], Some("SELECT 3"))
    );
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn requests_that_are_given_before_there_is_a_connection_run_in_order() {
    let server = serve(Listen::tcp(), |session| {
        answer(session, "select 1", &["1"])?;
        answer(session, "select 2", &["2"])
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connect(&server, |_| {});

    let first = connection.query("select 1").unwrap();
    let second = connection.query("select 2").unwrap();

    assert!(matches!(embedder.next(&mut connection), Ok(Event::Ready)));
    assert_eq!(embedder.finish(&mut connection, first).unwrap().values, ["1"]);
    assert_eq!(embedder.finish(&mut connection, second).unwrap().values, ["2"]);
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn a_statement_that_is_executed_shows_its_end_and_no_rows() {
    let server = serve(Listen::tcp(), |session| {
        answer(session, "select a", &["1", "2"])?;
        serve_proof(session)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);

    let id = connection.execute("select a").unwrap();

    assert!(
        matches!(embedder.next(&mut connection), Ok(Event::Complete { tag, .. }) if tag.rows() == Some(2))
    );
    assert!(matches!(embedder.next(&mut connection), Ok(Event::Finished { id: of, .. }) if of == id));
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn an_error_fails_its_statement_and_no_other_and_notices_are_heard() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select nonsense")?;
        session.send_notice("01000", "be warned")?;
        session.send_error("42601", "no such thing")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);

    let id = connection.query("select nonsense").unwrap();
    let outcome = embedder.finish(&mut connection, id).unwrap();

    assert!(outcome.error.is_some_and(|error| error.to_string().contains("no such thing")));
    assert_eq!(outcome.notices, 1);
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn many_rows_are_handed_out_at_once_and_one_that_is_refused_counts_as_taken() {
    let server = serve(Listen::tcp(), |session| answer_repeatedly(session, "select much", b"x", 100_000));
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let id = connection.query("select much").unwrap();
    connection.demand(id, u64::MAX);

    let (mut rows, mut calls) = (0, 0);
    loop {
        match embedder.next(&mut connection).unwrap() {
            Event::Row(_) => {
                calls += 1;
                let _ = connection.for_each_row(|_| {
                    rows += 1;
                    if rows % 1000 == 0 { Err("enough") } else { Ok(()) }
                });
            }
            Event::Finished { .. } => break,
            _ => {}
        }
    }

    assert_eq!(rows, 100_000);
    assert!(calls < 10_000, "{calls} calls: rows that are here come together");
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn a_connection_that_is_dropped_between_requests_says_goodbye() {
    let server = serve(Listen::tcp(), |session| {
        session.expect(&FrontendMessage::Terminate)?;
        session.expect_eof()
    });
    let mut embedder = Loop::new();

    drop(embedder.connected(&server));

    server.finish().unwrap();
}

#[test]
fn another_password_than_the_servers_is_told_apart() {
    let server = Listen::tcp().serve(|session| {
        match session.accept_startup(Auth::Scram(hyperwire_tests::scripted::Scram::new("right"))) {
            Err(hyperwire_tests::scripted::Failure::WrongPassword) => Ok(()),
            outcome => outcome.map(drop),
        }
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connect(&server, |config| *config = config.clone().password("wrong"));

    let error = embedder.next(&mut connection).expect_err("it is wrong");

    assert!(error.server().is_some() && error.is_session_lost(), "{error:?}");
    server.finish().unwrap();
}
