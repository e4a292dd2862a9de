//! TLS, which says nothing to the socket about what it holds.

use std::sync::Arc;

use hyperwire_tests::scripted::{Auth, Listen, Server, TlsIdentity};
use hyperwire_tokio::core::session::Tls;
use hyperwire_tokio::core::wire::TransactionStatus;
use hyperwire_tokio::tls::TlsConfig;
use hyperwire_tokio::{Client, Config, Error};
use rstest::rstest;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use crate::{MOST_POLLS, SHORT, config, in_time, poll_times, serve_proof, shows_that_it_is_usable, texts};

#[rstest]
#[tokio::test]
async fn a_server_with_tls_is_talked_to_through_it(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let sql = format!("select '{}'", "x".repeat(20 << 20));
    let identity = TlsIdentity::new();
    let server = listen().serve({
        let (identity, sql) = (identity.clone(), sql.clone());
        move |session| {
            session.accept_tls(&identity)?;
            session.accept_startup(Auth::Trust)?;
            session.expect_query(&sql)?;
            session.send_bytes(texts(&[]).description())?;
            session.send_row_repeatedly(&[Some(&[b'x'; 1000])], 5_000)?;
            session.complete("SELECT 5000")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });

    let mut client = in_time(Client::connect(asking(&server, &identity))).await.expect("both have TLS");
    let rows = in_time(client.query(&sql)).await.expect("a result");
    let lengths = in_time(rows.map::<_, Error>(|row| Ok(row.get::<&str>(0)?.len()))).await.expect("rows");

    assert_eq!((lengths.len(), lengths.iter().sum()), (5_000, 5_000_000_usize));
    shows_that_it_is_usable(&mut client).await;
    drop(client);
    server.finish().unwrap();
}

#[tokio::test]
async fn a_query_over_tls_may_be_dropped_at_any_point() {
    for polls in 0..=MOST_POLLS {
        let identity = TlsIdentity::new();
        let server = Server::tcp({
            let identity = identity.clone();
            move |session| {
                session.accept_tls(&identity)?;
                session.accept_startup(Auth::Trust)?;
                loop {
                    let received = session.next_message()?;
                    match received.message() {
                        hyperwire_tokio::core::wire::FrontendMessage::Query("select some") => {
                            session.send_byte_by_byte(texts(&["usable"]).description())?;
                            session.send_byte_by_byte(texts(&["usable"]).rows())?;
                            session.complete("SELECT 1")?;
                            session.ready(TransactionStatus::Idle)?;
                        }
                        hyperwire_tokio::core::wire::FrontendMessage::Query(_) => {
                            session.send_rows(&texts(&["usable"]))?;
                            session.ready(TransactionStatus::Idle)?;
                        }
                        _ => return Ok(()),
                    }
                }
            }
        });
        let mut client = in_time(Client::connect(asking(&server, &identity))).await.expect("both have TLS");

        let finished = poll_times(client.execute("select some"), polls, || ()).await;

        shows_that_it_is_usable(&mut client).await;
        drop(client);
        server.finish().unwrap_or_else(|failures| panic!("dropped after {polls} polls: {failures}"));
        if let Some(outcome) = finished {
            outcome.expect("nothing is wrong with it");
            return;
        }
    }
    panic!("not finished after {MOST_POLLS} polls");
}

#[tokio::test]
async fn a_server_that_falls_silent_in_the_handshake_is_given_up_in_time() {
    let server = Server::tcp(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"S")?;
        session.expect_client_to_give_up()
    });
    let mut config = asking(&server, &TlsIdentity::new());
    config.connect_timeout = SHORT;

    let error = in_time(Client::connect(config)).await.expect_err("the server says nothing");

    assert!(matches!(&error, Error::Tls(tls) if tls.kind() == std::io::ErrorKind::TimedOut), "{error:?}");
    server.finish().unwrap();
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let identity = TlsIdentity::new();
    let server = Server::tcp(move |session| {
        session.accept_tls(&identity)?;
        // The handshake fails in here.
        session.expect_client_to_give_up().or(Ok(()))
    });

    let outcome = in_time(Client::connect(asking(&server, &TlsIdentity::new()))).await;

    let error = outcome.expect_err("another server");
    assert!(matches!(&error, Error::Tls(tls) if tls.to_string().contains("certificate")), "{error:?}");
    server.finish().unwrap();
}

/// Requires TLS, and trusts this identity alone.
fn asking(server: &Server, identity: &TlsIdentity) -> Config {
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().clone()).expect("a certificate");
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = config(server);
    config.session.tls = Tls::Require;
    let server_name = ServerName::try_from("localhost").expect("a name");
    config.tls = Some(TlsConfig { client: Arc::new(client), server_name });
    config
}
