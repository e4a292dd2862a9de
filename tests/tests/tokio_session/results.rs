//! Rows all at once, and as a stream.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use hyperwire_tests::scripted::{Listen, Server};
use hyperwire_tokio::Error;
use hyperwire_tokio::hyperwire_core::row::Row;
use hyperwire_tokio::hyperwire_core::wire::TransactionStatus;
use rstest::rstest;

use crate::{connect, in_time, serve, serve_proof, shows_that_it_is_usable, texts};

#[tokio::test]
async fn a_stream_gives_what_is_made_of_each_row_and_ends() {
    let server = three_rows();
    let mut client = connect(&server).await;

    let mut stream = client.query("select 1").await.expect("a result").into_stream(text);
    let mut found = Vec::new();
    while let Some(row) = next(&mut stream).await {
        found.push(row.expect("a row"));
    }

    assert_eq!(found, expected());
    assert!(next(&mut stream).await.is_none(), "the end stays the end");
    drop(stream);
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

#[tokio::test]
async fn for_each_goes_on_where_next_stopped() {
    let server = three_rows();
    let mut client = connect(&server).await;

    let mut rows = client.query("select 1").await.expect("a result");
    rows.next().await.expect("a row").expect("the first");
    let mut found = Vec::new();
    rows.for_each::<Error>(|row| {
        found.push(text(row)?);
        Ok(())
    })
    .await
    .expect("the others");

    assert_eq!(found, expected()[1..]);
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

/// A statement may do its work and fail when its transaction ends.
#[rstest]
#[case::for_each("for_each")]
#[case::stream("stream")]
#[tokio::test]
async fn an_error_behind_the_result_is_not_lost(#[case] way: &'static str) {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("insert")?;
        session.send_rows(&texts(&["inserted"]))?;
        session.send_error("40001", "another transaction was faster")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server).await;

    let outcome: Result<(), Error> = async {
        let rows = client.query("insert").await?;
        match way {
            "for_each" => rows.for_each::<Error>(|_| Ok(())).await?,
            _ => {
                let mut stream = rows.into_stream(text);
                while let Some(row) = next(&mut stream).await {
                    row?;
                }
            }
        }
        Ok(())
    }
    .await;

    let error = outcome.expect_err("it was rolled back");
    assert_eq!(error.code().map(|code| code.to_string()).as_deref(), Some("40001"), "{error:?}");
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

#[tokio::test]
async fn the_statement_of_a_batch_that_failed_is_named() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("insert")?;
        session.complete("INSERT 0 2")?;
        session.ready(TransactionStatus::Idle)?;
        session.expect_query("nonsense")?;
        session.send_error("42601", "what")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server).await;

    let outcome = client.batch(["insert", "nonsense", "never sent"]).await;

    assert!(matches!(outcome, Err(Error::Batch { index: 1, .. })), "{outcome:?}");
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

fn three_rows() -> Server {
    serve(Listen::tcp(), |session| {
        session.expect_query("select 1")?;
        session.send_rows(&texts(&["one", "two"]).row::<&str>([None]))?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    })
}

fn expected() -> Vec<Option<String>> {
    vec![Some("one".to_owned()), Some("two".to_owned()), None]
}

fn text(row: Row<'_>) -> Result<Option<String>, Error> {
    Ok(row.get::<Option<&str>>(0)?.map(str::to_owned))
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    in_time(poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx))).await
}
