//! How a session ends, and what is known then.

use hyperwire_tests::scripted::{Auth, Latch, Listen, Server};
use hyperwire_tokio::core::session::{Fault, LinkLoss};
use hyperwire_tokio::core::wire::{FrontendMessage, TransactionStatus};
use hyperwire_tokio::{Client, Error};
use rstest::rstest;

use crate::{LONG, config, connect, fault_of, in_time, serve};

/// Then the statement can be run again elsewhere without fear. The test keeps the thread to itself while the server
/// goes: tokio learns nothing of it, and the client has to ask the system.
#[rstest]
#[case::query("query")]
#[case::parameters("parameters")]
#[case::prepare("prepare")]
#[case::transaction("transaction")]
#[case::ping("ping")]
#[tokio::test]
async fn a_statement_that_was_never_sent_is_known_not_to_have_run(
    #[case] call: &'static str,
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let gone = Latch::new("the server has closed");
    let server = serve(listen(), {
        let gone = gone.clone();
        move |session| {
            session.half_close()?;
            gone.release();
            session.expect_eof()
        }
    });
    let mut client = connect(&server).await;
    gone.wait(LONG).expect("the server closes");

    let fault = fault_of(in_time(run(call, &mut client)).await);

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: false });
    server.finish().unwrap();
}

#[tokio::test]
async fn a_server_that_says_why_it_ends_an_idle_session_is_quoted() {
    let gone = Latch::new("the server has closed");
    let server = serve(Listen::tcp(), {
        let gone = gone.clone();
        move |session| {
            session.send_error("57P01", "the server is shut down")?;
            session.half_close()?;
            gone.release();
            session.expect_eof()
        }
    });
    let mut client = connect(&server).await;
    gone.wait(LONG).expect("the server closes");

    let error = in_time(client.execute("select 1")).await.expect_err("the session is over");

    assert_eq!(error.server().map(|said| said.message()), Some("the server is shut down"), "{error:?}");
    assert!(error.is_session_lost());
    server.finish().unwrap();
}

#[tokio::test]
async fn a_server_that_goes_away_during_a_statement_leaves_its_effect_unknown() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("insert")?;
        session.reset()
    });
    let mut client = connect(&server).await;

    let error = in_time(client.execute("insert")).await.expect_err("the connection is reset");

    let Error::Session { fault, source } = error else { panic!("{error:?}") };
    assert_eq!(fault, Fault::Link { loss: LinkLoss::Reset, request_open: true });
    assert_eq!(source.map(|source| source.kind()), Some(std::io::ErrorKind::ConnectionReset));
    assert!(client.is_closed());
    server.finish().unwrap();
}

#[rstest]
#[case::dropped(false)]
#[case::closed(true)]
#[tokio::test]
async fn a_client_says_goodbye(
    #[case] close: bool,
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let server = serve(listen(), |session| {
        session.expect(&FrontendMessage::Sync)?;
        session.ready(TransactionStatus::Idle)?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut client = connect(&server).await;
    client.ping(LONG).await.expect("answered");

    if close {
        in_time(client.close()).await.expect("in good order");
    } else {
        drop(client);
    }

    server.finish().unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure_to_connect() {
    let server = Server::tcp(|session| session.accept_startup(Auth::Trust).map(drop));
    let config = config(&server);
    drop(connect(&server).await);
    server.finish().unwrap();

    let error = in_time(Client::connect(config)).await.expect_err("nobody listens any more");

    assert!(
        matches!(&error, Error::Connect { source, .. } if source.kind() == std::io::ErrorKind::ConnectionRefused),
        "{error:?}"
    );
    assert!(error.to_string().contains("check that the server runs"), "{error}");
}

async fn run(call: &str, client: &mut Client) -> Result<(), Error> {
    match call {
        "query" => client.execute("insert").await.map(drop),
        "parameters" => client.execute_params("insert", &[]).await.map(drop),
        "prepare" => client.prepare("insert", &[]).await.map(drop),
        "transaction" => client.transaction().await.map(drop),
        _ => client.ping(LONG).await,
    }
}
