//! The server goes away, at any point, and the embedder is told what that means.

use std::io::ErrorKind;

use hyperwire_mio::hyperwire_core::hyperd::Endpoint;
use hyperwire_mio::hyperwire_core::session::{Fault, LinkLoss};
use hyperwire_mio::hyperwire_core::wire::FrontendMessage;
use hyperwire_mio::{Config, Connection, Error, Event};
use hyperwire_tests::script::{Answered, answer_and_go};
use hyperwire_tests::scripted::{Auth, Latch, Listen, Server};
use mio::Token;
use rstest::rstest;

use crate::{LONG, Loop, serve};

#[rstest]
fn a_server_that_goes_away_during_a_statement_leaves_its_effect_unknown(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
    #[values(
        Answered::Nothing,
        Answered::Description,
        Answered::HalfARow,
        Answered::Rows,
        Answered::Complete
    )]
    answered: Answered,
) {
    let sql = "insert ... returning a";
    let server = serve(listen(), move |session| answer_and_go(session, sql, answered));
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);

    let id = connection.query(sql).unwrap();
    connection.demand(id, u64::MAX);
    let fault = embedder.fault(&mut connection);

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: true });
    assert_eq!(embedder.fault(&mut connection), fault, "and so at every later call");
    assert!(
        matches!(connection.query("select 1"), Err(Error::Session { fault: again, .. }) if again == fault)
    );
    assert_eq!(connection.deadline(), None);
    server.finish().unwrap();
}

#[rstest]
#[case::before_a_word(0)]
#[case::within_a_message(5)]
#[case::between_messages(9)]
fn a_server_that_goes_away_during_the_startup_is_lost(#[case] length: usize) {
    let server = Server::tcp(move |session| {
        session.read_startup()?;
        session.send_bytes(&b"R\0\0\0\x08\0\0\0\0"[..length])?;
        session.close();
        Ok(())
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connect(&server, |_| {});

    let fault = embedder.fault(&mut connection);

    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: false });
    server.finish().unwrap();
}

#[test]
fn a_server_that_ends_an_idle_session_is_noticed_at_once() {
    let server = serve(Listen::tcp(), |session| {
        session.send_error("57P01", "the server is shut down")?;
        session.half_close()?;
        session.expect_eof()
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);

    let error = embedder.next(&mut connection).expect_err("the session is over");

    assert_eq!(error.server().map(|said| said.message()), Some("the server is shut down"), "{error:?}");
    drop(connection);
    server.finish().unwrap();
}

/// Then the statement can be run again elsewhere without fear, also if the poll had not told of the goodbye.
#[rstest]
#[case::query(|connection: &mut Connection| connection.query("insert").map(drop))]
#[case::parameters(|connection: &mut Connection| connection.execute_params("insert", &[]).map(drop))]
#[case::prepare(|connection: &mut Connection| connection.prepare("insert", &[]).map(drop))]
#[case::ping(|connection: &mut Connection| connection.ping(LONG).map(drop))]
fn a_statement_that_was_never_sent_is_known_not_to_have_run(
    #[case] run: fn(&mut Connection) -> Result<(), Error>,
) {
    let gone = Latch::new("the server has closed");
    let server = serve(Listen::tcp(), {
        let gone = gone.clone();
        move |session| {
            session.half_close()?;
            gone.release();
            session.expect_eof()
        }
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    gone.wait(LONG).expect("the server closes");

    let error = run(&mut connection).expect_err("nobody would run it");

    let Error::Session { fault, .. } = error else { panic!("{error:?}") };
    assert_eq!(fault, Fault::Link { loss: LinkLoss::Eof, request_open: false });
    server.finish().unwrap();
}

#[test]
fn a_reset_is_told_from_an_end() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select 1")?;
        session.reset()
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    connection.query("select 1").unwrap();

    let error = embedder.next(&mut connection).expect_err("the connection is reset");

    let Error::Session { fault, source } = error else { panic!("{error:?}") };
    assert_eq!(fault, Fault::Link { loss: LinkLoss::Reset, request_open: true });
    assert_eq!(source.map(|source| source.kind()), Some(ErrorKind::ConnectionReset));
    server.finish().unwrap();
}

#[rstest]
#[case::a_port(|address: std::net::SocketAddr| Endpoint::Tcp { host: "127.0.0.1".into(), port: address.port() })]
// Two addresses, of which neither answers.
#[case::a_name(|address: std::net::SocketAddr| Endpoint::Tcp { host: "localhost".into(), port: address.port() })]
fn nobody_listens(#[case] endpoint: fn(std::net::SocketAddr) -> Endpoint) {
    // Bound and not listening, so that nobody else can listen there.
    let reserved = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    reserved.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = reserved.local_addr().unwrap().as_socket().unwrap();
    let mut embedder = Loop::new();
    let config = Config::new(endpoint(address), "adm");
    let mut connection = Connection::connect(config, embedder.poll.registry(), Token(0)).unwrap();

    let error = embedder.next(&mut connection).expect_err("nobody listens");

    let Error::Connect { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), ErrorKind::ConnectionRefused, "{error}");
    assert!(connection.is_closed() && connection.deadline().is_none());
    assert!(matches!(connection.query("select 1"), Err(Error::Session { .. })));
}

#[test]
fn a_name_that_has_to_be_looked_up_is_refused_instead_of_waited_for() {
    let embedder = Loop::new();
    let endpoint = Endpoint::Tcp { host: "hyper.example".into(), port: 7483 };

    let outcome = Connection::connect(Config::new(endpoint, "adm"), embedder.poll.registry(), Token(0));

    let Err(Error::Connect { source, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(source.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_connection_that_is_closed_while_a_statement_runs_lets_it_end() {
    let server = Listen::tcp().serve(|session| {
        session.accept_startup(Auth::Trust)?;
        crate::answer(session, "select a", &["1"])?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let id = connection.execute("select a").unwrap();

    connection.close();

    assert!(connection.query("select 1").is_err(), "nothing new is taken");
    let mut finished = false;
    loop {
        match embedder.next(&mut connection).unwrap() {
            Event::Finished { id: of, .. } => finished = of == id,
            Event::Closed => break,
            _ => {}
        }
    }
    assert!(finished);
    server.finish().unwrap();
}
