//! TLS, whose every byte goes through the poll too.

use std::io::ErrorKind;

use hyperwire_mio::Error;
use hyperwire_mio::hyperwire_core::session::Tls;
use hyperwire_tests::script::{answer_repeatedly, trust};
use hyperwire_tests::scripted::{Auth, Listen, Server, TlsIdentity};
use rstest::rstest;

use crate::{Loop, SHORT, serve_proof};

#[rstest]
fn a_server_with_tls_is_talked_to_through_it(
    #[values(Tls::Prefer, Tls::Require)] tls: Tls,
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let (identity, sql) = (TlsIdentity::new(), format!("select '{}'", "x".repeat(8 << 20)));
    let server = listen().serve({
        let (identity, sql) = (identity.clone(), sql.clone());
        move |session| {
            session.accept_tls(&identity)?;
            session.accept_startup(Auth::Trust)?;
            answer_repeatedly(session, &sql, &[b'x'; 1000], 5_000)?;
            serve_proof(session)
        }
    });
    let mut embedder = Loop::new();
    let mut connection =
        embedder.connected_with(&server, |config| trust(config, tls, &identity, "localhost"));

    let id = connection.query(&sql).unwrap();
    let outcome = embedder.finish(&mut connection, id).unwrap();

    assert_eq!(outcome.values.len(), 5_000);
    assert!(outcome.values.iter().all(|value| value.len() == 1_000));
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let identity = TlsIdentity::new();
    let server = Server::tcp({
        let identity = identity.clone();
        move |session| {
            session.accept_tls(&identity)?;
            session.expect_client_to_give_up()
        }
    });
    let mut embedder = Loop::new();
    let mut connection =
        embedder.connect(&server, |config| trust(config, Tls::Require, &identity, "elsewhere"));

    let error = embedder.next(&mut connection).expect_err("the names differ");

    assert!(matches!(error, Error::Tls(_)), "{error:?}");
    assert!(connection.is_closed());
    server.finish().unwrap();
}

#[test]
fn a_server_that_stalls_or_ends_within_the_handshake_is_given_up() {
    let server = Server::tcp(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"S")?;
        if session.number() == 0 {
            return session.expect_client_to_give_up();
        }
        session.half_close()
    });
    let identity = TlsIdentity::new();
    let mut embedder = Loop::new();
    let mut stalled = embedder.connect(&server, |config| {
        trust(config, Tls::Require, &identity, "localhost");
        config.connect_timeout = SHORT;
    });
    let timeout = embedder.next(&mut stalled).expect_err("the server says nothing");
    let mut ended = embedder.connect(&server, |config| trust(config, Tls::Require, &identity, "localhost"));
    let error = embedder.next(&mut ended).expect_err("the server ends");

    assert!(matches!(&timeout, Error::Tls(source) if source.kind() == ErrorKind::TimedOut), "{timeout:?}");
    assert!(matches!(&error, Error::Tls(source) if source.kind() == ErrorKind::UnexpectedEof), "{error:?}");
    assert!(stalled.is_closed() && ended.is_closed());
    server.finish().unwrap();
}
