//! A transaction ends the way it was meant to, or the session does.

use hyperwire_blocking::core::session::Fault;
use hyperwire_blocking::core::wire::{FrontendMessage, TransactionStatus};
use hyperwire_blocking::{Client, Error};
use hyperwire_tests::scripted::{Failure, Listen, Session};
use rstest::rstest;

use crate::{connect, fault_of, serve, serve_proof, shows_that_it_is_usable};

#[rstest]
#[case::committed("COMMIT", |client: &mut Client| client.transaction()?.commit())]
#[case::rolled_back("ROLLBACK", |client: &mut Client| client.transaction()?.rollback())]
#[case::dropped("ROLLBACK", |client: &mut Client| client.transaction().map(drop))]
fn a_transaction_ends(#[case] end: &'static str, #[case] run: fn(&mut Client) -> Result<(), Error>) {
    let server = serve(Listen::tcp(), move |session| {
        serve_begin(session)?;
        answer(session, end, end, TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    run(&mut client).expect("the server agrees");

    assert_eq!(client.transaction_status(), TransactionStatus::Idle);
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_transaction_that_is_dropped_by_a_panic_is_rolled_back() {
    let server = serve(Listen::tcp(), |session| {
        serve_begin(session)?;
        answer(session, "ROLLBACK", "ROLLBACK", TransactionStatus::Idle)?;
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
fn a_commit_that_rolls_back_is_an_error() {
    let server = serve(Listen::tcp(), |session| {
        serve_begin(session)?;
        session.expect_query("select 1/0")?;
        session.send_error("22012", "division by zero")?;
        session.ready(TransactionStatus::Failed)?;
        answer(session, "COMMIT", "ROLLBACK", TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let mut transaction = client.transaction().expect("begun");
    transaction.execute("select 1/0").expect_err("the server says no");
    assert_eq!(transaction.transaction_status(), TransactionStatus::Failed);
    let outcome = transaction.commit();

    assert!(matches!(outcome, Err(Error::RolledBack)), "{outcome:?}");
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn there_is_no_transaction_in_a_transaction() {
    let server = serve(Listen::tcp(), |session| {
        serve_begin(session)?;
        answer(session, "COMMIT", "COMMIT", TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let mut transaction = client.transaction().expect("begun");
    let inner = transaction.transaction().map(drop);
    transaction.commit().expect("the outer one goes on");

    assert!(matches!(inner, Err(Error::InTransaction)), "{inner:?}");
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_transaction_that_cannot_begin_is_none() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("BEGIN")?;
        session.send_error("55000", "not now")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let error = client.transaction().map(drop).expect_err("the server says no");

    assert_eq!(error.code().map(|code| code.to_string()).as_deref(), Some("55000"));
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

/// Whoever dropped it believes that it is over.
#[test]
fn a_rollback_that_fails_ends_the_session() {
    let server = serve(Listen::tcp(), |session| {
        serve_begin(session)?;
        session.expect_query("ROLLBACK")?;
        session.send_error("XX000", "no")?;
        session.ready(TransactionStatus::InTransaction)?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut client = connect(&server);

    drop(client.transaction().expect("begun"));

    assert!(client.is_closed());
    assert_eq!(fault_of(client.execute("select 1")), Fault::Closed);
    assert_eq!(fault_of(client.transaction().map(drop)), Fault::Closed);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_commit_whose_answer_does_not_come_may_have_happened() {
    let server = serve(Listen::tcp(), |session| {
        serve_begin(session)?;
        session.expect_query("COMMIT")?;
        session.close();
        Ok(())
    });
    let mut client = connect(&server);

    let fault = fault_of(client.transaction().expect("begun").commit());

    assert!(matches!(fault, Fault::Link { request_open: true, .. }), "{fault:?}");
    server.finish().unwrap();
}

fn serve_begin(session: &mut Session) -> Result<(), Failure> {
    answer(session, "BEGIN", "BEGIN", TransactionStatus::InTransaction)
}

fn answer(session: &mut Session, sql: &str, tag: &str, status: TransactionStatus) -> Result<(), Failure> {
    session.expect_query(sql)?;
    session.complete(tag)?;
    session.ready(status)
}
