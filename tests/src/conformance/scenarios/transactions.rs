//! A transaction ends the way it was meant to, or the session does.

use hyperwire_blocking::Error;
use hyperwire_core::session::{Fault, StatementError};
use hyperwire_core::wire::{FrontendMessage, TransactionStatus};

use super::scenario;
use crate::conformance::peer::{LONG, SHORT, code_of, fault_of, serve_proof};
use crate::conformance::{End, Offer, Scenario, Stage};
use crate::scripted::{Failure, Session};

pub(super) fn all() -> Vec<Scenario> {
    let all = [
        scenario!(a_transaction_ends, committed, End::Commit).and_hyperd(),
        scenario!(a_transaction_ends, rolled_back, End::RollBack).and_hyperd(),
        scenario!(a_transaction_ends, dropped, End::Drop).and_hyperd(),
        scenario!(a_commit_that_rolls_back_is_an_error).and_hyperd(),
        scenario!(there_is_no_transaction_in_a_transaction).and_hyperd(),
        scenario!(a_transaction_that_cannot_begin_is_none),
        scenario!(a_rollback_that_fails_ends_the_session, of_a_dropped_one, End::Drop),
        scenario!(a_rollback_that_fails_ends_the_session, that_was_asked_for, End::RollBack),
        scenario!(a_commit_that_is_refused_leaves_no_transaction, open, TransactionStatus::InTransaction),
        scenario!(a_commit_that_is_refused_leaves_no_transaction, failed, TransactionStatus::Failed),
        scenario!(a_commit_that_is_refused_leaves_no_transaction, over, TransactionStatus::Idle),
        scenario!(a_commit_whose_time_is_up_leaves_no_transaction),
        scenario!(a_commit_whose_answer_does_not_come_may_have_happened),
    ];
    all.into_iter().map(|one| one.needs(Offer::Transactions)).collect()
}

fn a_transaction_ends(stage: &Stage<'_>, end: End) {
    let server = stage.serve(move |session| {
        begin(session)?;
        let word = if end == End::Commit { "COMMIT" } else { "ROLLBACK" };
        answer(session, word, word, TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    client.transaction(&[], end).expect("the server agrees");

    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_commit_that_rolls_back_is_an_error(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        begin(session)?;
        session.expect_query("select 1/0")?;
        session.send_error("22012", "division by zero")?;
        session.ready(TransactionStatus::Failed)?;
        answer(session, "COMMIT", "ROLLBACK", TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let outcome = client.transaction(&["select 1/0"], End::Commit);

    assert!(matches!(outcome, Err(Error::RolledBack)), "{outcome:?}");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn there_is_no_transaction_in_a_transaction(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        begin(session)?;
        answer(session, "ROLLBACK", "ROLLBACK", TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();
    client.execute("BEGIN").expect("begun");

    let outcome = client.transaction(&[], End::Commit);
    client.execute("ROLLBACK").expect("the outer one is still open");

    assert!(matches!(outcome, Err(Error::InTransaction)), "{outcome:?}");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_transaction_that_cannot_begin_is_none(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query("BEGIN")?;
        session.send_error("55000", "not now")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    let outcome = client.transaction(&[], End::Commit);

    assert_eq!(code_of(outcome), "55000");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

/// Whoever ended it believes that it is over.
fn a_rollback_that_fails_ends_the_session(stage: &Stage<'_>, end: End) {
    let server = stage.serve(|session| {
        begin(session)?;
        session.expect_query("ROLLBACK")?;
        session.send_error("XX000", "no")?;
        session.ready(TransactionStatus::InTransaction)?;
        session.expect(&FrontendMessage::Terminate)
    });
    let mut client = server.connect();

    let outcome = client.transaction(&[], end);

    match end {
        End::Drop => outcome.expect("begun"),
        _ => assert_eq!(fault_of(outcome), Fault::Closed),
    }
    assert_eq!(fault_of(client.execute("select 1")), Fault::Closed);
    assert!(client.is_closed());
    assert_eq!(fault_of(client.ping(LONG)), Fault::Closed);
    drop(client);
    server.finish();
}

/// The next statement would run inside what its caller believes to be over.
fn a_commit_that_is_refused_leaves_no_transaction(stage: &Stage<'_>, status: TransactionStatus) {
    let server = stage.serve(move |session| {
        begin(session)?;
        session.expect_query("COMMIT")?;
        session.send_error("40001", "somebody else was faster")?;
        session.ready(status)?;
        if status != TransactionStatus::Idle {
            answer(session, "ROLLBACK", "ROLLBACK", TransactionStatus::Idle)?;
        }
        serve_proof(session)
    });
    let mut client = server.connect();

    let outcome = client.transaction(&[], End::Commit);

    assert_eq!(code_of(outcome), "40001");
    assert_eq!(client.transaction_status(), TransactionStatus::Idle);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_commit_whose_time_is_up_leaves_no_transaction(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        begin(session)?;
        session.expect_query("COMMIT")?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Failed)?;
        answer(session, "ROLLBACK", "ROLLBACK", TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();
    client.set_statement_timeout(Some(SHORT));

    let outcome = client.transaction(&[], End::Commit);

    assert!(matches!(outcome, Err(Error::Statement(StatementError::DeadlineExceeded))), "{outcome:?}");
    client.set_statement_timeout(None);
    assert_eq!(client.transaction_status(), TransactionStatus::Idle);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_commit_whose_answer_does_not_come_may_have_happened(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        begin(session)?;
        session.expect_query("COMMIT")?;
        session.close();
        Ok(())
    });
    let mut client = server.connect();

    let fault = fault_of(client.transaction(&[], End::Commit));

    assert!(matches!(fault, Fault::Link { request_open: true, .. }), "{fault:?}");
    server.finish();
}

fn begin(session: &mut Session) -> Result<(), Failure> {
    answer(session, "BEGIN", "BEGIN", TransactionStatus::InTransaction)
}

fn answer(session: &mut Session, sql: &str, tag: &str, status: TransactionStatus) -> Result<(), Failure> {
    session.expect_query(sql)?;
    session.complete(tag)?;
    session.ready(status)
}
