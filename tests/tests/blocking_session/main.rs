//! The blocking client against a server that does what a script says: everything that a session can come to, in order
//! and out of order, and always within a bound.

mod authentication;
mod bounds;
mod encryption;
mod ending;
mod flow;
mod prepared;
mod results;
mod transactions;

use std::time::Duration;

use hyperwire_blocking::core::session::Fault;
use hyperwire_blocking::{Client, Config, Error};
use hyperwire_tests::scripted::{Auth, Failure, Listen, Rows, Server, Session, oid};

/// For waits that are meant to end early; also the patience of the scripts.
const LONG: Duration = Duration::from_secs(10);
/// For bounds that are meant to be reached.
const SHORT: Duration = Duration::from_millis(200);

/// A server that lets everybody in and then goes on with this script.
fn serve(
    listen: Listen,
    script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
) -> Server {
    listen.patience(LONG).serve(move |session| {
        session.accept_startup(Auth::Trust)?;
        script(session)
    })
}

/// How to reach a server. Nothing is canceled because a machine is slow: tests that are about those bounds set them.
fn config(server: &Server) -> Config {
    let endpoint = server.address().descriptor().parse().expect("the server's address is an endpoint");
    let mut config = Config::new(endpoint, "adm");
    config.session.abandon_patience = LONG;
    config
}

fn connect(server: &Server) -> Client {
    Client::connect(config(server)).expect("the server lets everybody in")
}

/// The one text that a statement returns.
fn text_of(client: &mut Client, sql: &str) -> Result<String, Error> {
    let texts: Vec<String> = client.query(sql)?.map::<_, Error>(|row| Ok(row.get::<&str>(0)?.to_owned()))?;
    assert_eq!(texts.len(), 1, "{texts:?}");
    Ok(texts.concat())
}

/// One column of text.
fn texts(texts: &[&str]) -> Rows {
    texts.iter().fold(Rows::of([("a", oid::TEXT)]), |rows, text| rows.row([Some(text)]))
}

/// The script's side of [`shows_that_it_is_usable`].
fn serve_proof(session: &mut Session) -> Result<(), Failure> {
    session.expect_query("select 'usable'")?;
    session.send_rows(&texts(&["usable"]))?;
    session.ready(hyperwire_blocking::core::wire::TransactionStatus::Idle)
}

/// Runs another statement.
fn shows_that_it_is_usable(client: &mut Client) {
    assert!(!client.is_closed());
    assert_eq!(text_of(client, "select 'usable'").expect("the session goes on"), "usable");
}

#[track_caller]
fn fault_of<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Fault {
    match outcome {
        Err(Error::Session { fault, .. }) => fault,
        outcome => panic!("the session should be lost, but: {outcome:?}"),
    }
}
