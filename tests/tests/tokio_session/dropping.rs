//! Futures that are dropped, at every point at which they can be.

use std::time::Duration;

use hyperwire_tests::scripted::Listen;
use hyperwire_tokio::hyperwire_core::wire::{BackendMessage, TransactionStatus};
use hyperwire_tokio::{Client, Error};
use rstest::rstest;

use crate::lockstep::serve_in_lockstep;
use crate::{
    LONG, MOST_POLLS, SHORT, config, connect, poll_times, serve, serve_proof, shows_that_it_is_usable, texts,
};

/// The server sends one byte for each time that the future was polled in vain, so each number of polls is another place.
#[rstest]
#[case::query("query")]
#[case::rows("rows")]
#[case::for_each("for_each")]
#[case::execute("execute")]
#[case::parameters("parameters")]
#[case::batch("batch")]
#[case::prepare("prepare")]
#[case::prepared("prepared")]
#[case::prepare_behind_one_to_close("prepare_behind_one_to_close")]
#[case::transaction_committed("transaction_committed")]
#[case::transaction_rolled_back("transaction_rolled_back")]
#[case::transaction_forgotten("transaction_forgotten")]
#[case::ping("ping")]
#[tokio::test]
async fn a_future_that_was_dropped_after_any_number_of_polls_leaves_a_session_that_works(
    #[case] what: &'static str,
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    for polls in 0..=MOST_POLLS {
        // The last two statements that were prepared are closed at the next prepare.
        let (server, gate) = serve_in_lockstep(listen(), 2);
        let mut client = connect(&server).await;

        let finished = poll_times(work(what, &mut client), polls, || gate.let_a_byte_through()).await;

        drop(gate);
        shows_that_it_is_usable(&mut client).await;
        drop(client);
        server.finish().unwrap_or_else(|failures| panic!("dropped after {polls} polls: {failures}"));
        if let Some(outcome) = finished {
            outcome.expect("nothing is wrong with it");
            assert!(polls > 6, "done after {polls} polls: it was not dropped at every point");
            return;
        }
    }
    panic!("not finished after {MOST_POLLS} polls");
}

/// What a dropped future has begun is gone by the time of the next prepare, even if it has told nobody the name.
#[tokio::test]
async fn a_prepare_that_was_dropped_at_any_point_leaves_no_statement() {
    for polls in 0..=MOST_POLLS {
        let (server, gate) = serve_in_lockstep(Listen::tcp(), 1);
        let mut client = connect(&server).await;

        let finished = {
            let prepare = client.prepare("select 1", &[]);
            poll_times(prepare, polls, || gate.let_a_byte_through()).await.is_some()
        };

        drop(gate);
        let other = client.prepare("select 2", &[]).await.expect("prepared");
        shows_that_it_is_usable(&mut client).await;
        drop((client, other));
        server.finish().unwrap_or_else(|failures| panic!("dropped after {polls} polls: {failures}"));
        if finished {
            assert!(polls > 6, "done after {polls} polls: it was not dropped at every point");
            return;
        }
    }
    panic!("not finished after {MOST_POLLS} polls");
}

#[tokio::test]
async fn connecting_that_was_dropped_at_any_point_leaves_no_connection() {
    for polls in 1..=MOST_POLLS {
        let server = Listen::tcp().patience(LONG).serve(|session| {
            // However far it came.
            let startup = session.accept_startup(hyperwire_tests::scripted::Auth::Trust);
            if startup.is_ok() { session.expect_client_to_give_up() } else { Ok(()) }
        });

        let finished = poll_times(Client::connect(config(&server)), polls, || ()).await;
        let done = finished.is_some();
        drop(finished.map(|client| client.expect("trusted")));

        server.finish().unwrap_or_else(|failures| panic!("dropped after {polls} polls: {failures}"));
        if done {
            return;
        }
    }
    panic!("not connected after {MOST_POLLS} polls");
}

/// The next call does the canceling. It may be dropped in its turn, as often as one likes.
#[rstest]
#[tokio::test]
async fn a_call_that_cleans_up_may_be_dropped_at_any_point_too(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    for polls in 0..=MOST_POLLS {
        let server = serve(listen(), |session| {
            session.expect_query("select much")?;
            session.send_bytes(texts(&[]).description())?;
            session.expect_cancel()?;
            session.send_error("57014", "canceled")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        });
        let mut config = config(&server);
        config.session.abandon_patience = Duration::ZERO;
        let mut client = Client::connect(config).await.expect("trusted");
        drop(client.query("select much").await.expect("a result"));

        let settled = poll_times(client.settle(), polls, || ()).await;

        shows_that_it_is_usable(&mut client).await;
        drop(client);
        server.finish().unwrap_or_else(|failures| panic!("dropped after {polls} polls: {failures}"));
        if let Some(outcome) = settled {
            outcome.expect("it was canceled");
            assert!(polls > 2, "done after {polls} polls: it was not dropped at every point");
            return;
        }
    }
    panic!("not settled after {MOST_POLLS} polls");
}

#[tokio::test]
async fn rows_that_were_leaked_do_not_block_the_next_statement() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select some")?;
        session.send_bytes(texts(&[]).description())?;
        session.send_row_repeatedly(&[Some(&[b'x'; 1000])], 500)?;
        session.complete("SELECT 500")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server).await;

    std::mem::forget(client.query("select some").await.expect("a result"));

    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

/// A statement that was to be sent whole is sent whole: half a message would be the end of the session.
#[tokio::test]
async fn a_statement_that_was_dropped_half_sent_is_sent_to_its_end() {
    let sql = format!("select '{}'", "x".repeat(64 << 20));
    let server = serve(Listen::tcp(), {
        let sql = sql.clone();
        move |session| {
            session.expect_query(&sql)?;
            session.send_all(&[BackendMessage::EmptyQueryResponse])?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = connect(&server).await;

    let finished = poll_times(client.execute(&sql), 2, || ()).await;

    assert!(finished.is_none(), "64 MiB do not fit the buffers of two sockets");
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

/// Nobody cancels it behind the caller's back, and whoever wants it canceled at once can do so.
#[tokio::test]
async fn a_dropped_statement_goes_on_until_the_client_is_used() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select forever")?;
        session.expect_nothing_for(SHORT)?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server).await;
    let handle = client.cancel_handle().expect("the server gave a key");

    let timed_out = tokio::time::timeout(SHORT, client.execute("select forever")).await;
    assert!(timed_out.is_err(), "it takes for ever");
    handle.cancel().await.expect("delivered");

    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

/// What a test does with a client until it is dropped.
async fn work(what: &str, client: &mut Client) -> Result<(), Error> {
    match what {
        "query" => client.query("select 1").await?.finish().await.map(drop),
        "rows" => {
            let mut rows = client.query("select 1").await?;
            while rows.next().await?.is_some() {}
            Ok(())
        }
        "for_each" => client.query("select 1").await?.for_each(|_| Ok(())).await,
        "execute" => client.execute("select 1").await.map(drop),
        "parameters" => client.execute_params("select 1", &[]).await.map(drop),
        "batch" => client.batch(["select 1", "select 2"]).await.map(drop),
        "prepare" => client.prepare("select 1", &[]).await.map(drop),
        "prepared" => {
            let statement = client.prepare("select 1", &[]).await?;
            client.execute_prepared(&statement, &[]).await?;
            client.query_prepared(&statement, &[]).await?.finish().await.map(drop)
        }
        "prepare_behind_one_to_close" => {
            drop(client.prepare("select 1", &[]).await?);
            client.prepare("select 2", &[]).await.map(drop)
        }
        "transaction_committed" => {
            let mut transaction = client.transaction().await?;
            transaction.execute("insert").await?;
            transaction.commit().await
        }
        "transaction_rolled_back" => {
            let mut transaction = client.transaction().await?;
            transaction.query("select 1").await?.next().await?;
            transaction.rollback().await
        }
        "transaction_forgotten" => {
            client.transaction().await?.execute("insert").await?;
            client.settle().await
        }
        _ => client.ping(LONG).await,
    }
}
