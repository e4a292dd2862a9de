//! TLS: asked for or not, had or not, and what may go wrong on the way to it.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

use hyperwire_blocking::core::session::{Fault, Tls};
use hyperwire_blocking::core::wire::{BackendMessage, CopyResponse, Report, TransactionStatus, Violation};
use hyperwire_blocking::tls::TlsConfig;
use hyperwire_blocking::{Client, Config, Error};
use hyperwire_tests::scripted::{Auth, Initial, Listen, Server, TlsIdentity};
use rstest::rstest;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use crate::{LONG, SHORT, config, fault_of, serve_proof, shows_that_it_is_usable, texts};

#[rstest]
fn a_server_with_tls_is_talked_to_through_it(
    #[values(Tls::Prefer, Tls::Require)] tls: Tls,
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let identity = TlsIdentity::new();
    let server = listen().serve({
        let identity = identity.clone();
        move |session| {
            session.accept_tls(&identity)?;
            session.accept_startup(Auth::Trust)?;
            session.expect_query("select many")?;
            session.send_bytes(texts(&[]).description())?;
            session.send_row_repeatedly(&[Some(&[b'x'; 1000])], 5_000)?;
            session.complete("SELECT 5000")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });

    let mut client = Client::connect(asking(&server, tls, &identity, "localhost")).expect("both have TLS");
    let lengths = client
        .query("select many")
        .and_then(|rows| rows.map::<_, Error>(|row| Ok(row.get::<&str>(0)?.len())))
        .expect("a result");

    assert_eq!((lengths.len(), lengths.iter().sum()), (5_000, 5_000_000_usize));
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_large_statement_goes_through_tls() {
    let (identity, sql) = (TlsIdentity::new(), format!("select '{}'", "x".repeat(20 << 20)));
    let server = Server::tcp({
        let (identity, sql) = (identity.clone(), sql.clone());
        move |session| {
            session.accept_tls(&identity)?;
            session.accept_startup(Auth::Trust)?;
            session.expect_query(&sql)?;
            session.complete("SELECT 0")?;
            session.ready(TransactionStatus::Idle)
        }
    });
    let mut client = Client::connect(asking(&server, Tls::Require, &identity, "localhost")).expect("TLS");

    client.execute(&sql).expect("it arrives");

    drop(client);
    server.finish().unwrap();
}

/// The socket has nothing more to say then, but TLS has.
#[test]
fn an_answer_that_was_decrypted_together_with_a_request_for_data_is_not_left_lying() {
    let identity = TlsIdentity::new();
    let server = Server::tcp({
        let identity = identity.clone();
        move |session| {
            session.accept_tls(&identity)?;
            session.accept_startup(Auth::Trust)?;
            session.expect_query("copy t from stdin")?;
            let (mut bytes, mut body) = (Vec::new(), Vec::new());
            BackendMessage::CopyInResponse(CopyResponse { format: 0, columns: &[] }).encode(&mut bytes);
            // Longer than the client's first read, shorter than a TLS record.
            let message = "no ".repeat(4_000);
            Report::write_fields([(b'C', "22000"), (b'M', message.as_str())], &mut body);
            BackendMessage::ErrorResponse(Report::from_body(&body).expect("what was just written"))
                .encode(&mut bytes);
            BackendMessage::ReadyForQuery(TransactionStatus::Idle).encode(&mut bytes);
            session.send_bytes(&bytes)?;
            session.expect_named("CopyFail")?;
            serve_proof(session)
        }
    });
    let mut client = Client::connect(asking(&server, Tls::Require, &identity, "localhost")).expect("TLS");

    let error = client.execute("copy t from stdin").expect_err("the server refuses");

    assert_eq!(error.code().map(|code| code.to_string()).as_deref(), Some("22000"), "{error:?}");
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_client_that_prefers_tls_goes_on_without() {
    let server = Server::tcp(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"N")?;
        session.accept_startup(Auth::Trust)?;
        serve_proof(session)
    });

    let mut client =
        Client::connect(asking(&server, Tls::Prefer, &TlsIdentity::new(), "localhost")).expect("clear text");

    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_client_that_requires_tls_gives_up_without() {
    let server = Server::tcp(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"N")?;
        session.expect_eof()
    });

    let outcome = Client::connect(asking(&server, Tls::Require, &TlsIdentity::new(), "localhost"));

    assert_eq!(fault_of(outcome), Fault::NoTls);
    server.finish().unwrap();
}

#[test]
fn a_client_that_wants_no_tls_does_not_ask() {
    let server = Server::tcp(|session| match session.next_initial()? {
        Initial::Startup(_) => session.send_error("42501", "seen enough"),
        other => Err(format!("a StartupMessage was expected, not {other:?}").into()),
    });

    let outcome = Client::connect(asking(&server, Tls::Disable, &TlsIdentity::new(), "localhost"));

    assert!(matches!(fault_of(outcome), Fault::Refused(_)));
    server.finish().unwrap();
}

#[rstest]
#[case::garbage(b"G", Violation::BadTlsAnswer { answer: b'G' })]
#[case::bytes_behind_the_answer(b"SN", Violation::BytesBeforeTls)]
fn an_answer_that_makes_no_sense_ends_it(#[case] answer: &'static [u8], #[case] expected: Violation) {
    let server = Server::tcp(move |session| {
        session.expect_ssl_request()?;
        session.send_bytes(answer)?;
        session.expect_client_to_give_up()
    });

    let outcome = Client::connect(asking(&server, Tls::Prefer, &TlsIdentity::new(), "localhost"));

    assert_eq!(fault_of(outcome), Fault::Violation(expected));
    server.finish().unwrap();
}

#[rstest]
#[case::of_another_name(true, "hyper.example")]
#[case::that_nobody_vouches_for(false, "localhost")]
fn a_certificate_is_not_accepted(#[case] trusted: bool, #[case] name: &'static str) {
    let identity = TlsIdentity::new();
    let server = Server::tcp({
        let identity = identity.clone();
        move |session| {
            session.accept_tls(&identity)?;
            // The handshake fails in here.
            session.expect_client_to_give_up().or(Ok(()))
        }
    });
    let known = if trusted { identity } else { TlsIdentity::new() };

    let error = Client::connect(asking(&server, Tls::Require, &known, name)).expect_err("not this server");

    assert!(matches!(&error, Error::Tls(tls) if tls.to_string().contains("certificate")), "{error:?}");
    assert!(error.is_session_lost());
    server.finish().unwrap();
}

#[test]
fn a_server_that_falls_silent_in_the_handshake_is_given_up_in_time() {
    let server = Server::tcp(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"S")?;
        session.expect_client_to_give_up()
    });
    let mut config = asking(&server, Tls::Require, &TlsIdentity::new(), "localhost");
    config.connect_timeout = SHORT;
    let start = Instant::now();

    let error = Client::connect(config).expect_err("the server says nothing");

    assert!(matches!(&error, Error::Tls(tls) if tls.kind() == ErrorKind::TimedOut), "{error:?}");
    assert!(start.elapsed() >= SHORT && start.elapsed() < LONG, "after {:?}", start.elapsed());
    server.finish().unwrap();
}

#[test]
fn tls_without_a_configuration_for_it_is_an_error_that_says_so() {
    let server = Server::tcp(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"S")?;
        session.expect_client_to_give_up()
    });
    let mut config = config(&server);
    config.session.tls = Tls::Prefer;

    let error = Client::connect(config).expect_err("there are no certificates");

    assert!(matches!(&error, Error::Tls(tls) if tls.kind() == ErrorKind::InvalidInput), "{error:?}");
    assert!(error.to_string().contains("Config::tls"), "{error}");
    server.finish().unwrap();
}

/// Trusts this identity alone, under this name.
fn asking(server: &Server, tls: Tls, identity: &TlsIdentity, name: &'static str) -> Config {
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().clone()).expect("a certificate");
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = config(server);
    config.session.tls = tls;
    let server_name = ServerName::try_from(name).expect("a name");
    config.tls = Some(TlsConfig { client: Arc::new(client), server_name });
    config
}
