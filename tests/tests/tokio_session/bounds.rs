//! Every wait ends: by a deadline, by a cancel, or because the server is given up.

use std::time::{Duration, Instant};

use hyperwire_tests::scripted::{Failure, Latch, Listen, Server};
use hyperwire_tokio::Client;
use hyperwire_tokio::core::session::{Fault, SqlState, StatementError, Timer};
use hyperwire_tokio::core::wire::{FrontendMessage, TransactionStatus};
use hyperwire_tokio::{Config, Error};
use rstest::rstest;

use crate::{
    LONG, SHORT, config, connect, fault_of, in_time, released, serve, serve_proof, shows_that_it_is_usable,
    texts,
};

#[rstest]
#[tokio::test]
async fn a_statement_whose_time_is_up_is_canceled_and_the_session_goes_on(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let server = serve(listen(), |session| {
        session.expect_query("select forever")?;
        session.pulse()?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server).await;
    client.set_statement_timeout(Some(SHORT));
    let start = Instant::now();

    let outcome = in_time(client.execute("select forever")).await;

    assert!(matches!(outcome, Err(Error::Statement(StatementError::DeadlineExceeded))), "{outcome:?}");
    assert!(start.elapsed() >= SHORT, "after {:?}", start.elapsed());
    client.set_statement_timeout(None);
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

#[rstest]
#[tokio::test]
async fn a_server_that_ignores_a_cancel_is_given_up(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let server = serve(listen(), |session| {
        session.expect_query("select forever")?;
        session.expect_cancel()?;
        session.expect_client_to_give_up()
    });
    let mut client = Client::connect(impatient(&server)).await.expect("trusted");
    client.set_statement_timeout(Some(SHORT));

    let fault = fault_of(in_time(client.execute("select forever")).await);

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    server.finish().unwrap();
    assert_eq!(fault_of(client.execute("select 1").await), fault);
}

/// A client that only looks at the clock when nothing comes would never look.
#[rstest]
#[case::of_a_statement(Some(SHORT))]
#[case::of_a_result_that_was_dropped(None)]
#[tokio::test]
async fn a_server_that_never_pauses_has_to_keep_to_deadlines(#[case] timeout: Option<Duration>) {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select forever")?;
        session.send_bytes(texts(&[]).description())?;
        let start = Instant::now();
        while start.elapsed() < LONG {
            match session.send_row_repeatedly(&[Some(b"more")], 10_000) {
                Ok(()) => {}
                Err(Failure::Io { .. }) => return Ok(()),
                Err(failure) => return Err(failure),
            }
        }
        Err("the client takes whatever comes".into())
    });
    let mut client = Client::connect(impatient(&server)).await.expect("trusted");
    client.set_statement_timeout(timeout);

    let rows = client.query("select forever").await.expect("a result");
    let outcome = match timeout {
        Some(_) => in_time(rows.finish()).await.map(drop),
        None => {
            drop(rows);
            in_time(client.execute("select 1")).await.map(drop)
        }
    };

    assert_eq!(fault_of(outcome), Fault::Deadline(Timer::CancelGrace));
    server.finish().unwrap();
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_at_the_connect_deadline() {
    let server = Server::tcp(|session| {
        session.read_startup()?;
        session.expect_client_to_give_up()
    });
    let mut config = config(&server);
    config.connect_timeout = SHORT;
    let start = Instant::now();

    let fault = fault_of(in_time(Client::connect(config)).await);

    assert_eq!(fault, Fault::Deadline(Timer::Startup));
    assert!(start.elapsed() >= SHORT && start.elapsed() < LONG, "after {:?}", start.elapsed());
    server.finish().unwrap();
}

/// Its backlog is full and it accepts nothing: the system drops what comes to it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_host_that_does_not_answer_is_given_up_at_the_connect_deadline() {
    use socket2::{Domain, Socket, Type};
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    listener.listen(0).expect("bound");
    let address = listener.local_addr().expect("bound").as_socket().expect("TCP");
    let mut taken = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, SHORT) {
        taken.push(stream);
        assert!(taken.len() < 10, "a backlog of 0 takes a connection or two");
    }
    let mut config = Config::new(format!("tab.tcp://{address}").parse().expect("an endpoint"), "adm");
    config.connect_timeout = SHORT;
    let start = Instant::now();

    let error = in_time(Client::connect(config)).await.expect_err("nobody answers");

    assert!(
        matches!(&error, Error::Connect { source, .. } if source.kind() == std::io::ErrorKind::TimedOut),
        "{error:?}"
    );
    assert!(start.elapsed() >= SHORT && start.elapsed() < LONG, "after {:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_does_not_answer_a_ping_is_given_up_and_nothing_is_canceled() {
    let server = serve(Listen::tcp(), |session| {
        session.expect(&FrontendMessage::Sync)?;
        session.expect_client_to_give_up()
    });
    let mut client = connect(&server).await;

    let fault = fault_of(in_time(client.ping(SHORT)).await);

    assert_eq!(fault, Fault::Deadline(Timer::Sync));
    assert!(server.next_cancel(Duration::ZERO).is_err(), "a Sync cannot be canceled");
    server.finish().unwrap();
}

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

#[tokio::test]
async fn timeouts_without_end_are_taken_as_such() {
    let server = serve(Listen::tcp(), |session| {
        session.expect(&FrontendMessage::Sync)?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut config = config(&server);
    config.connect_timeout = Duration::MAX;
    config.session.startup_timeout = Duration::MAX;

    let mut client = in_time(Client::connect(config)).await.expect("trusted");
    client.set_statement_timeout(Some(Duration::MAX));
    in_time(client.ping(Duration::MAX)).await.expect("answered");

    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

/// Gives a server little time to heed a cancel.
fn impatient(server: &Server) -> Config {
    let mut config = config(server);
    config.session.cancel_grace = SHORT;
    config.session.abandon_patience = SHORT;
    config
}
