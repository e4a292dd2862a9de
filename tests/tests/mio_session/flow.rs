//! Who waits for whom: results that nobody reads on, and statements that nobody takes.

use hyperwire_mio::Event;
use hyperwire_mio::hyperwire_core::wire::{BackendMessage, Report, TransactionStatus};
use hyperwire_tests::scripted::{Latch, Listen};
use rstest::rstest;

use crate::{LONG, Loop, SHORT, serve, serve_proof, texts};

/// More than all buffers between a server and its client.
const MUCH: usize = 32 << 20;

#[rstest]
fn a_server_is_slowed_down_by_an_embedder_that_has_no_demand(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    let blocked = Latch::new("the server is blocked");
    let server = serve(listen(), {
        let blocked = blocked.clone();
        move |session| {
            session.expect_query("select much")?;
            session.send_bytes(texts(&[]).description())?;
            let taken = session.send_until_blocked(&[Some(&[b'x'; 1000])], SHORT, MUCH as u64)?;
            if taken >= MUCH as u64 {
                return Err("the client takes whatever comes".into());
            }
            blocked.release();
            session.complete("SELECT")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let id = connection.query("select much").unwrap();
    assert!(matches!(embedder.next(&mut connection), Ok(Event::Columns { .. })));
    embedder.expect_silence(&mut connection, SHORT);
    blocked.wait(LONG).expect("rows that nobody wants are not taken");

    let outcome = embedder.finish(&mut connection, id).unwrap();

    assert!(outcome.values.len() > 1, "{}", outcome.values.len());
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

/// The server takes the statement only when everything that it has to say was taken, and the client has more to send
/// than all buffers hold: if reading waited for writing, both would wait for ever.
#[rstest]
fn a_large_statement_and_a_server_that_says_much_do_not_wait_for_each_other(
    #[values(Listen::tcp, Listen::unix)] listen: fn() -> Listen,
) {
    const NOTICES: usize = MUCH / 1000;
    let sql = format!("select '{}'", "x".repeat(MUCH));
    let server = serve(listen(), {
        let sql = sql.clone();
        move |session| {
            let (mut body, mut notice) = (Vec::new(), Vec::new());
            Report::write_fields([(b'C', "01000"), (b'M', "and more ".repeat(110).as_str())], &mut body);
            let report = Report::from_body(&body).map_err(|violation| violation.to_string())?;
            BackendMessage::NoticeResponse(report).encode(&mut notice);
            for _ in 0..NOTICES / 100 {
                session.send_bytes(&notice.repeat(100))?;
            }
            session.expect_query(&sql)?;
            session.complete("SELECT 0")?;
            session.ready(TransactionStatus::Idle)?;
            serve_proof(session)
        }
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);

    let id = connection.query(&sql).unwrap();
    let outcome = embedder.finish(&mut connection, id).unwrap();

    assert!(outcome.notices >= NOTICES / 100 * 100 - 300, "{} notices", outcome.notices);
    assert_eq!(outcome.tag.as_deref(), Some("SELECT 0"));
    embedder.shows_that_it_is_usable(&mut connection);
    drop(connection);
    server.finish().unwrap();
}

#[test]
fn a_statement_that_a_server_is_slow_to_take_gets_there_piece_by_piece() {
    let (sql, go) = (format!("select '{}'", "x".repeat(MUCH)), Latch::new("the client is blocked"));
    let server = serve(Listen::tcp(), {
        let (sql, go) = (sql.clone(), go.clone());
        move |session| {
            session.stall(&go)?;
            session.expect_query(&sql)?;
            session.complete("SELECT 0")?;
            session.ready(TransactionStatus::Idle)
        }
    });
    let mut embedder = Loop::new();
    let mut connection = embedder.connected(&server);
    let id = connection.query(&sql).unwrap();
    let waits = embedder.waits;
    embedder.expect_silence(&mut connection, SHORT);
    assert!(embedder.waits - waits < 100, "it sleeps while nobody takes anything");
    go.release();

    let outcome = embedder.finish(&mut connection, id).unwrap();

    assert_eq!(outcome.tag.as_deref(), Some("SELECT 0"));
    drop(connection);
    server.finish().unwrap();
}
