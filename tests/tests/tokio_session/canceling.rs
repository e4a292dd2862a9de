//! A statement that another task ends.

use hyperwire_tests::scripted::{Latch, Listen};
use hyperwire_tokio::hyperwire_core::session::SqlState;
use hyperwire_tokio::hyperwire_core::wire::TransactionStatus;
use rstest::rstest;

use crate::{connect, in_time, released, serve, serve_proof, shows_that_it_is_usable};

#[rstest]
#[tokio::test]
async fn another_task_cancels_a_statement(#[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen) {
    let runs = Latch::new("the statement runs");
    let server = serve(listen(), {
        let runs = runs.clone();
        move |session| {
            session.expect_query("select forever")?;
            runs.release();
            session.expect_cancel()?;
            session.send_error("57014", "canceled by the user")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = connect(&server).await;
    let handle = client.cancel_handle().expect("the server gave a key");

    let canceler = tokio::spawn(async move {
        released(&runs).await;
        handle.cancel().await
    });
    let error = in_time(client.execute("select forever")).await.expect_err("it is canceled");

    canceler.await.expect("no panic").expect("the cancel is delivered");
    assert_eq!(error.code(), Some(SqlState::QUERY_CANCELED));
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}
