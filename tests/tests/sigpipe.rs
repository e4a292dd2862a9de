//! A peer that is gone is an error, and never SIGPIPE: the process that a client lives in may have left that at its
//! default, which ends it. Rust's own start-up ignores the signal, so each road is taken by a child that resets it.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperwire_blocking::hyperd::{Authentication, Hyperd, Settings};
use hyperwire_blocking::tls::TlsConfig;
use hyperwire_blocking::{Client, Config};
use hyperwire_core::session::Tls;
use hyperwire_core::wire::TransactionStatus;
use hyperwire_mio::{Connection, Event};
use hyperwire_tests::scripted::{Auth, Latch, Listen, Server, TlsIdentity};
use mio::{Events, Poll, Token};
use nix::sys::signal::{SigHandler, Signal, signal};
use rstest::rstest;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use socket2::{Domain, Socket, Type};

const LONG: Duration = Duration::from_secs(20);
const ROAD: &str = "SIGPIPE_ROAD";
const ENDPOINT: &str = "SIGPIPE_ENDPOINT";
const CERTIFICATE: &str = "SIGPIPE_CERTIFICATE";

/// What the child does.
fn take(road: &str) {
    match road {
        "plain_send" => {
            let (one, other) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("a pair");
            drop(other);
            let _ = one.send(b"nobody is there");
        }
        "hyperd_that_reads_no_password" => {
            let mut settings = Settings::new("/bin/true");
            settings.authentication = Authentication::Password("secret".to_owned());
            for _ in 0..20 {
                Hyperd::start(&settings).expect_err("it is no hyperd");
            }
        }
        "blocking_goodbye" => {
            let mut client = Client::connect(config()).expect("trusted");
            client.execute("close").expect("answered");
            await_the_end();
            drop(client);
        }
        "blocking_statement" => {
            let mut client = Client::connect(config()).expect("trusted");
            client.execute(&large()).expect_err("nobody reads it");
        }
        "blocking_cancel" => {
            let client = Client::connect(config()).expect("trusted");
            let cancel = client.cancel_handle().expect("the server gave a key");
            for _ in 0..50 {
                let _ = cancel.cancel();
            }
        }
        "tokio_goodbye" => on_tokio(async {
            let mut client = hyperwire_tokio::Client::connect(config()).await.expect("trusted");
            client.execute("close").await.expect("answered");
            await_the_end();
            drop(client);
        }),
        "tokio_statement" => on_tokio(async {
            let mut client = hyperwire_tokio::Client::connect(config()).await.expect("trusted");
            client.execute(&large()).await.expect_err("nobody reads it");
        }),
        "tokio_cancel" => on_tokio(async {
            let client = hyperwire_tokio::Client::connect(config()).await.expect("trusted");
            let cancel = client.cancel_handle().expect("the server gave a key");
            for _ in 0..50 {
                let _ = cancel.cancel().await;
            }
        }),
        "mio_goodbye" => {
            let (mut poll, mut connection) = on_mio();
            run(&mut poll, &mut connection, "close").expect("answered");
            await_the_end();
            drop(connection);
        }
        "mio_statement" => {
            let (mut poll, mut connection) = on_mio();
            run(&mut poll, &mut connection, &large()).expect_err("nobody reads it");
        }
        other => panic!("no such road: {other}"),
    }
}

#[rstest]
fn a_peer_that_is_gone_ends_no_process(
    #[values("blocking", "tokio", "mio")] runtime: &str,
    #[values("goodbye", "statement", "cancel")] act: &str,
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
    #[values(false, true)] encrypted: bool,
) {
    // It cancels only what runs.
    if (runtime, act) == ("mio", "cancel") {
        return;
    }
    let (identity, closed) = (TlsIdentity::new(), Latch::new("the server is gone"));
    let server = listen().raw().patience(LONG).serve({
        let (identity, closed, is_goodbye) = (identity.clone(), closed.clone(), act == "goodbye");
        move |session| {
            if session.number() > 0 {
                session.close();
                return Ok(());
            }
            if encrypted {
                session.accept_tls(&identity)?;
            }
            session.accept_startup(Auth::Trust)?;
            if is_goodbye {
                session.expect_query("close")?;
                session.complete("SELECT 0")?;
                session.ready(TransactionStatus::Idle)?;
                session.close();
                closed.release();
            } else {
                // Some of a large statement is in the sockets by then.
                std::thread::sleep(Duration::from_millis(100));
                if closed.wait(Duration::from_millis(1)).is_err() {
                    session.close();
                }
            }
            Ok(())
        }
    });
    if act == "cancel" {
        // The session stays.
        closed.release();
    }

    let mut command = child(&format!("{runtime}_{act}"));
    command.env(ENDPOINT, server.address().descriptor()).stdin(Stdio::piped());
    if encrypted {
        command.env(CERTIFICATE, hex::encode(identity.certificate()));
    }
    let mut child = command.spawn().expect("this very program");
    if act == "goodbye" {
        closed.wait(LONG).expect("the server closes");
        child.stdin.take().expect("piped").write_all(b"it is gone\n").expect("the child listens");
    }

    ends_well(child);
    finish(server);
}

#[test]
fn a_hyperd_that_ends_before_it_reads_its_password_ends_no_process() {
    ends_well(child("hyperd_that_reads_no_password").spawn().expect("this very program"));
}

/// Otherwise nothing above would mean anything.
#[test]
fn a_child_has_the_default_disposition() {
    let output =
        child("plain_send").spawn().and_then(std::process::Child::wait_with_output).expect("it ends");

    assert_eq!(output.status.signal(), Some(Signal::SIGPIPE as i32), "{output:?}");
}

#[test]
#[ignore = "the child of the tests above"]
fn this_is_the_child() {
    let Ok(road) = std::env::var(ROAD) else { return };
    // SAFETY: no handler is installed, and nothing else here depends on the disposition.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.expect("SIGPIPE has a disposition");
    take(&road);
}

fn child(road: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command
        .args(["--exact", "this_is_the_child", "--ignored", "--nocapture"])
        .env(ROAD, road)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[track_caller]
fn ends_well(mut child: std::process::Child) {
    let deadline = Instant::now() + LONG;
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().expect("it can be ended");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
    assert!(status.success(), "{status}: {said}");
}

/// A script that is interrupted by the end of its client has nothing to say here.
fn finish(server: Server) {
    let _ = server.finish();
}

fn config() -> Config {
    let endpoint = std::env::var(ENDPOINT).expect("the parent says where").parse().expect("an endpoint");
    let mut config = Config::new(endpoint, "adm");
    if let Ok(certificate) = std::env::var(CERTIFICATE) {
        let mut roots = RootCertStore::empty();
        let der = CertificateDer::from(hex::decode(certificate).expect("written by the parent"));
        roots.add(der).expect("a certificate");
        let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server_name = ServerName::try_from("localhost").expect("a name");
        config.session.tls = Tls::Require;
        config.tls = Some(TlsConfig { client: Arc::new(client), server_name });
    }
    config
}

/// More than all sockets between here and the server take.
fn large() -> String {
    format!("select '{}'", "x".repeat(64 << 20))
}

fn await_the_end() {
    std::io::stdin().lock().read_line(&mut String::new()).expect("the parent says when");
}

fn on_tokio(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio starts").block_on(work);
}

fn on_mio() -> (Poll, Connection) {
    let mut poll = Poll::new().expect("a poll");
    let mut connection = Connection::connect(config(), poll.registry(), Token(0)).expect("it begins");
    while !matches!(next(&mut poll, &mut connection).expect("trusted"), Event::Ready) {}
    (poll, connection)
}

fn run(poll: &mut Poll, connection: &mut Connection, sql: &str) -> Result<(), hyperwire_mio::Error> {
    connection.execute(sql)?;
    while !matches!(next(poll, connection)?, Event::Finished { .. }) {}
    Ok(())
}

fn next(poll: &mut Poll, connection: &mut Connection) -> Result<Event, hyperwire_mio::Error> {
    let mut events = Events::with_capacity(16);
    loop {
        if let Some(event) = connection.poll_event()? {
            return Ok(event);
        }
        let left = connection.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        poll.poll(&mut events, left).expect("the poll waits");
        events.iter().for_each(|event| connection.on_ready(event));
        connection.on_timeout(Instant::now());
    }
}
