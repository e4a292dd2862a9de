//! What a statement gives back: rows, results, errors, and whatever else the server says meanwhile.

use hyperwire_blocking::core::session::StatementError;
use hyperwire_blocking::core::wire::{BackendMessage, TransactionStatus};
use hyperwire_blocking::{Client, Error, Rows};
use hyperwire_tests::scripted::{Auth, Failure, Listen, Server, Session};
use rstest::rstest;

use crate::{connect, serve, serve_proof, shows_that_it_is_usable, texts};

#[rstest]
fn rows_come_in_order_with_their_columns(#[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen) {
    let server = serve(listen(), |session| {
        session.expect_query("select 1")?;
        session.send_rows(&texts(&["one", "two"]).row::<&str>([None]))?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let mut rows = client.query("select 1").expect("a result");
    let columns: Vec<_> =
        rows.columns().expect("rows").iter().map(|column| column.name().to_owned()).collect();
    let found = collect(&mut rows).expect("three rows");

    assert_eq!(columns, ["a"]);
    assert_eq!(found, [Some("one".to_owned()), Some("two".to_owned()), None]);
    assert_eq!(rows.tag().map(|tag| tag.as_str().to_owned()).as_deref(), Some("SELECT 3"));
    assert!(matches!(rows.next(), Ok(None)), "the end stays the end");
    drop(rows);
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn notices_heartbeats_and_settings_may_come_anywhere() {
    let server = Server::tcp(|session| {
        let startup = session.read_startup()?;
        aside(session, "before authentication")?;
        session.authenticate(&Auth::Trust, &startup)?;
        aside(session, "during start-up")?;
        session.send_session_state(&startup)?;
        session.expect_query("select 1")?;
        aside(session, "before the description")?;
        session.send_bytes(texts(&[]).description())?;
        aside(session, "before the rows")?;
        session.send_bytes(texts(&["one"]).rows())?;
        aside(session, "between rows")?;
        session.send_bytes(texts(&["two"]).rows())?;
        aside(session, "behind the rows")?;
        session.complete("SELECT 2")?;
        aside(session, "before the end")?;
        session.ready(TransactionStatus::Idle)?;
        aside(session, "between statements")?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let rows = collect(&mut client.query("select 1").expect("a result")).expect("two rows");
    shows_that_it_is_usable(&mut client);

    assert_eq!(rows, [Some("one".to_owned()), Some("two".to_owned())]);
    let notices: Vec<_> = client.notices().iter().map(|notice| notice.message().to_owned()).collect();
    let places = ["before authentication", "during start-up", "before the description", "before the rows"];
    let later = ["between rows", "behind the rows", "before the end", "between statements"];
    assert_eq!(notices, [&places[..], &later[..]].concat());
    assert_eq!(client.notices(), [], "each is told once");
    assert_eq!(client.settings().get("place"), Some("between statements"));
    drop(client);
    server.finish().unwrap();
}

#[test]
fn of_too_many_notices_the_last_are_kept() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("raise")?;
        for number in 0..300 {
            session.send_notice("01000", &number.to_string())?;
        }
        session.complete("DO")?;
        session.ready(TransactionStatus::Idle)
    });
    let mut client = connect(&server);

    client.execute("raise").expect("notices are no errors");

    let notices: Vec<_> = client.notices().iter().map(|notice| notice.message().to_owned()).collect();
    assert_eq!((notices.len(), &*notices[0], &*notices[255]), (256, "44", "299"));
    drop(client);
    server.finish().unwrap();
}

#[test]
fn several_results_of_one_query_are_told_apart() {
    let server = several_results();
    let mut client = connect(&server);

    let mut rows = client.query("several").expect("results");
    let first = collect(&mut rows).expect("rows");
    let still_first = collect(&mut rows).expect("its end");
    let second_is_there = rows.next_result().expect("a command");
    let second = (rows.columns().is_some(), rows.tag().map(|tag| tag.to_string()));
    let third_is_there = rows.next_result().expect("a result");
    let third = collect(&mut rows).expect("rows");
    let fourth_is_there = rows.next_result().expect("the end");
    drop(rows);

    assert_eq!((first, still_first), (vec![Some("one".to_owned())], vec![]));
    assert_eq!((second_is_there, second), (true, (false, Some("INSERT 0 7".to_owned()))));
    assert_eq!((third_is_there, third.len()), (true, 3_000));
    assert!(!fourth_is_there);
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

/// Nobody asks for the rows of the results behind the first; there are more of them than are asked for at once.
#[test]
fn finishing_reads_every_result_of_the_query() {
    let server = several_results();
    let mut client = connect(&server);

    let count = client.execute("several").expect("results");

    assert_eq!(count, 1, "the first result counts");
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

/// A statement may do its work and fail when its transaction ends.
#[rstest]
#[case::execute(|client: &mut Client| client.execute("insert").map(drop), false)]
#[case::execute_params(|client: &mut Client| client.execute_params("insert", &[]).map(drop), true)]
#[case::rows(|client: &mut Client| collect(&mut client.query("insert")?).map(drop), false)]
#[case::rows_of_parameters(|client: &mut Client| collect(&mut client.query_params("insert", &[])?).map(drop), true)]
#[case::for_each(|client: &mut Client| client.query("insert")?.for_each(|_| Ok(())), false)]
fn an_error_behind_the_result_is_not_lost(
    #[case] run: fn(&mut Client) -> Result<(), Error>,
    #[case] extended: bool,
) {
    let server = serve(Listen::tcp(), move |session| {
        if extended {
            session.read_to_sync()?;
            session.send_all(&[BackendMessage::ParseComplete, BackendMessage::BindComplete])?;
        } else {
            session.expect_query("insert")?;
        }
        session.send_rows(&texts(&["inserted"]))?;
        session.send_error("40001", "another transaction was faster")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let error = run(&mut client).expect_err("it was rolled back");

    assert_eq!(error.code().map(|code| code.to_string()).as_deref(), Some("40001"), "{error:?}");
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[rstest]
fn an_error_before_the_rows_fails_the_query(#[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen) {
    let server = serve(listen(), |session| {
        session.expect_query("select 1/0")?;
        session.send_error_fields(&[(b'C', "22012"), (b'M', "division by zero"), (b'P', "9")])?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let error = client.query("select 1/0").map(drop).expect_err("the server says no");

    let said = error.server().expect("the server's words");
    assert_eq!((said.message(), said.position()), ("division by zero", Some(9)));
    assert!(!error.is_session_lost());
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn an_error_behind_rows_comes_behind_the_rows() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select 1/a")?;
        session.send_bytes(&[texts(&[]).description(), texts(&["1", "2"]).rows()].concat())?;
        session.send_error("22012", "division by zero")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let mut rows = client.query("select 1/a").expect("rows");
    let found = [rows.next().map(|row| row.is_some()), rows.next().map(|row| row.is_some())];
    let error = rows.next().map(drop).expect_err("the server says no");
    drop(rows);

    assert!(matches!(found, [Ok(true), Ok(true)]), "{found:?}");
    assert_eq!(error.server().map(|said| said.message()), Some("division by zero"));
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn an_empty_statement_did_nothing() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("")?;
        session.send(&BackendMessage::EmptyQueryResponse)?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let tag = client.query("").and_then(Rows::finish).expect("nothing is wrong");

    assert_eq!(tag, None);
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[rstest]
#[case::simple(|client: &mut Client| client.execute("copy").map(drop), false)]
#[case::extended(|client: &mut Client| client.execute_params("copy", &[]).map(drop), true)]
fn a_statement_that_wants_data_is_refused_it(
    #[case] run: fn(&mut Client) -> Result<(), Error>,
    #[case] extended: bool,
) {
    let server = serve(Listen::tcp(), move |session| {
        if extended {
            session.read_to_sync()?;
            let answers =
                [BackendMessage::ParseComplete, BackendMessage::BindComplete, BackendMessage::NoData];
            session.send_all(&answers)?;
        } else {
            session.expect_query("copy")?;
        }
        session.send_copy_in_response(1)?;
        let reason = session.read_to_copy_fail()?;
        if extended {
            // The first was swallowed while the server waited for data.
            session.read_to_sync()?;
        }
        session.send_error("57014", &reason)?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let error = run(&mut client).expect_err("it is no query");

    let said = error.server().map(|said| said.message().to_owned()).unwrap_or_default();
    assert!(said.contains("run it as a copy"), "{error:?}");
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_statement_that_copies_out_is_not_a_query() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("copy t to stdout")?;
        session.send_copy_out_response(1)?;
        session.send_all(&[
            BackendMessage::CopyData(b"1\n"),
            BackendMessage::CopyData(b"2\n"),
            BackendMessage::CopyDone,
        ])?;
        session.complete("COPY 2")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let outcome = client.execute("copy t to stdout");

    assert!(matches!(outcome, Err(Error::Statement(StatementError::CopiesOut))), "{outcome:?}");
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

fn several_results() -> Server {
    serve(Listen::tcp(), |session| {
        session.expect_query("several")?;
        session.send_rows(&texts(&["one"]))?;
        session.complete("INSERT 0 7")?;
        session.send_bytes(texts(&[]).description())?;
        session.send_row_repeatedly(&[Some(b"three")], 3_000)?;
        session.complete("SELECT 3000")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    })
}

/// What a server may say at any time.
fn aside(session: &mut Session, place: &str) -> Result<(), Failure> {
    session.pulse()?;
    session.send_notice("01000", place)?;
    session.send(&BackendMessage::ParameterStatus { name: "place", value: place })?;
    session.pulse()
}

fn collect(rows: &mut Rows<'_>) -> Result<Vec<Option<String>>, Error> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(row.get::<Option<&str>>(0)?.map(str::to_owned));
    }
    Ok(found)
}
