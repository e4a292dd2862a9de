//! Who waits for whom: results that nobody reads on, and statements that nobody takes.

use std::ops::ControlFlow;

use hyperwire_core::row::ToParameter;
use hyperwire_core::session::{CommandTag, Fault, Timer};
use hyperwire_core::wire::{BackendMessage, TransactionStatus};

use super::scenario;
use crate::conformance::peer::{LONG, SHORT, fault_of, serve_proof, texts};
use crate::conformance::{Part, Request, Scenario, Stage};
use crate::scripted::{Auth, Latch};

/// More than all buffers between a server and its client.
const MUCH: usize = 64 << 20;
/// A field that makes a row of a kilobyte.
const KILOBYTE: [u8; 1013] = [b'x'; 1013];

const SOME_ROWS: &str = "select 'some text' as a from generate_series(1, 10000)";
/// Nobody reads them to their end within the patience of a test.
const MANY_ROWS: &str = "select 'some text' as a from generate_series(1, 1000000000000)";

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!(a_small_result_that_is_dropped_is_read_to_its_end_without_a_cancel, unread, 0).and_hyperd(),
        scenario!(a_small_result_that_is_dropped_is_read_to_its_end_without_a_cancel, begun, 1).and_hyperd(),
        scenario!(a_large_result_that_is_dropped_is_canceled, unread, 0).and_hyperd(),
        scenario!(a_large_result_that_is_dropped_is_canceled, begun, 1).and_hyperd(),
        scenario!(a_result_that_is_long_in_coming_is_canceled_when_it_is_dropped),
        scenario!(a_server_is_slowed_down_by_a_client_that_does_not_ask_for_rows),
        scenario!(reading_never_waits_for_writing, of_a_statement, false),
        scenario!(reading_never_waits_for_writing, of_a_parameter, true),
        scenario!(a_statement_that_the_server_does_not_take_is_given_up_at_its_deadline),
        scenario!(dropping_a_client_waits_for_nobody),
    ]
}

fn a_small_result_that_is_dropped_is_read_to_its_end_without_a_cancel(stage: &Stage<'_>, rows: usize) {
    let server = stage.serve(|session| {
        session.expect_query(SOME_ROWS)?;
        session.send_bytes(texts(&[]).description())?;
        session.send_row_repeatedly(&[Some(&KILOBYTE)], 500)?;
        session.complete("SELECT 500")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    client.drop_after(SOME_ROWS, rows).expect("a result");

    client.shows_that_it_is_usable();
    drop(client);
    server.expect_no_cancel();
    server.finish();
}

fn a_large_result_that_is_dropped_is_canceled(stage: &Stage<'_>, rows: usize) {
    let server = stage.serve(|session| {
        session.expect_query(MANY_ROWS)?;
        session.send_bytes(texts(&[]).description())?;
        session.send_row_repeatedly(&[Some(&KILOBYTE)], 8 << 10)?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = server.connect();

    client.drop_after(MANY_ROWS, rows).expect("a result");

    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_result_that_is_long_in_coming_is_canceled_when_it_is_dropped(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_query("select slowly")?;
        session.send_bytes(texts(&[]).description())?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut config = server.config();
    config.session.abandon_patience = SHORT;
    let mut client = server.connect_with(config).expect("trusted");

    client.drop_after("select slowly", 0).expect("a result");

    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_server_is_slowed_down_by_a_client_that_does_not_ask_for_rows(stage: &Stage<'_>) {
    let blocked = Latch::new("the server is blocked");
    let server = stage.serve({
        let blocked = blocked.clone();
        move |session| {
            session.expect_query("select much")?;
            session.send_bytes(texts(&[]).description())?;
            let taken = session.send_until_blocked(&[Some(&KILOBYTE)], SHORT, 2 * MUCH as u64)?;
            if taken > MUCH as u64 {
                return Err(format!("{taken} bytes went to a client that reads nothing").into());
            }
            blocked.release();
            // The last of them went out in part.
            let left = MUCH as u64 / 1024 - taken.div_ceil(1024);
            session.send_row_repeatedly(&[Some(&KILOBYTE)], left)?;
            session.complete("SELECT 65536")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = server.connect();

    let mut rows = 0;
    let outcome = client.read(&Request::Simple("select much"), &mut |part| {
        match part {
            Part::Result(_) => blocked.wait(LONG).expect("the server cannot go on"),
            Part::Row(row) => {
                assert_eq!(row.get::<&str>(0).map(str::len), Ok(KILOBYTE.len()));
                rows += 1;
            }
            Part::Done(_) => {}
        }
        ControlFlow::Continue(())
    });

    outcome.expect("all rows");
    assert_eq!(rows, MUCH / 1024);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

/// A server that must get rid of what it has to say before it listens, and a client that has as much to say.
fn reading_never_waits_for_writing(stage: &Stage<'_>, parameter: bool) {
    let much = "x".repeat(MUCH);
    let sql = if parameter { "select $1".to_owned() } else { format!("select '{much}'") };
    let server = stage.listen(stage.listener().patience(3 * LONG), {
        let sql = sql.clone();
        move |session| {
            session.accept_startup(Auth::Trust)?;
            let notice = "n".repeat(1 << 20);
            for _ in 0..MUCH >> 20 {
                session.send_notice("01000", &notice)?;
            }
            if parameter {
                session.read_to_sync()?;
                let answers =
                    [BackendMessage::ParseComplete, BackendMessage::BindComplete, BackendMessage::NoData];
                session.send_all(&answers)?;
            } else {
                session.expect_query(&sql)?;
            }
            session.complete("SELECT 0")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = server.connect();

    let parameters: &[&(dyn ToParameter + Sync)] = &[&much.as_str()];
    let request = if parameter { Request::Parameters(&sql, parameters) } else { Request::Simple(&sql) };
    let tag = client.finish(&request).expect("both get through");

    assert_eq!(tag.as_ref().map(CommandTag::as_str), Some("SELECT 0"));
    assert_eq!(client.notices().len(), MUCH >> 20);
    client.shows_that_it_is_usable();
    drop(client);
    server.finish();
}

fn a_statement_that_the_server_does_not_take_is_given_up_at_its_deadline(stage: &Stage<'_>) {
    let server = stage.serve(|session| {
        session.expect_cancel()?;
        session.expect_client_to_give_up()
    });
    let mut config = server.config();
    config.session.cancel_grace = SHORT;
    let mut client = server.connect_with(config).expect("trusted");
    client.set_statement_timeout(Some(SHORT));

    let fault = fault_of(client.execute(&format!("select '{}'", "x".repeat(MUCH))));

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    server.finish();
}

/// The server reads nothing, so a client that waits for its goodbye to be taken would wait for ever.
fn dropping_a_client_waits_for_nobody(stage: &Stage<'_>) {
    let done = Latch::new("the client is gone");
    let server = stage.serve({
        let done = done.clone();
        move |session| session.stall(&done)
    });
    let client = server.connect();

    drop(client);

    done.release();
    server.finish();
}
