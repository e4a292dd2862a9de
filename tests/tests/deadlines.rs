//! The fast ways through a result keep to its deadline too, however slow whoever is called for each row.

use std::time::{Duration, Instant};

use hyperwire_blocking::{Client, Error};
use hyperwire_core::session::StatementError;
use hyperwire_core::wire::{FrontendMessage, TransactionStatus};
use hyperwire_tests::script::{LONG, SHORT, config, serve};
use hyperwire_tests::scripted::{Listen, Rows, Server, oid};

/// What a machine that does other things besides may be late by; without a look at the clock it was many times that.
const LATE: Duration = Duration::from_secs(3);
/// 1,000 of them are in one read.
const PACE: Duration = Duration::from_millis(20);

fn endless() -> Server {
    serve(Listen::tcp(), |session| {
        session.expect_query("select forever")?;
        session.send_bytes(Rows::of([("a", oid::TEXT)]).description())?;
        while !session.is_canceled() {
            session.send_until_blocked(&[Some(b"a row")], Duration::from_millis(5), 1 << 20)?;
        }
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Idle)?;
        session.expect(&FrontendMessage::Terminate)
    })
}

#[track_caller]
fn is_overdue_in_time(outcome: Result<(), Error>, start: Instant) {
    assert!(matches!(outcome, Err(Error::Statement(StatementError::DeadlineExceeded))), "{outcome:?}");
    assert!(start.elapsed() < SHORT + LATE, "after {:?}", start.elapsed());
}

#[test]
fn of_the_blocking_client() {
    let server = endless();
    let mut client = Client::connect(config(&server)).expect("trusted");
    client.set_statement_timeout(Some(SHORT));
    let start = Instant::now();

    let rows = client.query("select forever").expect("rows");
    let outcome = rows.for_each(|_| {
        std::thread::sleep(PACE);
        Ok::<_, Error>(())
    });

    is_overdue_in_time(outcome, start);
    client.close().expect("it has nothing to write");
    server.finish().unwrap();
}

#[test]
fn of_the_async_client() {
    let server = endless();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio starts");
    runtime.block_on(async {
        let mut client = hyperwire_tokio::Client::connect(config(&server)).await.expect("trusted");
        client.set_statement_timeout(Some(SHORT));
        let start = Instant::now();

        let rows = client.query("select forever").await.expect("rows");
        let outcome = rows.for_each(|_| {
            std::thread::sleep(PACE);
            Ok::<_, Error>(())
        });

        is_overdue_in_time(outcome.await, start);
        client.close().await.expect("it has nothing to write");
    });
    server.finish().unwrap();
}

/// Tasks that wait elsewhere between rows, for longer than the deadline and its grace together.
#[test]
fn of_an_async_reader_that_waits_elsewhere() {
    let server = endless();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio starts");
    runtime.block_on(async {
        let mut config = config(&server);
        config.session.cancel_grace = Duration::from_secs(1);
        let mut client = hyperwire_tokio::Client::connect(config).await.expect("trusted");
        client.set_statement_timeout(Some(SHORT));

        let mut rows = client.query("select forever").await.expect("rows");
        rows.next().await.expect("a row").expect("a row");
        tokio::time::sleep(SHORT).await;
        // The cancel is on its way when its future is dropped, and what comes of it nobody looks at.
        let late = tokio::time::timeout(Duration::ZERO, async { while rows.next().await.is_ok() {} }).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        drop(rows);

        assert!(late.is_err());
        client.settle().await.expect("the server is not to blame for who was away");
        assert!(!client.is_closed());
        client.close().await.expect("it has nothing to write");
    });
    server.finish().unwrap();
}

#[test]
fn of_the_events_of_an_embedder() {
    use hyperwire_mio::{Connection, Event};
    use mio::{Events, Poll, Token};

    let server = endless();
    let (mut poll, mut events) = (Poll::new().expect("a poll"), Events::with_capacity(16));
    let mut connection = Connection::connect(config(&server), poll.registry(), Token(0)).expect("it begins");
    connection.set_statement_timeout(Some(SHORT));
    let id = connection.query("select forever").expect("it is taken");
    connection.demand(id, u64::MAX);
    let start = Instant::now();

    let (mut outcome, mut is_over) = (Ok(()), false);
    while !is_over {
        assert!(start.elapsed() < LONG, "{connection:?}");
        match connection.poll_event().expect("it lives") {
            Some(Event::Row(_)) => {
                assert!(outcome.is_ok(), "a row behind the end");
                let slowly = connection.for_each_row(|_| {
                    std::thread::sleep(PACE);
                    Ok::<_, Error>(())
                });
                slowly.expect("no error of this test");
            }
            Some(Event::Failed { error, .. }) => outcome = Err(error.into()),
            Some(Event::Finished { .. }) => is_over = true,
            Some(_) => {}
            None => {
                let left = connection.deadline().map(|at| at.saturating_duration_since(Instant::now()));
                poll.poll(&mut events, left).expect("the poll waits");
                events.iter().for_each(|event| connection.on_ready(event));
                connection.on_timeout(Instant::now());
            }
        }
    }

    is_overdue_in_time(outcome, start);
    drop(connection);
    server.finish().unwrap();
}
