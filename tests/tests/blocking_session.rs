//! What is special about the blocking client. What any client must do is in the conformance suite.

use hyperwire_blocking::hyperwire_core::session::{Fault, LinkLoss};
use hyperwire_blocking::hyperwire_core::wire::TransactionStatus;
use hyperwire_blocking::{Client, Config, Error};
use hyperwire_tests::scripted::{Auth, Failure, Listen, Rows, Server, Session, oid};

#[test]
fn the_end_of_a_result_stays_the_end() {
    let server = serve(|session| {
        session.expect_query("several")?;
        session.send_rows(&texts(&["one"]))?;
        session.send_rows(&texts(&["two"]))?;
        session.ready(TransactionStatus::Idle)
    });
    let mut client = connect(&server);

    let mut rows = client.query("several").expect("results");
    assert!(rows.next().expect("a row").is_some());

    assert!(matches!(rows.next(), Ok(None)));
    assert!(matches!(rows.next(), Ok(None)), "the next result is for those who ask for it");
    assert_eq!(rows.tag().map(|tag| tag.as_str().to_owned()).as_deref(), Some("SELECT 1"));
    assert!(rows.next_result().expect("another result"));
    drop(rows);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn for_each_does_not_lose_an_error_behind_the_result() {
    let server = serve(|session| {
        session.expect_query("insert")?;
        session.send_rows(&texts(&["inserted"]))?;
        session.send_error("40001", "another transaction was faster")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let outcome = client.query("insert").and_then(|rows| rows.for_each(|_| Ok(())));

    let code = outcome.expect_err("it was rolled back").code();
    assert_eq!(code.map(|code| code.to_string()).as_deref(), Some("40001"));
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn rows_that_were_leaked_do_not_block_the_next_statement() {
    let server = serve(|session| {
        session.expect_query("select some")?;
        session.send_bytes(texts(&[]).description())?;
        session.send_row_repeatedly(&[Some(&[b'x'; 1000])], 500)?;
        session.complete("SELECT 500")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    std::mem::forget(client.query("select some").expect("a result"));

    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn of_too_many_notices_the_last_are_kept() {
    let server = serve(|session| {
        session.expect_query("raise")?;
        for number in 0..300 {
            session.send_notice("01000", &number.to_string())?;
        }
        session.complete("DO")?;
        session.ready(TransactionStatus::Idle)
    });
    let mut client = connect(&server);

    client.execute("raise").expect("notices are no errors");

    let notices: Vec<_> = client.notices().iter().map(|notice| notice.message().to_owned()).collect();
    assert_eq!((notices.len(), &*notices[0], &*notices[255]), (256, "44", "299"));
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_statement_belongs_to_the_client_that_prepared_it() {
    let server = serve(|session| {
        if session.number() == 0 {
            session.read_to_sync()?;
            session.send_bytes(b"1\0\0\0\x04t\0\0\0\x06\0\0n\0\0\0\x04")?;
            return session.ready(TransactionStatus::Idle);
        }
        serve_proof(session)
    });
    let mut owner = connect(&server);
    let statement = owner.prepare("insert", &[]).expect("parsed");
    let mut other = connect(&server);

    let outcome = other.query_prepared(&statement, &[]).map(drop);

    assert!(matches!(outcome, Err(Error::ForeignStatement)), "{outcome:?}");
    shows_that_it_is_usable(&mut other);
    drop((owner, other, statement));
    server.finish().unwrap();
}

#[test]
fn a_transaction_that_is_dropped_by_a_panic_is_rolled_back() {
    let server = serve(|session| {
        for (tag, status) in
            [("BEGIN", TransactionStatus::InTransaction), ("ROLLBACK", TransactionStatus::Idle)]
        {
            session.expect_query(tag)?;
            session.complete(tag)?;
            session.ready(status)?;
        }
        serve_proof(session)
    });
    let mut client = connect(&server);

    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _transaction = client.transaction().expect("begun");
        std::panic::resume_unwind(Box::new("the caller's own"));
    }));

    assert!(outcome.is_err());
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_lost_connection_is_explained_in_the_systems_words() {
    let server = serve(|session| {
        session.expect_query("select 1")?;
        session.reset()
    });
    let mut client = connect(&server);

    let error = client.execute("select 1").expect_err("the connection is reset");

    let Error::Session { fault, source } = error else { panic!("{error:?}") };
    assert_eq!(fault, Fault::Link { loss: LinkLoss::Reset, request_open: true });
    assert_eq!(source.map(|source| source.kind()), Some(std::io::ErrorKind::ConnectionReset));
    server.finish().unwrap();
}

/// A server that lets everybody in and then goes on with this script.
fn serve(script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static) -> Server {
    Listen::tcp().serve(move |session| {
        session.accept_startup(Auth::Trust)?;
        script(session)
    })
}

/// Nothing is canceled because a machine is slow.
fn connect(server: &Server) -> Client {
    let mut config = Config::new(server.address().descriptor().parse().expect("an endpoint"), "adm");
    config.session.abandon_patience = std::time::Duration::from_secs(10);
    Client::connect(config).expect("the server lets everybody in")
}

/// One column of text.
fn texts(texts: &[&str]) -> Rows {
    texts.iter().fold(Rows::of([("a", oid::TEXT)]), |rows, text| rows.row([Some(text)]))
}

/// The script's side of [`shows_that_it_is_usable`].
fn serve_proof(session: &mut Session) -> Result<(), Failure> {
    session.expect_query("select 'usable'")?;
    session.send_rows(&texts(&["usable"]))?;
    session.ready(TransactionStatus::Idle)
}

/// Runs another statement.
fn shows_that_it_is_usable(client: &mut Client) {
    assert_eq!(client.execute("select 'usable'").expect("the session goes on"), 1);
}
