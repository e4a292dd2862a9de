//! The blocking client meets everything that a broken or hostile server may send. Each time it says what happened in
//! the right words, says the same ever after, lets go of the connection, and holds no more memory than what came.

mod allocation;

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hyperwire_blocking::hyperwire_core::session::{Fault, StatementError, Tls};
use hyperwire_blocking::tls::TlsConfig;
use hyperwire_blocking::{Client, Config, Error};
use hyperwire_tests::scripted::hostile::{self, Attack, Case, Expected, Phase, Then};
use hyperwire_tests::scripted::{Listen, Server, TlsIdentity};
use rstest::rstest;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

/// Far longer than any case takes.
const BOUND: Duration = Duration::from_secs(60);

/// How long a server waits for its client to do its part.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a client may hold besides what the server sent: its settings, and buffers at their usual size.
const OWN_MEMORY: usize = 512 << 10;

#[rstest]
#[case::tcp(Listen::tcp)]
#[case::unix(Listen::unix)]
fn every_hostile_case_ends_in_its_typed_error_and_stays_there(#[case] listen: fn() -> Listen) {
    let wrong: Vec<_> = hostile::cases().into_iter().filter_map(|case| meet(case, listen()).err()).collect();

    assert!(wrong.is_empty(), "{} cases went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Lets a client meet a case; what was not as it should be is the error.
fn meet(case: Case, listen: Listen) -> Result<(), String> {
    let name = format!("{:?}, {}", case.phase, case.name);
    let (done, outcome) = mpsc::channel();
    let client = thread::spawn(move || {
        let script = case.clone();
        let server = listen.patience(PATIENCE).serve(move |session| script.serve(session));
        let config = config(&server, case.phase);
        // The test may have given up.
        let _ = done.send(judge(&case, config, server));
    });
    match outcome.recv_timeout(BOUND) {
        Ok(outcome) => outcome.map_err(|wrong| format!("{name}: {wrong}")),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name}: the client hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match client.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => Err(format!("{name}: ended without an outcome")),
        },
    }
}

fn judge(case: &Case, config: Config, server: Server) -> Result<(), String> {
    let mut client = None;
    let (outcome, held) = allocation::peak_of(|| run(case.phase, config, &mut client));

    let judgement = judge_outcome(case, &outcome, held).and_then(|()| match (&mut client, &outcome) {
        (Some(client), Err(Error::Session { fault, .. })) => check_sticky(client, fault),
        (Some(client), _) if client.is_closed() => Err("the session is dead for no reason".to_owned()),
        _ => Ok(()),
    });

    // A client that is dead lives on here: it must have closed its connection nevertheless.
    let dead = client.as_ref().is_some_and(Client::is_closed);
    let kept = client.filter(|_| dead && judgement.is_ok());
    let script = server.finish().map_err(|failures| failures.to_string());
    drop(kept);
    judgement.and(script)
}

fn judge_outcome(case: &Case, outcome: &Result<(), Error>, held: usize) -> Result<(), String> {
    let found = classify(outcome).ok_or_else(|| format!("an error of no class: {outcome:?}"))?;
    let expected = match (case.phase, case.expected) {
        // A query is no copy: the client throws the data away and says so, whatever the server says behind it.
        (Phase::CopyOut, Expected::Success | Expected::ServerError) => Expected::Unsupported,
        (_, expected) => expected,
    };
    if found != expected {
        return Err(format!("expected {expected:?}, found {found:?}: {outcome:?}"));
    }
    let sent = if let Attack::Bytes(bytes) = &case.attack { bytes.len() } else { 0 };
    if held > OWN_MEMORY + 2 * sent {
        return Err(format!("held {held} bytes, {sent} were sent"));
    }
    match outcome {
        Err(Error::Session { fault: Fault::Link { request_open, .. }, .. })
            if *request_open != runs_a_statement(case.phase) =>
        {
            Err(format!("whether a statement is open: {request_open}"))
        }
        _ => Ok(()),
    }
}

/// Does what the phase asks of a client.
fn run(phase: Phase, config: Config, client: &mut Option<Client>) -> Result<(), Error> {
    let client = client.insert(Client::connect(config)?);
    match phase {
        Phase::SslAnswer | Phase::Authentication | Phase::Settings => Ok(()),
        Phase::Idle | Phase::Query | Phase::Rows => client.execute("select 1").map(drop),
        Phase::Sync => client.execute_params("select 1", &[]).map(drop),
        Phase::CopyIn => client.execute("copy t from stdin with (format csv)").map(drop),
        Phase::CopyOut => client.execute("copy t to stdout with (format csv)").map(drop),
    }
}

fn classify(outcome: &Result<(), Error>) -> Option<Expected> {
    let fault = match outcome {
        Ok(()) => return Some(Expected::Success),
        Err(Error::Session { fault, .. }) => fault,
        Err(Error::Statement(StatementError::Server(_))) => return Some(Expected::ServerError),
        Err(Error::Statement(StatementError::CopiesOut)) => return Some(Expected::Unsupported),
        Err(Error::Tls(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Some(Expected::Closed);
        }
        Err(_) => return None,
    };
    match fault {
        Fault::Violation(_) => Some(Expected::Violation),
        Fault::Limit(_) => Some(Expected::Limit),
        Fault::Refused(_) => Some(Expected::ServerError),
        Fault::Authentication(_) | Fault::NoTls => Some(Expected::Unsupported),
        Fault::Link { .. } => Some(Expected::Closed),
        _ => None,
    }
}

/// Every later call says the same, and that the session is lost.
fn check_sticky(client: &mut Client, fault: &Fault) -> Result<(), String> {
    let later = [
        ("query", client.query("select 2").map(drop)),
        ("query_params", client.query_params("select 2", &[]).map(drop)),
        ("prepare", client.prepare("select 2", &[]).map(drop)),
        ("transaction", client.transaction().map(drop)),
        ("ping", client.ping(BOUND)),
    ];
    for (call, outcome) in later {
        match outcome {
            Err(error @ Error::Session { .. }) if error.is_session_lost() => {
                let Error::Session { fault: later, .. } = error else { unreachable!() };
                if later != *fault {
                    return Err(format!("{call} says {later:?} behind {fault:?}"));
                }
            }
            outcome => return Err(format!("{call} behind {fault:?}: {outcome:?}")),
        }
    }
    if client.is_closed() { Ok(()) } else { Err(format!("not closed behind {fault:?}")) }
}

fn runs_a_statement(phase: Phase) -> bool {
    matches!(phase, Phase::Query | Phase::Rows | Phase::Sync | Phase::CopyIn | Phase::CopyOut)
}

fn config(server: &Server, phase: Phase) -> Config {
    let endpoint = server.address().descriptor().parse().expect("the server's address is an endpoint");
    let mut config = Config::new(endpoint, "adm").password(hostile::PASSWORD);
    if phase == Phase::SslAnswer {
        config.session.tls = Tls::Require;
        config.tls = Some(trusting(&TlsIdentity::new()));
    }
    config
}

fn trusting(identity: &TlsIdentity) -> TlsConfig {
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().clone()).expect("a certificate");
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server_name = ServerName::try_from("localhost").expect("a name");
    TlsConfig { client: Arc::new(client), server_name }
}

/// Without these the bound on memory would say nothing.
#[test]
fn some_cases_declare_far_more_than_a_client_may_hold() {
    let declares = |case: &&Case| case.name.ends_with("GiB") || case.name.contains("MiB");

    let cases = hostile::cases();
    let within_the_limit = cases.iter().filter(|case| case.name.contains("200 MiB")).count();

    assert!(cases.iter().filter(declares).count() > 30);
    assert!(within_the_limit >= 5 && cases.iter().any(|case| case.then == Then::Reset));
}

#[test]
fn what_a_thread_allocates_is_counted() {
    let (kept, held) = allocation::peak_of(|| {
        drop(vec![1_u8; 3 << 20]);
        vec![1_u8; 1 << 20]
    });

    assert!((3 << 20..4 << 20).contains(&held), "{held} bytes, {} of them kept", kept.len());
}
