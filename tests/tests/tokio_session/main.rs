//! What is special about the async client: being woken, being dropped, and keeping out of each other's way. What any
//! client must do is in the conformance suite.

mod canceling;
mod dropping;
mod encryption;
mod flow;
#[cfg(target_os = "linux")]
mod hyperd;
mod lockstep;
mod pool;
mod results;
mod transactions;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use hyperwire_tests::scripted::{Auth, Failure, Latch, Listen, Rows, Server, Session, oid};
use hyperwire_tokio::hyperwire_core::session::Fault;
use hyperwire_tokio::hyperwire_core::wire::TransactionStatus;
use hyperwire_tokio::{Client, Config, Error};

/// For waits that are meant to end early; also the patience of the scripts.
const LONG: Duration = Duration::from_secs(10);
/// For bounds that are meant to be reached.
const SHORT: Duration = Duration::from_millis(200);

/// More polls than any exchange here takes.
const MOST_POLLS: usize = 1_000;

/// A server that lets everybody in and then goes on with this script.
fn serve(
    listen: Listen,
    script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
) -> Server {
    listen.patience(LONG).serve(move |session| {
        session.accept_startup(Auth::Trust)?;
        script(session)
    })
}

/// How to reach a server. Nothing is canceled because a machine is slow: tests that are about those bounds set them.
fn config(server: &Server) -> Config {
    let mut config = Config::new(server.address().descriptor().parse().expect("an endpoint"), "adm");
    config.session.abandon_patience = LONG;
    config
}

async fn connect(server: &Server) -> Client {
    Client::connect(config(server)).await.expect("the server lets everybody in")
}

/// The one text that a statement returns.
async fn text_of(client: &mut Client, sql: &str) -> Result<String, Error> {
    let mut rows = client.query(sql).await?;
    let text = rows.next().await?.expect("one row").get::<&str>(0)?.to_owned();
    assert!(rows.next().await?.is_none(), "one row");
    Ok(text)
}

/// One column of text.
fn texts(texts: &[&str]) -> Rows {
    texts.iter().fold(Rows::of([("a", oid::TEXT)]), |rows, text| rows.row([Some(text)]))
}

/// The script's side of [`shows_that_it_is_usable`].
fn serve_proof(session: &mut Session) -> Result<(), Failure> {
    session.expect_query("select 'usable'")?;
    session.send_rows(&texts(&["usable"]))?;
    session.ready(TransactionStatus::Idle)
}

/// Runs another statement.
async fn shows_that_it_is_usable(client: &mut Client) {
    assert!(!client.is_closed());
    let text = in_time(text_of(client, "select 'usable'")).await;
    assert_eq!(text.expect("the session goes on"), "usable");
    assert_eq!(client.transaction_status(), TransactionStatus::Idle);
}

#[track_caller]
fn fault_of<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Fault {
    match outcome {
        Err(Error::Session { fault, .. }) => fault,
        outcome => panic!("the session should be lost, but: {outcome:?}"),
    }
}

/// Waits for a future that must not hang.
async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(3 * LONG, future).await.expect("it ends in time")
}

/// Waits for a latch without keeping other tasks from running.
async fn released(latch: &Latch) {
    let latch = latch.clone();
    let waited = tokio::task::spawn_blocking(move || latch.wait(LONG)).await;
    waited.expect("no panic").expect("released in time");
}

/// Polls a future so many times, each time that it is woken, and drops it; what it gave if it was ready by then.
/// `between` runs whenever it was not.
async fn poll_times<F: Future>(future: F, times: usize, mut between: impl FnMut()) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), times);
    let polled = poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => {
                between();
                if left == 0 { Poll::Ready(None) } else { Poll::Pending }
            }
        }
    });
    in_time(polled).await
}
