//! The real hyperd.

use std::time::Instant;

use hyperwire_mio::hyperwire_core::session::{SqlState, StatementError};
use hyperwire_mio::hyperwire_core::wire::TransactionStatus;
use hyperwire_mio::{Config, Connection, Error, Event};
use hyperwire_tests::real_hyperd::{CROSS_JOIN, MANY_ROWS, RealHyperd, value as value_of};
use mio::Token;
use rstest::rstest;

use crate::Loop;

fn connect(embedder: &mut Loop, config: Config) -> Connection {
    let mut connection = Connection::connect(config, embedder.poll.registry(), Token(0)).unwrap();
    assert!(matches!(embedder.next(&mut connection), Ok(Event::Ready)));
    connection
}

#[rstest]
#[case::over_a_domain_socket(RealHyperd::start)]
#[case::over_tcp(RealHyperd::start_on_tcp)]
fn ten_million_rows_are_read(#[case] start: fn() -> RealHyperd) {
    let hyperd = start();
    let mut embedder = Loop::new();
    let mut connection = connect(&mut embedder, hyperd.config());
    let id = connection.query(MANY_ROWS).unwrap();
    connection.demand(id, u64::MAX);

    let (mut rows, mut sum) = (0_u64, 0_i64);
    loop {
        match embedder.next(&mut connection).unwrap() {
            Event::Row(_) => connection
                .for_each_row(|row| {
                    rows += 1;
                    sum += i64::from(row.get::<i32>(0)?);
                    Ok::<_, Error>(())
                })
                .unwrap(),
            Event::Failed { error, .. } => panic!("{error}"),
            Event::Finished { .. } => break,
            _ => {}
        }
    }

    assert_eq!((rows, sum), (10_000_000, 10_000_000 * 10_000_001 / 2));
    embedder.close(connection);
}

#[test]
fn a_statement_that_runs_is_canceled() {
    let hyperd = RealHyperd::start();
    let mut embedder = Loop::new();
    let mut connection = connect(&mut embedder, hyperd.config());
    let id = connection.query(CROSS_JOIN).unwrap();
    connection.demand(id, 1);
    assert!(matches!(connection.poll_event(), Ok(None)));
    hyperd.wait_until_it_computes();
    let start = Instant::now();

    connection.cancel(id);
    let error = loop {
        match embedder.next(&mut connection).unwrap() {
            Event::Failed { error, .. } => break error,
            Event::Row(_) | Event::Finished { .. } => panic!("it takes hours"),
            _ => {}
        }
    };

    assert!(
        matches!(&error, StatementError::Server(error) if error.code() == SqlState::QUERY_CANCELED),
        "{error}"
    );
    assert!(start.elapsed() < crate::LONG);
    assert!(matches!(embedder.next(&mut connection), Ok(Event::Finished { .. })));
    let id = connection.execute("SELECT 1").unwrap();
    assert!(embedder.finish(&mut connection, id).unwrap().error.is_none());
}

/// A connection that is closed has let go of the database, and rolled back what nobody committed.
#[test]
fn what_was_committed_is_in_the_file_when_the_connection_is_closed() {
    let hyperd = RealHyperd::start();
    let database = hyperd.create_database("of_mio.hyper");
    let mut embedder = Loop::new();
    let mut connection = connect(&mut embedder, hyperd.config().database(&database));

    for sql in ["CREATE TABLE kept (i INT)", "INSERT INTO kept VALUES (1), (2)", "BEGIN", "DELETE FROM kept"]
    {
        let id = connection.execute(sql).unwrap();
        assert!(embedder.finish(&mut connection, id).unwrap().error.is_none(), "{sql}");
    }
    assert_eq!(connection.transaction_status(), TransactionStatus::InTransaction);
    embedder.close(connection);

    let mut hyperd = hyperd;
    hyperd.kill();
    let second = RealHyperd::start();
    let mut client = second.connect_to(&database);
    assert_eq!(value_of::<i64>(&mut client, "SELECT count(*) FROM kept"), 2);
}

#[test]
fn a_hyperd_that_dies_is_noticed_at_once() {
    let mut hyperd = RealHyperd::start();
    let mut embedder = Loop::new();
    let mut connection = connect(&mut embedder, hyperd.config());
    connection.query(CROSS_JOIN).unwrap();
    assert!(matches!(connection.poll_event(), Ok(None)));
    hyperd.wait_until_it_computes();

    hyperd.kill();

    let error = loop {
        match embedder.next(&mut connection) {
            Ok(event) => assert!(!matches!(event, Event::Finished { .. })),
            Err(error) => break error,
        }
    };
    assert!(error.is_session_lost(), "{error:?}");
}
