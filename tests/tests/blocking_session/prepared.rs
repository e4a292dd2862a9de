//! Prepared statements: what they are asked, what they answer, and how they end.

use hyperwire_blocking::core::row::Type;
use hyperwire_blocking::core::session::{Fault, Misuse, StatementError, Timer};
use hyperwire_blocking::core::wire::{
    BackendMessage, FrontendMessage, ParameterTypes, RowDescription, Target, TransactionStatus,
};
use hyperwire_blocking::{Client, Error};
use hyperwire_tests::scripted::{Failure, Listen, Rows, Session};
use rstest::rstest;

use crate::{SHORT, config, connect, fault_of, serve, serve_proof, shows_that_it_is_usable, texts};

#[rstest]
fn a_statement_is_parsed_once_and_run_often(#[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen) {
    let server = serve(listen(), |session| {
        serve_prepare(session, &[Type::Integer], &texts(&[]))?;
        serve_execute(session, texts(&["one"]).rows(), 1)?;
        serve_execute(session, texts(&["two", "more"]).rows(), 2)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let statement = client.prepare("select $1", &[Type::Integer]).expect("parsed");
    let first = client.query_prepared(&statement, &[&1_i32]).and_then(collect).expect("a result");
    let second = client.query_prepared(&statement, &[&2_i32]).and_then(collect).expect("a result");

    assert_eq!(statement.parameter_count(), 1);
    assert_eq!(statement.columns().map(|columns| columns.len()), Some(1));
    assert_eq!((first, second), (vec!["one".to_owned()], vec!["two".to_owned(), "more".to_owned()]));
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_statement_that_was_dropped_is_closed_before_the_next_is_prepared() {
    let server = serve(Listen::tcp(), |session| {
        let dropped = serve_prepare(session, &[], &texts(&[]))?;
        session.expect(&FrontendMessage::Close(Target::Statement(&dropped)))?;
        session.expect(&FrontendMessage::Sync)?;
        session.send(&BackendMessage::CloseComplete)?;
        session.ready(TransactionStatus::Idle)?;
        let next = serve_prepare(session, &[], &texts(&[]))?;
        if next == dropped { Err("two statements have one name".into()) } else { serve_proof(session) }
    });
    let mut client = connect(&server);

    drop(client.prepare("select 1", &[]).expect("parsed"));
    let statement = client.prepare("select 2", &[]).expect("parsed");

    shows_that_it_is_usable(&mut client);
    drop((client, statement));
    server.finish().unwrap();
}

#[test]
fn a_statement_that_cannot_be_closed_does_not_hinder_the_next() {
    let server = serve(Listen::tcp(), |session| {
        serve_prepare(session, &[], &texts(&[]))?;
        session.read_to_sync()?;
        session.send_error("26000", "no such statement")?;
        session.ready(TransactionStatus::Idle)?;
        serve_prepare(session, &[], &texts(&[]))?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    drop(client.prepare("select 1", &[]).expect("parsed"));
    let statement = client.prepare("select 2", &[]).expect("parsed");

    shows_that_it_is_usable(&mut client);
    drop((client, statement));
    server.finish().unwrap();
}

#[test]
fn closing_a_statement_takes_no_longer_than_the_statement_it_is_for() {
    let server = serve(Listen::tcp(), |session| {
        serve_prepare(session, &[], &texts(&[]))?;
        session.expect_named("Close")?;
        session.expect_cancel()?;
        session.expect_client_to_give_up()
    });
    let mut config = config(&server);
    config.session.cancel_grace = SHORT;
    let mut client = Client::connect(config).expect("trusted");
    client.set_statement_timeout(Some(SHORT));
    drop(client.prepare("select 1", &[]).expect("parsed"));

    let fault = fault_of(client.prepare("select 2", &[]).map(drop));

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    server.finish().unwrap();
}

#[rstest]
#[case::parse(&[])]
#[case::describe(&[BackendMessage::ParseComplete])]
fn a_statement_that_cannot_be_prepared_is_the_servers_no(#[case] before: &'static [BackendMessage<'static>]) {
    let server = serve(Listen::tcp(), move |session| {
        session.read_to_sync()?;
        session.send_all(before)?;
        session.send_error("42P01", "no such table")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let error = client.prepare("select * from t", &[]).map(drop).expect_err("no such table");

    assert_eq!(error.code().map(|code| code.to_string()).as_deref(), Some("42P01"), "{error:?}");
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn parameters_that_do_not_fit_are_not_sent() {
    let server = serve(Listen::tcp(), |session| {
        serve_prepare(session, &[Type::Integer], &texts(&[]))?;
        serve_proof(session)
    });
    let mut client = connect(&server);
    let statement = client.prepare("select $1", &[Type::Integer]).expect("parsed");

    let too_few = client.execute_prepared(&statement, &[]);
    let other_type = client.execute_prepared(&statement, &[&1_i64]);

    assert!(
        matches!(too_few, Err(Error::Misuse(Misuse::ParameterCount { expected: 1, found: 0 }))),
        "{too_few:?}"
    );
    let types = match other_type {
        Err(Error::Misuse(Misuse::ParameterType { number: 1, declared, given })) => (declared, given),
        outcome => panic!("another type is a misuse, but: {outcome:?}"),
    };
    assert_eq!(types, (Type::Integer, Type::BigInt));
    shows_that_it_is_usable(&mut client);
    drop((client, statement));
    server.finish().unwrap();
}

#[test]
fn a_statement_belongs_to_the_client_that_prepared_it() {
    let server = serve(Listen::tcp(), |session| {
        if session.number() == 0 {
            return serve_prepare(session, &[], &texts(&[])).map(drop);
        }
        serve_proof(session)
    });
    let (mut owner, mut other) = (connect(&server), None);
    let statement = owner.prepare("select 1", &[]).expect("parsed");
    let other: &mut Client = other.insert(connect(&server));

    let outcome = other.query_prepared(&statement, &[]).map(drop);

    assert!(matches!(outcome, Err(Error::ForeignStatement)), "{outcome:?}");
    shows_that_it_is_usable(other);
    drop((owner, statement));
}

#[rstest]
#[case::of_the_first_row(&[])]
#[case::of_a_later_row(&["good"])]
fn a_description_that_has_become_stale_fails_the_statement_and_not_the_session(
    #[case] good: &'static [&'static str],
) {
    let server = serve(Listen::tcp(), move |session| {
        serve_prepare(session, &[], &texts(&[]))?;
        let wide = Rows::of([]).row([Some("a"), Some("b")]).row([Some("c"), Some("d")]);
        serve_execute(session, &[texts(good).rows(), wide.rows()].concat(), 2)?;
        serve_proof(session)
    });
    let mut client = connect(&server);
    let statement = client.prepare("select * from t", &[]).expect("parsed");

    let error = client.query_prepared(&statement, &[]).and_then(collect).expect_err("the table was altered");

    let Error::Statement(error) = error else { panic!("the session is good, but: {error:?}") };
    assert_eq!(error, StatementError::Stale { described: 1, found: 2 });
    shows_that_it_is_usable(&mut client);
    drop((client, statement));
    server.finish().unwrap();
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

fn collect(rows: hyperwire_blocking::Rows<'_>) -> Result<Vec<String>, Error> {
    rows.map(|row| Ok(row.get::<&str>(0)?.to_owned()))
}
