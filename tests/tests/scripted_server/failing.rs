//! Whatever goes wrong in a script is reported, and never takes for ever.

use std::net::Shutdown;
use std::time::Duration;

use hyperwire_core::wire::FrontendMessage;
use hyperwire_tests::scripted::{Auth, Failure, Latch, Listen, Server, Session};

use crate::raw_client::RawClient;
use crate::{LONG, SHORT};

#[test]
fn another_message_than_expected_is_reported_with_both() {
    let failure = failure_of(
        |session| {
            session.accept_startup(Auth::Trust)?;
            session.expect_query("select 1")
        },
        |client| client.send(&FrontendMessage::Query("select 2")),
    );

    assert_eq!(failure, r#"session 0: expected Query("select 1"), found Query("select 2")"#);
}

#[test]
fn silence_is_reported_with_what_was_expected() {
    let latch = Latch::new("the script is through");
    let server = Server::tcp({
        let latch = latch.clone();
        move |session| {
            session.accept_startup(Auth::Trust)?;
            session.set_patience(SHORT);
            let outcome = session.expect(&FrontendMessage::Sync);
            latch.release();
            outcome
        }
    });
    let mut client = RawClient::connect(&server);
    client.send_bytes(b"\0\0\0\x12\0\x03\0\0user\0adm\0\0S\0\0");

    latch.wait(LONG).unwrap();

    let failures = server.finish().unwrap_err().to_string();
    assert!(failures.contains("expected Sync, but nothing more came for 100ms (3 bytes"), "{failures}");
}

#[test]
fn a_connection_that_the_client_closes_is_reported_with_what_was_expected() {
    let failure = failure_of(
        |session| session.accept_startup(Auth::Trust).and_then(|_| session.expect_query("select 1")),
        |client| client.stream.shutdown(Shutdown::Write).unwrap(),
    );

    assert!(failure.contains(r#"expected Query("select 1"), but the client closed"#), "{failure}");
}

#[test]
fn bytes_that_are_no_message_are_reported() {
    let failure = failure_of(
        |session| session.accept_startup(Auth::Trust).and_then(|_| session.next_message()).map(drop),
        |client| client.send_bytes(b"y\0\0\0\x04"),
    );

    assert!(failure.contains("the client broke the protocol: unknown message type 0x79"), "{failure}");
}

#[test]
fn a_panic_is_reported_with_its_message() {
    let failure = failure_of(
        |session| {
            session.accept_startup(Auth::Trust)?;
            panic!("{} is not {}", 1, 2)
        },
        |_| {},
    );

    assert_eq!(failure, "session 0: the script panicked: 1 is not 2");
}

#[test]
fn a_latch_that_nobody_releases_is_reported_by_its_name() {
    let latch = Latch::new("the client has given up");
    let server = Server::tcp(move |session| {
        session.set_patience(SHORT);
        session.stall(&latch)
    });
    let mut client = RawClient::connect(&server);

    client.send_startup(&[("user", "adm")]);
    let (bytes, _) = client.read_to_end();

    assert_eq!(bytes, b"");
    let failures = server.finish().unwrap_err().to_string();
    assert!(failures.contains(r#"the latch "the client has given up" was not released"#), "{failures}");
}

#[test]
fn a_server_that_no_client_came_to_fails_its_test() {
    let server = Server::tcp(|_| Ok(()));

    let failures = server.finish().unwrap_err();

    assert!(matches!(failures.0[..], [(None, Failure::NobodyConnected)]), "{failures}");
}

#[test]
#[should_panic(expected = "expected StartupMessage")]
fn a_test_that_forgets_to_finish_fails_if_the_script_failed() {
    let server = Server::tcp(|session| session.accept_startup(Auth::Trust).map(drop));
    // The client is gone before the server can have seen it: it is served all the same.
    drop(server.connect());

    drop(server);
}

#[test]
fn a_script_that_does_not_end_is_given_up() {
    let latch = Latch::new("the test is over");
    let started = Latch::new("the script has begun");
    let server = Listen::tcp().raw().patience(SHORT).serve({
        let (latch, started) = (latch.clone(), started.clone());
        move |_| {
            started.release();
            latch.wait(Duration::from_secs(60))
        }
    });
    let _client = server.connect();
    started.wait(LONG).unwrap();

    let failures = server.finish().unwrap_err();

    assert!(matches!(failures.0[..], [(None, Failure::StillRunning { sessions: 1, .. })]), "{failures}");
    latch.release();
}

/// Runs a script against a client that does this after its start-up, and returns the one failure.
fn failure_of(
    script: impl Fn(&mut Session) -> Result<(), Failure> + Send + Sync + 'static,
    client: impl FnOnce(&mut RawClient<socket2::Socket>),
) -> String {
    let server = Server::tcp(script);
    let mut connection = RawClient::started(&server);
    client(&mut connection);
    connection.read_to_end();
    let failures = server.finish().unwrap_err();
    assert_eq!(failures.0.len(), 1, "{failures}");
    failures.to_string().lines().nth(1).expect("a line for the failure").trim().to_owned()
}
