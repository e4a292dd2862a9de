//! Statements that fail: before their rows, among them, and behind them.

use std::ops::ControlFlow;

use hyperwire_blocking::Error;
use hyperwire_core::session::StatementError;
use hyperwire_core::wire::{BackendMessage, TransactionStatus};

use super::scenario;
use crate::conformance::peer::{code_of, serve_proof, texts};
use crate::conformance::{Client, Part, Request, Scenario, Stage};

const BEFORE_ROWS: &str = "select 1/0";
/// Fails behind so many rows that the first are on their way.
const AMONG_ROWS: &str = "select 1/(1000000 - i) from generate_series(1, 2000000) as s(i)";

type Call = fn(&mut dyn Client, &Request<'_>) -> Result<(), Error>;

const FINISH: Call = |client, request| client.finish(request).map(drop);
const READ: Call = |client, request| client.texts_of(request).map(drop);

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!(an_error_before_the_rows_fails_the_query).and_hyperd(),
        scenario!(an_error_among_rows_comes_behind_those_before_it).and_hyperd(),
        scenario!(an_error_behind_the_result_is_not_lost, finish, FINISH, false),
        scenario!(an_error_behind_the_result_is_not_lost, finish_with_parameters, FINISH, true),
        scenario!(an_error_behind_the_result_is_not_lost, read, READ, false),
        scenario!(an_error_behind_the_result_is_not_lost, read_with_parameters, READ, true),
        scenario!(a_statement_that_wants_data_is_refused_it, simple, false),
        scenario!(a_statement_that_wants_data_is_refused_it, extended, true),
        scenario!(a_statement_that_copies_out_is_not_a_query),
        scenario!(a_statement_that_cannot_be_sent_is_the_callers_fault).and_hyperd(),
    ]
}

fn an_error_before_the_rows_fails_the_query(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query(BEFORE_ROWS)?;
        session.send_error_fields(&[(b'C', "22012"), (b'M', "division by zero")])?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let error = client.execute(BEFORE_ROWS).expect_err("the server says no");

    assert!(error.server().is_some_and(|said| said.message().contains("division by zero")), "{error:?}");
    assert!(!error.is_session_lost());
    assert_eq!(code_of::<()>(Err(error)), "22012");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn an_error_among_rows_comes_behind_those_before_it(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query(AMONG_ROWS)?;
        session.send_bytes(&[texts(&[]).description(), texts(&["1", "2"]).rows()].concat())?;
        session.send_error("22012", "division by zero")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let mut rows = 0;
    let outcome = client.read(&Request::Simple(AMONG_ROWS), &mut |part| {
        match part {
            Part::Result(columns) => assert_eq!(columns.map(|columns| columns.len()), Some(1)),
            Part::Row(_) => rows += 1,
            Part::Done(tag) => panic!("it cannot be done: {tag:?}"),
        }
        ControlFlow::Continue(())
    });

    assert_eq!(code_of(outcome), "22012");
    assert!(rows >= 2, "only {rows} rows came before the error");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

/// A statement may do its work and fail when its transaction ends.
fn an_error_behind_the_result_is_not_lost(stage: &Stage<'_>, run: Call, extended: bool) {
    let server = stage.serve(move |session| {
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
    let mut client = server.connect();

    let request = if extended { Request::Parameters("insert", &[]) } else { Request::Simple("insert") };
    let outcome = run(&mut *client, &request);

    assert_eq!(code_of(outcome), "40001");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_statement_that_wants_data_is_refused_it(stage: &Stage<'_>, extended: bool) {
    let server = stage.serve(move |session| {
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
    let mut client = server.connect();

    let request = if extended { Request::Parameters("copy", &[]) } else { Request::Simple("copy") };
    let error = client.finish(&request).expect_err("it is no query");

    let said = error.server().map(|said| said.message().to_owned()).unwrap_or_default();
    assert!(said.contains("run it as a copy"), "{error:?}");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_statement_that_copies_out_is_not_a_query(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
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
    let mut client = server.connect();

    let outcome = client.execute("copy t to stdout");

    assert!(matches!(outcome, Err(Error::Statement(StatementError::CopiesOut))), "{outcome:?}");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_statement_that_cannot_be_sent_is_the_callers_fault(stage: &Stage<'_>) {
    let server = stage.serve(serve_proof);
    let mut client = server.connect();

    let error = client.execute("select '\0'").expect_err("a zero byte ends a text");

    assert!(matches!(error, Error::Misuse(_)), "{error:?}");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}
