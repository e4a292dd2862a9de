//! Every way to end a connection, and not to.

use std::time::Instant;

use hyperwire_core::wire::{BackendMessage, FrontendMessage, TransactionStatus};
use hyperwire_tests::scripted::{Auth, Failure, Latch, Server};

use crate::LONG;
use crate::raw_client::RawClient;

#[test]
fn a_half_closed_session_still_hears_the_client() {
    let server = Server::tcp(|session| {
        session.accept_startup(Auth::Trust)?;
        session.half_close()?;
        session.expect_query("are you there")
    });
    let mut client = RawClient::started(&server);

    assert_eq!(client.read_to_end(), (vec![], true));
    client.send(&FrontendMessage::Query("are you there"));

    server.finish().unwrap();
}

#[test]
fn a_reset_is_a_reset() {
    let server = Server::tcp(|session| {
        session.accept_startup(Auth::Trust)?;
        session.expect_query("select 1")?;
        session.reset()
    });
    let mut client = RawClient::started(&server);

    client.send(&FrontendMessage::Query("select 1"));

    assert_eq!(client.read_to_end(), (vec![], false));
    server.finish().unwrap();
}

#[test]
fn a_connection_can_be_closed_at_any_byte() {
    let server = Server::tcp(|session| {
        session.accept_startup(Auth::Trust)?;
        session.send_bytes(b"D\0\0\0\x0b\0")?;
        session.close();
        match session.send(&BackendMessage::NoData) {
            Err(Failure::Io { .. }) => Ok(()),
            other => Err(format!("the connection is closed, but {other:?}").into()),
        }
    });
    let mut client = RawClient::started(&server);

    assert_eq!(client.read_to_end(), (b"D\0\0\0\x0b\0".to_vec(), true));
    server.finish().unwrap();
}

#[test]
fn finishing_does_not_wait_for_a_client_that_keeps_its_connection() {
    let server = Server::tcp(|session| session.accept_startup(Auth::Trust).map(drop));
    let client = RawClient::started(&server);

    let began = Instant::now();
    server.finish().unwrap();

    assert!(began.elapsed() < LONG, "it waited for the client");
    drop(client);
}

#[test]
fn a_stalled_session_goes_on_when_the_test_says_so() {
    let (stalled, go_on) = (Latch::new("the script is stalled"), Latch::new("the test has seen enough"));
    let server = Server::tcp({
        let (stalled, go_on) = (stalled.clone(), go_on.clone());
        move |session| {
            session.accept_startup(Auth::Trust)?;
            stalled.release();
            session.stall(&go_on)?;
            session.ready(TransactionStatus::Failed)
        }
    });
    let mut client = RawClient::started(&server);

    stalled.wait(LONG).unwrap();
    assert!(!go_on.is_released());
    go_on.release();

    assert_eq!(client.read().1, b"Z\0\0\0\x05E");
    server.finish().unwrap();
}
