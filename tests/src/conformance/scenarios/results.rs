//! What a statement gives back: rows, results, and whatever else the server says meanwhile.

use std::ops::ControlFlow;

use hyperwire_blocking::Error;
use hyperwire_core::wire::{BackendMessage, TransactionStatus};

use super::scenario;
use crate::conformance::peer::{serve_proof, texts};
use crate::conformance::{Client, Part, Peer, Request, Scenario, Stage};
use crate::scripted::{Auth, Failure, Rows, Session};

const THREE_ROWS: &str = "select a from (values ('one', 1), ('two', 2), (null, 3)) as t(a, b) order by b";
const NO_ROWS: &str = "select 'none' as a where 1 = 0";

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!(rows_come_in_order_with_their_columns).and_hyperd(),
        scenario!(rows_of_a_statement_with_parameters_come_too).and_hyperd(),
        scenario!(a_result_may_come_byte_by_byte),
        scenario!(a_result_without_rows_has_its_columns).and_hyperd(),
        scenario!(an_empty_statement_did_nothing).and_hyperd(),
        scenario!(notices_heartbeats_and_settings_may_come_anywhere),
        scenario!(several_results_of_one_query_are_told_apart),
        scenario!(finishing_reads_every_result_of_the_query),
    ]
}

fn rows_come_in_order_with_their_columns(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query(THREE_ROWS)?;
        session.send_rows(&three_rows())?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let heard = listen(&mut *client, &Request::Simple(THREE_ROWS)).expect("a result");

    assert_eq!(heard, ["columns a", "one", "two", "NULL", "done SELECT 3"]);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn rows_of_a_statement_with_parameters_come_too(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.read_to_sync()?;
        session.send_all(&[BackendMessage::ParseComplete, BackendMessage::BindComplete])?;
        session.send_rows(&texts(&["hello"]))?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let heard = listen(&mut *client, &Request::Parameters("select $1 as a", &[&"hello"])).expect("a result");

    assert_eq!(heard, ["columns a", "hello", "done SELECT 1"]);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_result_may_come_byte_by_byte(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query(THREE_ROWS)?;
        let rows = three_rows();
        let end = b"C\0\0\0\x0dSELECT 3\0Z\0\0\0\x05I";
        session.send_byte_by_byte(&[rows.description(), rows.rows(), end].concat())?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let heard = listen(&mut *client, &Request::Simple(THREE_ROWS)).expect("a result");

    assert_eq!(heard, ["columns a", "one", "two", "NULL", "done SELECT 3"]);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_result_without_rows_has_its_columns(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query(NO_ROWS)?;
        session.send_rows(&texts(&[]))?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let heard = listen(&mut *client, &Request::Simple(NO_ROWS)).expect("a result");

    assert_eq!(heard, ["columns a", "done SELECT 0"]);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn an_empty_statement_did_nothing(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        for _ in 0..2 {
            session.expect_query("")?;
            session.send(&BackendMessage::EmptyQueryResponse)?;
            session.ready(TransactionStatus::Idle)?;
        }
        serve_proof(session)
    });
    let mut client = server.connect();

    let tag = client.finish(&Request::Simple("")).expect("nothing is wrong");
    let heard = listen(&mut *client, &Request::Simple("")).expect("nothing is wrong");

    assert_eq!((tag, heard), (None, vec!["no columns".to_owned(), "done".to_owned()]));
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn notices_heartbeats_and_settings_may_come_anywhere(stage: &Stage<'_>) {
    let server = stage.script(|session| {
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
    let mut client = server.connect();

    let heard = listen(&mut *client, &Request::Simple("select 1")).expect("a result");
    client.shows_that_it_is_usable();

    assert_eq!(heard, ["columns a", "one", "two", "done SELECT 2"]);
    let notices: Vec<_> = client.notices().iter().map(|notice| notice.message().to_owned()).collect();
    let places = ["before authentication", "during start-up", "before the description", "before the rows"];
    let later = ["between rows", "behind the rows", "before the end", "between statements"];
    assert_eq!(notices, [&places[..], &later[..]].concat());
    assert_eq!(client.notices(), [], "each is told once");
    assert_eq!(client.setting("place"), Some("between statements"));
    drop(client);
    server.finish();
}

fn several_results_of_one_query_are_told_apart(stage: &Stage<'_>) {
    let server = several_results(stage);
    let mut client = server.connect();

    let mut heard = listen(&mut *client, &Request::Simple("several")).expect("results");

    let before = heard.len();
    heard.dedup();
    assert_eq!(before - heard.len(), 2_999, "as many rows as were sent");
    let first = ["columns a", "one", "done SELECT 1"];
    let second = ["no columns", "done INSERT 0 7"];
    let third = ["columns a", "three", "done SELECT 3000"];
    assert_eq!(heard, [&first[..], &second[..], &third[..]].concat());
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

/// Nobody asks for the rows of the results behind the first; there are more of them than are asked for at once.
fn finishing_reads_every_result_of_the_query(stage: &Stage<'_>) {
    let server = several_results(stage);
    let mut client = server.connect();

    let count = client.execute("several").expect("results");

    assert_eq!(count, 1, "the first result counts");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn several_results<'r>(stage: &Stage<'r>) -> Peer<'r> {
    stage.serve(|session| {
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

fn three_rows() -> Rows {
    texts(&["one", "two"]).row::<&str>([None])
}

/// What a server may say at any time.
fn aside(session: &mut Session, place: &str) -> Result<(), Failure> {
    session.pulse()?;
    session.send_notice("01000", place)?;
    session.send(&BackendMessage::ParameterStatus { name: "place", value: place })?;
    session.pulse()
}

/// All parts of an answer, in words.
fn listen(client: &mut dyn Client, request: &Request<'_>) -> Result<Vec<String>, Error> {
    let mut heard = Vec::new();
    client.read(request, &mut |part| {
        heard.push(match part {
            Part::Result(None) => "no columns".to_owned(),
            Part::Result(Some(columns)) => {
                columns.iter().fold("columns".to_owned(), |names, column| names + " " + column.name())
            }
            Part::Row(row) => row.get::<Option<&str>>(0).expect("a text").unwrap_or("NULL").to_owned(),
            Part::Done(None) => "done".to_owned(),
            Part::Done(Some(tag)) => format!("done {tag}"),
        });
        ControlFlow::Continue(())
    })?;
    Ok(heard)
}
