//! A deadline holds whoever is slow: the server, or the reader of its rows.

use std::ops::ControlFlow;
use std::time::Duration;

use hyperwire_blocking::Error;
use hyperwire_core::session::StatementError;
use hyperwire_core::wire::TransactionStatus;

use super::scenario;
use crate::conformance::peer::{SHORT, serve_proof, texts};
use crate::conformance::{Client, Part, Request, Scenario, Stage};
use crate::scripted::{Failure, Session};
use crate::virtual_time::{Stopwatch, nap};

/// Enough for rows to begin on a machine that does other things besides.
const TIME: Duration = Duration::from_millis(500);
/// What a machine that does other things besides may be late by. Without a look at the clock it was 20 s and more.
const LATE: Duration = Duration::from_secs(3);
/// Bytes of a field: many rows fill one read, a few do, one fills several.
const WIDTHS: [(&str, usize); 3] = [("narrow", 8), ("wide", 1 << 10), ("huge", 300 << 10)];
/// What the reader does with each row.
const PACES: [(&str, Duration); 3] = [
    ("at_once", Duration::ZERO),
    ("briskly", Duration::from_millis(1)),
    ("slowly", Duration::from_millis(30)),
];

pub(super) fn all() -> Vec<Scenario> {
    let mut all = vec![
        scenario!(a_reader_that_sleeps_past_deadline_and_grace_keeps_the_session),
        scenario!(a_result_that_is_dropped_behind_its_deadline_is_canceled_once),
        scenario!(a_result_whose_rows_begin_behind_the_deadline_shows_none),
    ];
    for (width, bytes) in WIDTHS {
        for (pace, pause) in PACES {
            let name = format!("rows_end_at_the_deadline::{width}_read_{pace}");
            let scenario = Scenario::new(name, move |stage| rows_end_at_the_deadline(stage, bytes, pause));
            // The others differ in nothing that hyperd knows of.
            let also_real = (width, pace) == ("narrow", "slowly") || (width, pace) == ("huge", "at_once");
            all.push(if also_real { scenario.and_hyperd() } else { scenario });
        }
    }
    all
}

fn rows_end_at_the_deadline(stage: &Stage<'_>, bytes: usize, pause: Duration) {
    let field = "x".repeat(bytes);
    let sql = format!("select '{field}' as a from generate_series(1, 1000000000000)");
    let server = stage.serve({
        let (sql, field) = (sql.clone(), field.clone());
        move |session| {
            session.expect_query(&sql)?;
            session.send_bytes(texts(&[]).description())?;
            send_until_canceled(session, field.as_bytes())?;
            serve_proof(session)
        }
    });
    let mut client = server.connect();
    client.set_statement_timeout(Some(TIME));
    let start = Stopwatch::start();

    let (mut last, mut rows) = (Duration::ZERO, 0);
    let outcome = client.read(&Request::Simple(&sql), &mut |part| {
        if let Part::Row(_) = part {
            (last, rows) = (start.elapsed(), rows + 1);
            nap(pause);
        }
        ControlFlow::Continue(())
    });

    assert!(is_overdue(&outcome), "{outcome:?}");
    assert!(rows > 0 || stage.real, "rows came before the deadline");
    assert!(last < TIME + LATE, "the last of {rows} rows came after {last:?}");
    assert!(start.elapsed() >= TIME && start.elapsed() < TIME + LATE, "after {:?}", start.elapsed());
    is_well(client);
    server.finish();
}

/// It is away for so long that everything that was waited for meanwhile would be overdue.
fn a_reader_that_sleeps_past_deadline_and_grace_keeps_the_session(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query("select forever")?;
        session.send_bytes(texts(&[]).description())?;
        send_until_canceled(session, &[b'x'; 1000])?;
        serve_proof(session)
    });
    let mut config = server.config();
    config.session.cancel_grace = Duration::from_secs(1);
    let mut client = server.connect_with(config).expect("trusted");
    client.set_statement_timeout(Some(SHORT));

    let mut rows = 0;
    let outcome = client.read(&Request::Simple("select forever"), &mut |part| {
        if let Part::Row(_) = part {
            rows += 1;
            if rows == 2 {
                nap(SHORT + Duration::from_millis(1500));
            }
        }
        ControlFlow::Continue(())
    });

    assert!(is_overdue(&outcome), "{outcome:?}");
    is_well(client);
    server.finish();
}

fn a_result_that_is_dropped_behind_its_deadline_is_canceled_once(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query("select forever")?;
        session.send_bytes(texts(&[]).description())?;
        send_until_canceled(session, &[b'x'; 1000])?;
        serve_proof(session)
    });
    let mut client = server.connect();
    client.set_statement_timeout(Some(SHORT));

    let outcome = client.read(&Request::Simple("select forever"), &mut |part| match part {
        Part::Row(_) => {
            nap(2 * SHORT);
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });

    outcome.expect("it was left before anybody looked at the clock");
    client.set_statement_timeout(None);
    client.shows_that_it_is_usable();
    server.expect_no_cancel();
    drop(client);
    server.finish();
}

/// They would be an arbitrary part of a result.
fn a_result_whose_rows_begin_behind_the_deadline_shows_none(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query("select late")?;
        session.expect_cancel()?;
        session.send_rows(&texts(&["one", "two"]))?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();
    client.set_statement_timeout(Some(SHORT));

    let mut rows = 0;
    let outcome = client.read(&Request::Simple("select late"), &mut |part| {
        rows += usize::from(matches!(part, Part::Row(_)));
        ControlFlow::Continue(())
    });

    assert!(is_overdue(&outcome), "{outcome:?}");
    assert_eq!(rows, 0);
    is_well(client);
    server.finish();
}

fn is_overdue(outcome: &Result<(), Error>) -> bool {
    matches!(outcome, Err(Error::Statement(StatementError::DeadlineExceeded)))
}

fn is_well(mut client: Box<dyn Client>) {
    client.set_statement_timeout(None);
    client.shows_that_it_is_usable();
}

/// Rows, as fast as the client takes them, until it has them canceled.
fn send_until_canceled(session: &mut Session, field: &[u8]) -> Result<(), Failure> {
    while !session.is_canceled() {
        session.send_until_blocked(&[Some(field)], Duration::from_millis(5), 1 << 20)?;
    }
    session.send_error("57014", "canceled")?;
    session.ready(TransactionStatus::Idle)
}
