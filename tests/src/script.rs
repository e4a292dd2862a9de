//! What the scripts of session tests have in common, whatever runtime they are for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperwire_blocking::Config;
use hyperwire_blocking::tls::TlsConfig;
use hyperwire_core::session::Tls;
use hyperwire_core::wire::TransactionStatus;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use crate::scripted::{Auth, Failure, Listen, Rows, Server, Session, TlsIdentity, oid};

/// For waits that are meant to end early; also the patience of the scripts.
pub const LONG: Duration = Duration::from_secs(10);
/// For bounds that are meant to be reached.
pub const SHORT: Duration = Duration::from_millis(200);

/// How to reach a server. Nothing is canceled because a machine is slow: tests that are about those bounds set them.
///
/// # Panics
/// The server's address is no endpoint.
#[must_use]
pub fn config(server: &Server) -> Config {
    let endpoint = server.address().descriptor().parse().expect("the server's address is an endpoint");
    let mut config = Config::new(endpoint, "adm");
    config.session.abandon_patience = LONG;
    config
}

/// Gives a server little time to heed a cancel.
pub fn impatient(config: &mut Config) {
    config.session.cancel_grace = SHORT;
    config.session.abandon_patience = SHORT;
}

/// Trusts this identity alone, under this name.
///
/// # Panics
/// The identity is no certificate, or the name no name.
pub fn trust(config: &mut Config, tls: Tls, identity: &TlsIdentity, name: &'static str) {
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().clone()).expect("a certificate");
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server_name = ServerName::try_from(name).expect("a name");
    config.session.tls = tls;
    config.tls = Some(TlsConfig { client: Arc::new(client), server_name });
}

/// A server that lets everybody in and then goes on with this script.
pub fn serve(
    listen: Listen,
    script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
) -> Server {
    listen.patience(LONG).serve(move |session| {
        session.accept_startup(Auth::Trust)?;
        script(session)
    })
}

/// One column of text.
#[must_use]
pub fn texts(texts: &[&str]) -> Rows {
    texts.iter().fold(Rows::of([("a", oid::TEXT)]), |rows, text| rows.row([Some(text)]))
}

/// Answers a statement with one column of text.
///
/// # Errors
/// Another message came, or the client has gone.
pub fn answer(session: &mut Session, sql: &str, with: &[&str]) -> Result<(), Failure> {
    session.expect_query(sql)?;
    session.send_rows(&texts(with))?;
    session.ready(TransactionStatus::Idle)
}

/// Answers a statement with one column of text, that has the same value in every row.
///
/// # Errors
/// As for [`answer`].
pub fn answer_repeatedly(session: &mut Session, sql: &str, field: &[u8], rows: u64) -> Result<(), Failure> {
    session.expect_query(sql)?;
    session.send_bytes(texts(&[]).description())?;
    session.send_row_repeatedly(&[Some(field)], rows)?;
    session.complete(&format!("SELECT {rows}"))?;
    session.ready(TransactionStatus::Idle)
}

/// How far a server gets with its answer before it goes away.
#[derive(Clone, Copy, Debug)]
pub enum Answered {
    /// It says nothing.
    Nothing,
    /// The columns.
    Description,
    /// The columns, and the beginning of a row.
    HalfARow,
    /// The columns and two rows.
    Rows,
    /// All but that it is ready for more.
    Complete,
}

/// Answers a statement so far, and closes the connection.
///
/// # Errors
/// As for [`answer`].
pub fn answer_and_go(session: &mut Session, sql: &str, answered: Answered) -> Result<(), Failure> {
    session.expect_query(sql)?;
    let rows = texts(&["one", "two"]);
    let whole = [rows.description(), rows.rows(), b"C\0\0\0\x0fINSERT 0 2\0"].concat();
    let length = match answered {
        Answered::Nothing => 0,
        Answered::Description => rows.description().len(),
        Answered::HalfARow => rows.description().len() + 9,
        Answered::Rows => rows.description().len() + rows.rows().len(),
        Answered::Complete => whole.len(),
    };
    session.send_bytes(&whole[..length])?;
    session.close();
    Ok(())
}

/// The script's side of a client that shows that it is usable.
///
/// # Errors
/// As for [`answer`].
pub fn serve_proof(session: &mut Session) -> Result<(), Failure> {
    answer(session, "select 'usable'", &["usable"])
}

/// Ends a statement that was told to stop.
///
/// # Errors
/// The client has gone.
pub fn heed_cancel(session: &mut Session) -> Result<(), Failure> {
    session.send_error("57014", "canceled")?;
    session.ready(TransactionStatus::Idle)
}

/// Sends until the client closes the connection, which it has to do before the test's patience ends.
///
/// # Errors
/// It does not, or something else fails.
pub fn flood(mut send: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    let start = Instant::now();
    while start.elapsed() < LONG {
        match send() {
            Ok(()) => {}
            Err(Failure::Io { .. }) => return Ok(()),
            Err(failure) => return Err(failure),
        }
    }
    Err("the client takes whatever comes".into())
}
