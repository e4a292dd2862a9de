//! Statements that the server has parsed.

use hyperwire_mio::hyperwire_core::row::Type;
use hyperwire_mio::hyperwire_core::session::{Misuse, RequestId};
use hyperwire_mio::hyperwire_core::wire::{
    BackendMessage, FrontendMessage, ParameterTypes, TransactionStatus,
};
use hyperwire_mio::{Connection, Error, Event, Statement};
use hyperwire_tests::scripted::{Failure, Listen, Session, oid};

use crate::{Loop, serve, texts};

fn serve_prepare(session: &mut Session) -> Result<(), Failure> {
    session.expect_named("Parse")?;
    session.read_to_sync()?;
    session.send_all(&[
        BackendMessage::ParseComplete,
        BackendMessage::ParameterDescription(ParameterTypes::from_be_bytes(&[oid::INTEGER.to_be_bytes()])),
    ])?;
    session.send_bytes(texts(&[]).description())?;
    session.ready(TransactionStatus::Idle)
}

fn serve_execute(session: &mut Session) -> Result<(), Failure> {
    session.expect_named("Bind")?;
    session.read_to_sync()?;
    session.send(&BackendMessage::BindComplete)?;
    session.send_bytes(texts(&["found"]).rows())?;
    session.complete("SELECT 1")?;
    session.ready(TransactionStatus::Idle)
}

fn prepare(embedder: &mut Loop, connection: &mut Connection) -> Statement {
    let id = connection.prepare("select a from t where i = $1", &[Type::Integer]).unwrap();
    let mut statement = None;
    loop {
        match embedder.next(connection).unwrap() {
            Event::Prepared { statement: prepared, .. } => statement = Some(prepared),
            Event::Finished { id: of, .. } if of == id => return statement.expect("it was prepared"),
            other => panic!("an event that nobody asked for: {other:?}"),
        }
    }
}

fn run(connection: &mut Connection, statement: &Statement) -> Result<RequestId, Error> {
    connection.query_prepared(statement, &[&7_i32])
}

#[test]
fn a_prepared_statement_runs_as_often_as_one_likes_until_it_is_closed() {
    let server = serve(Listen::tcp(), |session| {
        serve_prepare(session)?;
        serve_execute(session)?;
        serve_execute(session)?;
        session.expect_named("Close")?;
        session.read_to_sync()?;
        session.send(&BackendMessage::CloseComplete)?;
        session.ready(TransactionStatus::Idle)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);

    let statement = prepare(&mut embedder, &mut connection);
    assert_eq!(statement.prepared().columns().map(|columns| columns.len()), Some(1));
    for _ in 0..2 {
        let id = run(&mut connection, &statement).unwrap();
        assert_eq!(embedder.finish(&mut connection, id).unwrap().values, ["found"]);
    }
    let id = connection.close_statement(&statement).unwrap();
    assert!(embedder.finish(&mut connection, id).unwrap().error.is_none());

    drop(connection);
    server.finish().unwrap();
}

#[test]
fn a_statement_of_another_connection_and_one_with_other_parameters_are_refused() {
    let server = serve(Listen::tcp(), |session| {
        serve_prepare(session)?;
        session.expect(&FrontendMessage::Terminate)
    });
    let (mut embedder, mut other) = (Loop::new(), Loop::new());
    let mut connection = embedder.connected(&server);
    let mut stranger = other.connected(&server);

    let statement = prepare(&mut embedder, &mut connection);
    let foreign = prepare(&mut other, &mut stranger);

    assert!(matches!(run(&mut connection, &foreign), Err(Error::ForeignStatement)));
    assert!(matches!(
        connection.query_prepared(&statement, &[]),
        Err(Error::Misuse(Misuse::ParameterCount { expected: 1, found: 0 }))
    ));
    drop((connection, stranger));
    server.finish().unwrap();
}
