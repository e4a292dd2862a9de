//! TLS: asked for or not, had or not, and what may go wrong on the way to it.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::sync::Arc;

use hyperwire_blocking::tls::TlsConfig;
use hyperwire_blocking::{Config, Error};
use hyperwire_core::session::{Fault, StatementError, Tls};
use hyperwire_core::wire::{BackendMessage, CopyResponse, Report, TransactionStatus, Violation};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use super::scenario;
use crate::conformance::peer::{LONG, SHORT, code_of, fault_of, serve_proof, texts};
use crate::conformance::{Offer, Part, Peer, Request, Scenario, SocketKind, Stage};
use crate::scripted::{Auth, Initial, Latch, TlsIdentity};
use crate::virtual_time::Stopwatch;

pub(super) fn all() -> Vec<Scenario> {
    let about_tls = [
        scenario!(a_server_with_tls_is_talked_to_through_it, preferred, Tls::Prefer),
        scenario!(a_server_with_tls_is_talked_to_through_it, required, Tls::Require),
        scenario!(a_large_statement_goes_through_tls),
        scenario!(an_answer_that_was_decrypted_together_with_a_request_for_data_is_not_left_lying),
        scenario!(a_certificate_is_not_accepted, of_another_name, true, "hyper.example"),
        scenario!(a_certificate_is_not_accepted, that_nobody_vouches_for, false, "localhost"),
        scenario!(a_server_that_falls_silent_in_the_handshake_is_given_up_in_time),
        scenario!(a_server_that_goes_away_in_the_handshake_is_a_failure_of_it),
        scenario!(tls_without_a_configuration_for_it_is_an_error_that_says_so),
        scenario!(a_cancel_is_encrypted_if_its_session_is).needs(Offer::EncryptedCancels),
    ];
    let before_tls = [
        scenario!(a_client_that_prefers_tls_goes_on_without),
        scenario!(a_client_that_requires_tls_gives_up_without),
        scenario!(a_client_that_wants_no_tls_does_not_ask),
        scenario!(
            an_answer_that_makes_no_sense_ends_it,
            garbage,
            b"G",
            Violation::BadTlsAnswer { answer: b'G' }
        ),
        scenario!(
            an_answer_that_makes_no_sense_ends_it,
            bytes_behind_the_answer,
            b"SN",
            Violation::BytesBeforeTls
        )
        // Where a network splits them, nobody can tell them from TLS.
        .not_on(SocketKind::Memory),
    ];
    // Keys and signatures are made of the system's randomness.
    about_tls.into_iter().map(|one| one.needs(Offer::Tls).with_chance()).chain(before_tls).collect()
}

fn a_server_with_tls_is_talked_to_through_it(stage: &Stage<'_>, tls: Tls) {
    let identity = TlsIdentity::new();
    let server = stage.script({
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

    let mut client =
        server.connect_with(asking(&server, tls, &identity, "localhost")).expect("both have TLS");
    let (mut rows, mut bytes) = (0, 0);
    let read = client.read(&Request::Simple("select many"), &mut |part| {
        if let Part::Row(row) = part {
            rows += 1;
            bytes += row.get::<&str>(0).map_or(0, str::len);
        }
        ControlFlow::Continue(())
    });

    read.expect("a result");
    assert_eq!((rows, bytes), (5_000, 5_000_000));
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

/// Its key lets whoever reads it cancel everything that the session does.
fn a_cancel_is_encrypted_if_its_session_is(stage: &Stage<'_>) {
    let identity = TlsIdentity::new();
    let canceled = Latch::new("the cancel has come");
    let server = stage.listen(stage.listener().raw(), {
        let (identity, canceled) = (identity.clone(), canceled);
        move |session| {
            session.accept_tls(&identity)?;
            if session.number() > 0 {
                let Initial::Cancel(_) = session.next_initial()? else {
                    return Err("no CancelRequest".into());
                };
                canceled.release();
                return Ok(());
            }
            session.accept_startup(Auth::Trust)?;
            session.expect_query("select slowly")?;
            canceled.wait(LONG)?;
            session.send_error("57014", "canceled")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let config = asking(&server, Tls::Require, &identity, "localhost");
    let mut client = server.connect_with(config).expect("both have TLS");
    client.set_statement_timeout(Some(SHORT));

    let outcome = client.execute("select slowly");

    assert!(matches!(outcome, Err(Error::Statement(StatementError::DeadlineExceeded))), "{outcome:?}");
    client.set_statement_timeout(None);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_large_statement_goes_through_tls(stage: &Stage<'_>) {
    let (identity, sql) = (TlsIdentity::new(), format!("select '{}'", "x".repeat(20 << 20)));
    let server = stage.script({
        let (identity, sql) = (identity.clone(), sql.clone());
        move |session| {
            session.accept_tls(&identity)?;
            session.accept_startup(Auth::Trust)?;
            session.expect_query(&sql)?;
            session.complete("SELECT 0")?;
            session.ready(TransactionStatus::Idle)
        }
    });
    let mut client = server.connect_with(asking(&server, Tls::Require, &identity, "localhost")).expect("TLS");

    client.execute(&sql).expect("it arrives");

    drop(client);
    server.finish();
}

/// The socket has nothing more to say then, but TLS has.
fn an_answer_that_was_decrypted_together_with_a_request_for_data_is_not_left_lying(stage: &Stage<'_>) {
    let identity = TlsIdentity::new();
    let server = stage.script({
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
    let mut client = server.connect_with(asking(&server, Tls::Require, &identity, "localhost")).expect("TLS");

    let outcome = client.execute("copy t from stdin");

    assert_eq!(code_of(outcome), "22000");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_client_that_prefers_tls_goes_on_without(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"N")?;
        session.accept_startup(Auth::Trust)?;
        serve_proof(session)
    });

    let config = asking(&server, Tls::Prefer, &TlsIdentity::new(), "localhost");
    let mut client = server.connect_with(config).expect("clear text");

    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_client_that_requires_tls_gives_up_without(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"N")?;
        session.expect_eof()
    });

    let outcome = server.connect_with(asking(&server, Tls::Require, &TlsIdentity::new(), "localhost"));

    assert_eq!(fault_of(outcome), Fault::NoTls);
    server.finish();
}

fn a_client_that_wants_no_tls_does_not_ask(stage: &Stage<'_>) {
    let server = stage.script(|session| match session.next_initial()? {
        Initial::Startup(_) => session.send_error("42501", "seen enough"),
        other => Err(format!("a StartupMessage was expected, not {other:?}").into()),
    });

    let outcome = server.connect_with(asking(&server, Tls::Disable, &TlsIdentity::new(), "localhost"));

    assert!(matches!(fault_of(outcome), Fault::Refused(_)));
    server.finish();
}

fn an_answer_that_makes_no_sense_ends_it(stage: &Stage<'_>, answer: &'static [u8], expected: Violation) {
    let server = stage.script(move |session| {
        session.expect_ssl_request()?;
        session.send_bytes(answer)?;
        session.expect_client_to_give_up()
    });

    let outcome = server.connect_with(asking(&server, Tls::Prefer, &TlsIdentity::new(), "localhost"));

    assert_eq!(fault_of(outcome), Fault::Violation(expected));
    server.finish();
}

fn a_certificate_is_not_accepted(stage: &Stage<'_>, trusted: bool, name: &'static str) {
    let identity = TlsIdentity::new();
    let server = stage.script({
        let identity = identity.clone();
        move |session| {
            session.accept_tls(&identity)?;
            // The handshake fails in here.
            session.expect_client_to_give_up().or(Ok(()))
        }
    });
    let known = if trusted { identity } else { TlsIdentity::new() };

    let error = server.refusal(asking(&server, Tls::Require, &known, name));

    assert!(matches!(&error, Error::Tls(tls) if tls.to_string().contains("certificate")), "{error:?}");
    assert!(error.is_session_lost());
    server.finish();
}

fn a_server_that_falls_silent_in_the_handshake_is_given_up_in_time(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"S")?;
        session.expect_client_to_give_up()
    });
    let mut config = asking(&server, Tls::Require, &TlsIdentity::new(), "localhost");
    config.connect_timeout = SHORT;
    let start = Stopwatch::start();

    let error = server.refusal(config);

    assert!(matches!(&error, Error::Tls(tls) if tls.kind() == ErrorKind::TimedOut), "{error:?}");
    assert!(start.elapsed() >= SHORT && start.elapsed() < LONG, "after {:?}", start.elapsed());
    server.finish();
}

fn a_server_that_goes_away_in_the_handshake_is_a_failure_of_it(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"S")?;
        session.half_close()?;
        session.expect_client_to_give_up()
    });

    let error = server.refusal(asking(&server, Tls::Require, &TlsIdentity::new(), "localhost"));

    assert!(matches!(&error, Error::Tls(tls) if tls.kind() == ErrorKind::UnexpectedEof), "{error:?}");
    server.finish();
}

fn tls_without_a_configuration_for_it_is_an_error_that_says_so(stage: &Stage<'_>) {
    let server = stage.script(|session| {
        session.expect_ssl_request()?;
        session.send_bytes(b"S")?;
        session.expect_client_to_give_up()
    });
    let mut config = server.config();
    config.session.tls = Tls::Prefer;

    let error = server.refusal(config);

    assert!(matches!(&error, Error::Tls(tls) if tls.kind() == ErrorKind::InvalidInput), "{error:?}");
    assert!(error.to_string().contains("Config::tls"), "{error}");
    server.finish();
}

/// Trusts this identity alone, under this name.
fn asking(server: &Peer<'_>, tls: Tls, identity: &TlsIdentity, name: &'static str) -> Config {
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().clone()).expect("a certificate");
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = server.config();
    config.session.tls = tls;
    let server_name = ServerName::try_from(name).expect("a name");
    config.tls = Some(TlsConfig { client: Arc::new(client), server_name });
    config
}
