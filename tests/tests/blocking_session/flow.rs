//! Who waits for whom: results that nobody reads on, and statements that nobody takes.

use std::time::Duration;

use hyperwire_blocking::core::session::{Fault, Timer};
use hyperwire_blocking::core::wire::TransactionStatus;
use hyperwire_blocking::{Client, Rows};
use hyperwire_tests::scripted::{Auth, Latch, Listen, Server};
use rstest::rstest;

use crate::{LONG, SHORT, config, connect, fault_of, serve, serve_proof, shows_that_it_is_usable, texts};

/// More than all buffers between a server and its client.
const MUCH: usize = 64 << 20;
/// A field that makes a row of a kilobyte.
const KILOBYTE: [u8; 1013] = [b'x'; 1013];

#[rstest]
fn a_small_result_that_is_dropped_is_read_to_its_end_without_a_cancel(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let server = serve(listen(), |session| {
        session.expect_query("select some")?;
        session.send_bytes(texts(&[]).description())?;
        session.send_row_repeatedly(&[Some(&KILOBYTE)], 500)?;
        session.complete("SELECT 500")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    let mut rows = client.query("select some").expect("a result");
    assert!(rows.next().expect("a row").is_some());
    drop(rows);

    shows_that_it_is_usable(&mut client);
    drop(client);
    assert!(server.next_cancel(Duration::ZERO).is_err(), "a cancel came");
    server.finish().unwrap();
}

#[rstest]
fn a_large_result_that_is_dropped_is_canceled(#[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen) {
    let server = serve(listen(), |session| {
        session.expect_query("select much")?;
        session.send_bytes(texts(&[]).description())?;
        session.send_row_repeatedly(&[Some(&KILOBYTE)], 8 << 10)?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut client = connect(&server);

    drop(client.query("select much").expect("a result"));

    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_result_that_is_long_in_coming_is_canceled_when_it_is_dropped() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select slowly")?;
        session.send_bytes(texts(&[]).description())?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled")?;
        session.ready(TransactionStatus::Idle)?;
        serve_proof(session)
    });
    let mut config = config(&server);
    config.session.abandon_patience = SHORT;
    let mut client = Client::connect(config).expect("trusted");

    drop(client.query("select slowly").expect("a result"));

    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn rows_that_were_leaked_do_not_block_the_next_statement() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_query("select some")?;
        session.send_bytes(texts(&[]).description())?;
        session.send_row_repeatedly(&[Some(&KILOBYTE)], 500)?;
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

#[rstest]
fn a_server_is_slowed_down_by_a_client_that_does_not_ask_for_rows(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let blocked = Latch::new("the server is blocked");
    let server = serve(listen(), {
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
    let mut client = connect(&server);

    let rows = client.query("select much").expect("a result");
    blocked.wait(LONG).expect("the server cannot go on");
    let lengths = rows.map(|row| row.get::<&str>(0).map(str::len).map_err(hyperwire_blocking::Error::from));

    let lengths = lengths.expect("all rows");
    assert_eq!(lengths.len(), MUCH / 1024);
    assert!(lengths.iter().all(|length| *length == KILOBYTE.len()));
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

/// A server that must get rid of what it has to say before it listens, and a client that has as much to say.
#[rstest]
fn reading_never_waits_for_writing(#[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen) {
    let sql = format!("select '{}'", "x".repeat(MUCH));
    let server = listen().patience(3 * LONG).serve({
        let sql = sql.clone();
        move |session| {
            session.accept_startup(Auth::Trust)?;
            let notice = "n".repeat(1 << 20);
            for _ in 0..MUCH >> 20 {
                session.send_notice("01000", &notice)?;
            }
            session.expect_query(&sql)?;
            session.complete("SELECT 0")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut client = connect(&server);

    let tag = client.query(&sql).and_then(Rows::finish).expect("both get through");

    assert_eq!(tag.map(|tag| tag.to_string()).as_deref(), Some("SELECT 0"));
    assert_eq!(client.notices().len(), MUCH >> 20);
    shows_that_it_is_usable(&mut client);
    drop(client);
    server.finish().unwrap();
}

#[test]
fn a_statement_that_the_server_does_not_take_is_given_up_at_its_deadline() {
    let server = serve(Listen::tcp(), |session| {
        session.expect_cancel()?;
        session.expect_client_to_give_up()
    });
    let mut config = config(&server);
    config.session.cancel_grace = SHORT;
    let mut client = Client::connect(config).expect("trusted");
    client.set_statement_timeout(Some(SHORT));

    let fault = fault_of(client.execute(&format!("select '{}'", "x".repeat(MUCH))));

    assert_eq!(fault, Fault::Deadline(Timer::CancelGrace));
    server.finish().unwrap();
}

/// The server reads nothing, so a client that waits for its goodbye to be taken would wait for ever.
#[test]
fn dropping_a_client_waits_for_nobody() {
    let done = Latch::new("the client is gone");
    let server = Server::tcp({
        let done = done.clone();
        move |session| {
            session.accept_startup(Auth::Trust)?;
            session.stall(&done)
        }
    });
    let client = connect(&server);

    drop(client);

    done.release();
    server.finish().unwrap();
}
