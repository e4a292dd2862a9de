//! A statement that somebody else ends: before, during and after.

use std::io::ErrorKind;
use std::ops::ControlFlow;

use hyperwire_blocking::Error;
use hyperwire_core::session::CANCEL_TIMEOUT;
use hyperwire_core::wire::TransactionStatus;

use super::scenario;
use crate::conformance::peer::{CROSS_JOIN, code_of, serve_proof, texts};
use crate::conformance::{Offer, Part, Request, Scenario, Stage};
use crate::scripted::{Auth, Initial, Latch};
use crate::virtual_time::{Stopwatch, both, elsewhere};

/// Nobody reads them to their end within the patience of a test.
const MANY: &str = "select i from generate_series(1, 1000000000000) as s(i)";

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!(a_cancel_before_any_statement_changes_nothing).and_hyperd().needs(Offer::CancelHandles),
        scenario!(another_thread_cancels_a_statement).and_hyperd(),
        scenario!(a_cancel_between_rows_ends_the_result).and_hyperd(),
        scenario!(a_cancel_behind_the_last_statement_changes_nothing)
            .and_hyperd()
            .needs(Offer::CancelHandles),
        scenario!(a_server_that_never_acts_upon_a_cancel_is_left).needs(Offer::CancelHandles),
    ]
}

fn a_cancel_before_any_statement_changes_nothing(stage: &Stage<'_>) {
    let server = stage.serve(serve_proof);
    let mut client = server.connect();

    client.canceler().expect("the server gave a key")().expect("it is delivered");

    server.expect_cancel();
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn another_thread_cancels_a_statement(stage: &Stage<'_>) {
    let runs = Latch::new("the statement runs");
    let server = stage.serve({
        let runs = runs.clone();
        move |session| {
            session.expect_query(CROSS_JOIN)?;
            runs.release();
            session.expect_cancel()?;
            session.send_error("57014", "canceled by the user")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = server.connect();
    let cancel = client.canceler().expect("the server gave a key");

    let canceler = || {
        server.wait_until_it_runs(&runs);
        cancel()
    };
    let (canceled, outcome) = both(canceler, || client.execute(CROSS_JOIN));

    canceled.expect("the cancel is delivered");
    assert_eq!(code_of(outcome), "57014");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_cancel_between_rows_ends_the_result(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query(MANY)?;
        session.send_bytes(texts(&[]).description())?;
        session.send_bytes(texts(&["1"]).rows())?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled by the user")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();
    let mut cancel = Some(client.canceler().expect("the server gave a key"));

    let outcome = client.read(&Request::Simple(MANY), &mut |part| {
        if matches!(part, Part::Row(_))
            && let Some(cancel) = cancel.take()
        {
            // Not on this thread, which may be an executor's.
            elsewhere(cancel).expect("the cancel is delivered");
        }
        ControlFlow::Continue(())
    });

    assert_eq!(code_of(outcome), "57014");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_cancel_behind_the_last_statement_changes_nothing(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        serve_proof(session)?;
        serve_proof(session)
    });
    let mut client = server.connect();
    client.shows_that_it_is_usable();

    client.canceler().expect("the server gave a key")().expect("it is delivered");

    server.expect_cancel();
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

/// It talks instead.
fn a_server_that_never_acts_upon_a_cancel_is_left(stage: &Stage<'_>) {
    let server = stage.listen(stage.listener().raw(), |session| {
        if session.number() == 0 {
            return session.accept_startup(Auth::Trust).map(drop);
        }
        let Initial::Cancel(_) = session.next_initial()? else { return Err("no CancelRequest".into()) };
        while session.send_notice("01000", "and another thing").is_ok() {}
        Ok(())
    });
    let client = server.connect();
    let start = Stopwatch::start();

    let outcome = client.canceler().expect("the server gave a key")();

    assert!(
        matches!(&outcome, Err(Error::Connect { source, .. }) if source.kind() == ErrorKind::TimedOut),
        "{outcome:?}"
    );
    assert!(start.elapsed() >= CANCEL_TIMEOUT, "after {:?}", start.elapsed());
    drop(client);
    server.finish();
}
