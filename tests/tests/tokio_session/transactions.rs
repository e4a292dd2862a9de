//! What becomes of a transaction that is dropped.

use std::error::Error as _;

use hyperwire_tests::scripted::{Failure, Listen, Session};
use hyperwire_tokio::hyperwire_core::session::Fault;
use hyperwire_tokio::hyperwire_core::wire::{FrontendMessage, TransactionStatus};
use rstest::rstest;

use crate::{connect, fault_of, in_time, serve, serve_proof, shows_that_it_is_usable};

/// Whoever waits for the tables of a dropped transaction does not wait for its client to be used again.
#[rstest]
#[tokio::test]
async fn a_transaction_that_is_dropped_is_rolled_back_at_once(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let rolled_back = hyperwire_tests::scripted::Latch::new("the transaction is rolled back");
    let server = serve(listen(), {
        let rolled_back = rolled_back.clone();
        move |session| {
            answer(session, "BEGIN", "BEGIN", TransactionStatus::InTransaction)?;
            answer(session, "ROLLBACK", "ROLLBACK", TransactionStatus::Idle)?;
            rolled_back.release();
            serve_proof(session)
        }
    });
    let mut client = connect(&server).await;

    drop(client.transaction().await.expect("begun"));

    crate::released(&rolled_back).await;
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

/// Whoever dropped it believes that it is over.
#[tokio::test]
async fn a_rollback_that_fails_ends_the_session() {
    let server = serve(Listen::tcp(), |session| {
        answer(session, "BEGIN", "BEGIN", TransactionStatus::InTransaction)?;
        session.expect_query("ROLLBACK")?;
        session.send_error("XX000", "no")?;
        session.ready(TransactionStatus::InTransaction)?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut client = connect(&server).await;

    drop(client.transaction().await.expect("begun"));
    let outcome = in_time(client.settle()).await;

    let error = outcome.expect_err("it was not rolled back");
    let cause = error.source().expect("the reason is its cause").to_string();
    assert!(error.is_session_lost() && cause.contains("could not be rolled back"), "{error}: {cause}");
    assert!(client.is_closed());
    assert_eq!(fault_of(client.execute("select 1").await), Fault::Closed);
    drop(client);
    server.finish().unwrap();
}

fn answer(session: &mut Session, sql: &str, tag: &str, status: TransactionStatus) -> Result<(), Failure> {
    session.expect_query(sql)?;
    session.complete(tag)?;
    session.ready(status)
}
