//! A CancelRequest that nobody saw arrive may arrive any time: no statement may be sent that it could hit.

use std::time::Duration;

use hyperwire_blocking::Error;
use hyperwire_core::session::CANCEL_TIMEOUT;
use hyperwire_core::wire::TransactionStatus;

use super::scenario;
use crate::conformance::peer::{LONG, SHORT, serve_proof};
use crate::conformance::{Offer, Peer, Scenario, SocketKind, Stage};
use crate::scripted::{Auth, Failure, Initial, Latch, Session};
use crate::virtual_time::{both, nap};

/// How long the server leaves the connection alone on which the CancelRequest lies: longer than anybody waits for it.
const LATE: Duration = Duration::from_millis(1500);

pub(super) fn all() -> Vec<Scenario> {
    let all = [
        scenario!(a_late_cancel_of_a_deadline_hits_no_other_statement),
        scenario!(a_late_cancel_of_a_dropped_result_hits_no_other_statement),
        scenario!(a_late_cancel_from_outside_hits_no_other_statement).needs(Offer::CancelHandles),
        scenario!(a_cancel_from_outside_is_waited_for_before_the_next_statement).needs(Offer::OrderedCancels),
    ];
    // They take as long as the patience of a canceler, and TCP has nothing to add.
    all.into_iter().map(|one| one.not_on(SocketKind::Tcp)).collect()
}

/// A server that runs one statement to its end, and looks at the CancelRequest for it long after. Whatever statement
/// runs then it cancels.
fn late<'r>(stage: &Stage<'r>, runs: &Latch) -> Peer<'r> {
    let runs = runs.clone();
    let late = Latch::new("the late cancel has arrived");
    stage.listen(stage.listener().raw(), move |session| {
        if session.number() > 0 {
            nap(CANCEL_TIMEOUT + LATE);
            let Initial::Cancel(_) = session.next_initial()? else { return Err("no CancelRequest".into()) };
            late.release();
            return Ok(());
        }
        session.accept_startup(Auth::Trust)?;
        session.expect_query("insert")?;
        runs.release();
        nap(CANCEL_TIMEOUT + LATE / 3);
        session.complete("INSERT 0 1")?;
        session.ready(TransactionStatus::Idle)?;
        hit_what_comes(session, &late)
    })
}

fn hit_what_comes(session: &mut Session, late: &Latch) -> Result<(), Failure> {
    if session.expect_client_to_give_up().is_ok() {
        return Ok(());
    }
    late.wait(LONG)?;
    session.send_error("57014", "canceled by a request for another statement")?;
    session.ready(TransactionStatus::Idle)
}

fn a_late_cancel_of_a_deadline_hits_no_other_statement(stage: &Stage<'_>) {
    let server = late(stage, &Latch::new("the statement runs"));
    let mut client = server.connect();
    client.set_statement_timeout(Some(SHORT));

    let outcome = client.execute("insert");

    assert_eq!(outcome.expect("the server was done before it heard of the cancel"), 1);
    client.set_statement_timeout(None);
    refuses(&client.execute("select 'usable'"));
    assert!(client.is_closed());
    server.finish();
}

fn a_late_cancel_of_a_dropped_result_hits_no_other_statement(stage: &Stage<'_>) {
    let server = stage.listen(stage.listener().raw(), {
        let late = Latch::new("the late cancel has arrived");
        move |session| {
            if session.number() > 0 {
                nap(CANCEL_TIMEOUT + LATE);
                let Initial::Cancel(_) = session.next_initial()? else {
                    return Err("no CancelRequest".into());
                };
                late.release();
                return Ok(());
            }
            session.accept_startup(Auth::Trust)?;
            session.expect_query("select slowly")?;
            session.send_bytes(crate::conformance::peer::texts(&[]).description())?;
            nap(CANCEL_TIMEOUT + LATE / 3);
            session.complete("SELECT 0")?;
            session.ready(TransactionStatus::Idle)?;
            hit_what_comes(session, &late)
        }
    });
    let mut config = server.config();
    config.session.abandon_patience = Duration::from_millis(20);
    let mut client = server.connect_with(config).expect("trusted");

    client.drop_after("select slowly", 0).expect("a result");

    refuses(&client.execute("select 'usable'"));
    assert!(client.is_closed());
    server.finish();
}

fn a_late_cancel_from_outside_hits_no_other_statement(stage: &Stage<'_>) {
    let runs = Latch::new("the statement runs");
    let server = late(stage, &runs);
    let mut client = server.connect();
    let cancel = client.canceler().expect("the server gave a key");

    let canceler = || {
        runs.wait(LONG).expect("the statement runs");
        cancel()
    };
    let (canceled, outcome) = both(canceler, || client.execute("insert"));

    assert!(matches!(canceled, Err(Error::Connect { .. })), "{canceled:?}");
    assert_eq!(outcome.expect("the server was done before it heard of the cancel"), 1);
    refuses(&client.execute("select 'usable'"));
    assert!(client.is_closed());
    server.finish();
}

/// It is meant for a statement that was sent before.
fn a_cancel_from_outside_is_waited_for_before_the_next_statement(stage: &Stage<'_>) {
    let (runs, comes) = (Latch::new("the statement runs"), Latch::new("the cancel comes"));
    let taken = Latch::new("the cancel is taken");
    let server = stage.listen(stage.listener().raw(), {
        let (runs, comes, taken) = (runs.clone(), comes.clone(), taken.clone());
        move |session| {
            if session.number() > 0 {
                let Initial::Cancel(_) = session.next_initial()? else {
                    return Err("no CancelRequest".into());
                };
                comes.release();
                nap(3 * SHORT);
                taken.release();
                return Ok(());
            }
            session.accept_startup(Auth::Trust)?;
            session.expect_query("insert")?;
            runs.release();
            comes.wait(LONG)?;
            session.complete("INSERT 0 1")?;
            session.ready(TransactionStatus::Idle)?;
            session.expect_query("select 'usable'")?;
            if taken.wait(Duration::from_millis(1)).is_err() {
                return Err("a statement was sent while a cancel was on its way".into());
            }
            session.send_rows(&crate::conformance::peer::texts(&["usable"]))?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = server.connect();
    let cancel = client.canceler().expect("the server gave a key");

    let canceler = || {
        runs.wait(LONG).expect("the statement runs");
        cancel()
    };
    let (canceled, ()) = both(canceler, || {
        assert_eq!(client.execute("insert").expect("it was faster"), 1);
        client.shows_that_it_is_usable();
    });

    canceled.expect("it was delivered");
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn refuses(outcome: &Result<u64, Error>) {
    let Err(error @ Error::Session { .. }) = outcome else {
        panic!("a statement was sent with a key that is burnt: {outcome:?}")
    };
    let text = error.to_string();
    assert!(text.contains("cancel") && text.contains("open another"), "{text}");
}
