//! Prepared statements: what they are asked, what they answer, and how they end.

use hyperwire_blocking::Error;
use hyperwire_core::row::Type;
use hyperwire_core::session::{Fault, Misuse, StatementError, Timer};
use hyperwire_core::wire::{
    BackendMessage, FrontendMessage, ParameterTypes, RowDescription, Target, TransactionStatus,
};

use super::scenario;
use crate::conformance::peer::{SHORT, code_of, fault_of, serve_proof, texts};
use crate::conformance::{Offer, Request, Scenario, Stage};
use crate::scripted::{Failure, Rows, Session};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!(a_statement_is_parsed_once_and_run_often).and_hyperd(),
        scenario!(a_statement_that_cannot_be_prepared_is_the_servers_no, parse, &[]).and_hyperd(),
        scenario!(
            a_statement_that_cannot_be_prepared_is_the_servers_no,
            describe,
            &[BackendMessage::ParseComplete]
        ),
        scenario!(parameters_that_do_not_fit_are_not_sent).and_hyperd(),
        scenario!(
            a_description_that_has_become_stale_fails_the_statement_and_not_the_session,
            of_the_first_row,
            &[]
        ),
        scenario!(
            a_description_that_has_become_stale_fails_the_statement_and_not_the_session,
            of_a_later_row,
            &["good"]
        ),
        scenario!(a_statement_that_was_dropped_is_closed_before_the_next_is_prepared)
            .needs(Offer::ClosingStatements),
        scenario!(a_statement_that_cannot_be_closed_does_not_hinder_the_next).needs(Offer::ClosingStatements),
        scenario!(closing_a_statement_takes_no_longer_than_the_statement_it_is_for)
            .needs(Offer::ClosingStatements),
    ]
}

fn a_statement_is_parsed_once_and_run_often(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        serve_prepare(session, &[Type::Text], &texts(&[]))?;
        serve_execute(session, texts(&["one"]).rows(), 1)?;
        serve_execute(session, texts(&["two"]).rows(), 1)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let statement = client.prepare("select $1", &[Type::Text]).expect("parsed");
    let first = client.texts_of(&Request::Prepared(&*statement, &[&"one"])).expect("a result");
    let second = client.texts_of(&Request::Prepared(&*statement, &[&"two"])).expect("a result");

    assert_eq!((first, second), (vec![Some("one".to_owned())], vec![Some("two".to_owned())]));
    client.shows_that_it_is_usable();
    drop((client, statement));
    server.finish();
}

fn a_statement_that_cannot_be_prepared_is_the_servers_no(
    stage: &Stage<'_>,
    before: &'static [BackendMessage<'static>],
) {
    let server = stage.serve(move |session| {
        session.read_to_sync()?;
        session.send_all(before)?;
        session.send_error("42P01", "no such table")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let outcome = client.prepare("select * from there_is_no_such_table", &[]);

    assert_eq!(code_of(outcome), "42P01");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn parameters_that_do_not_fit_are_not_sent(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        serve_prepare(session, &[Type::Integer], &texts(&[]))?;
        serve_proof(session)
    });
    let mut client = server.connect();
    let statement = client.prepare("select $1", &[Type::Integer]).expect("parsed");

    let too_few = client.finish(&Request::Prepared(&*statement, &[]));
    let other_type = client.finish(&Request::Prepared(&*statement, &[&1_i64]));

    assert!(
        matches!(too_few, Err(Error::Misuse(Misuse::ParameterCount { expected: 1, found: 0 }))),
        "{too_few:?}"
    );
    let types = match other_type {
        Err(Error::Misuse(Misuse::ParameterType { number: 1, declared, given })) => (declared, given),
        outcome => panic!("another type is a misuse, but: {outcome:?}"),
    };
    assert_eq!(types, (Type::Integer, Type::BigInt));
    client.shows_that_it_is_usable();
    drop((client, statement));
    server.finish();
}

fn a_description_that_has_become_stale_fails_the_statement_and_not_the_session(
    stage: &Stage<'_>,
    good: &'static [&'static str],
) {
    let server = stage.serve(move |session| {
        serve_prepare(session, &[], &texts(&[]))?;
        let wide = Rows::of([]).row([Some("a"), Some("b")]).row([Some("c"), Some("d")]);
        serve_execute(session, &[texts(good).rows(), wide.rows()].concat(), 2)?;
        serve_proof(session)
    });
    let mut client = server.connect();
    let statement = client.prepare("select * from t", &[]).expect("parsed");

    let outcome = client.texts_of(&Request::Prepared(&*statement, &[]));

    assert!(
        matches!(outcome, Err(Error::Statement(StatementError::Stale { described: 1, found: 2 }))),
        "{outcome:?}"
    );
    client.shows_that_it_is_usable();
    drop((client, statement));
    server.finish();
}

fn a_statement_that_was_dropped_is_closed_before_the_next_is_prepared(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        let dropped = serve_prepare(session, &[], &texts(&[]))?;
        session.expect(&FrontendMessage::Close(Target::Statement(&dropped)))?;
        session.expect(&FrontendMessage::Sync)?;
        session.send(&BackendMessage::CloseComplete)?;
        session.ready(TransactionStatus::Idle)?;
        let next = serve_prepare(session, &[], &texts(&[]))?;
        if next == dropped { Err("two statements have one name".into()) } else { serve_proof(session) }
    });
    let mut client = server.connect();

    drop(client.prepare("select 1", &[]).expect("parsed"));
    let statement = client.prepare("select 2", &[]).expect("parsed");

    client.shows_that_it_is_usable();
    drop((client, statement));
    server.finish();
}

fn a_statement_that_cannot_be_closed_does_not_hinder_the_next(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        serve_prepare(session, &[], &texts(&[]))?;
        session.read_to_sync()?;
        session.send_error("26000", "no such statement")?;
        session.ready(TransactionStatus::Idle)?;
        serve_prepare(session, &[], &texts(&[]))?;
        serve_proof(session)
    });
    let mut client = server.connect();

    drop(client.prepare("select 1", &[]).expect("parsed"));
    let statement = client.prepare("select 2", &[]).expect("parsed");

    client.shows_that_it_is_usable();
    drop((client, statement));
    server.finish();
}

fn closing_a_statement_takes_no_longer_than_the_statement_it_is_for(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        serve_prepare(session, &[], &texts(&[]))?;
        session.expect_named("Close")?;
        session.expect_cancel()?;
        session.expect_client_to_give_up()
    });
    let mut client = server.connect_with(server.impatient()).expect("trusted");
    client.set_statement_timeout(Some(SHORT));
    drop(client.prepare("select 1", &[]).expect("parsed"));

    let fault = fault_of(client.prepare("select 2", &[]));

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    server.finish();
}

/// Answers Parse, Describe and Sync; the statement's name.
fn serve_prepare(session: &mut Session, types: &[Type], rows: &Rows) -> Result<String, Failure> {
    let asked = session.read_to_sync()?;
    let name = match asked.iter().map(|message| message.message()).collect::<Vec<_>>()[..] {
        [
            FrontendMessage::Parse { statement, .. },
            FrontendMessage::Describe(Target::Statement(described)),
            FrontendMessage::Sync,
        ] if statement == described => statement.to_owned(),
        _ => return Err(format!("not a statement that is prepared: {asked:?}").into()),
    };
    let types: Vec<_> = types.iter().map(|ty| ty.oid().to_be_bytes()).collect();
    let description = RowDescription::from_body(&rows.description()[5..]).expect("made by this test");
    session.send_all(&[
        BackendMessage::ParseComplete,
        BackendMessage::ParameterDescription(ParameterTypes::from_be_bytes(&types)),
        BackendMessage::RowDescription(description),
    ])?;
    session.ready(TransactionStatus::Idle)?;
    Ok(name)
}

/// Answers Bind, Execute and Sync with these rows.
fn serve_execute(session: &mut Session, rows: &[u8], count: u64) -> Result<(), Failure> {
    let asked = session.read_to_sync()?;
    let names: Vec<_> = asked.iter().map(|message| message.message().name()).collect();
    if names != ["Bind", "Execute", "Sync"] {
        return Err(format!("not a statement that is run: {asked:?}").into());
    }
    session.send(&BackendMessage::BindComplete)?;
    session.send_bytes(rows)?;
    session.complete(&format!("SELECT {count}"))?;
    session.ready(TransactionStatus::Idle)
}
