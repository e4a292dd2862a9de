//! A CancelRequest reaches the script that it is for.

use hyperwire_core::wire::{CancelKey, FrontendMessage, InitialMessage, TransactionStatus};
use hyperwire_tests::scripted::{Auth, Failure, Initial, Listen, Server};

use crate::raw_client::{RawClient, cancel_key};
use crate::{LONG, SHORT};

#[test]
fn a_script_meets_the_cancel_of_its_own_session_only() {
    let server = Server::tcp(|session| {
        session.accept_startup(Auth::Trust)?;
        session.expect_query("select slow")?;
        session.expect_cancel()?;
        session.send_error("57014", "canceled by user")?;
        session.ready(TransactionStatus::Idle)
    });
    let stranger = CancelKey { process_id: 77, secret_key: 78 };
    let mut client = RawClient::connect(&server);
    client.send_startup(&[("user", "adm")]);
    let key = cancel_key(&client.read_to("ReadyForQuery"));
    client.send(&FrontendMessage::Query("select slow"));

    let ends: Vec<_> = [stranger, key]
        .map(|key| {
            let mut canceller = RawClient::connect(&server);
            canceller.send_initial(&InitialMessage::CancelRequest(key));
            canceller.read_to_end()
        })
        .into();

    assert_eq!(client.read().0, "ErrorResponse");
    assert_eq!(client.read().0, "ReadyForQuery");
    assert_eq!(ends, [(vec![], true), (vec![], true)], "a cancel is answered by closing, and by no byte");
    assert_eq!(server.sessions(), 1, "a cancel runs no script");
    assert_eq!(server.next_cancel(LONG).unwrap(), stranger);
    assert!(matches!(server.next_cancel(SHORT), Err(Failure::Silence { .. })));
    server.finish().unwrap();
}

#[test]
fn a_script_may_choose_its_key() {
    let chosen = CancelKey { process_id: -1, secret_key: i32::MIN };
    let server = Server::tcp(move |session| {
        session.set_cancel_key(chosen);
        session.accept_startup(Auth::Trust).map(drop)
    });
    let mut client = RawClient::connect(&server);

    client.send_startup(&[("user", "adm")]);

    assert_eq!(cancel_key(&client.read_to("ReadyForQuery")), chosen);
    server.finish().unwrap();
}

#[test]
fn a_raw_server_gives_cancels_to_its_script() {
    let key = CancelKey { process_id: 1, secret_key: 2 };
    let server = Listen::tcp().raw().serve(move |session| match session.next_initial()? {
        Initial::Cancel(found) if found == key => session.send_bytes(b"what no server sends"),
        found => Err(format!("{found:?}").into()),
    });
    let mut canceller = RawClient::connect(&server);

    canceller.send_initial(&InitialMessage::CancelRequest(key));

    assert_eq!(canceller.read_to_end(), (b"what no server sends".to_vec(), true));
    server.finish().unwrap();
}
